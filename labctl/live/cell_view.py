"""What became of the chosen cells: a trace each, against step or bench time, with target and tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import InfiniteLine, PlotCurveItem, PlotWidget, mkPen
from PySide6.QtCore import QPointF, Qt, Signal
from typing_extensions import override

from labctl.live.axes import MARGINS, SecondsAxis, StepAxis, ValueAxis
from labctl.live.colours import SHADES, shades
from labctl.live.decimate import extremes
from labctl.live.point_items import Marks
from labctl.live.ranges import Span, value_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtCore import QEvent

    from labctl.live.theme import Theme

Trace = tuple["NDArray[np.float64]", "NDArray[np.float64]"]
"""Places along the axis and values, shape (n,) each."""

_BUCKETS = 250
"""Stretches a trace is cut into where many share the plot."""
_FEW = 4
"""Up to so many traces, each has a colour of its own and is drawn broad."""
_FEW_POINTS = 400
"""Up to so many points in all, each is marked."""


class CellView(PlotWidget):
    """Draws the traces it is given."""

    pointed = Signal(object)
    """(place along the axis, value) below the mouse, or None."""

    def __init__(self) -> None:
        super().__init__()
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setContentsMargins(*MARGINS)
        self.box = plot.getViewBox()
        self.box.disableAutoRange()
        self.box.sigRangeChangedManually.connect(self._freeze)
        self.curves: list[PlotCurveItem] = []
        self.marks = Marks(plot, 7.0)
        self.target = PlotCurveItem()
        self.tolerance = PlotCurveItem(), PlotCurveItem()
        self._cross = InfiniteLine(angle=90), InfiniteLine(angle=0)
        for item in (self.target, *self.tolerance, *self._cross):
            plot.addItem(item, ignoreBounds=True)
            item.setZValue(-1)
        for line in self._cross:
            line.hide()
        self.frozen = False
        self._theme: Theme | None = None
        self._axes: tuple[StepAxis | SecondsAxis, ValueAxis] | None = None
        self._named = ("", "", "")
        self._shown: tuple[Span, Span] | None = None
        self.scene().sigMouseMoved.connect(self._point)

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
        for line in self._cross:
            line.setPen(mkPen(theme.quiet, width=1))
        self._colour_curves()

    def name_axes(self, along: str, name: str, unit: str) -> None:
        """Say what the axes show: `along` is "step" or "time"."""
        if self._named == (along, name, unit) or self._theme is None:
            return
        self._named = along, name, unit
        self._axes = (StepAxis("step") if along == "step" else SecondsAxis("bench time")), ValueAxis(name, unit)
        self.getPlotItem().setAxisItems({"bottom": self._axes[0], "left": self._axes[1]})
        for axis in self._axes:
            axis.apply(self._theme)
        self._shown = None

    def redraw(self, traces: Sequence[Trace], target: Trace | None = None, tolerance: float | None = None) -> None:
        """Draw `traces`; `target` goes with the first of them, `tolerance` lies on both sides of it."""
        self._make_curves(len(traces))
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
            self._reach(drawn, target, tolerance)

    def follow(self, frozen: bool = False) -> None:
        """Show everything again and go on with it, or keep still."""
        self.frozen = frozen
        self._shown = None

    @override
    def leaveEvent(self, ev: QEvent) -> None:
        super().leaveEvent(ev)
        for line in self._cross:
            line.hide()
        self.pointed.emit(None)

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
        self.target.setData(x, y, connect="finite")
        for line, side in zip(self.tolerance, (-1, 1), strict=True):
            line.setVisible(tolerance is not None)
            if tolerance is not None:
                line.setData(x, y + side * tolerance, connect="finite")

    def _reach(self, traces: Sequence[Trace], target: Trace | None, tolerance: float | None) -> None:
        """Move the ends of the axes if the traces need it."""
        places, values = [_joined([trace[part] for trace in traces]) for part in (0, 1)]
        if target is not None and target[1].size:
            room = tolerance or 0.0
            values = np.concatenate((values, target[1] - room, target[1] + room))
        former = self._shown or (None, None)
        along, high = value_span(places, former[0]), value_span(values, former[1])
        if along is None or high is None or (along, high) == self._shown:
            return
        self._shown = along, high
        self.box.setXRange(along.low, along.high, padding=0.015)
        self.box.setYRange(high.low, high.high, padding=0.03)

    def _freeze(self) -> None:
        self.frozen = True

    def _point(self, position: QPointF) -> None:
        at = self.box.mapSceneToView(position)
        for line, place in zip(self._cross, (at.x(), at.y()), strict=True):
            line.setPos(place)
            line.show()
        self.pointed.emit((at.x(), at.y()))


def _joined(parts: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    return np.concatenate(parts) if parts else np.empty(0)
