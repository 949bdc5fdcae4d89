"""Object scores of one plane: which annotated objects were found, and how well.

Truth and predicted objects are matched one to one where their IoU reaches a threshold. F1 and
PQ = Σ IoU / (TP + FP/2 + FN/2) follow Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963. From an
IoU above 0.5 on, an object has at most one partner; up to 0.5 an optimal assignment decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.evaluation.overlap import Mask, Pixels, require_same_shape

THRESHOLDS = tuple(step / 20 for step in range(10, 20))
"""0.5, 0.55, ... 0.95; exact quotients, so that an IoU of 11/20 reaches 0.55."""

_LARGEST_TABLE = 1 << 22


@dataclass(frozen=True)
class ObjectOverlap:
    """Every pair of objects that share annotated pixels, with its IoU there.

    `truth_ids` and `predicted_ids` are the labels in rising order; `pairs` (N, 2) indexes into
    them, `ious` (N,) belongs to it. `truth_counts` and `predicted_counts` say which objects are
    an error when they find no partner: those with at least half of their pixels annotated.
    """

    truth_ids: NDArray[np.int64]
    predicted_ids: NDArray[np.int64]
    pairs: NDArray[np.int64]
    ious: NDArray[np.float64]
    truth_counts: NDArray[np.bool_]
    predicted_counts: NDArray[np.bool_]


@dataclass(frozen=True)
class Matching:
    """Which objects found a partner: `matched` (N, 2) labels, their `ious`, and the errors.

    `missed` are labels of truth objects and `invented` labels of predicted ones without a partner.
    """

    matched: NDArray[np.int64]
    ious: NDArray[np.float64]
    missed: NDArray[np.int64]
    invented: NDArray[np.int64]

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); 1 where there is nothing to find and nothing was found."""
        return self._over_objects(len(self.matched))

    @property
    def pq(self) -> float:
        """Panoptic quality: F1 times the mean IoU of the matched pairs."""
        return self._over_objects(float(self.ious.sum()))

    def _over_objects(self, found: float) -> float:
        whole = len(self.matched) + (len(self.missed) + len(self.invented)) / 2
        return found / whole if whole else 1.0


@dataclass(frozen=True)
class ObjectScores:
    """F1 at IoU 0.5, its mean over 0.5, 0.55, ... 0.95, and PQ at 0.5; 0 to 1."""

    f1_50: float
    f1_50_95: float
    pq: float


def object_scores(
    truth: Pixels, predicted: Pixels, valid: Mask | None = None
) -> ObjectScores | None:
    """How well predicted (Y, X) objects agree with annotated ones; None without annotated pixels.

    Labels are 0 for background and one number per object, in any order. Only pixels where `valid`
    (None: all) count; an object mostly outside of them may be matched but is no error if it is not.
    Raises `InputError` where the shapes differ.
    """
    if truth.size == 0 or (valid is not None and not valid.any()):
        return None
    overlap = overlap_objects(truth, predicted, valid)
    matchings = [match_objects(overlap, threshold) for threshold in THRESHOLDS]
    mean = float(np.mean([matching.f1 for matching in matchings]))
    return ObjectScores(matchings[0].f1, mean, matchings[0].pq)


def overlap_objects(truth: Pixels, predicted: Pixels, valid: Mask | None = None) -> ObjectOverlap:
    """Count, once, how all objects of two (Y, X) label images overlap on annotated pixels.

    Raises `InputError` where the shapes differ.
    """
    require_same_shape(truth, predicted, valid)
    truth_ids, t = _renumbered(truth)
    predicted_ids, p = _renumbered(predicted)
    truth_all = np.bincount(t, minlength=len(truth_ids) + 1)[1:]
    predicted_all = np.bincount(p, minlength=len(predicted_ids) + 1)[1:]
    truth_area, predicted_area = truth_all, predicted_all
    if valid is not None and not valid.all():
        t, p = t[valid.ravel()], p[valid.ravel()]
        truth_area = np.bincount(t, minlength=len(truth_ids) + 1)[1:]
        predicted_area = np.bincount(p, minlength=len(predicted_ids) + 1)[1:]
    pairs, shared = _shared_pixels(t, p, len(truth_ids), len(predicted_ids))
    union = truth_area[pairs[:, 0]] + predicted_area[pairs[:, 1]] - shared
    return ObjectOverlap(
        truth_ids,
        predicted_ids,
        pairs,
        shared / union,
        2 * truth_area >= truth_all,
        2 * predicted_area >= predicted_all,
    )


