from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.datasets.object_targets import foreground_and_depth
from napari_metaseg.errors import Cancelled, InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import build_network
from napari_metaseg.packages.manifest import Canonical, Member, PackageManifest
from napari_metaseg.packages.package import ModelPackage, load_package
from napari_metaseg.prediction.engines.pytorch import TorchNetwork
from napari_metaseg.prediction.objects.instances import instances_from_classes
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.runner import NetworkRunner

CONDITIONS = [{"magnification": m, "modality": "DIC"} for m in (10.0, 40.0)]


def package(method="film", objects="mask", **network) -> ModelPackage:
    """An untrained network whose weights and statistics were shaken, so that all of them matter."""
    heads = method == "multi-head"
    encoding = "one-hot" if heads else "value"
    schema = MetadataSchema.fit(CONDITIONS, ["magnification"], encoding)
    network |= {"head_columns": (0, 1)} if heads else {}
    size = schema.size if METHODS[method].reads_metadata else 0
    config = NetworkConfig(width=4, depth=2, method=method, metadata_size=size, **network)
    built = build_network(config, seed=0)
    torch.manual_seed(1)
    for tensor in built.state_dict().values():
        if tensor.is_floating_point():
            tensor += 0.1 * (torch.rand_like(tensor) - 0.5)
    one = config.out_channels == 1 or objects != "mask"
    classes = ("a",) if one else ("a", "b")
    manifest = PackageManifest(
        name="m", strategy="conditioned", members=(), network=config, metadata_schema=schema,
        input_channels=config.in_channels, classes=classes, objects=objects,
    )  # fmt: skip
    return ModelPackage(manifest, {"main": built.eval()})


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_tiles_of_any_size_give_what_the_whole_plane_gives(method, upsampling, noise, monkeypatch):
    model = package(method, upsampling=upsampling)
    whole = Predictor(model, device="cpu", tile_px=1024).probability(noise, CONDITIONS[0])
    assert whole.shape == noise.shape
    assert np.ptp(whole) > 1e-3
    monkeypatch.setattr(NetworkRunner, "_whole", lambda self, plane: False)
    for tile_px in (8, 36, 64):
        tiled = Predictor(model, device="cpu", tile_px=tile_px).probability(noise, CONDITIONS[0])
        assert np.abs(tiled - whole).max() < 1e-5


@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if m.reads_metadata])
def test_two_metadata_values_give_two_outputs(method, noise):
    predictor = Predictor(package(method), device="cpu")
    low, high = (predictor.probability(noise, c) for c in CONDITIONS)
    assert np.abs(low - high).max() > 1e-4


@pytest.mark.parametrize("method", [n for n, m in METHODS.items() if m.reads_metadata])
def test_the_prediction_equals_the_conditioned_network_itself(method, noise):
    model = package(method)
    predicted = Predictor(model, device="cpu").probability(noise[:, :96, :96], CONDITIONS[1])
    from napari_metaseg.datasets.normalise import normalise

    x = torch.from_numpy(normalise(noise[:, :96, :96]))[None]
    m = torch.from_numpy(model.manifest.metadata_schema.encode(CONDITIONS[1]))[None]
    with torch.no_grad():
        direct = model.network(x, m).sigmoid()[0].numpy()
    assert np.abs(predicted - direct).max() < 1e-5


def test_one_predictor_serves_changing_conditions_without_mixing_them_up(noise):
    one = Predictor(package(), device="cpu")
    alone = [Predictor(package(), device="cpu").probability(noise, c) for c in CONDITIONS]
    for _ in range(2):
        for condition, expected in zip(CONDITIONS, alone, strict=True):
            assert np.allclose(one.probability(noise, condition), expected, atol=1e-6)


def test_several_classes_sum_to_one_and_the_largest_wins(noise):
    prediction = Predictor(package(out_channels=3), device="cpu").predict_plane(noise, {})
    assert prediction.probability.shape == (3, 100, 120)
    assert np.allclose(prediction.probability.sum(0), 1, atol=1e-5)
    assert np.array_equal(prediction.classes, prediction.probability.argmax(0))


OBJECTS = [("boundary", 3), ("distance", 6)]


@pytest.mark.parametrize(("objects", "outputs"), OBJECTS)
def test_rims_and_depths_leave_the_probability_that_of_the_foreground(objects, outputs, noise):
    parts = package(objects=objects, out_channels=outputs)
    found = Predictor(parts, device="cpu").predict_plane(noise, {}, threshold=0.6)
    assert found.probability.shape == (1, 100, 120)
    assert set(np.unique(found.classes)) <= {0, 1}
    assert np.array_equal(found.classes, found.probability[0] >= 0.6)
    raw = Predictor(replace(parts, manifest=as_classes(parts)), device="cpu").probability(noise, {})
    assert np.allclose(found.probability[0], raw[1:].sum(axis=0), atol=1e-5)
    expected = foreground_and_depth(raw, objects)[1]
    assert np.allclose(found.depth, expected, atol=1e-5)
    assert np.array_equal(found.labels, instances_from_classes(found.classes, found.depth))


def as_classes(package):
    """The manifest of the same network, as if its parts of objects were classes."""
    names = tuple(f"class {i}" for i in range(1, package.manifest.network.out_channels))
    return package.manifest.model_copy(update={"objects": "mask", "classes": names})


@pytest.mark.parametrize(("objects", "outputs"), OBJECTS)
def test_tiles_give_the_same_depth_as_the_whole_plane(objects, outputs, noise):
    model = package(objects=objects, out_channels=outputs)
    whole, tiled = (
        Predictor(model, device="cpu", tile_px=side).predict_plane(noise, CONDITIONS[0])
        for side in (1024, 32)
    )
    assert np.ptp(whole.depth) > 1e-3
    assert np.abs(whole.depth - tiled.depth).max() < 1e-5


