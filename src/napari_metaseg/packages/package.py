"""Save and load a model package: a folder, a zip of one, or the name of an installed model."""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.errors import InputError
from napari_metaseg.files import atomic_folder
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.packages.card import model_card
from napari_metaseg.packages.manifest import Member, PackageManifest
from napari_metaseg.packages.stored import MANIFEST, is_package, read_manifest

_CARD = "README.md"
_LARGEST_UNPACKED_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Sample:
    """One input (C, Y, X) of raw intensities, its condition, and the probability (K, Y, X)."""

    image: NDArray[np.float32]
    condition: Condition
    probability: NDArray[np.float32]


@dataclass(frozen=True)
class ModelPackage:
    """A loaded package. The networks are in eval mode on the CPU; treat them as read-only."""

    manifest: PackageManifest
    networks: Mapping[str, ConditionedUNet]
    path: Path | None = None

    @property
    def network(self) -> ConditionedUNet:
        """The first member's network."""
        return next(iter(self.networks.values()))


def save_package(
    folder: Path,
    manifest: PackageManifest,
    networks: Mapping[str, ConditionedUNet],
    sample: Sample,
) -> None:
    """Write a package folder; it appears whole or not at all, and replaces an older one.

    The members of `manifest` are those of `networks`, in their order; what it says of a member of
    that name is kept. Raises `InputError` where `folder` is something else than a package, so that
    nothing else is ever replaced.
    """
    if folder.exists() and not is_package(folder):
        raise InputError(
            f"{folder} exists and is not a model package",
            way_out="Choose a new name, or move that away",
        )
    with atomic_folder(folder) as new:
        members = _write_weights(new, manifest, networks)
        manifest = manifest.model_copy(update={"members": members})
        text = manifest.model_dump_json(indent=1, by_alias=True)
        (new / MANIFEST).write_text(text, encoding="utf-8")
        (new / _CARD).write_text(model_card(manifest), encoding="utf-8")
        _write_sample(new, sample)


def _write_weights(
    folder: Path, manifest: PackageManifest, networks: Mapping[str, ConditionedUNet]
) -> tuple[Member, ...]:
    """Write every network; the members as the manifest tells them, with their checksums."""
    (folder / "weights").mkdir()
    told = {member.name: member for member in manifest.members}
    members = []
    for name, network in networks.items():
        file = folder / "weights" / f"{name}.safetensors"
        state = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
        save_file(state, file)
        member = told.get(name) or Member(name=name)
        members.append(member.model_copy(update={"sha256": _sha256(file)}))
    return tuple(members)


def _write_sample(folder: Path, sample: Sample) -> None:
    (folder / "sample").mkdir()
    arrays = {"image": sample.image, "probability": sample.probability}
    save_arrays(
        {k: np.ascontiguousarray(v) for k, v in arrays.items()},
        folder / "sample" / "sample.safetensors",
    )
    (folder / "sample" / "metadata.json").write_text(
        json.dumps(dict(sample.condition), indent=1, allow_nan=False), encoding="utf-8"
    )


def load_package(package: str | Path) -> ModelPackage:
    """Load a package from a folder, a zip, or an installed model's name.

    Raises `InputError` for what is not one, is damaged, or was written by a newer version.
    """
    path = find_package(package)
    with _opened(path) as folder:
        return _load_folder(folder, path)


def find_package(package: str | Path) -> Path:
    """The path that `package` stands for: itself, or a model of that name in the models folder."""
    path = Path(package)
    if path.exists():
        return path
    installed = models_folder() / str(package)
    if len(path.parts) == 1 and installed.exists():
        return installed
    raise InputError(
        f"no model package at {package}",
        way_out="Give a package folder or zip, or train one with 'metaseg train'",
    )


def models_folder() -> Path:
    """Where installed models live on this computer."""
    import platformdirs

    return Path(platformdirs.user_data_dir("napari-metaseg")) / "models"


def load_sample(path: Path) -> Sample:
    """The sample of a package (folder or zip): one input with the output it must give."""
    with _opened(path) as folder:
        return _read_sample(folder)


@contextmanager
def _opened(path: Path) -> Iterator[Path]:
    """The package folder: `path` itself, or what is in the zip for as long as the block lasts."""
    if path.is_dir():
        yield path
        return
    with tempfile.TemporaryDirectory() as name:
        _unpack(path, Path(name))
        yield next((p.parent for p in sorted(Path(name).rglob(MANIFEST))), Path(name))


def _read_sample(folder: Path) -> Sample:
    try:
        arrays = load_arrays(folder / "sample" / "sample.safetensors")
        text = (folder / "sample" / "metadata.json").read_text(encoding="utf-8")
        condition = json.loads(text)
        return Sample(arrays["image"], condition, arrays["probability"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise InputError(f"the sample of {folder} cannot be read", got=str(error)) from None


def _load_folder(folder: Path, shown: Path) -> ModelPackage:
    manifest = read_manifest(folder)
    if not manifest.members:
        raise InputError(f"{shown} is damaged", got="no networks in package.json")
    networks = {m.name: _load_network(folder, manifest, m) for m in manifest.members}
    return ModelPackage(manifest=manifest, networks=networks, path=shown)


def _load_network(folder: Path, manifest: PackageManifest, member: Member) -> ConditionedUNet:
    file = folder / "weights" / f"{member.name}.safetensors"
    try:
        if _sha256(file) != member.sha256:
            raise InputError(
                f"the weights {file.name} are not those the package was saved with",
                got="another checksum",
                way_out="Copy the package again",
            )
        network = ConditionedUNet(manifest.network)
        network.load_state_dict(load_file(file))
    except (OSError, RuntimeError, SafetensorError) as error:
        message = str(error).splitlines()[0]
        raise InputError(f"the weights {file.name} cannot be used", got=message) from None
    return network.eval()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            for entry in entries:
                name = PurePosixPath(entry.filename)
                if name.is_absolute() or ".." in name.parts:
                    raise InputError(f"{path} is not a safe zip", got=f"the path {entry.filename}")
            if sum(entry.file_size for entry in entries) > _LARGEST_UNPACKED_BYTES:
                raise InputError(f"{path} is too large", got="over 4 GiB unpacked")
            archive.extractall(folder)
    except (zipfile.BadZipFile, OSError) as error:
        no_zip = not zipfile.is_zipfile(path)
        raise InputError(
            f"{path} is not a model package",
            got="a file that is no zip" if no_zip else str(error),
            way_out="Give the folder that 'metaseg train' wrote, or a zip of it",
        ) from None
