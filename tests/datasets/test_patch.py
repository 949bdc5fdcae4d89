"""A planned patch: what is noted of it, and that its draws are those of the patch itself."""

from __future__ import annotations

import numpy as np
import pytest

from napari_metaseg.datasets.noise import ChannelNoise
from napari_metaseg.datasets.patch import Patch, PlannedPatch
from napari_metaseg.datasets.photons import Stretch
from napari_metaseg.datasets.resample import Resample
from napari_metaseg.datasets.steps import AddNoise, Recolour, Resize, Thin, Turn

NOISE = (ChannelNoise(0.001, 0.01),) * 2
STRETCH = (Stretch((1.0, 4.0), (0.0, -0.1), (1.0, 1.2)),) * 2
STEPS = (
    Resample(24, 16, 0.7),
    Resample(24, 16, 0.7, NOISE),
    Resize(16),
    Thin(2.0, NOISE, STRETCH),
    Turn(1, mirrored=True),
    Recolour(1.1, 0.2),
    AddNoise(0.1),
)


def crop():
    rng = np.random.default_rng(0)
    image = rng.random((2, 24, 24), dtype=np.float32)
    return Patch(image, (image[0] > 0.5).astype(np.int16), image[1] > 0.1, {"magnification": 20.0})


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_plan_notes_the_step_and_leaves_the_pixels_of_the_crop(step):
    patch = crop()
    plan = PlannedPatch.of(patch).do(step, np.random.default_rng(1))
    assert plan.steps == (step,)
    assert plan.image is patch.image
    assert plan.classes is patch.classes
    assert plan.valid is patch.valid


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_plan_has_the_side_that_the_patch_will_have(step):
    done = crop().do(step, np.random.default_rng(1))
    assert done.side == PlannedPatch.of(crop()).do(step, np.random.default_rng(1)).side
    assert done.image.shape == (2, done.side, done.side)
    assert done.classes.shape == done.valid.shape == (done.side, done.side)


@pytest.mark.parametrize("step", [s for s in STEPS if not isinstance(s, Thin)])
def test_planning_leaves_the_generator_as_doing_would(step):
    """So that what is drawn next is the same for both."""
    doing, planning = np.random.default_rng(1), np.random.default_rng(1)
    crop().do(step, doing)
    PlannedPatch.of(crop()).do(step, planning)
    assert doing.bit_generator.state == planning.bit_generator.state


def test_the_side_is_that_after_all_steps():
    plan, rng = PlannedPatch.of(crop()), np.random.default_rng(1)
    for step in (Resample(24, 20, 0.5, NOISE), Resize(32), AddNoise(0.1)):
        plan = plan.do(step, rng)
    assert plan.side == 32
    doing, drawn = crop(), np.random.default_rng(1)
    for step in plan.steps:
        doing = doing.do(step, drawn)
    assert drawn.bit_generator.state == rng.bit_generator.state
