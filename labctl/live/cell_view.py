"""What became of the chosen cells: a trace each, against step or bench time, with target, tolerance and crosshair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import PlotCurveItem, PlotWidget, mkPen
from PySide6.QtCore import QPointF, Qt, Signal
from typing_extensions import override

from labctl.live.axes import MARGINS, SecondsAxis, StepAxis, ValueAxis, hear_range
from labctl.live.colours import SHADES, shades
from labctl.live.crosshair import Crosshair, next_place, zoom
from labctl.live.decimate import extremes
from labctl.live.manner import logarithms
from labctl.live.point_items import Marks
from labctl.live.ranges import Span, value_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QKeyEvent

    from labctl.live.theme import Theme

Trace = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
"""Places along the axis and values, shape (n,) each."""

_BUCKETS = 250
"""Stretches a trace is cut into where many share the plot."""
_FEW = 4
"""Up to so many traces, each has a colour of its own and is drawn broad."""
_HIGHEST = 300.0
"""Decades beyond which a value could not be told."""
_FEW_POINTS = 400
"""Up to so many points in all, each is marked."""


class CellView(PlotWidget):
    """Draws the traces it is given."""

    pointed = Signal(object)
    """(place along the axis, value) at the crosshair, or None."""
    moved = Signal()
    """Someone zoomed or moved the plot by hand."""

    def __init__(self) -> None:
        super().__init__()
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setContentsMargins(*MARGINS)
        self.box = plot.getViewBox()
        self.box.disableAutoRange()
        self.box.sigRangeChangedManually.connect(self._move)
        self.curves: list[PlotCurveItem] = []
        self.marks = Marks(plot, 7.0)
        self.target = PlotCurveItem()
        self.tolerance = PlotCurveItem(), PlotCurveItem()
        for item in (self.target, *self.tolerance):
            plot.addItem(item, ignoreBounds=True)
            item.setZValue(-1)
        self.cross = Crosshair(plot)
        self._first: Trace | None = None
        self._wanted: list[NDArray[np.float64]] = []
        self._point: int | None = None
        self._log = False
        self.frozen = False
        self._theme: Theme | None = None
        self._axes: tuple[StepAxis | SecondsAxis, ValueAxis] | None = None
        self._named = ("", "", "", False)
        self._shown: tuple[Span, Span] | None = None
        self.scene().sigMouseMoved.connect(self._follow_mouse)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self._theme = theme
        self.setBackground(theme.card)
        for axis in self._axes or ():
            axis.apply(theme)
        self.marks.set_colour(theme.traces[0])
        self.target.setPen(mkPen(theme.reference, width=5))
        for line in self.tolerance:
            line.setPen(mkPen(theme.band, width=1, style=Qt.PenStyle.DashLine))
        self.cross.apply(theme)
        self._colour_curves()

    def name_axes(self, along: str, name: str, unit: str, log: bool = False) -> None:
        """Say what the axes show: `along` is "step" or "time"; `log`: values lie along theirs by their logarithms."""
        if self._named == (along, name, unit, log) or self._theme is None:
            return
        self._named = along, name, unit, log
        self._log = log
        self._axes = (StepAxis("step") if along == "step" else SecondsAxis("bench time")), ValueAxis(name, unit, log)
        self.getPlotItem().setAxisItems({"bottom": self._axes[0], "left": self._axes[1]})
        for axis in self._axes:
            axis.apply(self._theme)
        hear_range(self.box, self._axes)
        self._shown = None

    def redraw(self, traces: Sequence[Trace], target: Trace | None = None, tolerance: float | None = None) -> None:
        """Draw `traces`; `target` goes with the first of them, `tolerance` lies on both sides of it."""
        self._make_curves(len(traces))
        if self._log:
            traces = [(x, logarithms(y)) for x, y in traces]
        self._first = traces[0] if traces else None
        drawn: list[Trace] = []
        for curve, (x, y) in zip(self.curves, traces, strict=True):
            kept = extremes(y, _BUCKETS if len(traces) > _FEW else 1000)
            kept = kept[np.isfinite(y[kept]) & np.isfinite(x[kept])]
            drawn.append((x[kept], y[kept]))
            curve.setData(*drawn[-1], skipFiniteCheck=True)
        few = sum(x.size for x, _ in drawn) <= _FEW_POINTS and drawn
        marked = drawn if few else [(x[-1:], y[-1:]) for x, y in drawn]
        self.marks.set_points(_joined([x for x, _ in marked]), _joined([y for _, y in marked]))
        self._draw_target(target, tolerance)
        if not self.frozen:
            self._reach(drawn)

    def follow(self, frozen: bool = False) -> None:
        """Show everything again and go on with it, or keep still."""
        self.frozen = frozen
        self._shown = None

    @override
    def leaveEvent(self, ev: QEvent) -> None:
        super().leaveEvent(ev)
        self._point = None
        self.cross.hide()
        self.pointed.emit(None)

    @override
    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Go along the first trace, or zoom."""
        if zoom(ev, self.box):
            self._move()
            return
        x, y = self._first or (np.empty(0), np.empty(0))
        point = next_place(ev, None if self._point is None else min(self._point, x.size - 1), x.size)
        if point is None:
            super().keyPressEvent(ev)
            return
        self._point = point
        self._cross_at(float(x[point]), float(y[point]))
        if self.cross.bring_into_view(float(x[point])):
            self._move()

    def _make_curves(self, count: int) -> None:
        plot = self.getPlotItem()
        if len(self.curves) == count:
            return
        while len(self.curves) > count:
            plot.removeItem(self.curves.pop())
        while len(self.curves) < count:
            self.curves.append(PlotCurveItem())
            plot.addItem(self.curves[-1], ignoreBounds=True)
        self._shown = None
        self._colour_curves()

    def _colour_curves(self) -> None:
        if self._theme is None:
            return
        many = len(self.curves)
        colours = shades("number")
        for place, curve in enumerate(self.curves):
            if many <= _FEW:
                curve.setPen(mkPen(self._theme.traces[place], width=2))
            else:
                red, green, blue = colours[int((0.08 + 0.8 * place / many) * SHADES)].tolist()
                curve.setPen(mkPen(f"#{red:02x}{green:02x}{blue:02x}", width=1))

    def _draw_target(self, target: Trace | None, tolerance: float | None) -> None:
        x, y = target or (np.empty(0), np.empty(0))
        self.target.setData(x, self._placed(y), connect="finite")
        self._wanted = [self._placed(y)]
        for line, side in zip(self.tolerance, (-1, 1), strict=True):
            line.setVisible(tolerance is not None)
            if tolerance is not None:
                self._wanted.append(self._placed(y + side * tolerance))
                line.setData(x, self._wanted[-1], connect="finite")

    def _placed(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return logarithms(values) if self._log else values

    def _reach(self, traces: Sequence[Trace]) -> None:
        """Move the ends of the axes if the traces, or where they ought to be, need it."""
        places, values = [_joined([trace[part] for trace in traces]) for part in (0, 1)]
        values = _joined([values, *self._wanted])
        former = self._shown or (None, None)
        along, high = value_span(places, former[0]), value_span(values, former[1])
        if along is None or high is None or (along, high) == self._shown:
            return
        self._shown = along, high
        self.box.setXRange(along.low, along.high, padding=0.015)
        self.box.setYRange(high.low, high.high, padding=0.03)

    def _move(self) -> None:
        self.frozen = True
        self.moved.emit()

    def _follow_mouse(self, position: QPointF) -> None:
        at = self.box.mapSceneToView(position)
        self._cross_at(at.x(), at.y())

    def _cross_at(self, x: float, y: float) -> None:
        self.cross.show(x, y)
        self.pointed.emit((x, 10.0**y if self._log and y < _HIGHEST else y))


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.empty(0)
