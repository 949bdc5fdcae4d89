"""What an inspection says, in sentences."""

from __future__ import annotations

from napari_metaseg.inspection.result import FieldReport, Inspection

_HARDLY = 0.01
"""Part of the mask below which a field hardly changes it."""


def verdicts(inspection: Inspection) -> list[str]:
    """One sentence a field, the strongest first, then the networks chosen where there are several.

    One sentence where there is no field at all.
    """
    if not inspection.fields:
        return [
            "This model takes no metadata: nothing that is known of an image changes its result."
        ]
    strongest = sorted(inspection.fields, key=lambda report: -report.mask_changed)
    chosen = [line for report in strongest if (line := members_of(report))]
    return [*(verdict_of(report) for report in strongest), *chosen]


def verdict_of(report: FieldReport) -> str:
    """What this field does, in one sentence."""
    change, name = report.mask_changed, report.name
    only = "" if len(report.known) > 1 else f" (only {report.trained} was trained)"
    if change >= _HARDLY:
        return (
            f"{name} changes up to {percent(change)} of the mask{_at(report)}{_withheld(report)}."
        )
    if change > 0:
        return f"{name} hardly changes the mask (up to {percent(change)}){only}{_withheld(report)}."
    if any(move.probability_moved for move in report.known):
        return f"{name} moves the probability but not the mask{only}{_withheld(report)}."
    if report.unknown is not None and report.unknown.mask_changed > 0:
        return f"{name} makes no difference among the trained values{only}{_withheld(report)}."
    ignored = (
        "the network ignores it" if report.seen_by_network else "its values are all the same here"
    )
    return f"{name} changes nothing{only}: {ignored}."


def members_of(report: FieldReport) -> str:
    """Which network counts most for each value of the field; empty where there is only one."""
    parts = []
    for move in report.moves:
        if move.members:
            name, share = max(move.members.items(), key=lambda item: item[1])
            counts = "" if share > 0.995 else f" ({percent(share)})"
            parts.append(f"{move.label} → {name}{counts}")
    return f"{report.name} chooses the network: {', '.join(parts)}." if parts else ""


def percent(part: float) -> str:
    """0.123 as "12.3 %"."""
    if 0 < part < 0.0005:
        return "under 0.1 %"
    return "0 %" if part == 0 else f"{100 * part:.1f} %"


def _at(report: FieldReport) -> str:
    most = max(report.known, key=lambda move: move.mask_changed)
    return f" (at {most.label})"


def _withheld(report: FieldReport) -> str:
    if report.unknown is None or report.sample_value is None:
        return ""
    return f"; withholding it changes {percent(report.unknown.mask_changed)}"


def most_moved(report: FieldReport) -> str:
    """The three layers whose features move most: "dec1.2 (12.0 %), ..", "none" where none does."""
    if not report.seen_by_network:
        return "not seen inside the network"
    moved = {layer: part for layer, part in report.most("outputs").items() if part > 0}
    first = sorted(moved, key=lambda layer: -moved[layer])[:3]
    return ", ".join(f"{layer} ({percent(moved[layer])})" for layer in first) or "none"
