from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.acquisition.fields import FieldSpec
from napari_metaseg.errors import InputError
from napari_metaseg.plugin import calibration, edits, known, layers
from napari_metaseg.plugin.history import History
from napari_metaseg.plugin.layers import PlaneIndex, new_info

HERE, ELSEWHERE = PlaneIndex(z=2), PlaneIndex(z=0)


def field(layer, name, plane=HERE):
    found = known.condition_fields(layer, plane)[name]
    return found.value, found.source


def test_an_edit_wins_over_the_file_and_empty_text_takes_it_back(add_stack):
    layer = add_stack()
    edits.edit(layer, HERE, "magnification", "40")
    assert field(layer, "magnification") == (40.0, "user")
    edits.edit(layer, HERE, "magnification", "")
    assert field(layer, "magnification") == (20.0, "file")


def test_stating_what_the_file_says_is_no_edit(add_stack):
    layer = add_stack()
    edits.edit(layer, HERE, "magnification", "20")
    assert field(layer, "magnification") == (20.0, "file")


def test_text_that_does_not_fit_changes_nothing(add_stack):
    layer = add_stack()
    with pytest.raises(InputError, match="must be a number"):
        edits.edit(layer, HERE, "exposure_ms", "long")
    assert field(layer, "exposure_ms") == (None, "missing")


def test_an_offset_is_stated_for_the_shown_plane_alone(add_stack):
    layer = add_stack()
    edits.edit(layer, HERE, "plane_offset_um", "-4")
    assert field(layer, "plane_offset_um", HERE) == (-4.0, "user")
    assert field(layer, "plane_offset_um", ELSEWHERE) == (-1.5, "file")


def test_a_modality_is_stated_for_every_plane(add_stack):
    layer = add_stack()
    edits.edit(layer, HERE, "modality", "DIC")
    assert field(layer, "modality", ELSEWHERE) == ("DIC", "user")


def test_the_pixel_size_scales_the_layer_and_back(add_stack):
    layer = add_stack()
    edits.edit(layer, HERE, "pixel_size_um", "0.65")
    assert tuple(layer.scale) == (1.5, 0.65, 0.65)
    edits.edit(layer, HERE, "pixel_size_um", "")
    assert tuple(layer.scale) == (1.5, 0.325, 0.325)
    assert field(layer, "pixel_size_um") == (0.325, "file")


def test_the_pixel_size_gives_an_uncalibrated_layer_its_unit(viewer):
    layer = viewer.add_image(np.zeros((4, 5)))
    edits.edit(layer, PlaneIndex(), "pixel_size_um", "0.2")
    assert [str(u) for u in layer.units] == ["micrometer"] * 2
    assert calibration.pixel_size_um(layer) == pytest.approx(0.2)
    edits.edit(layer, PlaneIndex(), "pixel_size_um", "")
    assert [str(u) for u in layer.units] == ["pixel"] * 2


def test_undo_and_redo_go_back_and_forth_over_edits_and_scale(add_stack):
    layer, history = add_stack(), History()
    for name, text in (("modality", "DIC"), ("pixel_size_um", "0.5")):
        with history.step([layer]):
            edits.edit(layer, HERE, name, text)
    assert history.undo() == [layer]
    assert (field(layer, "pixel_size_um"), layer.scale[-1]) == ((0.325, "file"), 0.325)
    history.undo()
    assert field(layer, "modality") == ("fluorescence", "file")
    assert not history.can_undo
    history.redo()
    history.redo()
    assert (field(layer, "modality")[0], layer.scale[-1]) == ("DIC", 0.5)


def test_an_edit_that_changed_nothing_is_not_remembered(add_stack):
    layer, history = add_stack(), History()
    with history.step([layer]):
        pass
    assert not history.can_undo


def test_edits_are_copied_to_other_images_by_their_own_rules(add_stack):
    source, target = add_stack("a"), add_stack("b")
    edits.edit(source, HERE, "modality", "DIC")
    edits.edit(source, HERE, "pixel_size_um", "0.5")
    edits.edit(source, HERE, "plane_offset_um", "9")
    assert edits.copy_edits(source, [target]) == 1
    assert field(target, "modality") == ("DIC", "user")
    assert target.scale[-1] == 0.5
    assert field(target, "plane_offset_um") == (1.5, "file"), "an edit of one plane stays there"


@pytest.fixture
def two_channels(viewer, record):
    """Two layers of one file: DAPI and trans."""

    def layer(c):
        entry = new_info(path="/data/a.tif", scene="a", axes="ZYX", channel=c, record=record)
        return viewer.add_image(
            np.zeros((3, 24, 32)),
            scale=(1.5, 0.325, 0.325),
            units=("um", "um", "um"),
            metadata={layers.KEY: entry},
        )

    return [layer(0), layer(1)]


