"""Pictures of every page of a run's window, light and dark: `python -m labctl.live.screenshots RUN --out FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.backend import WallClock
from labctl.console import complain, print_lines
from labctl.errors import LabctlError
from labctl.live.app import PICTURE
from labctl.live.follow import Follower
from labctl.live.qt import application, require_qt
from labctl.run_reader import find_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.live.window import LiveWindow


def pictures(folder: Path, out: Path) -> list[Path]:
    """Write a PNG of each page, light and dark, and return the files; needs no display.

    Args:
        folder: of the run.
        out: where they go; it is made if it is not there.

    Raises:
        StoreError: if `folder` is not a run folder, or cannot be read.
        InputError: if there is no Qt or no font, or `out` cannot be written.
    """
    follower = Follower(folder, WallClock().now)
    require_qt()
    _kept_alive = application("offscreen")
    from labctl.live.window import LiveWindow

    window = LiveWindow(follower)
    try:
        window.refresh()
        if follower.failure:
            raise follower.failure
        out.mkdir(parents=True, exist_ok=True)
        files = [_picture(window, out, name, "light") for name in window.pages.pages]
        window.turn_theme()
        return files + [_picture(window, out, name, "dark") for name in window.pages.pages]
    finally:
        window.close()


def _picture(window: LiveWindow, out: Path, name: str, theme: str) -> Path:
    from labctl.live.picture import save_picture

    pages = window.pages
    pages.show_page(name)
    if pages.figure is not None and name == "figure":
        pages.figure.finish()
    pages.redraw()
    pages.refresh()
    file = out / f"{name}-{theme}.png"
    save_picture(window, PICTURE, file)
    return file


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pictures and say where they are."""
    parser = argparse.ArgumentParser(prog="python -m labctl.live.screenshots", description=__doc__)
    parser.add_argument("run", nargs="?", help="a run's id or folder; without it the newest")
    parser.add_argument("--data", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the pictures")
    asked = parser.parse_args(arguments)
    try:
        print_lines(str(file) for file in pictures(find_run(asked.data, asked.run), asked.out))
    except LabctlError as error:
        complain(str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
