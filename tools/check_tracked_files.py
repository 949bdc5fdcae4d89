"""Refuse tracked files that only make sense on one machine, or do not belong in a repository.

Looks for paths of one machine or account, dead links in Markdown, pickles, and files over 1 MB.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST_BYTES = 1_000_000
# Written so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:home|Users|root|work)/\w|[A-Z]:\\Users\\")
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
PICKLES = {".pkl", ".pickle", ".pt", ".pth", ".ckpt"}


def problems(path: Path, tracked: set[Path]) -> Iterator[str]:
    """One plain sentence per problem of a file among those tracked."""
    if path.suffix in PICKLES:
        yield "is a pickle"
    data = path.read_bytes()
    if len(data) > LARGEST_BYTES:
        yield f"has {len(data):,} bytes; at most {LARGEST_BYTES:,}"
    if b"\0" in data:
        return
    text = data.decode("utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if found := MACHINE_PATH.search(line):
            yield f"line {number} names a path of one machine: {found.group()}..."
    if path.suffix == ".md":
        yield from _dead_links(path, text, tracked)


def _dead_links(path: Path, text: str, tracked: set[Path]) -> Iterator[str]:
    for target in LINK.findall(text):
        elsewhere = "://" in target or target.startswith("mailto:")
        place = (path.parent / target).resolve()
        if not elsewhere and place not in tracked and not place.is_dir():
            yield f"links to {target}, which is not tracked"


def main() -> int:
    """Exit status 1 if any tracked file has a problem; each is printed."""
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    paths = [ROOT / name for name in listed.split("\0") if name]
    tracked = {path for path in paths if path.is_file()}
    found = [
        f"{p.relative_to(ROOT)} {said}" for p in sorted(tracked) for said in problems(p, tracked)
    ]
    print("\n".join(found) or f"{len(paths)} tracked files: nothing of one machine, no dead links.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
