"""An acquisition record as valid OME-XML, through ome-types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

from napari_metaseg.acquisition.record import (
    AcquisitionRecord,
    ChannelRecord,
    PlaneRecord,
    Value,
)
from napari_metaseg.images.ome.annotation import annotation_pairs
from napari_metaseg.images.ome.kept_texts import keep_texts
from napari_metaseg.images.ome.node import NO_WORD
from napari_metaseg.images.ome.state import clean_text, put_statements
from napari_metaseg.images.ome.tree import parse_tree

if TYPE_CHECKING:
    from ome_types import OME, model

_NO_TEXTS: Mapping[str, str] = {}

_OBJECTIVE_TERMS = {
    "objective_nominal_magnification": "nominal_magnification",
    "lens_na": "lens_na",
    "immersion": "immersion",
}
_CHANNEL_TERMS = {
    "acquisition_mode": "acquisition_mode",
    "contrast_method": "contrast_method",
    "illumination_type": "illumination_type",
    "excitation_nm": "excitation_wavelength",
    "emission_nm": "emission_wavelength",
}
_PIXEL_TERMS = {f"pixel_size_{axis}_um": f"physical_size_{axis}" for axis in "xyz"}
_IMAGE_TERMS = {
    *_OBJECTIVE_TERMS,
    *_PIXEL_TERMS,
    "refractive_index",
    "detector",
    "microscope",
    "acquired_at",
}
_PIXEL_TYPES = {"float32": "float", "float64": "double"}
_OBJECTIVE, _DETECTOR = "Objective:0", "Detector:0"


def ome_xml(
    record: AcquisitionRecord,
    sizes: Mapping[str, int],
    pixel_type: str,
    *,
    name: str,
    channel_names: Sequence[str] = (),
    originals: Mapping[str, str] = _NO_TEXTS,
) -> str:
    """The OME-XML of one image with `sizes` (axis letter → length; S 3 for colour).

    `channel_names` win over the record's. Fields without an OME term are kept in annotations, and
    what was declared as well, beside the terms that carry it (`state.py`). `originals` are texts of
    the file that the image came from, kept as comments.
    """
    whole = _within(record, sizes)
    tree = parse_tree(_of_fields(_undeclared(whole), sizes, pixel_type, name, channel_names))
    put_statements(tree, tree.images[0], whole)
    keep_texts(tree.root, tree.images[0], originals)
    return tree.text()


def _undeclared(record: AcquisitionRecord) -> AcquisitionRecord:
    """The record without what was declared."""
    return replace(
        record,
        declared={},
        channels=tuple(replace(channel, declared={}) for channel in record.channels),
        planes=tuple(replace(plane, declared={}) for plane in record.planes),
    )


def _of_fields(
    record: AcquisitionRecord,
    sizes: Mapping[str, int],
    pixel_type: str,
    name: str,
    channel_names: Sequence[str],
) -> str:
    from ome_types import OME, to_xml

    leftovers: dict[str, Value] = {}
    image = _image(record, sizes, pixel_type, clean_text(name), leftovers)
    for channel, own in zip(image.pixels.channels, channel_names, strict=False):
        channel.name = clean_text(own)
    ome = OME()  # its references are resolved once all of it is there
    ome.images.append(image)
    _add_instrument(ome, record, leftovers)
    _add_annotations(ome, record, leftovers)
    return to_xml(ome, indent=0)


def _within(record: AcquisitionRecord, sizes: Mapping[str, int]) -> AcquisitionRecord:
    """The record without channels and planes that the image does not have, as a mask's."""
    count, depth, times = (sizes.get(axis, 1) for axis in "CZT")
    planes = (p for p in record.planes if p.c < count and p.z < depth and p.t < times)
    return replace(record, channels=record.channels[:count], planes=tuple(planes))


def _image(
    record: AcquisitionRecord,
    sizes: Mapping[str, int],
    pixel_type: str,
    name: str,
    leftovers: dict[str, Value],
) -> model.Image:
    from ome_types import model

    count, samples = sizes.get("C", 1), sizes.get("S", 1)
    depth, times = sizes.get("Z", 1), sizes.get("T", 1)
    pixels = model.Pixels(
        id="Pixels:0",
        dimension_order="XYZCT",
        type=_PIXEL_TYPES.get(pixel_type, pixel_type),
        size_x=sizes["X"],
        size_y=sizes["Y"],
        size_z=depth,
        size_c=count * samples,
        size_t=times,
        channels=[_channel(record.channel(c), c, samples, leftovers) for c in range(count)],
        planes=list(_planes(record, count, depth, times)),
        tiff_data_blocks=[model.TiffData(ifd=0, plane_count=count * depth * times)],
    )
    for key, attribute in _PIXEL_TERMS.items():
        if _put(pixels, attribute, record.get(key).value, key, leftovers):
            setattr(pixels, f"{attribute}_unit", "µm")
    image = model.Image(id="Image:0", name=name, pixels=pixels)
    _put(image, "acquisition_date", record.get("acquired_at").value, "acquired_at", leftovers)
    for key, field in record.fields.items():
        if key not in _IMAGE_TERMS and field.value is not None:
            leftovers[key] = field.value
    return image


