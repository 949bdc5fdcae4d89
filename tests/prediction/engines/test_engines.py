"""Engines agree, whatever part of a tile is kept; which one runs is measured once."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.errors import InputError
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.fold import fold, fold_around_gates
from napari_metaseg.networks.lean import Window
from napari_metaseg.networks.unet import build_network
from napari_metaseg.prediction.engines import choice, openvino
from napari_metaseg.prediction.engines.choice import engine_for
from napari_metaseg.prediction.engines.openvino import OpenVinoEngine
from napari_metaseg.prediction.engines.pytorch import TorchEngine

CPU = torch.device("cpu")
M = torch.tensor([0.3, 1.0, -0.5, 1.0])

needs_openvino = pytest.mark.skipif(not openvino.is_installed(), reason="openvino is not installed")


def network(method="none", **options):
    heads = {"head_columns": (0, 2)} if method == "multi-head" else {}
    size = 4 if METHODS[method].reads_metadata else 0
    config = NetworkConfig(width=4, depth=2, method=method, metadata_size=size, **heads, **options)
    built = build_network(config, seed=0).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for tensor in built.state_dict().values():
            if tensor.is_floating_point():
                tensor += 0.1 * (torch.rand_like(tensor) - 0.5)
    return built


def folded(method="none", plane=None, **options):
    return fold(
        network(method, **options), M if METHODS[method].reads_metadata else M[:0], plane=plane
    )


@needs_openvino
@pytest.mark.parametrize("method", METHODS)
def test_both_give_the_same_probability(method):
    tile = np.random.default_rng(0).random((1, 48, 40), np.float32)
    keep = Window((8, 32), (0, 40))
    one, other = (
        engine.load(folded(method, torch.from_numpy(tile)[None])).start(tile, keep)()
        for engine in (TorchEngine(CPU, torch.float32), OpenVinoEngine(torch.float32))
    )
    assert one.shape == (1, 24, 40)
    assert np.ptp(one) > 1e-3
    assert np.abs(one - other).max() < 1e-5


@needs_openvino
@pytest.mark.parametrize("method", ["se", "sme", "joint"])
def test_both_average_a_whole_plane_alike(method):
    tile = np.random.default_rng(0).random((1, 48, 40), np.float32)
    net = network(method)
    m = M if METHODS[method].reads_metadata else M[:0]
    with torch.inference_mode():
        expected = net(torch.from_numpy(tile)[None], m[None] if len(m) else None).sigmoid()[0]
    for engine in (TorchEngine(CPU, torch.float32), OpenVinoEngine(torch.float32)):
        found = engine.load(fold_around_gates(net, m)).start(tile, Window((0, 48), (0, 40)))()
        assert np.abs(found - expected.numpy()).max() < 1e-5


@needs_openvino
def test_several_outputs_are_shares_and_bf16_is_close():
    tile = np.random.default_rng(0).random((2, 32, 32), np.float32)
    sizes, keep = {"out_channels": 3, "in_channels": 2}, Window((0, 32), (0, 32))
    exact = TorchEngine(CPU, torch.float32).load(folded(**sizes)).start(tile, keep)()
    for engine in (TorchEngine(CPU, torch.bfloat16), OpenVinoEngine(torch.bfloat16)):
        found = engine.load(folded(**sizes)).start(tile, keep)()
        assert np.allclose(found.sum(axis=0), 1, atol=1e-5)
        assert 0 < np.abs(found - exact).max() < 0.05


@needs_openvino
def test_a_loaded_network_takes_tiles_of_changing_sizes():
    loaded, plain = (
        e.load(folded()) for e in (OpenVinoEngine(torch.float32), TorchEngine(CPU, torch.float32))
    )
    for side in (16, 32, 16):
        tile = np.random.default_rng(side).random((1, side, side), np.float32)
        keep = Window((0, side), (4, side))
        first = loaded.start(tile, keep)()
        again = loaded.start(tile[:, ::-1], keep)()
        assert np.abs(first - plain.start(tile, keep)()).max() < 1e-5
        assert not np.allclose(first, again), "a result must not share memory with the next one"


CONFIG = NetworkConfig(width=4, depth=2, method="none")


@pytest.fixture
def stopwatch(monkeypatch, tmp_path):
    """Seconds that each engine is said to take; how often they were measured."""
    seconds, asked = {"torch": 2.0, "openvino": 1.0}, []

    def measured(engines, config):
        asked.extend(engine.name for engine in engines)
        return [seconds[engine.name] for engine in engines]

    monkeypatch.setattr(choice, "_seconds_a_pixel", measured)
    monkeypatch.setattr(choice, "_file", lambda: tmp_path / "engines.json")
    choice._remembered.cache_clear()
    yield seconds, asked
    choice._remembered.cache_clear()


def chosen(name="auto", config=CONFIG, dtype=torch.float32):
    return engine_for(name, config, CPU, dtype).name


@needs_openvino
def test_the_faster_one_is_taken_and_remembered_over_sessions(stopwatch, tmp_path):
    _, asked = stopwatch
    assert [chosen(), chosen()] == ["openvino", "openvino"]
    assert sorted(asked) == ["openvino", "torch"]
    choice._remembered.cache_clear()
    assert chosen() == "openvino"
    assert len(asked) == 2
    assert list(json.loads((tmp_path / "engines.json").read_text()).values()) == [True]
    chosen(dtype=torch.bfloat16)
    assert len(asked) == 4


@needs_openvino
def test_a_file_of_answers_that_cannot_be_read_is_none(stopwatch, tmp_path):
    (tmp_path / "engines.json").write_text('["broken')
    stopwatch[0]["openvino"] = 1.99
    assert chosen() == "torch"


@needs_openvino
@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
def test_networks_that_it_cannot_run_are_left_to_pytorch(stopwatch, upsampling):
    config = CONFIG.model_copy(update={"upsampling": upsampling})
    assert chosen(config=config) == "torch"
    with pytest.raises(InputError, match=r"the engine openvino cannot be used: got .* upsampling"):
        chosen("openvino", config)


def test_without_it_there_is_pytorch_and_a_way_out(monkeypatch):
    monkeypatch.setattr(openvino, "is_installed", lambda: False)
    assert chosen() == "torch"
    with pytest.raises(InputError, match=r"not installed.*napari-metaseg\[fast\]"):
        chosen("openvino")


@needs_openvino
def test_what_is_measured_decides(monkeypatch, tmp_path):
    monkeypatch.setattr(choice, "_file", lambda: tmp_path / "none" / "engines.json")
    monkeypatch.setattr(choice, "_SECONDS", 0.01)
    choice._remembered.cache_clear()
    assert chosen() in ("torch", "openvino")
    choice._remembered.cache_clear()
