"""An option without a say is refused in one line; whatever has one is taken."""

import argparse
from typing import get_args

import pytest

from napari_metaseg.cli.training_options import (
    DEFAULTS,
    LOSSES,
    OPTIMIZERS,
    PRECISIONS,
    SAMPLINGS,
    SCHEDULES,
    add_training_options,
)
from napari_metaseg.cli.unused import check_unused
from napari_metaseg.errors import InputError
from napari_metaseg.training import request


def check(**given):
    check_unused(given, {**DEFAULTS, **given})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"method": "early", "sites": ("inner",)}, "early has a place of its own"),
        ({"method": "none", "sites": ("inner",)}, "nothing steers the network"),
        ({"strategy": "canonical", "sites": ("inner",)}, "nothing steers the network"),
        ({"fuse": "bias"}, "fuse metadata into filters"),
        ({"method": "early", "generator": "frozen"}, "fuse metadata into filters"),
        ({"strategy": "general", "encoding": "eigen"}, "--strategy general"),
        ({"strategy": "specialists", "outside": "extrapolate"}, "--strategy specialists"),
        ({"method": "se", "encoding": "eigen"}, "the method se"),
        ({"strategy": "canonical", "max_zoom": 2.0}, "--strategy canonical"),
        ({"strategy": "fine-tuned", "max_zoom": 2.0}, "--strategy fine-tuned"),
        ({"fields": ("stain",), "max_zoom": 2.0}, "neither magnification nor pixel size"),
        ({"strategy": "ensemble", "metadata_dropout": 0.2}, "--strategy ensemble"),
        ({"method": "none", "record_dropout": 0.2}, "the method none"),
        ({"strategy": "general", "method": "film"}, "sees no metadata"),
        ({"tuned_domain": {"stain": "a"}}, "fine-tuned alone"),
        ({"domain_fields": ("stain",), "sampling": "natural"}, "no domains are made"),
        ({"steps": 5, "minutes": 2.0}, "both say how long"),
    ],
)
def test_an_option_without_a_say_is_refused(given, reason):
    with pytest.raises(InputError, match=reason) as caught:
        check(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"method": "se", "sites": ("inner",)},
        {"strategy": "general", "method": "se", "sites": ("inner",)},
        {"method": "fusion-eigen", "fuse": "bias", "generator": "frozen", "sites": ("inner",)},
        {"strategy": "scale-augmented", "max_zoom": 2.0},
        {"strategy": "canonical-conditioned", "fields": ("stain",), "max_zoom": 2.0},
        {"fields": ("pixel_size_um",), "max_zoom": 2.0},
        {"strategy": "general", "max_zoom": 1.0, "record_dropout": 0.0},
        {"strategy": "general", "fields": ("stain",)},
        {"domain_fields": ("stain",)},
        {"strategy": "specialists", "sampling": "natural", "domain_fields": ("stain",)},
        {"strategy": "fine-tuned", "tuned_domain": {"stain": "a"}},
        {"minutes": 2.0, "sampling": "natural"},
    ],
)
def test_an_option_with_a_say_is_taken(given):
    check(**given)


def test_a_run_that_is_resumed_counts_with_its_own_settings():
    check_unused({"tuned_domain": {"stain": "a"}}, {**DEFAULTS, "strategy": "fine-tuned"})
    with pytest.raises(InputError, match="place of its own"):
        check_unused({"sites": ("inner",)}, {**DEFAULTS, "method": "joint"})


@pytest.mark.parametrize(
    ("offered", "known"),
    [
        (SAMPLINGS, request.Sampling),
        (LOSSES, request.LossName),
        (OPTIMIZERS, request.OptimizerName),
        (SCHEDULES, request.ScheduleName),
        (PRECISIONS, request.PrecisionName),
    ],
)
def test_the_choices_are_those_of_a_request(offered, known):
    assert set(offered) == set(get_args(known))


@pytest.mark.parametrize(
    ("text", "found"), [("balanced", "balanced"), ("1,2.5", (1.0, 2.5)), ("none", "none")]
)
def test_class_weights_are_a_word_or_numbers(text, found):
    parser = argparse.ArgumentParser()
    add_training_options(parser)
    assert parser.parse_args(["--class-weights", text]).class_weights == found


@pytest.mark.parametrize("text", ["heavy", "1;2", ","])
def test_other_class_weights_are_refused(text, capsys):
    parser = argparse.ArgumentParser()
    add_training_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--class-weights", text])
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"class_weights": "balanced", "loss": "dice"}, "a cross-entropy"),
        ({"frozen": ("enc1",)}, "learned before"),
        ({"frozen": ("enc9",), "init_from": "m"}, "Unknown site"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings, told):
    with pytest.raises(InputError, match=told):
        request.TrainingRequest(**settings)
