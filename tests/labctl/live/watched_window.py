"""A program for tests: `labctl live` with somebody beside it who says what the window shows.

`python watched_window.py RUN [DATA]` opens the window as `labctl live RUN` does, or, with DATA, as without RUN. To each
line on stdin it answers with one of JSON. It touches nothing: mouse and keys come through the X server.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication

from labctl.live.app import show
from labctl.live.qt import application, require_qt

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from labctl.live.map_page import MapPage

WAIT = 30
"""Time in ms from a question to its answer: Qt has its turn, and whoever asks again and again does not keep it busy."""


def middle(widget: QWidget) -> tuple[int, int]:
    """Return where on the screen the middle of a widget is."""
    place = widget.mapToGlobal(widget.rect().center())
    return place.x(), place.y()


def cell(page: MapPage, row: int, column: int) -> tuple[int, int]:
    """Return where on the screen the middle of a cell is."""
    view = page.view
    place = view.mapToGlobal(view.mapFromScene(view.box.mapViewToScene(QPointF(column, row))))
    return place.x(), place.y()


def seen() -> dict[str, object]:
    """Return what the window shows; nothing while there is none."""
    from labctl.live.window import LiveWindow

    windows = [found for found in QApplication.topLevelWidgets() if isinstance(found, LiveWindow) and found.isVisible()]
    if not windows:
        return {}
    window = windows[0]
    buttons = window.controls.buttons.items()
    said: dict[str, object] = {
        "id": int(window.winId()),
        "run": window.folder.name,
        "state": window.header.chip.text(),
        "page": window.pages.shown,
        "enabled": [wish.value for wish, button in buttons if button.isEnabled()],
        "buttons": {wish.value: middle(button) for wish, button in buttons},
        "slider": window.replay.isVisible(),
        "history": "",
    }
    if window.pages.map is not None and window.pages.shown == "map":
        said["history"] = window.pages.map.cells.heading.text()
        said["cells"] = [cell(window.pages.map, *place) for place in ((0, 0), (63, 63))]
    return said


def answer() -> None:
    """Write down what the window shows."""
    sys.stdout.write(json.dumps(seen()) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Open the window; end when it is closed."""
    require_qt()
    _kept_alive = application()
    asked = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)

    def hear() -> None:
        if sys.stdin.readline():
            QTimer.singleShot(WAIT, answer)
        else:
            asked.setEnabled(False)

    asked.activated.connect(hear)
    sys.exit(show(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))


if __name__ == "__main__":
    main()
