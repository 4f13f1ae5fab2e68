"""The head of the window: which run, how it stands, how far it is and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from labctl.live.labels import Figures, label, set_text
from labctl.live.status import one_line, progress, verdict

if TYPE_CHECKING:
    from labctl.live.follow import Follower
    from labctl.live.theme import Theme

_FIGURES = 6


class Header(QWidget):
    """Says how `follower`'s run stands."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower
        self._theme: Theme | None = None
        self._title = label(one_line(follower.protocol), "title")
        self._run = label(one_line(follower.folder.name), "quiet")
        self._run.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.chip = label("", "chip")
        self._figures = Figures(_FIGURES)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        names = QVBoxLayout()
        names.setSpacing(2)
        names.addWidget(self._title)
        names.addWidget(self._run)
        top = QHBoxLayout()
        top.addLayout(names)
        top.addStretch(1)
        top.addWidget(self.chip, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(top)
        column.addWidget(self._figures)
        column.addWidget(self._bar)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self._theme = theme
        self._colour_state()

    def refresh(self) -> None:
        """Show how the run stands."""
        follower = self._follower
        set_text(self._title, one_line(follower.protocol))
        set_text(self._run, one_line(" · ".join(filter(None, (follower.folder.name, follower.backend)))))
        self._figures.show_figures(progress(follower))
        total = follower.total_steps
        self._bar.setVisible(total is not None)
        if total:
            self._bar.setRange(0, 1000)
            self._bar.setValue(min(1000, 1000 * follower.steps // total))
        text = verdict(follower).text
        if self.chip.text() != text:
            self.chip.setText(text)
            self._colour_state()

    def _colour_state(self) -> None:
        if self._theme is not None:
            colour = self._theme.tones[verdict(self._follower).tone]
            self.chip.setStyleSheet(f"background: {colour}")
            self._bar.setStyleSheet(f"QProgressBar::chunk {{ background: {colour}; }}")
