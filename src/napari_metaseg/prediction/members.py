"""Which networks of a package predict a plane, and how much each one counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_metaseg.acquisition.condition import Condition, domain_label
from napari_metaseg.conditioning.schema import MetadataSchema
from napari_metaseg.packages.manifest import Member, PackageManifest

_POWER = 4
_SAME = 1e-3
"""Encoded distance below which a condition is of a domain (the trained range is 2 wide)."""


def member_weights(manifest: PackageManifest, condition: Condition) -> dict[str, float]:
    """What each member counts for a plane of this condition; those that count nothing are left out.

    Specialists: the member of the nearest domain alone. Ensemble: member i counts
    wᵢ = nᵢ·dᵢ⁻⁴ / Σⱼ nⱼ·dⱼ⁻⁴, with nᵢ its share of the training images and dᵢ the distance to its
    domain, so that at a trained value its own member counts alone, and in between the weights
    change without a jump. Distances are Euclidean among the fields that are known, in the encoding
    of the domain schema (magnification and pixel size on a log scale, trained range -1 to 1). Among
    members at distance 0, and all are where nothing is known, the shares alone decide.

    Source of the weights: Shepard, Proc. 23rd ACM National Conference 1968, with power 4.
    """
    members = manifest.members
    if len(members) < 2:
        return {member.name: 1.0 for member in members}
    distances = domain_distances(manifest.domain_schema, members, condition)
    shares = np.array([max(member.share, 1e-6) for member in members])
    if manifest.strategy == "specialists":
        near = np.flatnonzero(distances <= distances.min() + _SAME)
        return {members[near[np.argmax(shares[near])]].name: 1.0}
    weights = _shepard(distances, shares)
    return {m.name: float(w) for m, w in zip(members, weights, strict=True) if w > 0}


def domain_distances(
    schema: MetadataSchema, members: Sequence[Member], condition: Condition
) -> NDArray[np.float64]:
    """The distance of a condition to each member's domain, over the fields that are known."""
    here = schema.encode(condition).astype(np.float64)
    known = np.zeros(schema.size, bool)
    for columns in schema.field_slices.values():
        known[columns] = here[columns.stop - 1] > 0
    domains = np.stack([schema.encode(member.domain) for member in members])
    return np.linalg.norm((domains - here) * known, axis=1)


def _shepard(distances: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    at = distances < _SAME
    if at.any():
        weights = np.where(at, shares, 0)
    else:
        weights = shares * (distances / distances.min()) ** -_POWER
    return weights / weights.sum()


def member_notices(manifest: PackageManifest, condition: Condition) -> tuple[str, ...]:
    """Plain sentences on a choice of networks that the metadata leave open."""
    members = {member.name: member for member in manifest.members}
    if len(members) < 2:
        return ()
    weights = member_weights(manifest, condition)
    schema = manifest.domain_schema
    told = schema.notices(condition)
    if not told:
        return ()
    names = tuple(field.name for field in schema.fields)
    used = max(weights, key=lambda name: weights[name])
    label = domain_label(members[used].domain, names)
    if manifest.strategy == "specialists":
        done = f"the network for {label} is used"
    else:
        done = f"the networks vote, the one for {label} with {weights[used]:.0%}"
    return (*told, done)
