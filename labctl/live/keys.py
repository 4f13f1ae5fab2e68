"""The keys of the window, and the card that lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget
from shiboken6 import isValid
from typing_extensions import override

from labctl.live.cards import Card
from labctl.live.labels import label

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QMouseEvent


@dataclass(frozen=True, slots=True)
class Key:
    """What a key does.

    Args:
        keys: as they are printed on a keyboard, several with a comma between them.
        what: it does.
    """

    keys: str
    what: str


KEYS = {
    "everywhere": (
        Key("Ctrl+1 .. Ctrl+4", "turn to a page"),
        Key("Tab, Shift+Tab", "go to the next or the former control or plot"),
        Key("T", "light or dark"),
        Key("F1, ?", "show or hide these keys"),
        Key("Ctrl+W, Ctrl+Q", "close the window; the run goes on"),
    ),
    "the run": (
        Key("P", "pause after the step"),
        Key("C", "continue"),
        Key("Shift+S", "stop after the step"),
        Key("Shift+Esc", "stop now"),
        Key("Space", "play a run that has ended"),
        Key("H", "show or hide the summary"),
    ),
    "traces": (
        Key("X", "against step or time"),
        Key("G", "straight or logarithmic"),
        Key("L", "siemens or levels"),
        Key("F", "freeze, or follow the run"),
        Key("Left, Right, Home, End", "crosshair to another record"),
        Key("+, -", "zoom in or out"),
    ),
    "the map": (
        Key("arrows", "another cell"),
        Key("Shift+arrows", "one more cell"),
        Key("Z", "touched cells only"),
    ),
    "copying": (
        Key("Ctrl+C", "picture of the page"),
        Key("Ctrl+Shift+C", "numbers of the page, as CSV"),
        Key("Alt+C", "picture of the plot at hand"),
        Key("Alt+Shift+C", "numbers of the plot at hand"),
        Key("Ctrl+S", "save the page: .png or .csv"),
        Key("Menu, Shift+F10", "menu of the plot at hand"),
    ),
}
"""All keys, by where they matter. The plot at hand has a frame, or is the one below the mouse."""
_ACROSS = 2


class KeysCard(Card):
    """Lies over `window` and lists its keys; any of the keys that close things closes it, and so does a click."""

    def __init__(self, window: QWidget) -> None:
        super().__init__("keys")
        self.setParent(window)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 0, 4)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(3)
        rows = [0] * _ACROSS
        for where, keys in KEYS.items():
            column = rows.index(min(rows))
            grid.addWidget(label(where, "heading"), rows[column], 2 * column, 1, 2)
            for place, key in enumerate(keys, start=rows[column] + 1):
                grid.addWidget(label(key.keys, "row"), place, 2 * column)
                grid.addWidget(label(key.what, "quiet"), place, 2 * column + 1)
            rows[column] += len(keys) + 1
        self.put(body)
        self._before: QWidget | None = None
        self.hide()

    def turn(self) -> None:
        """Show what is hidden, hide what is shown."""
        if self.isVisible():
            self.close_again()
            return
        window = self.window()
        self._before = window.focusWidget()
        self.adjustSize()
        self.move(max(0, (window.width() - self.width()) // 2), max(0, (window.height() - self.height()) // 2))
        self.show()
        self.raise_()
        self.setFocus()

    def close_again(self) -> None:
        """Hide, and give the keys back to whom they were taken from."""
        self.hide()
        if self._before is not None and isValid(self._before):  # the pages may have been replaced meanwhile
            self._before.setFocus()

    @override
    def keyPressEvent(self, event: QKeyEvent, /) -> None:
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.close_again()
        else:
            super().keyPressEvent(event)

    @override
    def mousePressEvent(self, event: QMouseEvent, /) -> None:
        self.close_again()
