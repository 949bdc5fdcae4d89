"""Which options of `metaseg train` would have no say, given the others: said, not swallowed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from napari_metaseg.conditioning.methods import METHODS
from napari_metaseg.errors import InputError
from napari_metaseg.packages.strategies import STRATEGIES, StrategyInfo

_OFF: Mapping[str, float] = {"metadata_dropout": 0, "record_dropout": 0, "max_zoom": 1}
"""What turns an option off: true in any case."""
_SCALES = {"magnification", "pixel_size_um"}


def check_unused(given: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse an option that was given and would silently be left unused.

    `settings` are all that is known of the run: the defaults, those of a run that is resumed, and
    the given ones.
    """
    if given.get("steps") is not None and given.get("minutes") is not None:
        raise InputError(
            "--steps and --minutes both say how long to train", way_out="Leave one of them out"
        )
    info = STRATEGIES.get(str(settings["strategy"]))
    method = str(settings["method"])
    if info is None or method not in METHODS:
        return
    _check_method(given, info, method)
    for name, reason in _without_say(settings, info, method):
        if name in given and given[name] != _OFF.get(name):
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} has no say: {reason}", way_out=f"Leave out {option}")


def _check_method(given: Mapping[str, Any], info: StrategyInfo, method: str) -> None:
    if "method" in given and METHODS[method].reads_metadata and not info.sees_metadata:
        seeing = ", ".join(name for name, other in STRATEGIES.items() if other.sees_metadata)
        raise InputError(
            f"with --strategy {info.name} the network sees no metadata",
            got=f"--method {method}",
            way_out=f"Leave out --method, or choose --strategy {seeing}",
        )


def _without_say(
    settings: Mapping[str, Any], info: StrategyInfo, method: str
) -> Iterator[tuple[str, str]]:
    """The options without a say, each with the reason.

    `--fields` always has one: it also tells the domains that are drawn and scored alike.
    """
    reads = info.sees_metadata and METHODS[method].reads_metadata
    used = method if reads or not METHODS[method].reads_metadata else "none"
    if not reads:
        whose = f"the method {method}" if info.sees_metadata else f"--strategy {info.name}"
        for name in ("encoding", "outside", *_OFF):
            if name != "max_zoom" or info.name != "scale-augmented":
                yield name, f"with {whose} the network sees no metadata"
    elif info.name == "conditioned" and _without_scale(settings.get("fields")):
        yield "max_zoom", "the network is told neither magnification nor pixel size"
    yield from _without_say_of_method(used)
    yield from _without_say_of_domains(settings, info)


def _without_scale(fields: Sequence[str] | None) -> bool:
    return bool(fields) and _SCALES.isdisjoint(fields or ())


def _without_say_of_method(method: str) -> Iterator[tuple[str, str]]:
    """`method` is what the network really uses, `none` where no metadata steer it."""
    if method == "none":
        yield "sites", "nothing steers the network"
    elif not METHODS[method].places:
        yield "sites", f"the method {method} has a place of its own"
    if not METHODS[method].fuses:
        for name in ("fuse", "generator"):
            yield name, "it is for methods that fuse metadata into filters (--method fusion-…)"


def _without_say_of_domains(
    settings: Mapping[str, Any], info: StrategyInfo
) -> Iterator[tuple[str, str]]:
    if info.name != "fine-tuned":
        yield "tuned_domain", "it is for --strategy fine-tuned alone"
    if not (info.per_domain or info.name == "fine-tuned" or settings["sampling"] == "balanced"):
        yield "domain_fields", "no domains are made, and images are drawn as they are there"
