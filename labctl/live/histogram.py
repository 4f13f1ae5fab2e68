"""How errors are distributed: bars beside the error plot, on the same axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import BarGraphItem, PlotWidget, mkBrush

from labctl.live.axes import MARGINS, StepAxis, ValueAxis
from labctl.live.band import ToleranceBand
from labctl.live.histogram_counts import BINS, counts
from labctl.live.ranges import Span, round_up

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.live.theme import Theme


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

    def redraw(
        self,
        errors: NDArray[np.float64],
        span: Span,
        view: tuple[float, float],
        others: NDArray[np.intp] | None = None,
    ) -> None:
        """Draw the distribution of `errors` (levels) over `span`, as far as it is in `view`.

        `others` are errors that were counted before, in the same parts of the span, shape (BINS,).
        """
        many = counts(errors, span) if others is None else counts(errors, span) + others
        self.bars = np.linspace(span.low, span.high, BINS + 1), many
        height = (span.high - span.low) / BINS
        centres = span.low + (np.arange(BINS) + 0.5) * height
        self._bars.setOpts(y=centres, width=many.astype(np.float64), height=height)
        self._box.setXRange(0.0, round_up(max(1.1 * float(many.max()), 5.0)), padding=0)
        self._box.setYRange(*view, padding=0)
