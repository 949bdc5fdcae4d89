from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from npe2 import PluginManager, PluginManifest

import napari_metaseg
from napari_metaseg.datasets.microscope.samples import SAMPLE_TITLES
from napari_metaseg.plugin.reader import ENDINGS, get_reader
from napari_metaseg.plugin.settings import Preferences
from napari_metaseg.prediction.objects.refine import Refinement

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
    segment = ["napari-metaseg.segment", "napari-metaseg.what_if", "napari-metaseg.train"]
    assert menus["napari/layers/segment"] == segment
    assert menus["napari/layers/measure"] == ["napari-metaseg.score"]
    metadata = ["napari-metaseg.acquisition", "napari-metaseg.cohort"]
    assert menus["napari/layers/metadata"] == metadata
    assert menus["napari/layers/annotate"] == ["napari-metaseg.annotate"]


def test_every_sample_of_the_microscope_is_offered_under_its_title(manifest):
    offered = {s.key: s.display_name for s in manifest.contributions.sample_data}
    assert {k: offered.get(k) for k in SAMPLE_TITLES} == dict(SAMPLE_TITLES)


def test_preferences_have_a_plain_description_each(manifest):
    work = manifest.contributions.configurations["work"]
    cuts = asdict(Refinement())
    others = {"device", "model_folder", "minutes", "averages", "arithmetic"}
    assert set(work.properties) == {*others, *cuts}
    assert {name: work.properties[name].default for name in cuts} == cuts
    assert all(p.description for p in work.properties.values())
    averages = work.properties["averages"]
    gates = [Preferences(averages=choice).gates for choice in averages.enum]
    assert (gates, averages.default) == (["exact", "fast"], Preferences().averages)
    arithmetic = work.properties["arithmetic"]
    precisions = [Preferences(arithmetic=choice).precision for choice in arithmetic.enum]
    assert (precisions, arithmetic.default) == (["auto", "bf16"], Preferences().arithmetic)


def test_the_link_at_the_top_shows_the_packaged_manifest():
    link = PACKAGED.parents[2] / "napari.yaml"
    if not link.parent.joinpath("pyproject.toml").exists():
        pytest.skip("not a checkout")
    assert link.read_text() == PACKAGED.read_text()


ODD = ("Index.xml", "Index.idx.xml", "A.TIF", "B.HTD", "20x_0.5 s.ome.tif")


@pytest.mark.parametrize("name", [*(f"a{ending}" for ending in ENDINGS), *ODD])
def test_every_file_that_the_reader_takes_is_offered_to_it(manifest, name):
    manager = PluginManager()
    manager.register(manifest)
    assert list(manager.iter_compatible_readers([f"/data/{name}"])), "napari would not ask"
    assert get_reader(f"/data/{name}") is not None


def test_folders_are_offered_to_the_reader(manifest, tmp_path):
    manager = PluginManager()
    manager.register(manifest)
    assert list(manager.iter_compatible_readers([str(tmp_path)]))
    assert get_reader(str(tmp_path)) is None, "a folder that is no image was taken"


def test_images_and_labels_can_be_saved_as_tiff_and_zarr(manifest):
    found = {
        (kind, ending)
        for writer in manifest.contributions.writers
        for kind in writer.layer_types
        for ending in writer.filename_extensions
    }
    for kind in ("image", "labels"):
        assert {(kind, ".ome.tif"), (kind, ".ome.zarr")} <= found
