"""bf16 where the hardware computes it, and nowhere by surprise."""

from __future__ import annotations

import pytest
import torch

from napari_metaseg.errors import InputError
from napari_metaseg.training import precision
from napari_metaseg.training.precision import training_precision

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ({}, "fp32"),
        ({"avx512_f": True, "avx512_bf16": False}, "fp32"),
        ({"avx512_bf16": True}, "bf16"),
        ({"amx_bf16": True}, "bf16"),
    ],
)
def test_a_processor_takes_bf16_where_it_computes_it(features, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: features)
    assert training_precision("auto", CPU) == expected


@pytest.mark.parametrize(("supported", "expected"), [(True, "bf16"), (False, "fp16")])
def test_a_cuda_device_without_bf16_takes_fp16(supported, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: supported)
    assert training_precision("auto", CUDA) == expected


def test_an_apple_gpu_takes_fp32_and_a_choice_is_a_choice():
    assert training_precision("auto", MPS) == "fp32"
    assert training_precision("bf16", MPS) == "bf16"
    assert training_precision("fp32", CUDA) == "fp32"


def test_fp16_is_refused_where_no_gradients_are_scaled():
    with pytest.raises(InputError, match="fp16 needs a CUDA device: got cpu"):
        training_precision("fp16", CPU)


def test_weights_stay_in_float32_in_every_precision():
    assert {precision.fabric_precision(name) for name in ("fp32", "bf16", "fp16")} == {
        "32-true",
        "bf16-mixed",
        "16-mixed",
    }
