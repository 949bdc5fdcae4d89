"""One step of learning: however it is divided, in whatever precision, and when it goes astray."""

from __future__ import annotations

import pytest
import torch

from napari_metaseg.errors import InputError
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.training.batches import TensorBatch
from napari_metaseg.training.checkpoint import Position
from napari_metaseg.training.learner import Diverged, Learner
from napari_metaseg.training.losses import SegmentationLoss
from napari_metaseg.training.processes import Processes, start_processes
from napari_metaseg.training.request import TrainingRequest

CONFIG = NetworkConfig(width=4, depth=2, method="me", metadata_size=2, norm="none")


@pytest.fixture
def make():
    """A learner of a small network without batch norm, in fp32 unless asked for otherwise."""

    def learner(config=CONFIG, start=None, **settings) -> Learner:
        request = TrainingRequest(device="cpu", depth=2, **{"precision": "fp32", **settings})
        loss = SegmentationLoss(request.loss)
        return Learner(config, request, loss, start_processes(request), start)

    return learner


def batch(patches=6, seed=0) -> TensorBatch:
    torch.manual_seed(seed)
    shape = (patches, 16, 16)
    images = torch.randn(patches, 1, 16, 16)
    classes, valid = torch.randint(0, 2, shape), torch.rand(shape) > 0.3
    return TensorBatch(images, classes, valid, torch.randn(patches, 2))


def learn(learner, *batches, rate=1e-2):
    return [word for i, one in enumerate(batches) for word in learner.learn(one, rate, i)]


def weights(learner):
    return torch.cat([p.detach().flatten() for p in learner.network.parameters()])


def test_a_step_changes_every_weight_that_metadata_or_image_reach(make):
    learner = make()
    before = weights(learner).clone()
    learn(learner, batch())
    assert (weights(learner) != before).float().mean() > 0.9


@pytest.mark.parametrize("at_once", [1, 2, 4, 5])
def test_a_step_in_parts_is_the_step_as_a_whole(make, at_once):
    whole, divided = make(), make()
    divided.at_once = at_once
    for learner in (whole, divided):
        learn(learner, batch(seed=1), batch(seed=2), rate=1e-3)
    assert torch.allclose(weights(whole), weights(divided), atol=2e-5)
    assert torch.stack(whole.losses) == pytest.approx(torch.stack(divided.losses).numpy(), rel=1e-4)


def test_where_memory_is_short_the_batch_is_divided_and_said_so(make):
    """A device that holds two patches at a time: the same effect, told once."""
    plenty, short = make(), make()
    learn(plenty, batch(seed=1), batch(seed=2), rate=1e-3)
    taken = []

    def only_two(_, inputs):
        taken.append(len(inputs[0]))
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    short.network.register_forward_pre_hook(only_two)
    told = learn(short, batch(seed=1), batch(seed=2), rate=1e-3)
    assert taken == [6, 3, 2, 2, 2, 2, 2, 2]
    assert [word.split(". ")[1] for word in told] == [
        "It takes 3 at a time from here on, with the same effect of all 6 per step.",
        "It takes 2 at a time from here on, with the same effect of all 6 per step.",
    ]
    assert torch.allclose(weights(plenty), weights(short), atol=2e-5)


def test_memory_too_small_for_one_patch_is_an_error(make):
    learner = make()

    def never(*_):
        raise torch.OutOfMemoryError

    learner.network.register_forward_pre_hook(never)
    with pytest.raises(InputError, match=r"too little memory.*smaller --patch-px"):
        learn(learner, batch())


def test_a_loss_that_is_no_number_changes_nothing_and_names_its_patches(make):
    learner = make()
    learn(learner, batch())
    before = weights(learner).clone()
    bad = batch(seed=3)
    bad.images[1, 0, 3, 3] = float("nan")
    bad.images[4] = float("inf")
    with pytest.raises(Diverged) as caught:
        learn(learner, bad)
    assert caught.value.patches == (1, 4)
    assert torch.equal(weights(learner), before)
    assert learner.sound


