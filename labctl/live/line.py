"""One field as a line: drawn from its extremes, smooth and thicker where that is cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import PlotCurveItem, PlotItem, mkPen

from labctl.live.decimate import extremes, lonely
from labctl.live.point_items import Marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW = 60
"""Up to so many points, each is marked."""
_SMOOTH = 3500.0
"""Length in pixels up to which a line is drawn thicker and antialiased; noise is longer, and would cost a second."""
_COARSE = 150
"""Stretches that a line without noise is cut into: its price is that of its corners."""
_WIDTH, _BROAD = 2.0, 6.0
"""Width in pixels of a smooth line, and of a reference behind it."""
_MARK, _BROAD_MARK = 7.0, 10.0
"""Diameter in pixels of the marks on them."""
_NOTHING = np.empty(0)


class Line:
    """A line in `plot`.

    Args:
        plot: where it is drawn.
        place: 0 is on top, the next below it, and so on.
        broad: whether it is a reference, seen on both sides of the line on top of it.
    """

    def __init__(self, plot: PlotItem, place: int, broad: bool) -> None:
        self._box = plot.getViewBox()
        self._width = _BROAD if broad else _WIDTH
        self._pens = mkPen("#000000"), mkPen("#000000")
        self.curve = PlotCurveItem()
        plot.addItem(self.curve, ignoreBounds=True)
        self.marks = Marks(plot, _BROAD_MARK if broad else _MARK)
        for item in (self.curve, self.marks):
            item.setZValue(-place)

    def set_colour(self, colour: str) -> None:
        """Take a colour, "#rrggbb"."""
        self._pens = mkPen(colour, width=1), mkPen(colour, width=self._width)
        self.marks.set_colour(colour)

    def draw(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Draw the line through these points, shape (n,) each; NaN in `y` is a gap."""
        kept = extremes(y)
        smooth = self._length(x[kept], y[kept]) < _SMOOTH
        if smooth and kept.size > 2 * _COARSE:
            kept = extremes(y, _COARSE)
        x, y = x[kept], y[kept]
        there = np.flatnonzero(~np.isnan(y))
        if not there.size:
            self.curve.setData(_NOTHING, _NOTHING)
            self.marks.set_points(_NOTHING, _NOTHING)
            return
        whole = there.size == y.size
        connect = "all" if whole else "finite"
        self.curve.setData(x, y, connect=connect, skipFiniteCheck=whole, antialias=smooth, pen=self._pens[smooth])
        marked = there if y.size <= _FEW else np.append(lonely(y), there[-1])
        self.marks.set_points(x[marked], y[marked])

    def _length(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        """Return about how many pixels long the line through these points is."""
        if not x.size:
            return 0.0
        (left, right), (low, high) = self._box.viewRange()
        shape = self._box.rect()
        across = float(x[-1] - x[0]) / (right - left) * shape.width()
        return across + float(np.nansum(np.abs(np.diff(y)))) / (high - low) * shape.height()
