from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_metaseg
from napari_metaseg.datasets.microscope.samples import SAMPLE_TITLES
from napari_metaseg.plugin.reader import ENDINGS

PACKAGED = Path(napari_metaseg.__file__).parent / "napari.yaml"


@pytest.fixture(scope="module")
def manifest():
    found = PluginManifest.from_file(PACKAGED)
    found.validate_imports()
    return found


def test_every_name_in_the_manifest_can_be_imported(manifest):
    assert manifest.display_name == "Metaseg"


def test_widgets_are_in_the_menus_where_people_look_for_them(manifest):
    menus = {m: [i.command for i in items] for m, items in manifest.contributions.menus.items()}
    assert menus["napari/layers/segment"] == ["napari-metaseg.segment", "napari-metaseg.train"]
    assert menus["napari/layers/measure"] == ["napari-metaseg.score"]
    metadata = ["napari-metaseg.acquisition", "napari-metaseg.cohort"]
    assert menus["napari/layers/metadata"] == metadata
    assert menus["napari/layers/annotate"] == ["napari-metaseg.annotate"]


def test_every_sample_of_the_microscope_is_offered_under_its_title(manifest):
    offered = {s.key: s.display_name for s in manifest.contributions.sample_data}
    assert {k: offered.get(k) for k in SAMPLE_TITLES} == dict(SAMPLE_TITLES)


def test_preferences_have_a_plain_description_each(manifest):
    work = manifest.contributions.configurations["work"]
    assert set(work.properties) == {"device", "model_folder", "minutes"}
    assert all(p.description for p in work.properties.values())


def test_the_link_at_the_top_shows_the_packaged_manifest():
    link = PACKAGED.parents[2] / "napari.yaml"
    if not link.parent.joinpath("pyproject.toml").exists():
        pytest.skip("not a checkout")
    assert link.read_text() == PACKAGED.read_text()


def test_every_ending_that_the_reader_takes_is_offered_to_it(manifest):
    (reader,) = manifest.contributions.readers
    patterns = [pattern.lower() for pattern in reader.filename_patterns]
    assert reader.accepts_directories
    for ending in ENDINGS:
        assert any(fnmatch(f"/data/a{ending}", pattern) for pattern in patterns), ending


def test_images_and_labels_can_be_saved_as_tiff_and_zarr(manifest):
    found = {
        (kind, ending)
        for writer in manifest.contributions.writers
        for kind in writer.layer_types
        for ending in writer.filename_extensions
    }
    for kind in ("image", "labels"):
        assert {(kind, ".ome.tif"), (kind, ".ome.zarr")} <= found
