"""OME-TIFFs that belong together: each holds planes of images that one OME-XML describes.

That OME-XML stands in each of the files, or (`BinaryOnly`) in a companion beside them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_metaseg.acquisition.record import Conflict
from napari_metaseg.errors import InputError
from napari_metaseg.images.ome.node import Node
from napari_metaseg.images.ome.standalone import open_described
from napari_metaseg.images.page_file import reading_tiff
from napari_metaseg.images.protocol import ImageSource, PlanewiseImage
from napari_metaseg.images.safe_xml import parse_xml_text, read_xml_text
from napari_metaseg.images.without_pixels import Surroundings


def open_set(path: Path, xml: str) -> tuple[ImageSource, ...] | None:
    """The images of the set that the OME-TIFF at `path` with this OME-XML belongs to.

    None for a file that stands alone, or whose companion is not there. What is there of a set is
    shown, what is not is named in the records. Raises `InputError` where the XML contradicts
    itself or names files outside the folder.
    """
    if "BinaryOnly" not in xml and "FileName" not in xml:
        return None
    try:
        root = Node(parse_xml_text(xml))
    except ValueError:
        return None
    companion = root.first("BinaryOnly").get("MetadataFile")
    if companion:
        return _open_companion(path, Surroundings(path).file(companion))
    own = root.get("UUID") or _only_uuid(root, path)
    if not _names_others(root, path, own):
        return None
    return open_described(path, xml, own_uuid=own)


def report_companion(images: tuple[ImageSource, ...], xml: str) -> tuple[ImageSource, ...]:
    """The images of a file that stands alone, with a notice where its companion is missing."""
    if "BinaryOnly" not in xml:
        return images
    notice = Conflict((), "the file's metadata are in a companion file that is not there")
    for image in images:
        if isinstance(image, PlanewiseImage):
            reported = (*image.record.reported, notice)
            image.record = replace(image.record, reported=reported)
    return images


def _only_uuid(root: Node, path: Path) -> str:
    """The identity of a file that does not state its own, where all planes are in one file.

    Under another name than the XML has it, the file was renamed: unless that other one is there.
    """
    named = {(uuid.text, uuid.get("FileName")) for uuid in root.every("UUID")}
    uuid, name = next(iter(named)) if len(named) == 1 else ("", "")
    return uuid if name and not path.with_name(Path(name).name).is_file() else ""


def _names_others(root: Node, path: Path, own: str) -> bool:
    """Whether planes lie in other files: by UUID where the file has one, as names change.

    Also where a renamed file does not state its UUID, which tifffile would look for elsewhere.
    """
    named = {(uuid.text, uuid.get("FileName")) for uuid in root.every("UUID")}
    unstated = own != root.get("UUID")
    return any((uuid != own or unstated) and name not in ("", path.name) for uuid, name in named)


def _open_companion(path: Path, companion: Path) -> tuple[ImageSource, ...] | None:
    if not companion.is_file():
        return None
    xml = _tiff_xml(companion) if _is_tiff(companion) else read_xml_text(companion)
    return open_described(path, xml, own_uuid=None)


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (b"II", b"MM")


def _tiff_xml(path: Path) -> str:
    """The OME-XML of another OME-TIFF."""
    import tifffile

    with reading_tiff(path), tifffile.TiffFile(path) as tiff:
        xml = tiff.ome_metadata if tiff.is_ome else None
    if not xml or "BinaryOnly" in xml:
        raise InputError(f"{path} should describe its set of files", got="no OME-XML in it")
    return xml
