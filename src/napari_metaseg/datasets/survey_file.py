"""Surveys on disk: plain arrays, found again by what tells that a plane is unchanged."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.datasets.noise import ChannelNoise
from napari_metaseg.datasets.object_widths import ObjectWidths
from napari_metaseg.datasets.plane_item import PlaneItem
from napari_metaseg.datasets.plane_survey import PlaneSurvey
from napari_metaseg.files import atomic_path

SURVEY_FILE = "survey.npz"
_VERSION = 1
_Arrays = Mapping[str, NDArray[Any]]


def save_surveys(run: Path, items: Sequence[PlaneItem]) -> None:
    """Keep the surveys of all items whose sources can tell that they are unchanged."""
    pairs = [(item.source.key(), item.survey) for item in items if item.survey is not None]
    arrays: dict[str, Any] = _to_arrays({key: survey for key, survey in pairs if key})
    with atomic_path(run / SURVEY_FILE) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_surveys(run: Path) -> dict[str, PlaneSurvey]:
    """What `save_surveys` kept, by the keys of the sources.

    Nothing where there is no such file or it cannot be read: the planes are then surveyed anew.
    """
    try:
        with (run / SURVEY_FILE).open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            arrays = {name: stored[name] for name in stored.files}
        return _from_arrays(arrays) if int(arrays["version"]) == _VERSION else {}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return {}


def _to_arrays(surveys: Mapping[str, PlaneSurvey]) -> dict[str, NDArray[Any]]:
    every = list(surveys.values())
    arrays: dict[str, NDArray[Any]] = {
        "version": np.array(_VERSION),
        "key": np.array(list(surveys), "S"),
        "shape": np.array([s.shape for s in every], np.int64).reshape(-1, 3),
        "not_finite": np.array([s.not_finite for s in every], np.int64),
        "objects": np.array([s.widths.objects for s in every], np.int64),
    }
    ragged: dict[str, list[NDArray[Any]]] = {
        "class_counts": [np.array(s.class_counts, np.int64) for s in every],
        "foreground": [s.foreground for s in every],
        "annotated": [s.annotated for s in every],
        "widths": [s.widths.px for s in every],
        "levels": [_pairs(s.levels or ()) for s in every],
        "noise": [_pairs([(n.at_zero, n.per_signal) for n in s.noise or ()]) for s in every],
    }
    for name, parts in ragged.items():
        arrays[name] = np.concatenate(parts) if parts else np.empty(0)
        arrays[f"{name}_ends"] = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return arrays


def _pairs(pairs: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(pairs, np.float64).reshape(-1)


def _from_arrays(arrays: _Arrays) -> dict[str, PlaneSurvey]:
    def parts(name: str) -> list[NDArray[Any]]:
        return np.split(arrays[name], arrays[f"{name}_ends"][:-1]) if len(arrays["key"]) else []

    rows = zip(
        arrays["key"],
        arrays["shape"],
        arrays["not_finite"],
        arrays["objects"],
        *(parts(n) for n in ("class_counts", "foreground", "annotated", "widths")),
        *(parts(n) for n in ("levels", "noise")),
        strict=True,
    )
    return {key.decode(): _survey(*facts) for key, *facts in rows}


def _survey(  # noqa: PLR0913 - the one place where a row is put together
    shape: NDArray[Any],
    not_finite: int,
    objects: int,
    counts: NDArray[Any],
    foreground: NDArray[Any],
    annotated: NDArray[Any],
    widths: NDArray[Any],
    levels: NDArray[Any],
    noise: NDArray[Any],
) -> PlaneSurvey:
    channels, height, width = map(int, shape)
    return PlaneSurvey(
        shape=(channels, height, width),
        not_finite=int(not_finite),
        class_counts=tuple(map(int, counts)),
        foreground=foreground.copy(),
        annotated=annotated.copy(),
        widths=ObjectWidths(widths.copy(), int(objects)),
        levels=tuple((float(a), float(b)) for a, b in levels.reshape(-1, 2)) or None,
        noise=tuple(ChannelNoise(float(a), float(b)) for a, b in noise.reshape(-1, 2)) or None,
    )
