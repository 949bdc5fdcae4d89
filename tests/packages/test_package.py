import json
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.packages.package import (
    load_package,
    load_sample,
    models_folder,
    save_package,
)
from napari_metaseg.packages.stored import read_manifest
from napari_metaseg.prediction.predictor import Predictor


@pytest.fixture
def package(small_package, tmp_path):
    return shutil.copytree(small_package, tmp_path / "copy")


def edit(package, **changes):
    file = package / "package.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_the_folder_holds_what_the_contract_says_and_nothing_pickled(package):
    files = sorted(p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file())
    assert files == [
        "README.md",
        "package.json",
        "sample/metadata.json",
        "sample/sample.safetensors",
        "weights/main.safetensors",
    ]
    data = json.loads((package / "package.json").read_text())
    named = {
        "format_version",
        "strategy",
        "members",
        "network",
        "schema",
        "input_channels",
        "normalisation",
        "classes",
        "split",
        "scores",
        "provenance",
    }
    assert named <= set(data)
    assert data["schema"]["fields"][0]["trained_values"] == [10.0, 20.0, 40.0]


PREDICT_SAMPLE = """
import sys, numpy as np
from pathlib import Path
from napari_metaseg.packages.package import load_package, load_sample
from napari_metaseg.prediction.predictor import Predictor
sample = load_sample(Path(sys.argv[1]))
predictor = Predictor(load_package(sys.argv[1]), device="cpu", precision="fp32")
np.save(sys.argv[2], predictor.probability(sample.image, sample.condition))
"""


def test_a_new_process_predicts_the_sample_as_it_was_saved(package, tmp_path):
    out = tmp_path / "out.npy"
    subprocess.run([sys.executable, "-c", PREDICT_SAMPLE, str(package), str(out)], check=True)
    expected = load_sample(package).probability
    assert np.ptp(expected) > 0
    assert np.allclose(np.load(out, allow_pickle=False), expected, atol=1e-6)


def test_a_zip_and_an_installed_name_stand_for_the_folder(package, tmp_path, monkeypatch):
    archive = tmp_path / "m.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in package.rglob("*"):
            file.write(path, path.relative_to(package.parent))
    assert load_package(archive).manifest == load_package(package).manifest
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path / name))
    shutil.copytree(package, models_folder() / "nuclei")
    assert load_package("nuclei").manifest == load_package(package).manifest


def test_what_is_no_package_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(InputError, match="no model package at nowhere"):
        load_package("nowhere")
    with pytest.raises(InputError, match=r"no package.json in it"):
        load_package(tmp_path)
    text = tmp_path / "a.txt"
    text.write_text("hello")
    with pytest.raises(InputError, match="not a model package"):
        load_package(text)


def test_a_newer_format_is_refused_and_names_both_versions(package):
    edit(package, format_version=99)
    with pytest.raises(InputError, match=r"format version 99, this one reads up to 3.*Update"):
        read_manifest(package)


