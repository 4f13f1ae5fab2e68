"""The plot of one panel against step: lines or dots, on axes that move in steps."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import PlotWidget
from PySide6.QtCore import Signal

from labctl.live.axes import MARGINS, StepAxis, ValueAxis
from labctl.live.band import ToleranceBand
from labctl.live.error_dots import ErrorDots
from labctl.live.line import Line
from labctl.live.ranges import Span, error_span, step_span, value_span
from labctl.live.status import words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.live.follow import Table
    from labctl.live.theme import Theme
    from labctl.live.traces import Panel


def colours(panel: Panel, theme: Theme) -> list[str]:
    """Return the colour of each field of `panel`."""
    cycle = itertools.cycle(theme.traces)
    return [theme.reference if field == panel.reference else next(cycle) for field in panel.fields]


class TraceView(PlotWidget):
    """Draws a panel; wheel and mouse zoom and move it, `follow` goes back to the whole run.

    Args:
        panel: what is drawn.
        table: its records, which grow.
        tolerance: in levels, or None; drawn as a band where the panel is an error.
    """

    zoomed = Signal(float, float)
    """Someone chose this stretch of steps by hand."""

    def __init__(self, panel: Panel, table: Table, tolerance: float | None) -> None:
        self._axes = StepAxis("step"), ValueAxis(words(panel.fields[0]), panel.unit)
        super().__init__(axisItems={"bottom": self._axes[0], "left": self._axes[1]})
        self._panel, self._table = panel, table
        self._tolerance = tolerance if panel.is_error else None
        self._shown: tuple[Span, Span] | None = None
        self._span: Span | None = None
        self._spanned = 0
        self._total: int | None = None
        self._drawn = 0.0
        self.by_hand = False
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setContentsMargins(*MARGINS)
        self.box = plot.getViewBox()
        self.box.disableAutoRange()
        self.box.sigRangeChangedManually.connect(self._moved_by_hand)
        self._band = None if self._tolerance is None else ToleranceBand(plot, self._tolerance)
        self.errors = ErrorDots(plot) if panel.is_error else None
        self.lines = [] if panel.is_error else [Line(plot, *place) for place in self._places()]

    @property
    def drawn(self) -> float:
        """The step of the last record that has been drawn; 0 before the first."""
        return self._drawn

    @property
    def span(self) -> Span:
        """The value axis while the whole run is followed."""
        return self._span or Span(0.0, 1.0)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self.setBackground(theme.card)
        for axis in self._axes:
            axis.apply(theme)
        for line, colour in zip(self.lines, colours(self._panel, theme), strict=False):
            line.set_colour(colour)
        if self.errors:
            self.errors.set_colour(theme.traces[0], flag=theme.tones["bad"])
        if self._band:
            self._band.apply(theme)

    def redraw(self, total_steps: int | None) -> None:
        """Draw what the table holds; `total_steps` the run will have, if it is known."""
        self._total = total_steps
        if not self.by_hand:
            self._reach_out()
        steps = self._table.step.values
        visible = self._visible(steps)
        self._drawn = float(steps[-1]) if steps.size else 0.0
        for field, line in zip(self._panel.fields, self.lines, strict=False):
            line.draw(steps[visible], self._values(field)[visible])
        if self.errors:
            self.errors.draw(steps[visible], self._values(self._panel.fields[0])[visible], self.span.high)

    def follow(self) -> None:
        """Show the whole run again, and go on with it."""
        self.by_hand, self._shown = False, None
        self.redraw(self._total)

    def zoom_to(self, low: float, high: float) -> None:
        """Show this stretch of steps, as another plot does."""
        self.by_hand = True
        self.box.setXRange(low, high, padding=0)
        self.redraw(self._total)

    def _places(self) -> list[tuple[int, bool]]:
        """Return how deep each field's line lies, and whether it is broad."""
        return [(place, field == self._panel.reference) for place, field in enumerate(self._panel.fields)]

    def _values(self, field: str) -> NDArray[np.float64]:
        return self._table.numbers[field].values

    def _moved_by_hand(self) -> None:
        self.by_hand = True
        self.redraw(self._total)
        (low, high), _ = self.box.viewRange()
        self.zoomed.emit(low, high)

    def _reach_out(self) -> None:
        """Move the ends of the axes if the traces need it."""
        steps = self._table.step.values
        if not self._panel.is_error:
            for field in self._panel.fields:
                self._span = value_span(self._values(field)[self._spanned :], self._span)
            self._spanned = steps.size
        elif self._span is None or steps.size >= 1.25 * self._spanned:
            self._span = error_span(self._values(self._panel.fields[0]), self._tolerance, self._span)
            self._spanned = steps.size
        along = step_span(float(steps[-1]) if steps.size else 0.0, self._total)
        if self._shown != (along, self.span):
            self._shown = along, self.span
            self.box.setXRange(along.low, along.high, padding=0.015)
            self.box.setYRange(self.span.low, self.span.high, padding=0.03)

    def _visible(self, steps: NDArray[np.float64]) -> slice:
        """Return the records in view, and one more at each side, so that a line goes on to the edge."""
        if not self.by_hand:
            return slice(0, steps.size)
        (low, high), _ = self.box.viewRange()
        first, last = np.searchsorted(steps, low), np.searchsorted(steps, high, side="right")
        return slice(max(0, int(first) - 1), int(last) + 1)
