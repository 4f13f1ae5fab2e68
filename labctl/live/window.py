"""The live window: everything that is shown of one run, refreshed while it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeySequence, QPalette, QShortcut
from PySide6.QtWidgets import QLayout, QVBoxLayout, QWidget
from typing_extensions import override

from labctl.live.at_hand import AtHand
from labctl.live.controls import Controls
from labctl.live.ending import Ending
from labctl.live.header import Header
from labctl.live.keys import KeysCard
from labctl.live.labels import style_sheet
from labctl.live.notice import Notice
from labctl.live.pages import Pages
from labctl.live.replay import Replay
from labctl.live.saving import Saver
from labctl.live.status import one_line, standing
from labctl.live.theme import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtGui import QCloseEvent, QContextMenuEvent, QResizeEvent

    from labctl.live.body import Body
    from labctl.live.follow import Follower
    from labctl.live.theme import Theme

FRAME = 60
"""Time in ms between two looks at a run that goes on: a record is seen within 100 ms, and the run is left alone."""
_WORDS = 4
"""Only every so many looks words and figures are brought up to date: about four times a second."""
ENDS = ("finished", "stopped", "failed")
"""States from which a run goes on only if somebody resumes it."""
_LOW = 660
"""Height in pixels below which head and foot take no more room than they must."""
_LEAST = 640, 420
"""The smallest window, in pixels."""
_WIDE_MARGINS, _NARROW_MARGINS = (20, 16, 20, 16), (12, 8, 12, 8)
REST = 1000
"""Time in ms between two looks at a run that has ended; it may yet be resumed."""


class LiveWindow(QWidget):
    """Shows what `follower` reads; `start` makes it look by itself, again and again."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self.setObjectName("window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle(f"{one_line(follower.folder.name)} – labctl")
        self.resize(1200, 800)
        self._follower = follower
        self._looks, self._stale = 0, False
        self.header, self.pages, self.ending = Header(follower), Pages(follower), Ending(follower)
        column = QVBoxLayout(self)
        column.setContentsMargins(*_WIDE_MARGINS)
        column.setSpacing(12)
        self.controls, self.replay = Controls(follower), Replay(follower)
        self.pages.setCornerWidget(self.controls)
        self.replay.moved.connect(self._look_back)
        column.addWidget(self.header)
        column.addWidget(self.pages, 1)
        column.addWidget(self.replay)
        column.addWidget(self.ending)
        self._column = column
        # What is shown gives way to the window's size, and not the other way round: a summary folds, a row is left out.
        column.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        self.setMinimumSize(*_LEAST)
        self.timer = QTimer(self)
        self.timer.timeout.connect(self.refresh)
        for keys in ("Ctrl+W", "Ctrl+Q"):
            QShortcut(QKeySequence(keys), self).activated.connect(self.close)
        QShortcut(QKeySequence("Ctrl+C"), self).activated.connect(self._copy_picture)
        QShortcut(QKeySequence("Ctrl+Shift+C"), self).activated.connect(self._copy_csv)
        QShortcut(QKeySequence("T"), self).activated.connect(self.turn_theme)
        self.notice, self.keys = Notice(self), KeysCard(self)
        self.saver = Saver(self, self.notice.say)
        self.at_hand = AtHand(self, self.saver, self.notice.say)
        QShortcut(QKeySequence("Ctrl+S"), self).activated.connect(self._save)
        for keys in ("F1", "?"):
            QShortcut(QKeySequence(keys), self).activated.connect(self.keys.turn)
        self._system: Theme = _system_theme()
        self._theme = self._system
        self._apply_theme()

    @property
    def theme(self) -> Theme:
        """The colours that are shown."""
        return self._theme

    @property
    def body(self) -> Body:
        """The traces of all records."""
        return self.pages.body

    @property
    def folder(self) -> Path:
        """Of the run."""
        return self._follower.folder

    @property
    def now(self) -> Callable[[], float]:
        """The clock of the window."""
        return self._follower.now

    def has_ended(self) -> bool:
        """Return whether the run goes on only if somebody resumes it."""
        return standing(self._follower).tone in ("good", "bad") or self._follower.state.state in ENDS

    def start(self) -> None:
        """Follow the run until the window is closed."""
        self.timer.start(FRAME)
        self.refresh()

    def begin_at(self, page: str) -> None:
        """Turn to a page, where this run has it; called after `start`, which reads which pages there are."""
        if page in self.pages.pages:
            self.pages.show_page(page)

    def refresh(self) -> None:
        """Look at the run once, and show what has changed."""
        follower = self._follower
        panels, types = follower.panels, len(follower.tables)
        changed = follower.poll()
        if follower.panels != panels or len(follower.tables) != types:
            self._replace_pages()
        if changed:
            self.pages.redraw()
        self._looks += 1
        self._stale = self._stale or changed
        if not changed or self._looks % _WORDS == 1:
            self._refresh_words()
        going = follower.is_behind or follower.problem or standing(follower).tone in ("waiting", "running")
        pause = FRAME if going else REST
        if self.timer.interval() != pause:
            self.timer.setInterval(pause)

    def turn_theme(self) -> None:
        """Show dark what is light, and light what is dark, until the system changes its own."""
        self._theme = LIGHT if self._theme is DARK else DARK
        self._apply_theme()
        self.pages.redraw()
        self.pages.refresh()

    @override
    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.ThemeChange):
            theme = _system_theme()
            if theme is not self._system:
                self._system = self._theme = theme
                self._apply_theme()
                self.pages.redraw()
                self.pages.refresh()

    @override
    def closeEvent(self, event: QCloseEvent) -> None:
        self.timer.stop()
        self.replay.stop()
        self.pages.close_sources()
        self._follower.close()
        self.at_hand.release()
        super().closeEvent(event)

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        low = event.size().height() < _LOW
        self.header.be_low(low)
        self.ending.be_low(low)
        self._column.setContentsMargins(*(_NARROW_MARGINS if low else _WIDE_MARGINS))
        self._column.setSpacing(6 if low else 12)

    @override
    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        event.setAccepted(self.at_hand.asked_at(event))

    def _refresh_words(self) -> None:
        if self._stale:
            self.pages.refresh()
            self._stale = False
        else:
            self.pages.look()
        self.header.refresh()
        self.controls.refresh()
        self.replay.refresh(self.has_ended())
        self.ending.refresh()

    def _copy_picture(self) -> None:
        self.pages.copy_picture()
        self.notice.say(f"copied: picture of the page {self.pages.shown}")

    def _copy_csv(self) -> None:
        self.pages.copy_csv()
        self.notice.say(f"copied: numbers of the page {self.pages.shown}")

    def _save(self) -> None:
        name = f"{self.folder.name} {self.pages.shown}"
        self.saver.save(self.pages.currentWidget(), name, self.pages.pages[self.pages.shown].csv)

    def _look_back(self) -> None:
        self.pages.redraw()
        self.pages.refresh()
        self.header.refresh()
        self.ending.refresh()

    def _replace_pages(self) -> None:
        pages = Pages(self._follower, self.pages.shown)
        pages.setCornerWidget(self.controls)
        self._column.replaceWidget(self.pages, pages)
        self.pages.close_sources()
        self.pages.hide()
        # Out of the window at once: keys that two pages hear are heard by neither.
        self.pages.setParent(None)
        self.pages.deleteLater()
        self.pages = pages
        pages.apply(self._theme)
        pages.tabBar().setFocus()

    def _apply_theme(self) -> None:
        self.setStyleSheet(style_sheet(self._theme))
        self.header.apply(self._theme)
        self.pages.apply(self._theme)


def _system_theme() -> Theme:
    """Return the theme that fits the system's palette."""
    ground = QGuiApplication.palette().color(QPalette.ColorRole.Window)
    return DARK if ground.lightness() < 128 else LIGHT
