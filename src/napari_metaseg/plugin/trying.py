"""What can be tried of an image's metadata with a model, and how an answer is told. No Qt here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_metaseg.acquisition.condition import Condition
from napari_metaseg.acquisition.fields import CONDITION_FIELDS, FIELD_SPECS, Kind
from napari_metaseg.acquisition.record import Value
from napari_metaseg.conditioning.field import FEW, FieldEncoding
from napari_metaseg.conditioning.standing import standing
from napari_metaseg.plugin.scales import Scale, around, scale_of
from napari_metaseg.plugin.words import counted, plain, shown

if TYPE_CHECKING:
    from napari_metaseg.packages.manifest import PackageManifest
    from napari_metaseg.prediction.what_if import Answer

TIED = ("magnification", "pixel_size_um")
"""Of one camera, the product of these two is always the same."""


@dataclass(frozen=True)
class TrialField:
    """One field that a model looks at: what is true of the image, and what was trained.

    `scale` is there for numbers, `choices` for the rest. `marks` are the single trained values,
    where they are few, and `trained` the range they span. `encoding` is None for a field that only
    says to what scale an image is brought.
    """

    name: str
    kind: Kind
    true: Value | None
    scale: Scale | None = None
    marks: tuple[float, ...] = ()
    trained: tuple[float, float] | None = None
    choices: tuple[Value, ...] = ()
    encoding: FieldEncoding | None = None

    @property
    def title(self) -> str:
        """What to call it."""
        return FIELD_SPECS[self.name].label if self.name in FIELD_SPECS else self.name

    @property
    def unit(self) -> str:
        """Its unit; empty where it has none."""
        return CONDITION_FIELDS[self.name].unit if self.name in CONDITION_FIELDS else ""

    def text(self, value: Value | None) -> str:
        """A value with its unit."""
        if value is None:
            return "unknown"
        return shown(value) + (self.unit if self.unit in ("", "x") else f" {self.unit}")

    def standing(self, value: Value | None) -> str:
        """A word on whether the value was trained."""
        if self.encoding is None:
            return "unknown" if value is None else "sets the scale"
        return standing(self.encoding, value)

    def sentence(self, value: Value | None) -> str:
        """What the model makes of a value that it was not trained on."""
        if self.encoding is None:
            return "The image is brought by it to the scale that the model was trained at."
        return plain(self.encoding.notice(value) or f"{self.title}: as trained") + "."


def trial_fields(manifest: PackageManifest, truth: Condition) -> tuple[TrialField, ...]:
    """A field for everything in the metadata that changes what the model says."""
    encodings = {field.name: field for field in manifest.fields}
    return tuple(
        _trial(encodings[name], truth.get(name))
        if name in encodings
        else _of_scale(name, truth.get(name), manifest)
        for name in manifest.field_names
    )


def _trial(field: FieldEncoding, true: Value | None) -> TrialField:
    if field.kind != "float":
        choices = _choices(field, true)
        return TrialField(field.name, field.kind, true, choices=choices, encoding=field)
    seen = tuple(float(value) for value in field.trained_values)
    return TrialField(
        field.name,
        field.kind,
        true,
        scale=scale_of(field, None if true is None else float(true)),
        marks=seen if len(seen) <= FEW else (),
        trained=(seen[0], seen[-1]),
        encoding=field,
    )


def _choices(field: FieldEncoding, true: Value | None) -> tuple[Value, ...]:
    """The trained categories (of a truth value both), and the true value among them."""
    known: tuple[Value, ...] = field.categories if field.kind == "text" else (True, False)
    return known if true is None or true in known else (*known, true)


def _of_scale(name: str, true: Value | None, manifest: PackageManifest) -> TrialField:
    assert manifest.canonical is not None
    known = [manifest.canonical.value, *([] if true is None else [float(true)])]
    return TrialField(name, "float", true, scale=around(known, logarithmic=True))


def tried_condition(truth: Condition, tried: Mapping[str, Value | None]) -> Condition:
    """The true metadata with the tried values in their place; None is unknown."""
    return {k: v for k, v in {**truth, **tried}.items() if v is not None}


def follow(truth: Condition, name: str, value: Value | None) -> tuple[str, float] | None:
    """Of magnification and pixel size, the other one and what it is with `value` for this one.

    None where they are not tied: for other fields, and where the image does not state both.
    """
    if name not in TIED or not isinstance(value, float | int) or value <= 0:
        return None
    both = [truth.get(field) for field in TIED]
    if not all(isinstance(v, float | int) and v > 0 for v in both):
        return None
    other = TIED[1 - TIED.index(name)]
    return other, float(f"{float(both[0]) * float(both[1]) / value:.4g}")  # type: ignore[arg-type]


def answer_words(answer: Answer) -> str:
    """How a place differs from what the true metadata give."""
    now, before = answer.objects, answer.true_objects
    if answer.tried is answer.true:
        return f"With the true metadata: {counted(now, 'object')}."
    if not answer.differing_px and now == before:
        return f"Nothing differs from the true metadata: {counted(now, 'object')}."
    pixels = f"{answer.differing_px:,} px ({100 * answer.differing_share:.1f} %)"
    apart = abs(now - before)
    if not apart:
        return f"{pixels} differ from the true metadata; {counted(now, 'object')} with both."
    objects, numbers = counted(apart, "object"), f"{counted(now, 'object')}, not {before}"
    return f"{pixels} and {objects} differ from the true metadata ({numbers})."


def time_words(answer: Answer) -> str:
    """How long an answer took."""
    return f"Answered in {1000 * answer.seconds:.0f} ms."
