"""Training runs: reproducible, resumable, stoppable, and honest about what they cannot use."""

import errno
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets import survey
from napari_metaseg.datasets.items import load_items
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, CurvePoint, Notice, Preview, Progress
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.runner import NetworkRunner
from napari_metaseg.training import loop
from napari_metaseg.training.checkpoint import load_checkpoint, read_request
from napari_metaseg.training.job import train
from napari_metaseg.training.losses import SegmentationLoss
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.request import TrainingRequest
from napari_metaseg.training.sampling import make_sampler


def is_step(event):
    """Whether it tells of a training step, not of a plane that was surveyed."""
    return isinstance(event, Progress) and event.message.startswith("training")


def run(request, items, out, *, token=None, stop_after=None, resume=None):
    token = token or CancelToken()
    events = train(request, items, out, token, resume=resume)
    seen = []
    while True:
        try:
            event = next(events)
        except StopIteration as stop:
            return stop.value, seen
        seen.append(event)
        if is_step(event) and event.done == stop_after:
            token.cancel()


def weights(package):
    return load_package(package).network.state_dict()


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


def test_a_run_reports_every_step_and_ends_with_a_package(small_request, small_items, tmp_path):
    result, events = run(small_request, small_items, tmp_path / "m")
    assert [e.done for e in events if is_step(e)] == [1, 2, 3, 4, 5, 6]
    points = [e for e in events if isinstance(e, CurvePoint)]
    assert tuple(points) == result.curve
    assert points[-1].score is not None
    assert result.finished
    manifest = load_package(tmp_path / "m").manifest
    assert manifest.scores["macro_dice"] == result.best_score
    assert manifest.provenance["request"]["steps"] == 6
    assert manifest.provenance["precision"] in ("fp32", "bf16", "fp16")
    assert set(manifest.split.train).isdisjoint(manifest.split.val)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    small_request, small_items, tmp_path
):
    for name in "ab":
        run(small_request, small_items, tmp_path / name)
    assert_same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    run(small_request.model_copy(update={"seed": 1}), small_items, tmp_path / "c")
    assert not torch.equal(
        weights(tmp_path / "a")["head.weight"], weights(tmp_path / "c")["head.weight"]
    )


@pytest.mark.parametrize(
    ("stop_after", "sampling"), [(1, "balanced"), (4, "balanced"), (4, "natural")]
)
def test_a_resumed_run_equals_one_that_never_stopped(
    small_request, small_items, tmp_path, stop_after, sampling
):
    small_request = small_request.model_copy(update={"sampling": sampling})
    whole, _ = run(small_request, small_items, tmp_path / "whole")
    part, _ = run(small_request, small_items, tmp_path / "part", stop_after=stop_after)
    assert not part.finished
    assert load_checkpoint(part.run).position.step == stop_after
    request = read_request(part.run)
    rest, events = run(request, small_items, tmp_path / "part", resume=part.run)
    assert next(e.done for e in events if is_step(e)) == stop_after + 1
    assert_same(weights(whole.package), weights(rest.package))
    assert [p.score for p in rest.curve] == [p.score for p in whole.curve]
    for name in ("network", "optimizer", "best"):
        assert_same(
            getattr(load_checkpoint(whole.run), name), getattr(load_checkpoint(rest.run), name)
        )


def test_the_best_score_survives_a_resume(small_request, small_items, tmp_path):
    part, _ = run(small_request, small_items, tmp_path / "m", stop_after=3)
    best = load_checkpoint(part.run).position.best_score
    assert best is not None
    rest, _ = run(small_request, small_items, tmp_path / "m", resume=part.run)
    assert rest.best_score >= best


def test_stopping_keeps_a_usable_package(small_request, small_items, tmp_path):
    result, _ = run(small_request, small_items, tmp_path / "m", stop_after=2)
    predictor = Predictor(load_package(result.package), device="cpu")
    assert predictor.predict_plane(small_items[0].image, {}).labels.shape == (96, 96)


def test_a_run_bounded_by_minutes_ends(small_request, small_items, tmp_path):
    timed = small_request.model_copy(update={"steps": None, "minutes": 0.02})
    result, events = run(timed, small_items, tmp_path / "m")
    assert result.finished
    assert len([e for e in events if is_step(e)]) >= 1


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_metadata_then_matter(method, small_request, small_items, tmp_path):
    encoding = "one-hot" if method == "multi-head" else "value"
    changes = {"method": method, "steps": 20, "encoding": encoding}
    request = small_request.model_copy(update=changes)
    result, _ = run(request, small_items, tmp_path / "m")
    predictor = Predictor(load_package(result.package), device="cpu")
    low, high = (
        predictor.probability(small_items[0].image, {"magnification": m}) for m in (10.0, 40.0)
    )
    assert (np.abs(low - high).max() > 1e-5) == METHODS[method].reads_metadata


