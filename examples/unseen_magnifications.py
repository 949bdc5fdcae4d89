"""What a model makes of magnifications that it never saw: 15x, between those it knows, and 63x.

Trains for a minute and a half on generated images at 5x, 10x, 20x and 40x (or takes a package),
then tells the Dice at 15x and 63x with the true magnification, a wrong one, and none:

    python examples/unseen_magnifications.py
    python examples/unseen_magnifications.py --package my-model --napari

With --napari it then opens a 15x image with the What if widget, to move the magnification by hand.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from napari_metaseg.acquisition.cohort import read_cohort
from napari_metaseg.datasets.items import load_items
from napari_metaseg.datasets.microscope.ladder import LADDER, LadderPlan, write_ladder
from napari_metaseg.evaluation.overlap import dice
from napari_metaseg.events import CancelToken
from napari_metaseg.packages.package import load_package
from napari_metaseg.prediction.predictor import Predictor
from napari_metaseg.training.job import train
from napari_metaseg.training.request import TrainingRequest

UNSEEN = {15.0: ("between trained values", 40.0), 63.0: ("beyond trained values", 20.0)}
"""How each lies to what was trained, and a wrong magnification to tell."""


def options(arguments):
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=Path, help="a model that is trained already")
    parser.add_argument("--out", type=Path, help="where to leave images and model")
    parser.add_argument("--minutes", type=float, default=1.5, help="to train for (1.5)")
    parser.add_argument("--steps", type=int, help="to train for, instead of minutes")
    parser.add_argument("--images", type=int, default=16, help="for each magnification (16)")
    parser.add_argument("--napari", action="store_true", help="try it by hand afterwards")
    return parser.parse_args(arguments)


def trained(items, out, chosen):
    """A model of the default method that is told the magnification and nothing else."""
    request = TrainingRequest(
        fields=("magnification",),
        steps=chosen.steps,
        minutes=None if chosen.steps else chosen.minutes,
        patch_px=96,
        class_names=("tumour nuclei",),
    )
    for _ in train(request, items, out, CancelToken()):
        pass
    return out


def mean_dice(predictor, items, told):
    """The mean Dice of images, each predicted as if its magnification were `told(true)`."""
    scores = []
    for item in items:
        condition = dict(item.condition)
        magnification = told(condition.pop("magnification"))
        if magnification is not None:
            condition["magnification"] = magnification
        found = predictor.predict_plane(item.image, condition).classes
        scores.append(dice(item.target.classes > 0, found > 0))
    return float(np.mean(scores))


def report(package, items):
    """A line for each unseen magnification."""
    predictor = Predictor(load_package(package))
    yield f"{'':29}{'true':>8}{'wrong':>14}{'unknown':>10}"
    for magnification, (where, wrong) in UNSEEN.items():
        own = [item for item in items if item.condition["magnification"] == magnification]
        true, false, unknown = (
            mean_dice(predictor, own, told)
            for told in (lambda m: m, lambda m, w=wrong: w, lambda m: None)
        )
        line = f"{magnification:g}x, {where}"
        yield f"{line:29}{true:8.2f}{false:8.2f} ({wrong:g}x){unknown:9.2f}"


def open_window(package):
    """The 15x sample with the What if widget; returns when the window is closed."""
    import napari

    from napari_metaseg.plugin.sample_data import fluorescence_15x
    from napari_metaseg.plugin.widgets.what_if import WhatIfWidget
    from napari_metaseg.plugin.workspace import LoadedModel, workspace_of

    viewer = napari.Viewer(title="Unseen magnifications")
    for data, settings, kind in fluorescence_15x():
        getattr(viewer, f"add_{kind}")(data, **settings)
    workspace_of(viewer).add_model(LoadedModel("unseen", package, load_package(package)))
    viewer.window.add_dock_widget(WhatIfWidget(viewer), name="What if", area="right")
    viewer.layers.selection.active = viewer.layers[0]
    napari.run()


def main(arguments=None, say=sys.stdout.write):
    """Take images, train, tell the scores."""
    chosen = options(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        out = chosen.out or Path(temporary)
        plan = LadderPlan(
            "needed",
            dict.fromkeys(LADDER, chosen.images),
            tested=tuple(UNSEEN),
            test_specimens=max(1, chosen.images // 4),
        )
        say("Taking images with a virtual microscope ...\n")
        items = load_items(read_cohort(write_ladder(plan, out / "images")))
        learned = [item for item in items if item.split != "test"]
        test = [item.loaded() for item in items if item.split == "test"]
        if chosen.package is None:
            say(f"Training on {len(learned)} images at 5x, 10x, 20x and 40x ...\n")
        package = chosen.package or trained(learned, out / "model", chosen)
        say("Dice when told the magnification:\n")
        for line in report(package, test):
            say(f"{line}\n")
        if chosen.napari:
            open_window(package)


if __name__ == "__main__":
    main()
