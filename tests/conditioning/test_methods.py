"""What the methods say of themselves agrees with what their blocks do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from napari_metaseg.conditioning.blocks import ChannelAffine
from napari_metaseg.conditioning.conditioner import Conditioner
from napari_metaseg.conditioning.fusion import LowRankFusionConv2d
from napari_metaseg.conditioning.methods import METHODS, method_info
from napari_metaseg.errors import InputError


@pytest.mark.parametrize("name", METHODS)
def test_the_registry_agrees_with_the_blocks(name):
    parts = Conditioner(name, frozenset({"enc1"}), metadata_size=3)
    made = [
        parts.conv("enc1", 4, 4, bias=False),
        parts.before_relu("enc1", 4),
        parts.after_stage("enc1", 4),
    ]
    blocks = [m for m in made if isinstance(m, ChannelAffine | LowRankFusionConv2d)]
    assert len(blocks) == (name != "none")
    reads_image = any(isinstance(b, ChannelAffine) and b.reads_image for b in blocks)
    assert reads_image == METHODS[name].reads_image == (not METHODS[name].folds)


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