def test_what_holds_for_the_image_is_stated_in_all_its_channels(two_channels):
    first, second = two_channels
    edits.edit(first, HERE, "magnification", "40", images=two_channels)
    edits.edit(first, HERE, "pixel_size_um", "0.5", images=two_channels)
    assert field(second, "magnification") == (40.0, "user")
    assert tuple(second.scale) == (1.5, 0.5, 0.5)


def test_what_holds_for_a_channel_is_stated_in_it_alone(two_channels):
    first, second = two_channels
    edits.edit(first, HERE, "exposure_ms", "40", images=two_channels)
    edits.edit(first, HERE, "emission_nm", "460", images=two_channels)
    assert field(first, "exposure_ms") == (40.0, "user")
    assert field(second, "exposure_ms") == (None, "missing")
    assert known.field_of(first, "emission_nm").value == 460.0
    assert not known.field_of(second, "emission_nm").known


def test_an_edit_of_all_channels_is_one_step_to_undo(two_channels):
    first, second = two_channels
    history = History()
    with history.step(two_channels):
        edits.edit(first, HERE, "magnification", "40", images=two_channels)
    assert history.undo() == two_channels
    assert field(second, "magnification") == (20.0, "file")
    assert not history.can_undo


def test_an_ome_field_is_what_the_condition_is_worked_out_from(add_stack):
    layer = add_stack()
    edits.edit(layer, HERE, "objective_nominal_magnification", "60")
    edits.edit(layer, HERE, "contrast_method", "Phase")
    edits.edit(layer, HERE, "lens_na", "1.4")
    assert field(layer, "magnification") == (60.0, "user")
    assert field(layer, "modality") == ("phase contrast", "user")
    edits.edit(layer, HERE, "contrast_method", "")
    assert field(layer, "modality") == ("fluorescence", "file")


@pytest.mark.parametrize(("name", "axis"), [("pixel_size_y_um", 1), ("pixel_size_z_um", 0)])
def test_height_and_step_scale_their_own_axis_and_back(add_stack, name, axis):
    layer = add_stack()
    before = tuple(layer.scale)
    edits.edit(layer, HERE, name, "0.7")
    assert layer.scale[axis] == pytest.approx(0.7)
    assert [s for i, s in enumerate(layer.scale) if i != axis] == [
        s for i, s in enumerate(before) if i != axis
    ]
    edits.edit(layer, HERE, name, "")
    assert tuple(layer.scale) == before


def test_a_step_that_was_scaled_elsewhere_counts_as_an_edit(add_stack):
    layer = add_stack()
    layer.scale = (2.0, 0.325, 0.325)
    found = known.field_of(layer, "pixel_size_z_um")
    assert (found.value, found.source) == (2.0, "user")
    edits.edit(layer, HERE, "modality", "DIC")
    assert layer.scale[0] == 2.0, "another edit took the scale back"


def test_a_free_field_is_checked_as_its_project_declares_it(add_stack):
    layer = add_stack()
    specs = {"cell line": FieldSpec("cell line", "text", "Cell line", "", ("HeLa",), strict=True)}
    edits.edit(layer, HERE, "cell line", "hela", specs=specs)
    assert field(layer, "cell line") == ("HeLa", "user")
    with pytest.raises(InputError, match="Use one of: HeLa"):
        edits.edit(layer, HERE, "cell line", "U2OS", specs=specs)


def test_everything_is_taken_back_at_once(two_channels):
    first, second = two_channels
    for name, text in (("modality", "DIC"), ("magnification", "40"), ("pixel_size_um", "0.5")):
        edits.edit(first, HERE, name, text, images=two_channels)
    edits.edit(first, HERE, "plane_offset_um", "9", images=two_channels)
    edits.revert_all(first, two_channels)
    assert not edits.is_edited(first)
    assert not edits.is_edited(second)
    assert tuple(second.scale) == (1.5, 0.325, 0.325)


def test_edits_of_an_older_session_can_still_be_taken_back(add_stack):
    layer = add_stack()
    layers.update_info(layer, declared={"modality": "DIC"})
    assert field(layer, "modality") == ("DIC", "user")
    edits.edit(layer, HERE, "modality", "")
    assert field(layer, "modality") == ("fluorescence", "file")


def test_the_layers_metadata_are_never_mutated(add_stack):
    layer = add_stack()
    edits.edit(layer, HERE, "plane_offset_um", "-4")
    before = layers.info(layer)
    planes = before["declared_planes"]
    edits.edit(layer, ELSEWHERE, "plane_offset_um", "-9")
    assert planes == {"2,0": {"plane_offset_um": -4.0}}
