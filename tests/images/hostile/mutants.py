"""Damage a file in many ways and open each damaged copy: `python mutants.py FILE FIRST COUNT`.

Prints one JSON line for every copy that did anything but open soundly or be refused in one clear
line. Runs in a process of its own, with bounded memory: native code may crash, and must not.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

MEMORY_BYTES = 4 << 30
SECONDS = 20
HEADER_BYTES = 4096
NUMBERS = [b"-1", b"0", b"1e400", b"NaN", b"99999999999", b"4294967296", b"0.0000001", b""]
WORDS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


class TooSlow(BaseException):
    """Not an Exception: no reader may swallow it."""


def mutate(content: bytes, rng: random.Random) -> bytes:
    """One to three wounds, most of them in the first and last bytes, where headers stand."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if data:
            rng.choice((_flip, _overwrite, _word, _cut, _drop, _insert, _number, _number))(
                data, rng
            )
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    near = min(len(data), HEADER_BYTES)
    return rng.choice(
        (rng.randrange(near), len(data) - 1 - rng.randrange(near), rng.randrange(len(data)))
    )


def _flip(data: bytearray, rng: random.Random) -> None:
    data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    at, length = _place(data, rng), rng.randrange(1, 64)
    data[at : at + length] = bytes([rng.choice((0, 255, 32, 60))]) * min(length, len(data) - at)


def _word(data: bytearray, rng: random.Random) -> None:
    at, size = _place(data, rng) & ~1, rng.choice((2, 4, 8))
    value = rng.choice(WORDS) & ((1 << 8 * size) - 1)
    order = rng.choice(("little", "big"))
    data[at : at + size] = value.to_bytes(size, order)[: max(0, len(data) - at)]


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _drop(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.randrange(1, 200)]


def _insert(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(rng.randrange(1, 64))


def _number(data: bytearray, rng: random.Random) -> None:
    """Another number where text has one."""
    at = _place(data, rng)
    while at < len(data) and not chr(data[at]).isdigit():
        at += 1
    end = at
    while end < len(data) and chr(data[end]) in "0123456789.eE+-":
        end += 1
    data[at:end] = rng.choice(NUMBERS)


WOUNDS = (_flip, _overwrite, _word, _cut, _drop, _insert, _number, _number)


def check(path: Path) -> str:
    """What came of opening it: "refused", "opened", or "unread" where its planes are damaged."""
    from napari_metaseg.acquisition.document import image_document
    from napari_metaseg.errors import InputError
    from napari_metaseg.images.info import file_table
    from napari_metaseg.images.open import open_images

    try:
        images = open_images(path)
    except InputError as error:
        return _one_line(error, "refused")
    came = "opened"
    for image in images[:2]:
        assert len(image.shape) == len(image.axes)
        assert min(image.shape) > 0, image.shape
        document = image_document(
            name=image.name, axes=image.axes, shape=image.shape, record=image.record
        )
        json.dumps(document, allow_nan=False)
        _check_values(document)
        try:
            plane = image.plane()
            expected = [image.size(a) for a in image.axes if a not in "TC"][-plane.ndim :]
            assert list(plane.shape) == expected, (plane.shape, image.axes, image.shape)
        except InputError as error:
            came = _one_line(error, "unread")
    file_table(path)
    return came


def _one_line(error: Exception, came: str) -> str:
    text = str(error)
    assert "\n" not in text, "an error of several lines"
    assert len(text) < 2000, "an error that fills the screen"
    return came


def _check_values(document: dict) -> None:
    for name, field in document["fields"].items():
        value = field["value"]
        if isinstance(value, float | int) and not isinstance(value, bool):
            assert value > 0, f"{name} = {value}"
    for channel in document["channels"]:
        for name, field in channel["fields"].items():
            value = field["value"]
            if isinstance(value, float) and name != "z_offset_um":
                assert value > 0, f"{name} = {value}"


def main() -> None:
    seed_file, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    content = seed_file.read_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

    def too_slow(*_: object) -> None:
        raise TooSlow

    signal.signal(signal.SIGALRM, too_slow)
    counts: dict[str, int] = {}
    for number in range(first, first + count):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / seed_file.name
            path.write_bytes(mutate(content, random.Random(number)))
            # What is known if this very copy takes the process down.
            print(json.dumps({"trying": number}), file=sys.stderr, flush=True)
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            try:
                came = check(path)
                counts[came] = counts.get(came, 0) + 1
            except (Exception, TooSlow) as error:  # noqa: BLE001 - each is a finding
                signal.setitimer(signal.ITIMER_REAL, 0)
                last = traceback.format_exception(error)[-6:]
                said = f"{type(error).__name__}: {error}"[:300]
                print(json.dumps({"mutant": number, "said": said, "at": "".join(last)[-1500:]}))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps({"counts": counts}))


if __name__ == "__main__":
    main()
