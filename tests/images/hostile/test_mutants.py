"""Damaged files of every format are opened soundly or refused in one line; nothing crashes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_metaseg.acquisition.record import AcquisitionRecord, ChannelRecord, Field, PlaneRecord
from napari_metaseg.images.write import write_ome_tiff

MUTANTS = Path(__file__).with_name("mutants.py")
PIXELS = np.random.default_rng(0).integers(0, 4000, (2, 3, 24, 32)).astype(np.uint16)
RECORD = AcquisitionRecord(
    fields={
        "objective_nominal_magnification": Field(20.0, "file", "Objective"),
        "lens_na": Field(0.75, "file", "Objective"),
        "pixel_size_x_um": Field(0.325, "file", "Pixels"),
        "pixel_size_y_um": Field(0.325, "file", "Pixels"),
    },
    channels=(
        ChannelRecord("DAPI", {"exposure_time_ms": Field(40.0, "file", "Plane")}),
        ChannelRecord("trans", {"contrast_method": Field("Brightfield", "file", "Channel")}),
    ),
    planes=tuple(PlaneRecord(0, z, 0, position_z_um=1.5 * z - 1.5) for z in range(3)),
)


def ome_tiff(path: Path) -> None:
    write_ome_tiff(path, PIXELS, "CZYX", RECORD.declare({"cell_line": "HeLa"}))


def plain_ome_tiff(path: Path) -> None:
    tifffile.imwrite(path, PIXELS, ome=True, metadata={"axes": "CZYX", "PhysicalSizeX": 0.3})


def imagej(path: Path) -> None:
    metadata = {"axes": "ZCYX", "unit": "um", "spacing": 1.5, "Info": "Objective = 20x\n"}
    stack = np.moveaxis(PIXELS, 0, 1)
    tifffile.imwrite(path, stack, imagej=True, resolution=(3, 3), metadata=metadata)


def big_tiff(path: Path) -> None:
    options = {"tile": (16, 16), "compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(path, PIXELS[0], bigtiff=True, **options)


def png(path: Path) -> None:
    Image.fromarray(PIXELS[0, 0]).save(path)


def jpeg(path: Path) -> None:
    Image.fromarray(PIXELS[:, 0].repeat(2, 0)[:3].transpose(1, 2, 0).astype(np.uint8)).save(path)


def ome_xml(path: Path) -> None:
    ome_tiff(path.with_suffix(".tif"))
    with tifffile.TiffFile(path.with_suffix(".tif")) as tiff:
        path.write_text(tiff.ome_metadata, encoding="utf-8")


GENERATED = {
    "ome.ome.tif": ome_tiff,
    "plain.ome.tif": plain_ome_tiff,
    "imagej.tif": imagej,
    "big.tif": big_tiff,
    "plane.png": png,
    "photo.jpg": jpeg,
    "bare.ome.xml": ome_xml,
}
VENDOR = [
    "nd2/cerevisiae.nd2",
    "nd2/zstack.nd2",
    "czi/aics_s1.czi",
    "lif/xz_2ch.lif",
    "harmony/Version5/Index.idx.xml",
    "harmony/Version7/Index.xml",
    "metamorph/imagexpress.HTD",
    "metamorph/imagexpress_metamorph.tif",
    "micromanager/mm2_single.tif",
    "yokogawa/cv8000_MeasurementData.mlf",
    "yokogawa/cv8000_MeasurementDetail.mrf",
    "omexml/MMStack.ome.xml",
    "omexml/faim_c3_z33.companion.ome",
]
FEW = 12
"""For the everyday run; together the nightly runs damage more than 10,000 headers."""


def failures(path: Path, count: int, first: int = 0) -> list[str]:
    """What went wrong with the mutants of a file, one line each."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(MUTANTS), str(path), str(first), str(count)],
        capture_output=True,
        text=True,
        timeout=3600,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    found = [
        f"{line['mutant']}: {line['said']}\n{line['at']}" for line in lines if "mutant" in line
    ]
    if done.returncode:
        found.append(f"the process ended with {done.returncode}: {done.stderr[-2000:]}")
    elif not any(sum(line.get("counts", {}).values()) for line in lines):
        found.append(f"nothing was tried: {done.stderr[-2000:]}")
    return found


@pytest.mark.parametrize("name", GENERATED)
def test_a_damaged_file_is_opened_soundly_or_refused(tmp_path, name):
    GENERATED[name](tmp_path / name)
    assert failures(tmp_path / name, FEW) == []


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", GENERATED)
def test_a_thousand_damaged_files_of_each_format(tmp_path, name):
    GENERATED[name](tmp_path / name)
    assert failures(tmp_path / name, 1000, first=100) == []


@pytest.mark.nightly
@pytest.mark.real_data
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", VENDOR)
def test_hundreds_of_damaged_files_of_each_vendor(real_data, name):
    assert failures(real_data / "vendor" / name, 300) == []
