"""Inspect a package: sweep each field on the package's own sample and see what moves."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.field import FieldEncoding
from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.datasets.normalise import normalise
from napari_metaseg.errors import InputError
from napari_metaseg.events import CancelToken, Event, Progress
from napari_metaseg.inspection.layers import (
    as_plane,
    folded_layers,
    layer_outputs,
    output_modules,
    relative_change,
)
from napari_metaseg.inspection.result import CurvePoint, FieldReport, Inspection, Move
from napari_metaseg.inspection.sweep import (
    curve_values,
    label_of_value,
    sweep_values,
    swept_fields,
)
from napari_metaseg.networks.unet import ConditionedUNet
from napari_metaseg.packages.package import ModelPackage, Sample
from napari_metaseg.prediction.members import member_weights
from napari_metaseg.prediction.objects.instances import classes_from_probability
from napari_metaseg.prediction.predictor import Predictor

_SIDE_PX = 256
"""The sample is cut to this side, so that an inspection takes seconds."""


def inspect_package(
    package: ModelPackage,
    sample: Sample,
    token: CancelToken,
    *,
    curves: bool = True,
) -> Generator[Event, None, Inspection]:
    """How far every field moves the layers and the result, on the sample under its own condition.

    Yields `Progress` per value tried; raises `Cancelled` between two of them. `curves` adds the
    response to numbers over and beyond the trained range.
    """
    image = np.ascontiguousarray(sample.image[:, :_SIDE_PX, :_SIDE_PX])
    probe = _Probe(package, image, sample.condition)
    fields = swept_fields(package.manifest)
    total = sum(len(sweep_values(f)) + 1 + curves * len(curve_values(f)) for f in fields)
    done, reports = 0, []
    for field in fields:
        moves, points = [], []
        for value in (*sweep_values(field), None):
            token.raise_if_cancelled()
            moves.append(probe.move(field, value))
            done += 1
            yield Progress(done, total, f"trying values of {field.name}")
        for number in curve_values(field) if curves else ():
            token.raise_if_cancelled()
            points.append(probe.point(field, number))
            done += 1
            yield Progress(done, total, f"trying values of {field.name}")
        reports.append(probe.report(field, moves, points))
    return probe.inspection(tuple(reports))


@dataclass(frozen=True)
class _State:
    """What one condition gives: filters and outputs by layer, and the probability (K, Y, X)."""

    filters: Mapping[str, tuple[Tensor, Tensor]]
    outputs: Mapping[str, Tensor]
    probability: NDArray[np.float32]
    classes: NDArray[np.uint8]


class _Probe:
    """Asks one package for one image under changed conditions; remembers the unchanged answer."""

    def __init__(
        self, package: ModelPackage, image: NDArray[np.float32], condition: Condition
    ) -> None:
        self.package, self.image, self.condition = package, image, condition
        self.predictor = Predictor(package, device="cpu", precision="fp32")
        self.notices: dict[str, None] = dict.fromkeys(_notices(package))
        self._known: dict[bytes, NDArray[np.float32]] = {}
        self.base = self._state(condition)

    def move(self, field: FieldEncoding, value: Value | None) -> Move:
        """What setting `field` to `value` (None: withholding it) changes."""
        condition = _changed(self.condition, field.name, value)
        state = self._state(condition)
        old, filters = self.base.filters, state.filters
        return Move(
            value=value,
            label=label_of_value(value),
            weights={k: relative_change(filters[k][0], old[k][0]) for k in old},
            biases={k: relative_change(filters[k][1], old[k][1]) for k in old},
            outputs={
                k: relative_change(state.outputs[k], before)
                for k, before in self.base.outputs.items()
            },
            mask_changed=mask_change(state.classes, self.base.classes),
            probability_moved=float(np.abs(state.probability - self.base.probability).mean()),
            area=float((state.classes > 0).mean()),
            members=self._members(condition),
            classes=state.classes,
        )

    def point(self, field: FieldEncoding, number: float) -> CurvePoint:
        """The result for one number of the field."""
        probability = self._probability(_changed(self.condition, field.name, number))
        low, high = field.trained_min, field.trained_max
        outside = low is not None and high is not None and not low <= number <= high
        return CurvePoint(
            value=number,
            area=float((classes_from_probability(probability) > 0).mean()),
            probability=float(_foreground(probability).mean()),
            clamped=outside and field.outside == "clamp",
        )

    def report(
        self, field: FieldEncoding, moves: list[Move], points: list[CurvePoint]
    ) -> FieldReport:
        """The field's moves and curve, with what was trained."""
        return FieldReport(
            name=field.name,
            kind=field.kind,
            sample_value=self.condition.get(field.name),
            trained=", ".join(move.label for move in moves if move.value is not None),
            moves=tuple(moves),
            curve=tuple(points),
            trained_values=tuple(field.trained_values),
            trained_range=_range(field),
            seen_by_network=field.name in self.package.manifest.metadata_schema.names,
            transform=field.transform,
        )

    def inspection(self, reports: tuple[FieldReport, ...]) -> Inspection:
        """All of it."""
        manifest = self.package.manifest
        if not any(move.area for report in reports for move in report.moves) and reports:
            self.notices["The model finds nothing in its sample image: no mask can change"] = None
        return Inspection(
            package=manifest.name,
            strategy=manifest.strategy,
            method=METHODS[manifest.network.method].label,
            members=tuple(self.package.networks),
            condition=self.condition,
            layers=tuple(self.base.outputs),
            fields=reports,
            notices=tuple(self.notices),
            image=self.image,
            classes=self.base.classes,
        )

    def _members(self, condition: Condition) -> dict[str, float]:
        several = len(self.package.networks) > 1
        return member_weights(self.package.manifest, condition) if several else {}

    def _state(self, condition: Condition) -> _State:
        filters: dict[str, tuple[Tensor, Tensor]] = {}
        outputs: dict[str, Tensor] = {}
        if self.package.manifest.metadata_schema.size:
            m = torch.from_numpy(self.package.manifest.metadata_schema.encode(condition))
            for name, network in self.package.networks.items():
                prefix = f"{name}/" if len(self.package.networks) > 1 else ""
                found = self._layers(network, m)
                filters |= {prefix + layer: values for layer, values in found[0].items()}
                outputs |= {prefix + layer: values for layer, values in found[1].items()}
        probability = self._probability(condition)
        return _State(filters, outputs, probability, classes_from_probability(probability))

    def _layers(
        self, network: ConditionedUNet, m: Tensor
    ) -> tuple[dict[str, tuple[Tensor, Tensor]], dict[str, Tensor]]:
        plane = as_plane(normalise(self.image), network.config.stride)
        found = layer_outputs(network, plane, m)
        outputs = {name: found[name] for name in (*output_modules(network), "head")}
        try:
            return folded_layers(network, m, plane), outputs
        except InputError as error:
            self.notices[f"No filters are compared, outputs only: {error.what}"] = None
            return {}, outputs

    def _probability(self, condition: Condition) -> NDArray[np.float32]:
        """The package's result; the same numbers for the network are predicted once."""
        manifest = self.package.manifest
        scale = manifest.canonical and condition.get(manifest.canonical.field)
        numbers = [s.encode(condition) for s in (manifest.metadata_schema, manifest.domain_schema)]
        key = np.concatenate(numbers).tobytes() + repr(scale).encode()
        if key not in self._known:
            self._known[key] = self.predictor.probability(self.image, condition)
        return self._known[key]


