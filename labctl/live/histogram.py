"""How errors are distributed: bars beside the error plot, on the same axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import BarGraphItem, PlotWidget, mkBrush

from labctl.live.axes import MARGINS, StepAxis, ValueAxis
from labctl.live.band import ToleranceBand
from labctl.live.ranges import Span, round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.live.theme import Theme

BINS = 48
"""Bars over the whole axis, half of them on each side of zero."""


def counts(values: NDArray[np.float64], span: Span, bins: int = BINS) -> NDArray[np.intp]:
    """Return how many of `values` lie in each of `bins` equal parts of `span`, shape (bins,).

    NaN and what lies beyond the span are not counted; a value on the upper end is in the last bin.
    """
    inside = values[(values >= span.low) & (values <= span.high)]
    places = ((inside - span.low) * (bins / (span.high - span.low))).astype(np.intp)
    return np.bincount(np.minimum(places, bins - 1), minlength=bins)


class Histogram(PlotWidget):
    """Draws how many errors there are of each size.

    Args:
        tolerance: in levels, or None; drawn as a band.
    """

    def __init__(self, tolerance: float | None) -> None:
        self._axes = StepAxis("records"), ValueAxis("error", "levels")
        super().__init__(axisItems={"bottom": self._axes[0], "left": self._axes[1]})
        self._axes[0].setTickDensity(0.6)
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setContentsMargins(*MARGINS)
        self._box = plot.getViewBox()
        self._box.disableAutoRange()
        self._box.setMouseEnabled(x=False, y=False)
        self._band = None if tolerance is None else ToleranceBand(plot, tolerance)
        self._bars = BarGraphItem(x0=0, y=np.zeros(1), height=1.0, width=np.zeros(1), pen=None)
        plot.addItem(self._bars, ignoreBounds=True)
        self.bars = np.linspace(-1.0, 1.0, BINS + 1), np.zeros(BINS, np.intp)
        """The ends of the bars (levels), shape (BINS + 1,), and how many errors each holds, shape (BINS,)."""

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self.setBackground(theme.card)
        for axis in self._axes:
            axis.apply(theme)
        self._bars.setOpts(brush=mkBrush(theme.traces[0]))
        if self._band:
            self._band.apply(theme)

    def redraw(self, errors: NDArray[np.float64], span: Span, view: tuple[float, float]) -> None:
        """Draw the distribution of `errors` (levels) over `span`, as far as it is in `view`."""
        many = counts(errors, span)
        self.bars = np.linspace(span.low, span.high, BINS + 1), many
        height = (span.high - span.low) / BINS
        centres = span.low + (np.arange(BINS) + 0.5) * height
        self._bars.setOpts(y=centres, width=many.astype(np.float64), height=height)
        self._box.setXRange(0.0, round_up(max(1.1 * float(many.max()), 5.0)), padding=0)
        self._box.setYRange(*view, padding=0)
