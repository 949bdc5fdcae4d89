"""The study `attention`: its arms, and the maps by magnification."""

from napari_metaseg.packages.package import load_package
from napari_metaseg.studies import attention
from napari_metaseg.studies.registry import STUDIES
from napari_metaseg.studies.study import StudyRequest


def test_every_method_that_scales_channels_stands_beside_its_controls():
    assert STUDIES["attention"].illustrate is attention.illustrate
    methods = {arm.name: arm.changes["method"] for arm in attention.ARMS}
    assert set(methods.values()) == {"none", "se", "me", "sme", "film"}
    (twin,) = (arm for arm in attention.ARMS if arm.name == "sme-twin")
    assert twin.changes == {"method": "sme", "metadata_dropout": 1.0}
    assert twin.metadata == "withheld"


def test_maps_have_a_row_per_magnification_in_rising_order(small_package, small_items):
    package = load_package(small_package)
    maps = attention.maps_by_domain(package, small_items)
    assert maps.conditions == ("10x", "20x", "40x")
    assert max(maps.spreads().values()) > 0


def test_without_metadata_a_method_that_reads_no_image_has_no_spread(small_package, small_items):
    maps = attention.maps_by_domain(load_package(small_package), small_items, told=False)
    assert set(maps.spreads().values()) == {0.0}


def test_pictures_are_drawn_for_the_arms_that_have_a_package(
    small_package, small_items, tmp_path, monkeypatch
):
    monkeypatch.setattr(attention, "_test_planes", lambda request: small_items)
    request = StudyRequest(name="attention", out=tmp_path)
    pictures = attention.illustrate(request, {"film": small_package})
    assert list(pictures) == ["channels_film.png", "channels_spread.png"]
    assert all(png.startswith(b"\x89PNG") and caption for png, caption in pictures.values())
    assert attention.illustrate(request, {}) == {}
