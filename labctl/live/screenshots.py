"""Pictures of every view of a run's window, light and dark: `python -m labctl.live.screenshots RUN --out FOLDER`."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.backend import WallClock
from labctl.console import complain, print_lines
from labctl.errors import LabctlError
from labctl.live.app import PICTURE
from labctl.live.follow import Follower
from labctl.live.qt import application, require_qt
from labctl.live.theme import DARK
from labctl.run_reader import find_run

if TYPE_CHECKING:
    from collections.abc import Sequence

_CELLS = 3
"""Cells whose history is open in the picture of it."""
_BACK = 0.5
"""Share of a run to which the picture of looking back goes."""


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows.

    Args:
        page: of the window, by its name.
        share: of the steps of a run that has ended, up to which records are shown.
        cells: row and column of those that are chosen on the map.
        quantity: that the map shows, by its name; "": the first.
    """

    page: str
    share: float = 1.0
    cells: tuple[tuple[int, int], ...] = ()
    quantity: str = ""


class Camera:
    """Takes pictures of the window of one run; needs no display.

    Args:
        folder: of the run.

    Raises:
        StoreError: if `folder` is not a run folder, or cannot be read.
        InputError: if there is no Qt.
    """

    def __init__(self, folder: Path) -> None:
        follower = Follower(folder, WallClock().now)
        require_qt()
        self._kept_alive = application("offscreen")
        from labctl.live.window import LiveWindow

        self._follower = follower
        self.window = LiveWindow(follower)
        self.window.refresh()
        while follower.is_behind:
            self.window.refresh()
        if follower.failure:
            self.close()
            raise follower.failure

    def views(self) -> dict[str, View]:
        """Return what there is to see of the run, by the names of the pictures."""
        pages = self.window.pages
        found = {name: View(name) for name in pages.pages}
        if pages.map is not None:
            pages.map.maps.refresh()
        if pages.map is not None and (known := pages.map.maps.known()):
            chosen = known[:: max(1, len(known) // _CELLS)][:_CELLS]
            found["cells"] = View("map", cells=tuple(chosen))
        if self.window.has_ended() and self._follower.steps > 1:
            found["replay"] = View("figure" if "figure" in found else "traces", share=_BACK)
        return found

    def take(self, view: View, file: Path, dark: bool = False) -> None:
        """Write a picture, a PNG of 1200 x 800 pixels.

        Raises:
            InputError: if there is no font, or `file` cannot be written.
        """
        from labctl.live.picture import save_picture

        window, pages = self.window, self.window.pages
        if (window.theme is DARK) != dark:
            window.turn_theme()
        pages.show_page(view.page)
        slider = window.replay.slider
        slider.setValue(round(view.share * slider.maximum()))
        if pages.map is not None:
            names = [quantity.name for quantity in pages.map.quantities]
            pages.map.choice.setCurrentIndex(names.index(view.quantity) if view.quantity else 0)
            for place, (row, column) in enumerate(view.cells):
                pages.map.view.picked.emit(row, column, place > 0)
        if pages.figure is not None and view.page == "figure":
            pages.figure.finish()
        pages.redraw()
        pages.refresh()
        window.header.refresh()
        save_picture(window, PICTURE, file)

    def close(self) -> None:
        """Close the window."""
        self.window.close()


def pictures(folder: Path, out: Path) -> list[Path]:
    """Write a PNG of each view, light and dark, and return the files; needs no display.

    Args:
        folder: of the run.
        out: where they go; it is made if it is not there.

    Raises:
        StoreError: if `folder` is not a run folder, or cannot be read.
        InputError: if there is no Qt or no font, or `out` cannot be written.
    """
    with closing(Camera(folder)) as camera:
        out.mkdir(parents=True, exist_ok=True)
        files: list[Path] = []
        for theme in ("light", "dark"):
            for name, view in camera.views().items():
                files.append(out / f"{name}-{theme}.png")
                camera.take(view, files[-1], dark=theme == "dark")
        return files


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
