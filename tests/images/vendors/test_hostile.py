"""Thousands of damaged headers: a clear refusal or a record, never another error."""

from __future__ import annotations

import importlib.util
import random
from pathlib import Path

import numpy as np
import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.images.open import open_images


def _cases(path):
    spec = importlib.util.spec_from_file_location(f"_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
PIXELS = np.arange(20 * 30, dtype=np.uint16).reshape(20, 30)


def make_lif(folder):
    cases = _cases(HERE / "test_lif.py")
    xml = cases.image_xml("one", PIXELS, "YX", cases.CONFOCAL.format(more=""))
    return cases.write_lif(folder / "a.lif", [("one", PIXELS, xml)])


def make_czi(folder):
    pytest.importorskip("pylibCZIrw")
    cases = _cases(HERE / "test_czi.py")
    tile = (PIXELS[..., None], {"C": 0, "Z": 0, "T": 0}, 0, (0, 0))
    return cases.write(folder / "a.czi", [tile], "zstd1:ExplicitLevel=2")


def make_metaseries(folder):
    return _cases(HERE.parent / "tiff/test_vendor.py").metaseries(folder)


def make_micromanager(folder):
    return _cases(HERE.parent / "tiff/test_vendor.py").micromanager(folder)


def make_harmony(folder):
    cases = _cases(HERE.parent / "tiff/test_vendor.py")
    return cases.harmony(folder, cases.HARMONY.format(light="Transmitted", name="DPC"))


MAKERS = (make_lif, make_czi, make_metaseries, make_micromanager, make_harmony)


def damage(raw, choose):
    """The bytes with one to four of them changed, or a run of them cut out or put in twice."""
    copy = bytearray(raw)
    start = choose.randrange(len(copy))
    match choose.randrange(4):
        case 0:
            del copy[start : start + choose.randrange(1, 40)]
        case 1:
            copy[start:start] = copy[start : start + choose.randrange(1, 40)]
        case _:
            for _ in range(choose.randrange(1, 5)):
                place = choose.randrange(len(copy))
                copy[place] = choose.choice([0, 0xFF, 0x7F, copy[place] ^ 1 << choose.randrange(8)])
    return bytes(copy)


def read_damaged(make, folder, count):
    """How many of `count` damaged files were refused; all else must have been read."""
    path = make(folder)
    raw, choose, refused = path.read_bytes(), random.Random(make.__name__), 0
    for _ in range(count):
        path.write_bytes(damage(raw, choose))
        try:
            for image in open_images(path):
                image.plane()
                assert image.record is not None
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017
    return refused


@pytest.mark.parametrize("make", MAKERS)
def test_damaged_files_are_refused_or_read(make, tmp_path):
    assert read_damaged(make, tmp_path, 100) > 0


@pytest.mark.nightly
@pytest.mark.parametrize("make", MAKERS)
def test_thousands_of_damaged_files_are_refused_or_read(make, tmp_path):
    assert read_damaged(make, tmp_path, 2500) > 0
