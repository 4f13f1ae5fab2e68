"""Two thin lines across a plot, and the keys that go about in one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pyqtgraph import InfiniteLine, PlotItem, ViewBox, mkPen
from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from labctl.live.theme import Theme

_NEARER = 0.8
"""Share of an axis that is left when somebody zooms in once by a key."""
_ZOOMS = {Qt.Key.Key_Plus: _NEARER, Qt.Key.Key_Equal: _NEARER, Qt.Key.Key_Minus: 1 / _NEARER}
_MOVES = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageDown: 20, Qt.Key.Key_PageUp: -20}


class Crosshair:
    """Lies over `plot` where somebody points, and is gone where nobody does."""

    def __init__(self, plot: PlotItem) -> None:
        self._box = plot.getViewBox()
        self.lines = InfiniteLine(angle=90), InfiniteLine(angle=0)
        for line in self.lines:
            plot.addItem(line, ignoreBounds=True)
            line.setZValue(-1)
            line.hide()

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        for line in self.lines:
            line.setPen(mkPen(theme.quiet, width=1))

    def show(self, x: float, y: float) -> None:
        """Cross at a place of the plot; a coordinate that is no number gets no line."""
        for line, place in zip(self.lines, (x, y), strict=True):
            line.setVisible(math.isfinite(place))
            if math.isfinite(place):
                line.setPos(place)

    def hide(self) -> None:
        """Be gone."""
        for line in self.lines:
            line.hide()

    def bring_into_view(self, x: float) -> bool:
        """Move the plot sideways until `x` is in view; return whether that was needed."""
        (low, high), _ = self._box.viewRange()
        if low <= x <= high or not math.isfinite(x):
            return False
        shift = x - (low + high) / 2
        self._box.setXRange(low + shift, high + shift, padding=0)
        return True


def zoom(event: QKeyEvent, box: ViewBox, both: bool = False) -> bool:
    """Zoom in at `+` and out at `-`, along the horizontal axis or `both`; return whether it was one of these keys."""
    factor = _ZOOMS.get(Qt.Key(event.key()))
    if factor is None:
        return False
    (left, right), (low, high) = box.viewRange()
    box.setXRange(*_scaled(left, right, factor), padding=0)
    if both:
        box.setYRange(*_scaled(low, high, factor), padding=0)
    return True


def next_place(event: QKeyEvent, place: int | None, count: int) -> int | None:
    """Return which of `count` places a key leads to from `place`; None if it is another key, or there is no place."""
    if not count:
        return None
    match Qt.Key(event.key()):
        case Qt.Key.Key_Home:
            return 0
        case Qt.Key.Key_End:
            return count - 1
        case key if key in _MOVES:
            # The first key shows the newest.
            return count - 1 if place is None else min(max(place + _MOVES[key], 0), count - 1)
        case _:
            return None


def _scaled(low: float, high: float, factor: float) -> tuple[float, float]:
    middle, half = (low + high) / 2, (high - low) / 2 * factor
    return middle - half, middle + half
