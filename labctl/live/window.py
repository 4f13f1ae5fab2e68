"""The live window: everything that is shown of one run, refreshed while it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeySequence, QPalette, QShortcut
from PySide6.QtWidgets import QVBoxLayout, QWidget
from typing_extensions import override

from labctl.live.controls import Controls
from labctl.live.ending import Ending
from labctl.live.header import Header
from labctl.live.labels import style_sheet
from labctl.live.pages import Pages
from labctl.live.replay import Replay
from labctl.live.status import one_line, verdict
from labctl.live.theme import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtGui import QCloseEvent

    from labctl.live.body import Body
    from labctl.live.follow import Follower
    from labctl.live.theme import Theme

FRAME = 33
"""Time in ms between two looks at a run that goes on: about 30 a second."""
_WORDS = 3
"""Only every so many looks words and figures are brought up to date: about ten times a second."""
ENDS = ("finished", "stopped", "failed")
"""States from which a run goes on only if somebody resumes it."""
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
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        self.controls, self.replay = Controls(follower), Replay(follower)
        self.pages.setCornerWidget(self.controls)
        self.replay.moved.connect(self._look_back)
        column.addWidget(self.header)
        column.addWidget(self.pages, 1)
        column.addWidget(self.replay)
        column.addWidget(self.ending)
        self._column = column
        self.timer = QTimer(self)
        self.timer.timeout.connect(self.refresh)
        for key in (QKeySequence.StandardKey.Close, QKeySequence.StandardKey.Quit):
            QShortcut(key, self).activated.connect(self.close)
        QShortcut(QKeySequence("Ctrl+C"), self).activated.connect(self._copy_picture)
        QShortcut(QKeySequence("Ctrl+Shift+C"), self).activated.connect(self._copy_csv)
        QShortcut(QKeySequence("T"), self).activated.connect(self.turn_theme)
        self._system: Theme = _system_theme()
        self._theme = self._system
        self._apply_theme()

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
        return verdict(self._follower).tone in ("good", "bad") or self._follower.state.state in ENDS

    def start(self) -> None:
        """Follow the run until the window is closed."""
        self.timer.start(FRAME)
        self.refresh()

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
        going = follower.problem or verdict(follower).tone in ("waiting", "running")
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
        super().closeEvent(event)

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

    def _copy_csv(self) -> None:
        self.pages.copy_csv()

    def _look_back(self) -> None:
        self.pages.redraw()
        self.pages.refresh()

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
