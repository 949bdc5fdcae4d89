"""What half the digits change: measured on the model's own sample."""

from __future__ import annotations

from napari_metaseg.errors import InputError
from napari_metaseg.packages.package import ModelPackage, load_sample
from napari_metaseg.prediction.objects.instances import classes_from_probability
from napari_metaseg.prediction.predictor import Predictor


def changed_share(predictor: Predictor) -> float | None:
    """The share of the sample's pixels (0 to 1) whose class is not the one that fp32 gives.

    None for a package without a folder, or one whose sample cannot be read.
    """
    package: ModelPackage = predictor.package
    if package.path is None:
        return None
    try:
        sample = load_sample(package.path)
    except (InputError, OSError):
        return None
    found = predictor.probability(sample.image, sample.condition)
    exact, here = (classes_from_probability(p) for p in (sample.probability, found))
    return float((exact != here).mean())


def precision_notice(predictor: Predictor) -> str | None:
    """One plain sentence on a predictor that computes in bf16; None for fp32."""
    import torch

    if predictor.dtype != torch.bfloat16:
        return None
    share = changed_share(predictor)
    told = "" if share is None else f": on the model's sample image {share:.2%} of pixels change"
    return f"computed in bf16, which is faster and rounds{told}"