def test_training_lowers_the_loss(small_request, small_items, tmp_path):
    request = small_request.model_copy(update={"steps": 100, "loss": "bce"})
    result, _ = run(request, small_items, tmp_path / "m")
    losses = [p.loss for p in result.curve]
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


@pytest.fixture
def astray(monkeypatch):
    """From its fifth step on the loss is no number, in the patches that are named."""

    def patches(*bad):
        real, taken = SegmentationLoss.of_patches, []

        def of_patches(self, logits, *rest):
            losses = real(self, logits, *rest)
            taken.append(0)
            if len(taken) > 4:
                losses = losses * torch.tensor(
                    [float("nan") if i in bad else 1.0 for i in range(len(losses))]
                )
            return losses

        monkeypatch.setattr(SegmentationLoss, "of_patches", of_patches)

    return patches


def test_a_loss_that_is_no_number_is_said_with_its_image_and_the_best_is_kept(
    small_request, small_items, tmp_path, astray
):
    astray(1)
    with pytest.raises(InputError) as caught:
        run(small_request, small_items, tmp_path / "m")
    sampler = make_sampler(plan := make_plan(small_request, small_items), plan.phases[0])
    assert (
        caught.value.got == f"a loss that is no number at step 5, from {sampler.batch(4).names[1]}"
    )
    assert "lower learning rate" in caught.value.way_out
    assert str(tmp_path / "m") in caught.value.way_out
    manifest = load_package(tmp_path / "m").manifest
    assert manifest.scores["step"] in range(1, 5)
    assert load_checkpoint(tmp_path / "m.run").position.step == 4


def test_a_loss_that_is_no_number_for_any_patch_is_no_images_fault(
    small_request, small_items, tmp_path, astray
):
    astray(*range(small_request.batch_size))
    with pytest.raises(InputError, match=r"at step 5\. Train with a lower learning rate"):
        run(small_request, small_items, tmp_path / "m")


def test_training_ends_early_where_nothing_gets_better(
    small_request, small_items, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "plane_scores", lambda _, items, __: [0.5] * len(items))
    settings = {"steps": 100, "patience": 2}
    result, events = run(small_request.model_copy(update=settings), small_items, tmp_path / "m")
    assert result.finished
    done = [e.done for e in events if isinstance(e, Progress)][-1]
    assert done == 30  # the first of ten epochs is the best, two more are no better
    assert any("Ended early" in e.text for e in events if isinstance(e, Notice))
    again, events = run(read_request(result.run), small_items, tmp_path / "m", resume=result.run)
    assert not [e for e in events if isinstance(e, Progress) and e.message == "training"]
    assert again.curve == result.curve


def test_a_full_disk_stops_no_training(small_request, small_items, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("napari_metaseg.training.loop.save_checkpoint", full)
    result, events = run(small_request, small_items, tmp_path / "m")
    assert result.finished
    (notice,) = [e for e in events if isinstance(e, Notice) and "could not be saved" in e.text]
    assert "No space left on device" in notice.text


def test_a_model_that_cannot_be_written_leaves_the_run_to_go_on_from(
    small_request, small_items, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("napari_metaseg.training.job.save_package", full)
        with pytest.raises(InputError, match=r"No space left.*--resume"):
            run(small_request, small_items, tmp_path / "m")
    result, _ = run(small_request, small_items, tmp_path / "m", resume=tmp_path / "m.run")
    assert load_package(result.package).manifest.provenance["steps"] == 6


def test_a_person_who_watches_sees_previews(small_request, small_items, tmp_path):
    request = small_request.model_copy(update={"steps": 14})
    events = list(
        train(request, small_items, tmp_path / "m", CancelToken(), preview=small_items[0])
    )
    previews = [e for e in events if isinstance(e, Preview)]
    assert previews[0].step == 10
    assert previews[0].probability.shape == (1, 96, 96)


@pytest.mark.parametrize("optimizer", ["adamw", "adam"])
@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "cyclic"])
def test_every_optimizer_and_schedule_lowers_the_loss(
    small_request, small_items, tmp_path, optimizer, schedule
):
    settings = {"steps": 60, "optimizer": optimizer, "schedule": schedule, "loss": "bce"}
    result, _ = run(small_request.model_copy(update=settings), small_items, tmp_path / "m")
    losses = [p.loss for p in result.curve]
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_several_classes_train(small_request, small_items, tmp_path):
    items = []
    for item in small_items:
        classes = np.where(item.image[0] > np.median(item.image), 2, 1)
        classes[:10] = 0
        items.append(replace(item, target=convert_labels(classes, "classes")))
    result, _ = run(small_request, items, tmp_path / "m")
    manifest = load_package(result.package).manifest
    assert manifest.network.out_channels == 3
    assert len(manifest.classes) == 2


def test_a_start_from_another_model_uses_its_weights(
    small_request, small_items, small_package, tmp_path
):
    frozen = {"steps": 1, "learning_rate": 1e-12, "weight_decay": 0}
    request = small_request.model_copy(update={**frozen, "init_from": str(small_package)})
    result, _ = run(request, small_items, tmp_path / "m")
    parent, child = weights(small_package), weights(result.package)
    assert torch.allclose(parent["head.weight"], child["head.weight"], atol=1e-6)


