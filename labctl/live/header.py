"""The head of the window: which run, how it stands, how far it is and how fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from labctl.live.figures import Figures
from labctl.live.labels import label, set_text
from labctl.live.status import one_line, progress, share_done, verdict

if TYPE_CHECKING:
    from labctl.live.follow import Follower
    from labctl.live.status import Tone
    from labctl.live.theme import Theme

_FIGURES = 6
_NEARLY_ALL = 100
"""Of the room that is left in a row, against the 1 of what is empty."""


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
        self._top = QHBoxLayout()
        self._top.setSpacing(36)
        self._top.addLayout(names)
        self._top.addStretch(1)
        self._top.addWidget(self.chip, 0, Qt.AlignmentFlag.AlignTop)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(10)
        self._column.addLayout(self._top)
        self._column.addWidget(self._figures)
        self._column.addWidget(self._bar)
        self._low = False
        self._tone: Tone = verdict(follower).tone

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self._theme = theme
        self._colour_state()

    def be_low(self, low: bool) -> None:
        """Take as little height as there must be, or as much as is pleasant."""
        if low == self._low:
            return
        self._low = low
        self._run.setVisible(not low)
        if low:
            self._column.removeWidget(self._figures)
            self._top.insertWidget(1, self._figures, _NEARLY_ALL)
        else:
            self._top.removeWidget(self._figures)
            self._column.insertWidget(1, self._figures)
        self._figures.be_one_row(low)

    def refresh(self) -> None:
        """Show how the run stands."""
        follower = self._follower
        set_text(self._title, one_line(follower.protocol))
        set_text(self._run, one_line(" · ".join(filter(None, (follower.folder.name, follower.backend)))))
        self._figures.show_figures(progress(follower))
        share = share_done(follower)
        self._bar.setVisible(share is not None)
        if share is not None:
            self._bar.setRange(0, 1000)
            self._bar.setValue(int(1000 * share))
        stands = verdict(follower)
        if self.chip.text() != stands.text or self._tone != stands.tone:
            self.chip.setText(stands.text)
            self._tone = stands.tone
            self._colour_state()

    def _colour_state(self) -> None:
        if self._theme is not None:
            colour = self._theme.tones[self._tone]
            self.chip.setStyleSheet(f"background: {colour}")
            self._bar.setStyleSheet(f"QProgressBar::chunk {{ background: {colour}; }}")
