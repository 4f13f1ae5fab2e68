"""The plot at hand: the card that has the keys, or else the one below the mouse; what is copied and saved of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, Slot
from PySide6.QtGui import QCursor, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from shiboken6 import isValid

from labctl.live.cards import Card
from labctl.live.copying import copy_picture, copy_text
from labctl.live.keys import KeysCard

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QContextMenuEvent

    from labctl.live.saving import Saver


class AtHand(QObject):
    """Knows the card at hand in `window`, and does with it what keys and its menu ask for.

    Args:
        window: with cards.
        saver: asks for a file and writes it.
        say: tells what was done.
    """

    def __init__(self, window: QWidget, saver: Saver, say: Callable[[str], None]) -> None:
        super().__init__(window)
        self._window, self._saver, self._say = window, saver, say
        self._framed: Card | None = None
        self._heard = QApplication.instance()
        if isinstance(self._heard, QApplication):
            self._heard.focusChanged.connect(self._focus_changed)
        for keys, act in (
            ("Alt+C", self.copy_picture),
            ("Alt+Shift+C", self.copy_numbers),
            ("Menu", self.open_menu),
            ("Shift+F10", self.open_menu),
        ):
            QShortcut(QKeySequence(keys), window).activated.connect(act)

    def release(self) -> None:
        """Hear no more of the keyboard: windows come and go, the application stays."""
        if isinstance(self._heard, QApplication):
            self._heard.focusChanged.disconnect(self._focus_changed)
        self._heard = None

    def card(self) -> Card | None:
        """Return the card at hand; None if there is none."""
        focused = _card_of(self._window.focusWidget())
        if focused is not None and focused.isVisible():
            return focused
        below = QApplication.widgetAt(QCursor.pos())
        return _card_of(below) if below is not None and below.window() is self._window else None

    def copy_picture(self, card: Card | None = None) -> None:
        """Put a picture of a card, or of the one at hand, on the clipboard."""
        card = card or self._wanted()
        if card is not None:
            copy_picture(card)
            self._say(f"copied: picture of {card.name}")

    def copy_numbers(self, card: Card | None = None) -> None:
        """Put the numbers of a card, or of the one at hand, on the clipboard."""
        card = card or self._wanted()
        if card is None:
            return
        text = card.csv()
        if not text:
            self._say(f"{card.name} holds no numbers")
            return
        copy_text(text)
        self._say(f"copied: numbers of {card.name}, {max(0, text.count(chr(10)) - 1 - text.startswith('#')):,} rows")

    def open_menu(self, card: Card | None = None, at: QPoint | None = None) -> QMenu | None:
        """Open the menu of a card, or of the one at hand; return it."""
        card = card or self._wanted()
        if card is None:
            return None
        menu = QMenu(self._window)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("copy picture\tAlt+C").triggered.connect(lambda: self.copy_picture(card))
        numbers = menu.addAction("copy numbers as CSV\tAlt+Shift+C")
        numbers.triggered.connect(lambda: self.copy_numbers(card))
        menu.addAction("save …").triggered.connect(lambda: self._saver.save(card, card.name, card.csv))
        menu.popup(at or card.mapToGlobal(QPoint(40, 40)))
        return menu

    def asked_at(self, event: QContextMenuEvent) -> bool:
        """Open the menu of the card that was clicked; return whether it was one."""
        card = _card_of(QApplication.widgetAt(event.globalPos()))
        return card is not None and self.open_menu(card, event.globalPos()) is not None

    def _wanted(self) -> Card | None:
        card = self.card()
        if card is None:
            self._say("point at a plot, or go to one with Tab")
        return card

    @Slot(QWidget, QWidget)
    def _focus_changed(self, former: QWidget | None, focused: QWidget | None) -> None:  # noqa: ARG002
        card = _card_of(focused) if focused is not None and focused.window() is self._window else None
        if card is self._framed:
            return
        for place, has_frame in ((self._framed, False), (card, True)):
            if place is not None and isValid(place):
                place.show_frame(has_frame)
        self._framed = card


def _card_of(widget: QWidget | None) -> Card | None:
    """Return the card in which a widget lies; the list of keys is none."""
    while widget is not None and not isinstance(widget, Card):
        widget = widget.parentWidget()
    return widget if widget is not None and not isinstance(widget, KeysCard) else None