def test_a_start_from_another_network_is_refused(
    small_request, small_items, small_package, tmp_path
):
    request = small_request.model_copy(update={"width": 5, "init_from": str(small_package)})
    with pytest.raises(InputError, match="width 4 instead of 5"):
        run(request, small_items, tmp_path / "m")


def test_what_cannot_be_trained_leaves_nothing_behind(small_request, small_items, tmp_path):
    empty = convert_labels(np.zeros((96, 96), np.int32), "instances")
    items = [replace(item, target=empty) for item in small_items]
    with pytest.raises(InputError, match="no foreground at all"):
        run(small_request, items, tmp_path / "m")
    bad = replace(small_items[0], image=np.full((1, 96, 96), np.nan, np.float32))
    with pytest.raises(InputError, match="not numbers"):
        run(small_request, [bad, *small_items[1:]], tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_nothing_else_is_ever_replaced(small_request, small_items, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "thesis.docx").write_bytes(b"mine")
    with pytest.raises(InputError, match="not a model package"):
        run(small_request, small_items, tmp_path / "m")
    assert (tmp_path / "m" / "thesis.docx").exists()


def test_a_damaged_or_missing_run_is_refused(small_request, small_items, tmp_path):
    with pytest.raises(InputError, match="not the folder of a training run"):
        read_request(tmp_path)
    with pytest.raises(InputError, match="no checkpoint yet"):
        run(small_request, small_items, tmp_path / "m", resume=tmp_path)
    part, _ = run(small_request, small_items, tmp_path / "m", stop_after=1)
    (file,) = part.run.glob("checkpoints/*/network.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match=r"checkpoint .* cannot be read"):
        run(small_request, small_items, tmp_path / "m", resume=part.run)


@pytest.mark.parametrize("method", ["sme", "fusion-eigen"])
def test_the_published_network_goes_from_training_to_tiled_prediction(
    method, small_request, small_items, tmp_path, monkeypatch
):
    """Trained, saved, loaded; its transposed upsampling tiles exactly and metadata matter."""
    changes = {"architecture": "published-unet3", "method": method, "steps": 4}
    request = TrainingRequest(**small_request.model_dump() | changes)
    result, _ = run(request, small_items, tmp_path / "m")
    package = load_package(result.package)
    config = package.manifest.network
    assert (config.architecture, config.convs_per_stage, config.widths) == (
        "published-unet3",
        3,
        (4, 4, 4),
    )
    image = small_items[0].image
    whole = Predictor(package, device="cpu").probability(image, {"magnification": 10.0})
    other = Predictor(package, device="cpu").probability(image, {"magnification": 40.0})
    assert np.abs(whole - other).max() > 1e-6
    monkeypatch.setattr(NetworkRunner, "_whole", lambda self, plane: False)
    tiled = Predictor(package, device="cpu", tile_px=24)
    assert np.abs(tiled.probability(image, {"magnification": 10.0}) - whole).max() < 1e-5


@pytest.fixture
def copied_rows(small_cohort, tmp_path):
    """The training and validation rows of the small cohort, on images that a test may spoil."""
    rows = [row for row in read_cohort(small_cohort) if row.split != "test"]
    found = []
    for row in rows:
        image = tmp_path / "images" / row.image.name
        image.parent.mkdir(exist_ok=True)
        image.write_bytes(row.image.read_bytes())
        found.append(replace(row, image=image))
    return found


def notices(events):
    return [e.text for e in events if isinstance(e, Notice)]


def test_bad_files_are_told_of_and_the_rest_trains(small_request, copied_rows, tmp_path):
    copied_rows[0].image.unlink()
    copied_rows[4].image.write_bytes(copied_rows[4].image.read_bytes()[:3000])
    result, events = run(small_request, load_items(copied_rows), tmp_path / "m")
    assert result.finished
    (told,) = [text for text in notices(events) if "could not be read" in text]
    assert f"2 of {len(copied_rows)} images" in told
    assert all(copied_rows[n].name in told for n in (0, 4))


def test_a_resumed_run_does_not_survey_unchanged_files_again(
    small_request, copied_rows, tmp_path, monkeypatch
):
    part, _ = run(small_request, load_items(copied_rows), tmp_path / "m", stop_after=2)
    surveyed = []
    survey_plane = survey.survey_plane
    monkeypatch.setattr(
        survey, "survey_plane", lambda *a, **k: surveyed.append(1) or survey_plane(*a, **k)
    )
    rest, _ = run(small_request, load_items(copied_rows), tmp_path / "m", resume=part.run)
    assert rest.finished
    assert surveyed == []
    os.utime(copied_rows[1].image)
    part, _ = run(small_request, load_items(copied_rows), tmp_path / "m", resume=part.run)
    assert len(surveyed) == 1