def mask_change(new: NDArray[np.uint8], old: NDArray[np.uint8]) -> float:
    """Pixels whose class differs / pixels that are foreground in either; 0 where there are none."""
    either = int(((new > 0) | (old > 0)).sum())
    return int((new != old).sum()) / either if either else 0.0


def inspected_sample(package: ModelPackage) -> Sample:
    """The sample of a package that was loaded from a folder or a zip."""
    from napari_metaseg.packages.package import load_sample

    path = package.path
    if path is None:
        raise InputError("this package was not loaded from a file", way_out="Give a sample")
    return load_sample(Path(path))


def _range(field: FieldEncoding) -> tuple[float, float] | None:
    if field.trained_min is None or field.trained_max is None:
        return None
    return field.trained_min, field.trained_max


def _changed(condition: Condition, name: str, value: Value | None) -> Condition:
    others = {field: known for field, known in condition.items() if field != name}
    return others if value is None else {**others, name: value}


def _foreground(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    return probability[0] if len(probability) == 1 else 1 - probability[0]


def _notices(package: ModelPackage) -> list[str]:
    """What to know before reading the numbers."""
    manifest = package.manifest
    method = METHODS[manifest.network.method]
    found = []
    if method.reads_image and manifest.metadata_schema.size:
        found.append(
            f"{method.label} also looks at the image: filters are those of this sample, and a "
            "change in one layer moves the gates of later ones"
        )
    if manifest.canonical is not None:
        found.append(
            "Images are resized to one scale before the network; layers were compared on the "
            "sample as it is, the result with resizing"
        )
    if len(package.networks) > 1:
        found.append(
            f"{len(package.networks)} networks: {', '.join(package.networks)}; "
            "metadata choose or weight them"
        )
    return found