def match_objects(overlap: ObjectOverlap, threshold: float = 0.5) -> Matching:
    """Pair objects one to one where their IoU is at least `threshold` (above 0).

    Where several partners qualify, as many objects as possible find one, at the highest total IoU.
    """
    enough = overlap.ious >= threshold
    pairs, ious = overlap.pairs[enough], overlap.ious[enough]
    if threshold <= 0.5:
        chosen = _assigned(pairs, ious)
        pairs, ious = pairs[chosen], ious[chosen]
    missed, invented = overlap.truth_counts.copy(), overlap.predicted_counts.copy()
    missed[pairs[:, 0]] = False
    invented[pairs[:, 1]] = False
    matched = np.stack((overlap.truth_ids[pairs[:, 0]], overlap.predicted_ids[pairs[:, 1]]), axis=1)
    return Matching(matched, ious, overlap.truth_ids[missed], overlap.predicted_ids[invented])


def _renumbered(labels: Pixels) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The labels present, rising, and the flat image with them as 1, 2, ..."""
    flat = labels.ravel()
    largest = int(flat.max()) if flat.size else 0
    if largest > _LARGEST_TABLE:
        ids, positions = np.unique(np.append(0, flat), return_inverse=True)
        return ids[1:].astype(np.int64), positions[1:]
    present = np.bincount(flat, minlength=1) > 0
    ids = np.flatnonzero(present[1:]) + 1
    table = np.zeros(largest + 1, dtype=np.int64)
    table[ids] = np.arange(1, len(ids) + 1)
    return ids, table[flat]


def _shared_pixels(
    t: NDArray[np.int64], p: NDArray[np.int64], n_truth: int, n_predicted: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The (N, 2) pairs of object indices that meet, and in how many pixels."""
    width = n_predicted + 1
    if (n_truth + 1) * width <= _LARGEST_TABLE:
        table = np.bincount(t * width + p, minlength=(n_truth + 1) * width)
        table = table.reshape(n_truth + 1, width)[1:, 1:]
        pairs = np.argwhere(table)
        return pairs, table[pairs[:, 0], pairs[:, 1]]
    meeting = (t > 0) & (p > 0)
    codes, counts = np.unique(t[meeting] * width + p[meeting], return_counts=True)
    return np.stack((codes // width - 1, codes % width - 1), axis=1), counts


def _assigned(pairs: NDArray[np.int64], ious: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which pairs to keep so that none shares an object."""
    rivals = (np.bincount(pairs[:, 0])[pairs[:, 0]] > 1) | (
        np.bincount(pairs[:, 1])[pairs[:, 1]] > 1
    )
    contested = np.flatnonzero(rivals)
    if contested.size == 0:
        return np.arange(len(pairs))
    from scipy.optimize import linear_sum_assignment

    rows, row = np.unique(pairs[contested, 0], return_inverse=True)
    columns, column = np.unique(pairs[contested, 1], return_inverse=True)
    gain = np.zeros((len(rows), len(columns)))
    # One more match outweighs any gain in IoU.
    gain[row, column] = 1 + ious[contested] / (2 * min(gain.shape))
    index = np.full(gain.shape, -1)
    index[row, column] = contested
    chosen = index[linear_sum_assignment(gain, maximize=True)]
    return np.sort(np.concatenate((np.flatnonzero(~rivals), chosen[chosen >= 0])))
