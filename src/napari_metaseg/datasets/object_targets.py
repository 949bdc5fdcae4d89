"""The classes that a network learns of a plane's labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.labels import LabelTarget, ObjectTarget
from napari_metaseg.errors import InputError


def training_classes(target: LabelTarget, objects: ObjectTarget) -> NDArray[np.int16]:
    """The class of each pixel (Y, X) that a network learns of the plane."""
    if objects != "mask":
        raise InputError("only masks can be learned", got=objects, way_out="Use --objects mask")
    return target.classes