def test_the_canonical_scale_brings_depth_back_to_the_planes_own_grid(noise):
    model = package(objects="distance", out_channels=6)
    canonical = Canonical(field="magnification", value=20.0)
    scaled = replace(model, manifest=model.manifest.model_copy(update={"canonical": canonical}))
    found = Predictor(scaled, device="cpu").predict_plane(noise, CONDITIONS[1])
    assert found.depth.shape == found.labels.shape == (100, 120)


def test_several_networks_vote_on_depth_as_on_probability(noise):
    one, other = (package(m, objects="boundary", out_channels=3) for m in ("film", "none"))
    member = [Member(name=n, share=s) for n, s in (("a", 0.25), ("b", 0.75))]
    manifest = one.manifest.model_copy(update={"members": tuple(member), "strategy": "ensemble"})
    both = ModelPackage(manifest, {"a": one.network, "b": other.network})
    found = Predictor(both, device="cpu").predict_plane(noise, {})
    alone = [Predictor(p, device="cpu").predict_plane(noise, {}) for p in (one, other)]
    for what in ("depth", "probability"):
        voted = 0.25 * getattr(alone[0], what) + 0.75 * getattr(alone[1], what)
        assert np.allclose(getattr(found, what), voted, atol=1e-5)


def test_models_of_masks_have_no_depth(noise):
    assert Predictor(package(), device="cpu").predict_plane(noise, {}).depth is None


def test_metadata_outside_of_training_is_said_and_does_not_stop(noise):
    predictor = Predictor(package(), device="cpu")
    assert predictor.predict_plane(noise, {"magnification": 10.0}).notices == ()
    (notice,) = predictor.predict_plane(noise, {"magnification": 63.0}).notices
    assert "outside the trained range" in notice
    (notice,) = predictor.predict_plane(noise, {}).notices
    assert "unknown" in notice


def test_a_wrong_channel_count_is_refused(noise):
    with pytest.raises(InputError, match=r"takes 1 channel\(s\).*\(2, 100, 120\)"):
        Predictor(package(), device="cpu").probability(np.concatenate([noise, noise]), {})


def test_an_image_with_nan_is_refused(noise):
    noise[0, 5, 5] = np.nan
    with pytest.raises(InputError, match="1 NaN or infinite"):
        Predictor(package(), device="cpu").probability(noise, {})


def test_the_token_stops_within_one_tile(noise):
    token, seen = CancelToken(), []

    def on_tile(done, total):
        seen.append((done, total))
        token.cancel()

    predictor = Predictor(package(), device="cpu", tile_px=32)
    with pytest.raises(Cancelled):
        predictor.probability(noise, {}, token=token, on_tile=on_tile)
    assert seen == [(1, 6)]


def cramp(monkeypatch, largest):
    """Let tiles above so many rows find too little memory."""
    start = TorchNetwork.start

    def cramped(self, tile, keep):
        if tile.shape[1] > largest:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return start(self, tile, keep)

    monkeypatch.setattr(TorchNetwork, "start", cramped)


def test_too_little_memory_means_smaller_tiles_and_the_same_result(noise, monkeypatch):
    predictor, large = Predictor(package(), device="cpu", tile_px=256), np.tile(noise, (1, 3, 1))
    expected = Predictor(package(), device="cpu").probability(large, {})
    with monkeypatch.context() as patch:
        cramp(patch, 150)
        found = predictor.predict_plane(large, {})
    assert np.allclose(found.probability, expected, atol=1e-5)
    assert "the GPU ran out of memory; tiles of 74 px were used" in found.notices
    cramp(monkeypatch, 0)
    with pytest.raises(InputError, match=r"even tiles of [0-9]+ px do not fit"):
        predictor.probability(large, {})


@pytest.mark.parametrize("method", ["se", "sme", "joint", "dynamic-filters", "dynamic-head"])
def test_a_small_plane_costs_methods_that_look_at_it_one_pass_and_no_more(
    method, noise, monkeypatch
):
    sizes, start = [], TorchNetwork.start

    def noting(self, tile, keep):
        sizes.append(tile.shape)
        return start(self, tile, keep)

    monkeypatch.setattr(TorchNetwork, "start", noting)
    monkeypatch.setattr(NetworkRunner, "_for_plane", None)
    Predictor(package(method), device="cpu", tile_px=32).probability(noise, CONDITIONS[0])
    assert sizes == [(1, 100, 120)]


def test_a_plane_too_large_for_the_device_in_one_piece_is_tiled(noise, monkeypatch):
    whole = Predictor(package("sme"), device="cpu").probability(noise, CONDITIONS[0])
    cramp(monkeypatch, 90)
    predictor = Predictor(package("sme"), device="cpu", tile_px=32)
    assert np.abs(predictor.probability(noise, CONDITIONS[0]) - whole).max() < 1e-5


@pytest.mark.parametrize(("device", "precision"), [("tpu", "auto"), ("cpu", "fp8")])
def test_unknown_devices_and_precisions_are_refused(device, precision):
    with pytest.raises(InputError, match="unknown"):
        Predictor(package(), device=device, precision=precision)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_missing_gpu_is_named_with_the_way_out():
    with pytest.raises(InputError, match=r"no usable cuda device.*--device cpu"):
        Predictor(package(), device="cuda")


def test_a_trained_package_predicts_the_plane_it_is_given(small_package, small_items):
    predictor = Predictor(load_package(small_package), device="cpu")
    item = small_items[0]
    prediction = predictor.predict_plane(item.image, item.condition)
    assert prediction.labels.shape == item.image.shape[-2:]
    hidden = predictor.predict_plane(replace(item, condition={}).image, {})
    assert not np.array_equal(prediction.probability, hidden.probability)