@pytest.mark.parametrize("optimizer", ["adamw", "adam"])
@pytest.mark.parametrize("ema", [0, 0.9])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_learner_that_starts_from_a_checkpoint_is_the_one_that_made_it(
    make, optimizer, ema, precision
):
    settings = {"optimizer": optimizer, "ema": ema, "precision": precision}
    config = CONFIG.model_copy(update={"norm": "batch"})
    one = make(config, **settings)
    learn(one, batch(seed=1), batch(seed=2))
    other = make(config, one.checkpoint(Position(), {}), **settings)
    for seed in (1, 2):
        other.recall(batch(seed=seed))
    for learner in (one, other):
        learn(learner, batch(seed=3), batch(seed=4))
    for mine, theirs in zip(
        one.evaluated().state_dict().values(), other.evaluated().state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs)


def test_frozen_stages_keep_weights_and_statistics_and_the_rest_learns(make):
    config = CONFIG.model_copy(update={"norm": "batch"})
    learner = make(config, strategy="fine-tuned", frozen=("enc1", "dec1"))
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    learn(learner, batch(seed=1), batch(seed=2))
    moved = {n for n, v in learner.network.state_dict().items() if not torch.equal(v, before[n])}
    still = ("encoder.0.", "decoder.1.", "ups.1.")
    assert not [name for name in moved if name.startswith(still)]
    assert {name.split(".")[0] for name in moved} == {
        "encoder", "bottleneck", "ups", "decoder", "head",
    }  # fmt: skip


def test_frozen_norms_keep_their_statistics_alone(make):
    config = CONFIG.model_copy(update={"norm": "batch"})
    learner = make(config, strategy="fine-tuned", frozen=("norm",))
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    learn(learner, batch(seed=1), batch(seed=2))
    for name, value in learner.network.state_dict().items():
        statistic = "running" in name or "tracked" in name
        assert torch.equal(value, before[name]) == statistic, name


def test_an_average_lags_behind_and_is_what_is_kept(make):
    learner = make(ema=0.9)
    start = weights(learner).clone()
    learn(learner, *(batch(seed=i) for i in range(5)))
    averaged = torch.cat([p.detach().flatten() for p in learner.evaluated().parameters()])
    last = weights(learner)
    assert learner.evaluated() is not learner.network
    assert 0 < (averaged - start).norm() < (last - start).norm()


def test_where_norms_are_synchronised_a_plain_network_is_scored_and_kept(make, monkeypatch):
    """On CUDA; here the conversion alone: PyTorch synchronises nothing on a CPU."""
    config = CONFIG.model_copy(update={"norm": "batch"})
    plain = make(config)
    monkeypatch.setattr(Processes, "synchronises_norms", True)
    synchronised = make(config)
    kinds = {type(module).__name__ for module in synchronised.network.modules()}
    assert "SyncBatchNorm" in kinds
    assert "BatchNorm2d" not in kinds
    kept = synchronised.evaluated()
    assert {type(m).__name__ for m in kept.modules()} >= {"BatchNorm2d"}
    for name, value in plain.evaluated().state_dict().items():
        assert torch.equal(kept.state_dict()[name], value)
    with torch.no_grad():
        next(synchronised.network.parameters()).add_(1)
    assert not torch.equal(
        next(synchronised.evaluated().parameters()), next(plain.network.parameters())
    )


def test_bf16_learns_what_fp32_learns(make):
    """One batch by heart, to nearly the same loss: the network's output differs, not its way."""
    found = {}
    for precision in ("fp32", "bf16"):
        learner = make(CONFIG.model_copy(update={"norm": "batch"}), precision=precision)
        learn(learner, *[batch(seed=1)] * 30)
        found[precision] = [float(loss) for loss in learner.losses]
        assert all(p.dtype == torch.float32 for p in learner.network.parameters())
    assert found["bf16"][-1] < 0.8 * found["bf16"][0]
    assert found["bf16"] != found["fp32"]
    assert found["bf16"] == pytest.approx(found["fp32"], rel=0.05)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")
def test_a_compiled_network_learns_the_same(make):
    plain, compiled = make(), make(compile=True)
    for learner in (plain, compiled):
        learn(learner, batch(seed=1), batch(seed=2), rate=1e-3)
    assert torch.allclose(weights(plain), weights(compiled), atol=1e-4)
