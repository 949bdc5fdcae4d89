"""Rims and depths of objects, from the request to the files: train, package, predict, evaluate."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.labels import convert_labels
from napari_metaseg.datasets.object_targets import LEVELS, RIM, training_classes
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.manifest import Canonical
from napari_metaseg.packages.package import load_package, load_sample
from napari_metaseg.prediction.jobs.job import predict_files
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.prediction.request import EvaluationRequest, PredictionRequest
from napari_metaseg.prediction.score import evaluate_package
from napari_metaseg.training.job import train
from napari_metaseg.training.plan import make_plan
from napari_metaseg.training.sampling import make_sampler
from napari_metaseg.training.scale import at_canonical_scale

OUTPUTS = {"boundary": 3, "distance": LEVELS + 1}


def finish(events):
    while True:
        try:
            next(events)
        except StopIteration as stop:
            return stop.value


def as_classes(items):
    """The same planes with labels that do not tell objects apart."""
    return [
        replace(i, target=convert_labels(i.target.classes, "classes"), label_kind="classes")
        for i in items
    ]


@pytest.fixture(scope="module", params=OUTPUTS)
def trained(request, small_request, small_items, tmp_path_factory):
    """A package of each target, trained for a few steps."""
    asked = small_request.model_copy(update={"objects": request.param})
    out = tmp_path_factory.mktemp("models") / request.param
    return request.param, finish(train(asked, small_items, out, CancelToken())).package


def test_the_package_says_what_was_learned_and_predicts_its_sample(trained):
    objects, path = trained
    package = load_package(path)
    assert package.manifest.objects == objects
    assert package.manifest.network.out_channels == OUTPUTS[objects]
    assert package.manifest.classes == ("foreground",)
    assert package.manifest.scores["domains"]
    assert "to part those that touch" in (path / "README.md").read_text()
    sample = load_sample(path)
    assert sample.probability.shape[0] == 1
    found = Predictor(package, device="cpu").probability(sample.image, sample.condition)
    assert np.allclose(found, sample.probability, atol=1e-5)


def test_results_are_files_of_one_class(trained, small_cohort, tmp_path):
    _, path = trained
    image = read_cohort(small_cohort)[0].image
    request = PredictionRequest(package=str(path), inputs=(str(image),), out=tmp_path, device="cpu")
    (entry,) = finish(predict_files(request, CancelToken()))
    probability, classes, labels = (
        tifffile.imread(tmp_path / name)
        for name in (entry.probability, entry.classes, entry.labels)
    )
    assert probability.shape == classes.shape == labels.shape == (96, 96)
    assert probability.dtype == np.float32
    assert np.array_equal(classes > 0, probability >= 0.5)
    assert not labels[classes == 0].any()


def test_the_evaluation_scores_objects_and_one_class(trained, small_cohort, tmp_path):
    _, path = trained
    request = EvaluationRequest(
        package=str(path), cohort=small_cohort, out=tmp_path, split="test", device="cpu"
    )
    report = finish(evaluate_package(request, CancelToken())).report
    assert report.images
    assert all(0 <= image.dice <= 1 and image.f1_50 is not None for image in report.images)


@pytest.mark.parametrize("strategy", ["ensemble", "canonical", "canonical-conditioned"])
def test_strategies_that_resize_or_vote_learn_them_too(
    strategy, small_request, small_items, tmp_path
):
    changes = {"strategy": strategy, "objects": "boundary", "steps": 2}
    asked = small_request.model_copy(update=changes)
    package = load_package(finish(train(asked, small_items, tmp_path / "m", CancelToken())).package)
    found = Predictor(package, device="cpu").predict_plane(
        small_items[0].image, small_items[0].condition
    )
    assert found.depth.shape == found.labels.shape == (96, 96)


@pytest.mark.parametrize("strategy", ["conditioned", "canonical", "canonical-conditioned"])
def test_patches_hold_the_parts_of_objects(strategy, small_request, small_items):
    asked = small_request.model_copy(update={"strategy": strategy, "objects": "distance"})
    plan = make_plan(asked, small_items)
    batch = make_sampler(plan, plan.phases[0]).batch(0)
    assert batch.classes.max() == LEVELS
    plain = make_plan(asked.model_copy(update={"objects": "mask"}), small_items)
    masks = make_sampler(plain, plain.phases[0]).batch(0)
    assert masks.classes.max() == 1
    if strategy == "canonical":  # not zoomed: no pixel changes sides
        assert np.array_equal(batch.classes > 0, masks.classes > 0)


def test_rims_are_made_at_the_scale_the_network_sees(small_items):
    item = next(i for i in small_items if i.condition["magnification"] == 10.0)
    scaled = at_canonical_scale(item, Canonical(field="magnification", value=30.0))
    assert scaled.target.instances.shape == (288, 288)
    classes = training_classes(scaled.target, "boundary")
    number = np.bincount(scaled.target.instances.ravel())[1:].argmax() + 1
    own = classes[scaled.target.instances == number]
    # The outline of a disc of area A, times two pixels: far less than three times as wide.
    assert 0.7 < (own == RIM).sum() / (2 * np.sqrt(4 * np.pi * own.size)) < 1.3


def test_labels_that_tell_no_objects_apart_are_refused_before_anything_is_computed(
    small_request, small_items
):
    asked = small_request.model_copy(update={"objects": "boundary"})
    with pytest.raises(InputError, match=r"labels of .*x do not tell objects apart.*instances"):
        make_plan(asked, as_classes(small_items))
    assert make_plan(small_request, as_classes(small_items)).network.out_channels == 1


def test_several_names_of_classes_are_refused(small_request, small_items):
    changes = {"objects": "distance", "class_names": ("tumour", "stroma")}
    with pytest.raises(InputError, match=r"depths in objects are learned of one class"):
        make_plan(small_request.model_copy(update=changes), small_items)


def test_a_start_from_a_model_that_learned_something_else_is_refused(
    trained, small_request, small_items
):
    objects, path = trained
    asked = small_request.model_copy(update={"init_from": str(path)})
    with pytest.raises(InputError, match=f"something else of objects.*--objects {objects}"):
        make_plan(asked, small_items)
    assert make_plan(asked.model_copy(update={"objects": objects}), small_items)
