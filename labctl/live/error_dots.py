"""Errors as dots, each record on its own; what lies beyond the axis is flagged at its edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import PlotItem, ScatterPlotItem, mkBrush

from labctl.live.decimate import thinned
from labctl.live.point_items import Dots, Marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FEW = 150
"""Up to so many errors, each is a marker."""
_MOST = 20_000
"""Dots drawn: every level of a die, each once."""
_MOST_FLAGS = 200
_MARK = 7.0
"""Diameter of a marker in pixels."""


class ErrorDots:
    """The errors in `plot`."""

    def __init__(self, plot: PlotItem) -> None:
        self.dots = Dots(plot)
        self.marks = Marks(plot, _MARK)
        self.flags = ScatterPlotItem(size=9, pen=None)
        plot.addItem(self.flags, ignoreBounds=True)

    def set_colour(self, colour: str, flag: str) -> None:
        """Take the colours, "#rrggbb", of an error and of a flag."""
        self.dots.set_colour(colour)
        self.marks.set_colour(colour)
        self.flags.setBrush(mkBrush(flag))

    def draw(self, x: NDArray[np.float64], y: NDArray[np.float64], end: float) -> None:
        """Draw these points, shape (n,) each; those beyond +-`end` become flags."""
        kept = thinned(y, _MOST)
        x, y = x[kept], y[kept]
        beyond = np.flatnonzero(np.abs(y) > end)
        beyond = beyond[:: beyond.size // _MOST_FLAGS + 1]
        self.flags.setVisible(beyond.size > 0)
        self.flags.setData(x[beyond], np.sign(y[beyond]) * end, symbol=np.where(y[beyond] > 0, "t1", "t").tolist())
        self.dots.set_points(x, y)
        marked = slice(None) if x.size <= _FEW else slice(-1, None)
        self.marks.set_points(x[marked], y[marked])