def _put(
    target: Any, attribute: str, value: Value | None, key: str, leftovers: dict[str, Value]
) -> bool:
    """Set an attribute of an ome-types object; a value that would not come back is left over."""
    if value is None:
        return False
    if _fits(target, attribute, value):
        setattr(target, attribute, value)
        return True
    leftovers[key] = value
    return False


def _fits(target: Any, attribute: str, value: Value) -> bool:
    """Whether OME has a place for the value from which the same value is read."""
    if isinstance(value, str) and (clean_text(value).split() != value.split(" ")):
        return False
    if isinstance(value, str) and value.lower() in NO_WORD:
        return False
    trial = target.model_copy()
    try:
        setattr(trial, attribute, value)
    except ValueError:
        return False
    stored = getattr(trial, attribute)
    text = stored.isoformat() if hasattr(stored, "isoformat") else getattr(stored, "value", stored)
    return bool(text == value)


def _channel(
    channel: ChannelRecord, index: int, samples: int, leftovers: dict[str, Value]
) -> model.Channel:
    from ome_types import model

    made = model.Channel(
        id=f"Channel:0:{index}", name=clean_text(channel.name) or None, samples_per_pixel=samples
    )
    for name, field in channel.fields.items():
        key = f"channel {index}/{name}"
        if name == "binning" and isinstance(field.value, float):
            _put_binning(made, field.value, key, leftovers)
        elif name in _CHANNEL_TERMS:
            attribute = _CHANNEL_TERMS[name]
            if _put(made, attribute, field.value, key, leftovers) and name.endswith("_nm"):
                setattr(made, f"{attribute}_unit", "nm")
        elif name != "exposure_time_ms" and field.value is not None:
            leftovers[key] = field.value
    return made


def _put_binning(
    channel: model.Channel, value: float, key: str, leftovers: dict[str, Value]
) -> None:
    from ome_types import model

    settings = model.DetectorSettings(id=_DETECTOR)
    if _put(settings, "binning", f"{value:g}x{value:g}", key, {}):
        channel.detector_settings = settings
    else:
        leftovers[key] = value


def _planes(record: AcquisitionRecord, count: int, depth: int, times: int) -> Iterator[model.Plane]:
    """Plane elements for planes of which the position or the exposure is known."""
    from ome_types import model

    for t, c, z in product(range(times), range(count), range(depth)):
        plane = record.plane(c, z, t) or PlaneRecord(c, z, t)
        exposure = plane.exposure_time_ms
        if exposure is None:
            exposure = _number(record.channel(c).get("exposure_time_ms").value)
        known: dict[str, Any] = {}
        if exposure is not None:
            known |= {"exposure_time": exposure, "exposure_time_unit": "ms"}
        if plane.position_z_um is not None:
            known |= {"position_z": plane.position_z_um, "position_z_unit": "µm"}
        if known:
            yield model.Plane(the_c=c, the_z=z, the_t=t, **known)


def _number(value: Value | None) -> float | None:
    return float(value) if isinstance(value, float | int) else None


def _add_instrument(ome: OME, record: AcquisitionRecord, leftovers: dict[str, Value]) -> None:
    """The objective with its settings, the microscope and the detector, where known."""
    from ome_types import model

    instrument = model.Instrument(id="Instrument:0")
    image = ome.images[0]
    if any(record.get(key).known for key in (*_OBJECTIVE_TERMS, "refractive_index")):
        objective = model.Objective(id=_OBJECTIVE)
        settings = model.ObjectiveSettings(id=_OBJECTIVE)
        for key, attribute in _OBJECTIVE_TERMS.items():
            _put(objective, attribute, record.get(key).value, key, leftovers)
        index = record.get("refractive_index").value
        _put(settings, "refractive_index", index, "refractive_index", leftovers)
        _put(settings, "medium", record.get("immersion").value, "", {})
        instrument.objectives, image.objective_settings = [objective], settings
    if record.get("microscope").known:
        instrument.microscope = model.Microscope()
        value = record.get("microscope").value
        _put(instrument.microscope, "model", value, "microscope", leftovers)
    if record.get("detector").known or any(c.detector_settings for c in image.pixels.channels):
        instrument.detectors = [model.Detector(id=_DETECTOR)]
        value = record.get("detector").value
        _put(instrument.detectors[0], "model", value, "detector", leftovers)
    if instrument.objectives or instrument.microscope or instrument.detectors:
        ome.instruments = [instrument]
        image.instrument_ref = model.InstrumentRef(id=instrument.id)


def _add_annotations(ome: OME, record: AcquisitionRecord, leftovers: dict[str, Value]) -> None:
    from ome_types import model

    notes = [
        model.MapAnnotation(
            id=f"Annotation:{index}",
            namespace=namespace,
            value=model.Map(
                ms=[model.Map.M(k=clean_text(k), value=clean_text(v)) for k, v in pairs]
            ),
        )
        for index, (namespace, pairs) in enumerate(annotation_pairs(record, leftovers).items())
    ]
    if notes:
        ome.structured_annotations = model.StructuredAnnotations(map_annotations=notes)
        ome.images[0].annotation_refs = [model.AnnotationRef(id=note.id) for note in notes]
