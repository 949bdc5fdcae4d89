"""Where in the network metadata acts: stages by name, and groups of them.

A U-Net with `depth` halvings has encoder stages enc1 .. enc<depth> (enc1 at full resolution), the
bottleneck, and decoder stages dec<depth> .. dec1.
"""

from __future__ import annotations

from collections.abc import Sequence

from napari_metaseg.errors import InputError

SITE_GROUPS = {
    "all": "Every stage.",
    "encoder": "The stages that shrink the image, with the bottleneck.",
    "decoder": "The stages that grow it again.",
    "inner": "The coarse half: the bottleneck and the stages next to it.",
    "outer": "The fine half: the stages near full resolution.",
    "symmetric": "The outermost pair: the first stage and the last, which face each other.",
    "first": "The first stage alone, where the image enters.",
}


def stage_names(depth: int) -> tuple[str, ...]:
    """Every stage in the order the image meets them."""
    encoder = tuple(f"enc{level}" for level in range(1, depth + 1))
    decoder = tuple(f"dec{level}" for level in range(depth, 0, -1))
    return (*encoder, "bottleneck", *decoder)


def resolve_sites(sites: Sequence[str], depth: int) -> frozenset[str]:
    """The stages that the groups and stage names mean; `InputError` for a word that is neither."""
    return frozenset(stage for site in sites for stage in _stages(site, depth))


def _stages(site: str, depth: int) -> list[str]:
    stages = stage_names(depth)
    if site in SITE_GROUPS:
        return [stage for stage in stages if _in_group(stage, site, depth)]
    if site not in stages:
        choices = ", ".join((*SITE_GROUPS, *stages))
        raise InputError("Unknown site", got=site, way_out=f"Choose among {choices}")
    return [site]


def _in_group(stage: str, group: str, depth: int) -> bool:
    level = depth + 1 if stage == "bottleneck" else int(stage[3:])
    fine = 2 * level <= depth + 1
    return {
        "all": True,
        "encoder": not stage.startswith("dec"),
        "decoder": stage.startswith("dec"),
        "inner": not fine,
        "outer": fine,
        "symmetric": level == 1 and stage != "bottleneck",
        "first": stage == "enc1",
    }[group]
