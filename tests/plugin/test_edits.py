from __future__ import annotations

import pytest

from napari_metaseg.errors import InputError
from napari_metaseg.plugin import calibration, edits, known
from napari_metaseg.plugin.history import History
from napari_metaseg.plugin.layers import PlaneIndex

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
    import numpy as np

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
