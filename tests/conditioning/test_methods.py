"""What the methods say of themselves agrees with what their blocks do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_metaseg.conditioning.conditioner import Conditioner
from napari_metaseg.conditioning.heads import Head
from napari_metaseg.conditioning.methods import METHODS, method_info
from napari_metaseg.conditioning.steerable import SteerableConv2d
from napari_metaseg.errors import InputError

PLAIN = (SteerableConv2d, Head)


@pytest.mark.parametrize("name", METHODS)
def test_the_registry_agrees_with_the_parts(name):
    parts = Conditioner(
        name, frozenset({"enc1", "bottleneck"}), metadata_size=3, head_columns=(0, 1)
    )
    made = [
        parts.conv("enc1", 4, 4, bias=False, first=True),
        parts.before_relu("enc1", 4),
        parts.after_stage("bottleneck", 4),
        parts.head(4, 1, 8),
    ]
    special = [part for part in made if part is not None and type(part) not in PLAIN]
    assert len(special) == (name != "none")
    reads_image = any(part.reads_image for part in special)
    assert reads_image == METHODS[name].reads_image == (not METHODS[name].folds)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_sites_or_one_place_of_its_own(name):
    parts = Conditioner(name, frozenset(), metadata_size=3, head_columns=(0, 1))
    made = [
        parts.conv("enc1", 4, 4, bias=False, first=True),
        parts.before_relu("enc1", 4),
        parts.after_stage("bottleneck", 4),
        parts.head(4, 1, 8),
    ]
    fixed = [part for part in made if part is not None and type(part) not in PLAIN]
    assert len(fixed) == (not METHODS[name].places)


def test_every_method_has_a_sentence_for_people():
    assert all(method.sentence.endswith(".") for method in METHODS.values())


def test_an_unknown_method_is_refused_with_the_choices():
    with pytest.raises(InputError, match="fusion-lowrank"):
        method_info("magic")


def test_schema_and_registry_do_without_torch():
    rooms = "conditioning.schema conditioning.methods conditioning.sites networks.receptive"
    imports = "; ".join(f"import napari_metaseg.{room}" for room in rooms.split())
    code = f"import sys; {imports}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
