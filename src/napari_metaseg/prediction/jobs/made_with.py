"""A digest that changes with whatever changes results, beside the image itself."""

from __future__ import annotations

from hashlib import sha256

from napari_metaseg import __version__
from napari_metaseg.packages.manifest import PackageManifest


def digest_of(manifest: PackageManifest, *settings: str) -> str:
    """A digest of a model, this version and the settings that change results.

    The manifest holds the checksums of the weights, which were compared when they were loaded.
    """
    parts = (__version__, *settings, manifest.model_dump_json())
    return sha256("\n".join(parts).encode()).hexdigest()
