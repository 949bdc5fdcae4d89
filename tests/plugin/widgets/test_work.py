"""Train, Segment and Score on a viewer without a window, with a very small model."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from napari_metaseg.plugin import known, layers, outputs
from napari_metaseg.plugin.cutting import Part
from napari_metaseg.plugin.settings import Preferences
from napari_metaseg.plugin.widgets.score import ScoreWidget
from napari_metaseg.plugin.widgets.segment import SegmentWidget
from napari_metaseg.plugin.widgets.train import TrainWidget
from napari_metaseg.plugin.workspace import workspace_of
from napari_metaseg.prediction.objects.refine import Refinement


def tiny(train, steps=3):
    settings = {"steps": steps, "width": 4, "depth": 2, "patch_px": 32, "batch_size": 2}
    for name, value in settings.items():
        train.advanced.form.set_value(name, value)


@pytest.fixture
def three_images(blobs):
    return [blobs(f"disc{m:g}", m) for m in (10.0, 20.0, 40.0)]


@pytest.fixture
def train(make_panel):
    panel = make_panel(TrainWidget)
    tiny(panel)
    return panel


@pytest.fixture
def trained(train, three_images, viewer, wait_for):
    """The workspace after a short training on three images."""
    train.train()
    wait_for(lambda: not train.busy)
    assert train.head.status.kind == "good", train.head.status.text
    return workspace_of(viewer)


def test_images_with_labels_are_offered_and_others_cannot_be_ticked(train, blobs, add_stack):
    _, truth = blobs("a")
    add_stack("bare")
    assert [pair.labels for pair in train.source.pairs.pairs] == [truth]
    bare = train.source.pairs._rows[-1]
    assert not bare.tick.isEnabled()


def test_without_labels_the_button_says_why(train, add_stack):
    add_stack()
    assert not train.train_button.button.isEnabled()
    assert "labels" in train.train_button.reason


def test_empty_labels_are_refused_in_words(train, add_stack):
    add_stack()
    train.annotate()
    train.train()
    assert train.head.status.kind == "bad"
    assert "Paint at least a few objects" in train.head.status.text
    assert train.train_button.button.isEnabled()


def test_it_says_which_metadata_the_network_will_see(train, three_images):
    assert "magnification" in train._sees.text()
    train.source.pairs._rows[0].tick.setChecked(False)
    train.source.pairs._rows[1].tick.setChecked(False)
    assert "image alone" in train._sees.text()


def test_it_says_so_when_another_method_or_other_metadata_are_chosen(train, three_images):
    assert train._method.text().startswith("Recommended: Metadata attention")
    train.advanced.fields.tick("modality")
    assert train._sees.text() == "It sees what you ticked: modality."
    train.advanced.form.set_value("method", "none")
    assert train._method.text() == "You chose: Plain U-Net"
    assert train._sees.text() == "It looks at the image alone."


def test_another_strategy_is_said_with_what_it_uses(train, three_images):
    train.advanced.form.set_value("strategy", "specialists")
    assert train._method.text() == "You chose: One network per domain"
    assert "Domains differ by" in train._sees.text()
    train.advanced.form.set_value("strategy", "canonical")
    assert "the scale" in train._sees.text()
    train.advanced.form.set_value("strategy", "general")
    assert train._sees.text() == "It looks at the image alone."
    train.advanced.form.set_value("strategy", "canonical-conditioned")
    assert "Metadata attention" in train._method.text()
    assert "magnification" in train._sees.text()


def test_specialists_train_in_the_widget(train, three_images, viewer, wait_for):
    train.advanced.form.set_value("strategy", "specialists")
    train.advanced.form.set_value("validation_fraction", 0.0)
    train.train()
    wait_for(lambda: not train.busy)
    model = workspace_of(viewer).current
    assert model is not None, train.head.status.text
    assert len(model.package.networks) == 3


def test_every_advanced_setting_has_a_sentence(train):
    from napari_metaseg.plugin.widgets.settings_form import Choice
    from napari_metaseg.plugin.widgets.training_options import SETTINGS

    for setting in SETTINGS:
        options = setting.options.values() if isinstance(setting, Choice) else []
        sentences = [s for _, s in options] or [setting.sentence]
        assert all(len(s) > 10 and s.endswith(".") for s in sentences), setting.name


def test_every_strategy_and_method_is_offered_once_below_a_heading():
    from napari_metaseg.conditioning.methods import METHODS
    from napari_metaseg.packages.strategies import STRATEGIES
    from napari_metaseg.plugin.widgets.training_options import METHOD_GROUPS, STRATEGY_GROUPS

    for groups, infos in ((METHOD_GROUPS, METHODS), (STRATEGY_GROUPS, STRATEGIES)):
        offered = [name for members in groups.values() for name in members]
        assert sorted(offered) == sorted(infos)


def test_what_has_no_say_is_off_with_a_reason_and_is_not_asked_for(train):
    form = train.advanced.form
    form.set_value("method", "early")
    assert "place of its own" in form.reason("sites")
    assert "sites" not in train.advanced.values(1.0)
    form.set_value("method", "none")
    assert "reads no metadata" in form.reason("max_zoom")
    form.set_value("strategy", "general")
    assert "plain networks" in form.reason("method")
    left_out = {"method", "sites", "encoding", "metadata_dropout", "record_dropout", "max_zoom"}
    assert left_out.isdisjoint(train.advanced.values(1.0))
    form.set_value("strategy", "canonical-conditioned")
    form.set_value("method", "sme")
    assert not any(form.reason(name) for name in left_out)
    assert train.advanced.values(1.0)["sites"] == ("all",)


def test_labels_that_tell_no_objects_apart_teach_no_rims(train):
    form, advanced = train.advanced.form, train.advanced
    form.set_value("objects", "boundary")
    assert advanced.values(1.0)["objects"] == "boundary"
    for kind in ("classes", "sparse"):
        advanced.show_labels(kind)
        assert "do not tell objects apart" in form.reason("objects")
        assert "objects" not in advanced.values(1.0)
    advanced.show_labels("instances")
    assert advanced.values(1.0)["objects"] == "boundary"


def test_only_parameter_fusion_asks_what_is_fused(train):
    asked = {"fuse", "generator"}
    assert asked.isdisjoint(train.advanced.values(1.0))
    train.advanced.form.set_value("method", "fusion-eigen")
    assert asked <= set(train.advanced.values(1.0))
    train.advanced.form.set_value("strategy", "specialists")
    assert asked.isdisjoint(train.advanced.values(1.0))


def test_training_leaves_a_model_in_use_its_curve_and_its_folder(train, trained, own_settings):
    assert trained.current.name == "my model"
    assert (own_settings / "my model" / "package.json").is_file()
    assert train.curve.points
    assert trained.device == "CPU"
    assert train.model_name.text() == "my model 2"
    assert not train.busy


def test_it_gets_ready_once_when_it_is_first_seen(train, monkeypatch):
    seen = []
    monkeypatch.setattr(train.workspace, "run", seen.append)
    for _ in range(2):
        train.show()
        train.hide()
    assert len(seen) == 1


def test_stop_keeps_the_best_so_far(train, three_images, viewer, wait_for):
    tiny(train, steps=100_000)
    train.train()
    wait_for(lambda: bool(train.progress.text.startswith("step")))
    train.progress.stop_button.click()
    wait_for(lambda: not train.busy)
    assert "Stopped; the best so far is kept" in train.head.status.text
    assert workspace_of(viewer).current is not None
    assert train.train_button.button.isEnabled()


def test_a_cohort_table_is_another_source(train, three_images, tmp_path, wait_for):
    import tifffile

    lines = ["image,labels,magnification,group"]
    for (image, truth), m in zip(three_images, (10, 20, 40), strict=True):
        tifffile.imwrite(tmp_path / f"{m}.tif", image.data)
        tifffile.imwrite(tmp_path / f"{m}_labels.tif", truth.data.astype(np.uint16))
        lines.append(f"{m}.tif,{m}_labels.tif,{m},{m}")
    (tmp_path / "cohort.csv").write_text("\n".join(lines))
    train.source.use_cohort(tmp_path / "cohort.csv")
    train.train()
    wait_for(lambda: not train.busy)
    assert train.head.status.kind == "good", train.head.status.text


def test_a_broken_cohort_table_is_explained(train, tmp_path):
    (tmp_path / "cohort.csv").write_text("picture\n1.tif\n")
    train.source.use_cohort(tmp_path / "cohort.csv")
    assert "no column 'image'" in train.source._summary.text()
    assert not train.train_button.button.isEnabled()


def test_segment_says_what_it_needs(make_panel, viewer):
    panel = make_panel(SegmentWidget)
    assert "model" in panel.this_button.reason
    assert not panel.refine.threshold.isEnabled()


def test_the_card_holds_the_image_against_what_was_trained(make_panel, trained, three_images):
    (field,) = trained.current.package.manifest.metadata_schema.fields
    seen_before = [
        i for i, _ in three_images if known.condition_of(i)[field.name] in field.trained_values
    ]
    panel = make_panel(SegmentWidget)
    panel.viewer.layers.selection.active = seen_before[0]
    here, seen, sign = panel.card.rows["magnification"]
    assert here == f"{known.condition_of(seen_before[0])['magnification']:g}x"
    assert (seen, sign) == (f"{field.trained_text}x", "✓")
    layers.update_info(panel.focus.image, declared={"magnification": 500.0})
    assert panel.card.rows["magnification"][2] == "⚠"


def test_every_image_is_segmented_onto_labels_and_probability(
    make_panel, trained, three_images, viewer, wait_for
):
    panel = make_panel(SegmentWidget)
    panel.segment_images()
    assert not panel.this_button.button.isEnabled()
    wait_for(lambda: not panel.busy)
    for image, _ in three_images:
        found = outputs.find_outputs(viewer, image)
        assert found is not None
        assert 0 <= found.probability.data.min() <= found.probability.data.max() <= 1
        assert outputs.planes_done(found.labels)
    assert panel.this_button.button.isEnabled()


def test_how_large_images_are_averaged_is_a_preference(
    make_panel, trained, three_images, wait_for, monkeypatch
):
    panel = make_panel(SegmentWidget)
    for averages, gates in (("whole image (exact)", "exact"), ("sample (faster)", "fast")):
        chosen = Preferences(averages=averages)
        monkeypatch.setattr("napari_metaseg.plugin.widgets.segment.preferences", lambda p=chosen: p)
        panel.segment_this()
        wait_for(lambda: not panel.busy)
        assert panel._segmenter._predictor.gates == gates


def test_half_precision_is_a_preference_and_says_what_it_changes(
    make_panel, trained, three_images, wait_for, monkeypatch
):
    panel = make_panel(SegmentWidget)
    for arithmetic, rounded in (("full (fp32)", False), ("half (bf16)", True)):
        chosen = Preferences(arithmetic=arithmetic)
        monkeypatch.setattr("napari_metaseg.plugin.widgets.segment.preferences", lambda p=chosen: p)
        panel.segment_this()
        wait_for(lambda: not panel.busy)
        assert panel.head.status.text.startswith("Segmented")
        assert ("of pixels change" in panel.head.status.text) == rounded


def test_the_threshold_cuts_the_stored_probability_anew(
    make_panel, trained, three_images, viewer, wait_for
):
    panel = make_panel(SegmentWidget)
    panel.segment_this()
    wait_for(lambda: not panel.busy)
    found = outputs.find_outputs(viewer, panel.focus.image)
    found.probability.data[:] = 0.0
    found.probability.data[10:20, 10:20] = 0.4
    found.labels.data[:] = 0
    panel.refine.threshold.setValue(0.3)
    wait_for(lambda: bool(found.labels.data.any()))
    assert set(np.argwhere(found.labels.data)[:, 0]) == set(range(10, 20))
    assert "1 object" in panel.result.text()


@pytest.mark.parametrize("objects", ["boundary", "distance"])
def test_the_threshold_parts_objects_by_their_depth_too(
    make_panel, train, three_images, viewer, wait_for, objects
):
    train.advanced.form.set_value("objects", objects)
    train.train()
    wait_for(lambda: not train.busy)
    assert workspace_of(viewer).current.package.manifest.objects == objects
    panel = make_panel(SegmentWidget)
    panel.segment_this()
    wait_for(lambda: not panel.busy)
    found = outputs.find_outputs(viewer, panel.focus.image)
    assert found.depth.data.any()
    found.probability.data[:] = 0.0
    found.probability.data[10:20, 10:40] = 0.4
    found.depth.data[:] = found.probability.data
    found.depth.data[:, 24:26] = 0.0
    found.labels.data[:] = 0
    panel.refine.threshold.setValue(0.3)
    wait_for(lambda: bool(found.labels.data.any()))
    assert found.labels.data[15, 12] != found.labels.data[15, 38]
    assert "2 objects" in panel.result.text()


@pytest.fixture
def large(viewer, three_images):
    """A large image in focus, of which the window shows the lower right part."""
    pixels = np.tile(three_images[1][0].data, (20, 40))
    image = viewer.add_image(pixels, name="large", scale=(0.5, 0.5), units=("um", "um"))
    image.corner_pixels = np.array([[900, 2000], [1279, 2559]])
    return image


def test_of_a_large_image_the_view_alone_is_segmented(make_panel, trained, large, viewer, wait_for):
    panel = make_panel(SegmentWidget)
    panel.show()
    assert panel.view_button.isVisible()
    panel.view_button.click()
    wait_for(lambda: not panel.busy)
    found = outputs.find_outputs(viewer, large)
    assert found is not None, panel.head.status.text
    (part,) = outputs.parts_done(found.probability)
    rows, columns = part.region
    assert (rows.stop, columns.stop) == (1280, 2560)
    assert found.probability.data[part.region].all()
    rest = found.probability.data.copy()
    rest[part.region] = 0
    assert not rest.any(), "something beyond the view was written"
    size = f"{columns.stop - columns.start} × {rows.stop - rows.start} px"
    assert f"in the segmented part ({size})" in panel.result.text()
    panel.refine.smallest.setValue(1e6)
    wait_for(lambda: workspace_of(viewer).refinement.smallest_um2 == 1e6)
    wait_for(lambda: panel.result.text().startswith("0 objects"))


def test_a_part_is_what_the_whole_plane_has_there(make_panel, trained, large, viewer, wait_for):
    panel = make_panel(SegmentWidget)
    panel.segment_view()
    wait_for(lambda: not panel.busy)
    found = outputs.find_outputs(viewer, large)
    (part,) = outputs.parts_done(found.probability)
    alone = outputs.part_of(found.probability, part)
    panel.segment_this()
    wait_for(lambda: not panel.busy)
    np.testing.assert_allclose(outputs.part_of(found.probability, part), alone, atol=2e-3)
    assert "of this image" in panel.result.text()


def test_the_view_is_offered_where_it_spares_something_and_first_where_it_spares_much(
    make_panel, trained, large, three_images, viewer
):
    panel = make_panel(SegmentWidget)
    panel.show()
    viewer.layers.selection.active = three_images[0][0]
    assert not panel.view_button.isVisible()
    viewer.layers.selection.active = large
    assert panel.this_button.button.property("look") == "primary"
    viewer.layers.selection.active = viewer.add_image(np.zeros((2100, 2100), np.uint8))
    assert panel.view_button.button.property("look") == "primary"


def test_how_objects_are_cut_holds_for_the_next_prediction_and_for_every_widget(
    make_panel, trained, three_images, viewer, wait_for
):
    one, other = make_panel(SegmentWidget), make_panel(SegmentWidget)
    one.segment_this()
    wait_for(lambda: not one.busy)
    one.refine.smallest.setValue(1e6)
    wait_for(lambda: workspace_of(viewer).refinement.smallest_px == 1e6)
    other.refresh()
    assert other.refine.smallest.value() == 1e6
    viewer.layers.selection.active = three_images[1][0]
    other.segment_this()
    wait_for(lambda: not other.busy)
    found = outputs.find_outputs(viewer, three_images[1][0])
    assert not found.labels.data.any()
    assert found.probability.data.any()
    other.refine.reset.click()
    wait_for(lambda: workspace_of(viewer).refinement == Refinement())


def test_a_model_that_is_none_is_refused_in_words(make_panel, tmp_path, wait_for):
    panel = make_panel(SegmentWidget)
    panel.load_model(tmp_path)
    wait_for(lambda: not panel.busy)
    assert panel.head.status.kind == "bad"
    assert "not a model package" in panel.head.status.text
    assert panel.chooser.load_button.isEnabled()


def test_a_saved_model_is_loaded_again(make_panel, trained, own_settings, viewer, wait_for):
    path = trained.current.path
    trained._models.clear()
    panel = make_panel(SegmentWidget)
    panel.load_model(path)
    wait_for(lambda: not panel.busy)
    assert trained.current.name == "my model"
    assert panel.chooser.models.currentText() == "my model"


@pytest.fixture
def scored(make_panel, three_images, viewer, wait_for):
    """The Score widget after scoring perfect, half and no predictions."""
    for share, (image, truth) in zip((1.0, 0.5, 0.0), three_images, strict=True):
        made = outputs.outputs_for(viewer, image, "m", classes=False)
        labels = truth.data.copy()
        labels[:, int(64 * share) :] = 0
        outputs.write_part(made.labels, Part(layers.PlaneIndex()), labels)
    panel = make_panel(ScoreWidget)
    panel.score()
    wait_for(lambda: panel.scores is not None)
    return panel


def test_the_table_has_a_line_per_domain_the_worst_first(scored):
    rows = scored.table.texts()
    assert [r[0].removeprefix("⚠ ") for r in rows] == [
        "fluorescence · 40x",
        "fluorescence · 20x",
        "fluorescence · 10x",
        "mean of domains",
    ]
    assert rows[0][1:] == ["0.00", "0.00", "1"]
    assert rows[2][1:] == ["1.00", "1.00", "1"]
    assert rows[3][3] == "3"


def test_a_click_on_a_domain_goes_to_its_worst_image(scored, viewer, three_images):
    scored.table.cellClicked.emit(1, 0)
    assert viewer.layers.selection.active is three_images[1][0]


def test_the_table_is_saved_as_csv(scored, tmp_path):
    scored.save_csv(tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["magnification"] for row in rows] == ["40.0", "20.0", "10.0"]
    assert float(rows[2]["dice"]) == 1.0


def test_scores_follow_while_painting(scored, viewer, three_images, wait_for):
    image, truth = three_images[2]
    found = outputs.find_outputs(viewer, image)
    before = scored.table.texts()
    y, x = np.argwhere(truth.data)[0]
    found.labels.brush_size = 8
    found.labels.paint((y, x), 1)
    wait_for(lambda: scored.table.texts() != before)


def test_errors_are_outlined_and_taken_away_again(scored, viewer):
    scored.errors.setChecked(True)
    shown = [la for la in viewer.layers if layers.info(la).get("role") == "errors"]
    assert len(shown) == 3
    assert set(np.unique(shown[2].data)) == {0, 1}, "all objects of the empty one are missed"
    scored.errors.setChecked(False)
    assert not [la for la in viewer.layers if layers.info(la).get("role") == "errors"]


def test_without_a_pair_the_button_says_why(make_panel, add_stack):
    add_stack()
    assert "segmentation and an annotation" in make_panel(ScoreWidget).score_button.reason