def test_a_damaged_manifest_says_where(package):
    edit(package, input_channels=0)
    with pytest.raises(InputError, match="input_channels"):
        read_manifest(package)
    (package / "package.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        read_manifest(package)


def test_changed_or_truncated_weights_are_refused(package):
    weights = package / "weights" / "main.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match="another checksum"):
        load_package(package)
    weights.unlink()
    with pytest.raises(InputError, match="cannot be used"):
        load_package(package)


def test_a_member_name_cannot_leave_the_folder(package):
    edit(package, members=[{"name": "../../etc", "sha256": ""}])
    with pytest.raises(InputError, match="name"):
        load_package(package)


def test_a_zip_that_leaves_its_folder_is_refused(tmp_path):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("../evil/package.json", "{}")
    with pytest.raises(InputError, match="not a safe zip"):
        load_package(archive)
    assert not (tmp_path.parent / "evil").exists()


def test_saving_never_replaces_something_else(package, tmp_path):
    loaded, sample = load_package(package), load_sample(package)
    other = tmp_path / "photos"
    other.mkdir()
    (other / "cat.png").write_bytes(b"meow")
    with pytest.raises(InputError, match="not a model package"):
        save_package(other, loaded.manifest, loaded.networks, sample)
    assert (other / "cat.png").read_bytes() == b"meow"
    save_package(package, loaded.manifest, loaded.networks, sample)
    assert load_package(package).manifest == loaded.manifest


def test_the_card_lists_what_was_trained(package):
    card = (package / "README.md").read_text()
    assert "| magnification | 10, 20, 40 |" in card
    assert "Dice" in card


VERSION_1 = """
{"format_version": 1, "name": "old", "strategy": "conditioned",
 "members": [{"name": "main", "sha256": "0123"}],
 "network": {"in_channels": 1, "out_channels": 1, "width": 4, "depth": 2, "convs_per_stage": 2,
  "norm": "batch", "upsampling": "nearest", "method": "film", "sites": ["all"],
  "metadata_size": 2, "rank": 4, "reduction": 2},
 "schema": {"fields": [{"name": "magnification", "kind": "float", "transform": "log2",
  "encoding": "value", "outside": "clamp", "centre": 4.3, "scale": 1.0, "categories": [],
  "trained_min": 10.0, "trained_max": 40.0, "trained_values": [10.0, 20.0, 40.0]}]},
 "input_channels": 1, "normalisation": "percentile", "classes": ["foreground"],
 "split": {"train": ["a"], "val": ["b"], "test": []},
 "scores": {"macro_dice": 0.5, "domains": {"10x": 0.5}, "step": 6},
 "provenance": {"steps": 6}}
"""


def test_a_package_of_version_1_reads_as_one_of_this_version(tmp_path):
    (tmp_path / "package.json").write_text(VERSION_1)
    manifest = read_manifest(tmp_path)
    assert manifest.format_version == 3
    assert manifest.objects == "mask"
    assert (manifest.members[0].domain, manifest.members[0].share) == ({}, 1)
    assert (manifest.canonical, manifest.object_sizes) == (None, None)
    assert manifest.field_names == ("magnification",)
    assert manifest.metadata_schema.encode({"magnification": 20.0})[-1] == 1


NEW_IN_VERSION_2 = ("domain_schema", "canonical", "object_sizes")
NEW_IN_VERSION_3 = ("objects",)
NEW_IN_ITS_NETWORK = ("architecture", "fuse", "generator", "head_columns")


def test_a_package_of_version_1_predicts_as_before(package):
    file = package / "package.json"
    told = json.loads(file.read_text())
    told["format_version"] = 1
    told["members"] = [{n: m[n] for n in ("name", "sha256")} for m in told["members"]]
    new = (*NEW_IN_VERSION_2, *NEW_IN_VERSION_3)
    for owner, names in ((told, new), (told["network"], NEW_IN_ITS_NETWORK)):
        for name in names:
            del owner[name]
    file.write_text(json.dumps(told))
    assert_predicts_its_sample(package)


def test_a_package_of_version_2_predicts_as_before_and_is_saved_as_one_of_this(package, tmp_path):
    file = package / "package.json"
    told = json.loads(file.read_text()) | {"format_version": 2}
    for name in NEW_IN_VERSION_3:
        del told[name]
    file.write_text(json.dumps(told))
    assert_predicts_its_sample(package)
    old = load_package(package)
    save_package(tmp_path / "new", old.manifest, old.networks, load_sample(package))
    assert json.loads((tmp_path / "new" / "package.json").read_text())["format_version"] == 3


def test_rims_or_depths_of_a_network_that_has_none_are_refused(package):
    edit(package, objects="boundary")
    with pytest.raises(InputError, match=r"1 output\(s\) .* cannot tell the boundary"):
        read_manifest(package)


def assert_predicts_its_sample(package):
    sample = load_sample(package)
    predictor = Predictor(load_package(package), device="cpu", precision="fp32")
    assert np.allclose(
        predictor.probability(sample.image, sample.condition), sample.probability, atol=1e-6
    )
