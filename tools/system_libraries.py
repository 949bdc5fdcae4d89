"""Make sure that the machine has what Qt and a virtual display need (Linux only).

    python3 tools/system_libraries.py [display]

`display` leaves out the virtual display: enough for a machine with a screen. On Debian and
Ubuntu, as root, missing packages are installed; elsewhere a message names them and says how.
Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys

# What Qt's xcb platform plugin, OpenGL through vispy and a virtual X server load, and the Debian
# package that brings it.
LIBRARIES = {
    "libX11-xcb.so.1": "libx11-xcb1",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
VIRTUAL_DISPLAY = {"Xvfb": "xvfb", "xvfb-run": "xvfb", "xauth": "xauth"}

ELSEWHERE = """\
  Fedora:  sudo dnf install xorg-x11-server-Xvfb xauth mesa-libEGL mesa-libGL libxkbcommon-x11 \\
             xcb-util-cursor xcb-util-wm xcb-util-image xcb-util-keysyms xcb-util-renderutil
  Arch:    sudo pacman -S xorg-server-xvfb xorg-xauth libglvnd libxkbcommon-x11 \\
             xcb-util-cursor xcb-util-wm xcb-util-image xcb-util-keysyms xcb-util-renderutil"""


def missing_packages(virtual_display: bool) -> list[str]:
    """Debian names of the packages that bring what cannot be found here."""
    packages = {package for soname, package in LIBRARIES.items() if not _loads(soname)}
    if virtual_display:
        programs = VIRTUAL_DISPLAY.items()
        packages |= {package for program, package in programs if not shutil.which(program)}
    return sorted(packages)


def install(packages: list[str], purpose: str) -> bool:
    """Install Debian packages as root; otherwise say which and how. True if installed."""
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        print(f"Installing for {purpose}: {' '.join(packages)}", flush=True)
        return _apt(apt, packages)
    message = f"This machine lacks system packages for {purpose}. Install them, then try again:"
    print(message, f"  Debian, Ubuntu:  sudo apt-get install {' '.join(packages)}", sep="\n")
    return False


def _apt(apt: str, packages: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "check": False}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run([apt, "-qq", *arguments], env=environment, **quiet)
    return done.returncode == 0


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def main(arguments: list[str]) -> int:
    """Exit status 0 if everything is there in the end."""
    if not sys.platform.startswith("linux"):
        return 0
    virtual_display = "display" not in arguments
    packages = missing_packages(virtual_display)
    if not packages or (install(packages, "windows") and not missing_packages(virtual_display)):
        return 0
    print(ELSEWHERE)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
