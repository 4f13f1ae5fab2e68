"""The plot of one panel against step or time: lines or dots, on axes that move in steps, and a crosshair."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import PlotWidget
from PySide6.QtCore import QEvent, QPointF, Signal
from typing_extensions import override

from labctl.live.axes import MARGINS, SecondsAxis, StepAxis, ValueAxis, hear_range
from labctl.live.band import ToleranceBand
from labctl.live.crosshair import Crosshair, next_place, zoom
from labctl.live.error_dots import ErrorDots
from labctl.live.line import Line
from labctl.live.manner import Manner, in_levels, logarithms
from labctl.live.ranges import Span, error_span, step_span, value_span
from labctl.live.status import words

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from labctl.levels import LevelScale
    from labctl.live.follow import Table
    from labctl.live.theme import Theme
    from labctl.live.traces import Panel

_LABELLED = 130
"""Height of a plot in pixels from which on there is room for the name of its lower axis."""


def colours(panel: Panel, theme: Theme) -> list[str]:
    """Return the colour of each field of `panel`."""
    cycle = itertools.cycle(theme.traces)
    return [theme.reference if field == panel.reference else next(cycle) for field in panel.fields]


class TraceView(PlotWidget):
    """Draws a panel; wheel, mouse and keys zoom and move it, `follow` goes back to the whole run.

    Args:
        panel: what is drawn.
        table: its records, which grow.
        tolerance: in levels, or None; drawn as a band where the panel is an error.
    """

    zoomed = Signal(float, float)
    """Someone chose this stretch of steps, or of time, by hand."""
    pointed = Signal(object)
    """Index of the record at the crosshair, or None."""

    def __init__(self, panel: Panel, table: Table, tolerance: float | None) -> None:
        self._axes: tuple[StepAxis | SecondsAxis, ValueAxis]
        self._axes = StepAxis("step"), ValueAxis(words(panel.fields[0]), panel.unit)
        super().__init__(axisItems={"bottom": self._axes[0], "left": self._axes[1]})
        self._panel, self._table = panel, table
        self._manner = Manner()
        self._theme: Theme | None = None
        self.record: int | None = None
        self._tolerance = tolerance if panel.is_error else None
        self._shown: tuple[Span, Span] | None = None
        self._span: Span | None = None
        self._spanned = 0
        self._passes, self._pointed_id = 0, 0.0
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
        self.cross = Crosshair(plot)
        self.scene().sigMouseMoved.connect(self._point)

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
        self._theme = theme
        self.cross.apply(theme)
        self.setBackground(theme.card)
        for axis in self._axes:
            axis.apply(theme)
        for line, colour in zip(self.lines, colours(self._panel, theme), strict=False):
            line.set_colour(colour)
        if self.errors:
            self.errors.set_colour(theme.traces[0], flag=theme.tones["bad"])
        if self._band:
            self._band.apply(theme)

    def show_as(self, manner: Manner) -> None:
        """Show the panel in another way, and the whole run again; errors stay straight, and what they are."""
        if manner == self._manner or self._theme is None:
            return
        self._manner = manner
        levels = self.levels is not None
        name = "level" if levels else words(self._panel.fields[0])
        self._axes = (
            SecondsAxis("bench time") if manner.timed else StepAxis("step"),
            ValueAxis(name, "" if levels else self._panel.unit, self.log),
        )
        self.getPlotItem().setAxisItems({"bottom": self._axes[0], "left": self._axes[1]})
        for axis in self._axes:
            axis.apply(self._theme)
        self._span, self._spanned = None, 0
        self.follow()
        hear_range(self.box, self._axes)
        self.point_at(self.record)

    @property
    def log(self) -> bool:
        """Whether values lie along their axis by their logarithms."""
        return self._manner.log and not self._panel.is_error

    @property
    def levels(self) -> LevelScale | None:
        """The scale on which values are shown; None if they stay what they are."""
        return self._manner.levels if self._panel.is_conductance else None

    def shown(self, field: str) -> NDArray[np.float64]:
        """Return the values of a field as they are shown, shape (n,): in levels, if that is wanted."""
        values = self._table.numbers[field].values
        return values if self.levels is None else in_levels(values, self.levels)

    def along(self) -> NDArray[np.float64]:
        """Return where the records stand along the axis, in steps or in s, shape (n,)."""
        return self._table.times if self._manner.timed else self._table.places

    def redraw(self, total_steps: int | None) -> None:
        """Draw what the table holds; `total_steps` the run will have, if it is known."""
        self._total = total_steps
        if self._passes != self._table.thinning.passes:
            self._begin_again()
        if not self.by_hand:
            self._reach_out()
        along, steps = self.along(), self._table.step.values
        visible = self._visible(along)
        self._drawn = float(steps[-1]) if steps.size else 0.0
        for field, line in zip(self._panel.fields, self.lines, strict=False):
            line.draw(along[visible], self._values(field)[visible])
        if self.errors:
            dots = self._table.drawn(self._panel.fields[0])
            along, values = along[dots], self._values(self._panel.fields[0])[dots]
            visible = self._visible(along)
            self.errors.draw(along[visible], values[visible], self.span.high)
        if self.record is not None and self.record >= steps.size:
            self.point_at(None)

    def follow(self) -> None:
        """Show the whole run again, and go on with it."""
        self.by_hand, self._shown = False, None
        self.redraw(self._total)

    def zoom_to(self, low: float, high: float) -> None:
        """Show this stretch of steps, as another plot does."""
        self.by_hand = True
        self.box.setXRange(low, high, padding=0)
        self.redraw(self._total)

    def point_at(self, record: int | None) -> None:
        """Put the crosshair on a record, or take it away."""
        self.record = record
        if record is None:
            self.cross.hide()
        else:
            ids = self._table.ids.values
            self._pointed_id = float(ids[record]) if ids.size else 0.0
            self.cross.show(float(self.along()[record]), float(self._values(self._panel.fields[0])[record]))
        self.pointed.emit(record)

    @override
    def keyPressEvent(self, ev: QKeyEvent) -> None:
        if zoom(ev, self.box):
            self._moved_by_hand()
            return
        record = next_place(ev, self.record, self._table.step.values.size)
        if record is None:
            super().keyPressEvent(ev)
            return
        self.point_at(record)
        if self.cross.bring_into_view(float(self.along()[record])):
            self._moved_by_hand()

    @override
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # pyqtgraph asks for this once, with no event, while the plot is being made.
        if hasattr(self, "_panel"):
            self._axes[0].showLabel(self.height() >= _LABELLED)

    @override
    def leaveEvent(self, ev: QEvent) -> None:
        super().leaveEvent(ev)
        self.point_at(None)

    def _point(self, position: QPointF) -> None:
        """Point at the record that is nearest to the mouse along the axis."""
        along = self.along()
        known = np.flatnonzero(np.isfinite(along))
        if known.size:
            place = self.box.mapSceneToView(position).x()
            self.point_at(int(known[np.argmin(np.abs(along[known] - place))]))

    def _places(self) -> list[tuple[int, bool]]:
        """Return how deep each field's line lies, and whether it is broad."""
        return [(place, field == self._panel.reference) for place, field in enumerate(self._panel.fields)]

    def _values(self, field: str) -> NDArray[np.float64]:
        """Return where the values of a field lie along their axis; NaN where they have no place on it."""
        return logarithms(self.shown(field)) if self.log else self.shown(field)

    def _moved_by_hand(self) -> None:
        self.by_hand = True
        self.redraw(self._total)
        (low, high), _ = self.box.viewRange()
        self.zoomed.emit(low, high)

    def _begin_again(self) -> None:
        """Find what is known by its place among the records, after some were left out."""
        self._passes = self._table.thinning.passes
        if not self._panel.is_error:
            self._spanned = 0
        if self.record is not None:
            # Where the record itself is gone, the next one that is kept takes its place.
            ids = self._table.ids.values
            place = int(np.searchsorted(ids, self._pointed_id))
            self.point_at(place if place < ids.size else None)

    def _reach_out(self) -> None:
        """Move the ends of the axes if the traces need it."""
        steps = self._table.step.values
        if not self._panel.is_error:
            for field in self._panel.fields:
                self._span = value_span(self._values(field)[self._spanned :], self._span)
            self._spanned = steps.size
        elif self._span is None or self._table.count >= 1.25 * self._spanned:
            errors = self._values(self._panel.fields[0])[self._table.even]
            self._span = error_span(errors, self._tolerance, self._span)
            self._spanned = self._table.count
        along = self._along_span()
        if self._shown != (along, self.span):
            self._shown = along, self.span
            self.box.setXRange(along.low, along.high, padding=0.015)
            self.box.setYRange(self.span.low, self.span.high, padding=0.03)

    def _along_span(self) -> Span:
        if not self._manner.timed:
            steps = self._table.step.values
            return step_span(float(steps[-1]) if steps.size else 0.0, self._total)
        former = self._shown[0] if self._shown else None
        return value_span(self._table.times, former) or Span(0.0, 1.0)

    def _visible(self, along: NDArray[np.float64]) -> slice:
        """Return the records in view, and one more at each side, so that a line goes on to the edge."""
        if not self.by_hand:
            return slice(0, along.size)
        (low, high), _ = self.box.viewRange()
        inside = np.flatnonzero((along >= low) & (along <= high))
        if inside.size:
            return slice(max(0, int(inside[0]) - 1), int(inside[-1]) + 2)
        after = int(np.count_nonzero(along < low))
        return slice(max(0, after - 1), after + 1)
