"""The other way to run a training from the window: in a process of its own, to compare with.

The child is as lean as can be: it imports no Qt and gets its planes through a pipe once. POSIX.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from napari_metaseg.events import CancelToken
from napari_metaseg.plugin.jobs import Work


def in_child(work: partial[Any], threads: int) -> Work:
    """Work of the Train widget, carried out by a child with so many threads of PyTorch."""
    request, planes, out = work.args
    preview = work.keywords["preview"]

    def run(token: CancelToken) -> Generator[Any, None, Any]:
        from napari_metaseg.plugin.previewing import preview_item

        items = [plane.load() for plane in planes]
        shown = preview_item(preview) if preview is not None else None
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "benchmarks.child", str(theirs.fileno())]
        child = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        pipe = Connection(ours.detach())
        pipe.send((request, items, out, shown, threads))
        yield from _events(pipe, token)
        child.wait()
        return _trained(out)

    return run


def _events(pipe: Connection, token: CancelToken) -> Generator[Any, None, None]:
    told = False
    while (event := pipe.recv()) is not None:
        yield event
        if token.cancelled and not told:
            pipe.send("stop")
            told = True


def _trained(out: Any) -> Any:
    from napari_metaseg.packages.package import load_package
    from napari_metaseg.plugin.learning import Trained
    from napari_metaseg.plugin.workspace import LoadedModel

    package = load_package(out)
    score = package.manifest.scores.get("macro_dice")
    return Trained(LoadedModel(package.manifest.name, out, package), score, False)


def main() -> None:
    """The child: train and send what happens."""
    pipe = Connection(int(sys.argv[1]))
    request, items, out, preview, threads = pipe.recv()
    token = CancelToken()

    def stop_when_told() -> None:
        pipe.recv()
        token.cancel()

    threading.Thread(target=stop_when_told, daemon=True).start()
    import torch

    from napari_metaseg.training.job import train

    if threads:
        torch.set_num_threads(threads)
    for event in train(request, items, out, token, preview=preview):
        pipe.send(event)
    pipe.send(None)


if __name__ == "__main__":
    main()
