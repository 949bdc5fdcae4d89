"""One set of networks, another way to combine them: specialists as an ensemble, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_metaseg.errors import InputError
from napari_metaseg.packages.package import ModelPackage, load_package, load_sample, save_package
from napari_metaseg.packages.strategies import STRATEGIES, Strategy
from napari_metaseg.prediction.predictor import Predictor


def recombined(package: Path, out: Path, strategy: Strategy) -> ModelPackage:
    """The package folder `package` with its networks combined as `strategy` does, saved at `out`.

    Nothing is trained: specialists and ensemble have the same members. The scores on validation
    images stay, as at a trained domain both give the same. Raises `InputError` for a package or a
    strategy without a network per domain.
    """
    loaded = load_package(package)
    for name in (loaded.manifest.strategy, strategy):
        if not STRATEGIES[name].per_domain:
            raise InputError(
                "only networks of single domains can be combined in another way",
                got=f"strategy {name}",
                way_out="Use a package of the strategy specialists or ensemble",
            )
    made_from = {**loaded.manifest.provenance, "networks_from": package.name}
    manifest = loaded.manifest.model_copy(update={"strategy": strategy, "provenance": made_from})
    changed = ModelPackage(manifest, loaded.networks, out)
    sample = load_sample(package)
    predictor = Predictor(changed, device="cpu", precision="fp32")
    probability = predictor.probability(sample.image, sample.condition)
    save_package(out, manifest, loaded.networks, replace(sample, probability=probability))
    return load_package(out)
