"""A screen that nobody sees, for what is measured of real windows: Xvfb, and what is painted on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Generator

    from numpy.typing import NDArray

WIDTH, HEIGHT = 1400, 900
COLOURS = 20
"""Colours from which on a screen has a window with content on it: an empty one has two."""


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen.

    Args:
        environment: of a program that draws on it.
        pixels: as they are at each moment, shape (HEIGHT * WIDTH,).
    """

    environment: dict[str, str]
    pixels: NDArray[np.uint32]

    def is_painted(self) -> bool:
        """Return whether a window with content is seen."""
        return np.unique(self.pixels[::7]).size > COLOURS


@contextmanager
def screen() -> Generator[Screen]:
    """Start a screen, and end it.

    Raises:
        SystemExit: if Xvfb is not installed, or does not start.
    """
    if shutil.which("Xvfb") is None:
        raise SystemExit("Xvfb is not installed: apt-get install xvfb")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = os.pipe()
        words = ["-displayfd", str(theirs), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-fbdir", folder]
        server = subprocess.Popen(["Xvfb", *words, "-nolisten", "tcp"], pass_fds=[theirs], stderr=subprocess.DEVNULL)
        os.close(theirs)
        with os.fdopen(ours) as told:
            display = told.readline().strip()
        if not display:
            raise SystemExit("Xvfb does not start here")
        environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
        memory = np.memmap(Path(folder) / "Xvfb_screen0", np.uint8, "r")
        try:
            yield Screen(
                environment | {"DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"},
                memory[-4 * WIDTH * HEIGHT :].view(np.uint32),
            )
        finally:
            server.terminate()
            server.wait()
