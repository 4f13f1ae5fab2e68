"""Going back over a run that has ended: a slider over its steps, and a button that lets them pass again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSlider, QWidget

from labctl.live.labels import label, set_text
from labctl.live.status import duration

if TYPE_CHECKING:
    from labctl.live.follow import Follower

_TICK = 50
"""Time in ms between two steps of the slider while it plays."""
_WHOLE = 12.0
"""Time in s in which a whole run passes."""


class Replay(QWidget):
    """A slider over the steps of `follower`'s run; at its end everything is shown."""

    moved = Signal()
    """Another stretch of the run is shown."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("step that is shown last")
        self.play = QPushButton("play")
        self.play.setCheckable(True)
        self.play.setToolTip("let the run pass again (space)")
        self.slider.setToolTip("go back over the run (arrows, Page Up, Page Down, Home, End)")
        self._note = label("", "quiet")
        self._note.setMinimumWidth(150)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(self.play)
        row.addWidget(self.slider, 1)
        row.addWidget(self._note)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self.advance)
        self.slider.valueChanged.connect(self._show)
        self.play.toggled.connect(self._play)
        QShortcut(QKeySequence(Qt.Key.Key_Space), self).activated.connect(self.play.click)
        self.hide()

    @property
    def is_back(self) -> bool:
        """Whether not everything is shown."""
        return not self.isHidden() and self.slider.value() < self.slider.maximum()

    def refresh(self, ended: bool) -> None:
        """Offer the slider for a run that has ended, and take it away from one that goes on."""
        last = self._follower.steps
        offered = ended and last > 1
        if offered and self.slider.maximum() != last:
            at_end = not self.is_back
            self.slider.setRange(0, last)
            self.slider.setPageStep(max(1, last // 20))
            if at_end:
                self.slider.setValue(last)
        if not offered and not self.isHidden():
            self.play.setChecked(False)
            self.slider.setValue(self.slider.maximum())
        self.setVisible(offered)

    def advance(self) -> None:
        """Let a stretch of the run pass."""
        stride = max(1, round(self.slider.maximum() * _TICK / 1000 / _WHOLE))
        self.slider.setValue(self.slider.value() + stride)
        if self.slider.value() >= self.slider.maximum():
            self.play.setChecked(False)

    def stop(self) -> None:
        """Let no more time pass."""
        self._timer.stop()

    def _show(self, step: int) -> None:
        last = self.slider.maximum()
        self._follower.look_back(None if step >= last else step)
        then = duration(self._follower.shown_time)
        set_text(self._note, f"step {step:,} of {last:,}, at {then}" if step < last else "the whole run")
        self.moved.emit()

    def _play(self, on: bool) -> None:
        self.play.setText("pause" if on else "play")
        if on:
            if not self.is_back:
                self.slider.setValue(0)
            self._timer.start()
        else:
            self._timer.stop()
