"""Networks to time: untrained weights run as fast as trained ones."""

from __future__ import annotations

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.networks.config import NetworkConfig
from napari_metaseg.networks.unet import ConditionedUNet, build_network
from napari_metaseg.packages.manifest import PackageManifest
from napari_metaseg.packages.package import ModelPackage

CONDITION: Condition = {"magnification": 20.0, "modality": "fluorescence", "exposure_ms": 40.0}
_CONDITIONS: list[Condition] = [
    CONDITION,
    {"magnification": 10.0, "modality": "brightfield", "exposure_ms": 5.0},
]


def schema() -> MetadataSchema:
    """Three fields with two training values each."""
    return MetadataSchema.fit(_CONDITIONS, list(CONDITION))


def network(method: str, width: int = 16, depth: int = 3) -> ConditionedUNet:
    """A network of the default size."""
    size = schema().size if METHODS[method].reads_metadata else 0
    modality = schema().field_slices["modality"]
    config = NetworkConfig(
        width=width,
        depth=depth,
        method=method,
        metadata_size=size,
        # The last column of a field says only that it is known.
        head_columns=tuple(range(size)[modality][:-1]) if method == "multi-head" else (),
    )
    return build_network(config, seed=0).eval()


def package(method: str, width: int = 16) -> ModelPackage:
    """The network as a loaded package."""
    built = network(method, width)
    manifest = PackageManifest(
        name=method,
        strategy="conditioned",
        members=(),
        network=built.config,
        metadata_schema=schema(),
        input_channels=1,
        classes=("foreground",),
    )
    return ModelPackage(manifest, {"main": built})
