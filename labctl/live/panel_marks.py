"""The marks of a protocol's panel as items of a plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import BarGraphItem, ImageItem, PlotCurveItem, PlotItem, mkPen
from pyqtgraph.functions import arrayToQPolygonF
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QGraphicsPolygonItem

from labctl.figure import Band, Bars, Curve, Map
from labctl.live.colours import SHADES, places, shades, table_with
from labctl.live.point_items import Dots, Marks
from labctl.live.scale_axis import ends, placed
from labctl.report.thinning import dots, line_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PySide6.QtWidgets import QGraphicsItem

    from labctl.figure import Panel
    from labctl.live.ranges import Span
    from labctl.live.theme import Theme
    from labctl.report.palette import Palette
    from labctl.report.scales import Scale

_FEW, _MANY = 60, 1500
"""Points that are large marks, and from which on they are dots."""
_SHADE = 60
"""Opacity of an area, 0..255."""


class PanelPainter:
    """Puts the marks of one panel into a plot.

    Args:
        plot: where.
        palette: its colours.
        theme: the window's.
        x: the horizontal scale.
        y: the vertical scale.
    """

    def __init__(self, plot: PlotItem, palette: Palette, theme: Theme, x: Scale, y: Scale) -> None:
        self._plot, self._palette, self._theme = plot, palette, theme
        self._x, self._y = x, y
        self._curves = self._dashes = self._fills = 0
        self._last = ""
        self.legend: list[tuple[str, str]] = []
        """Colour and label of each mark that has one."""

    def paint(self, panel: Panel, span: Span, kind: str) -> None:
        """Draw everything that stands in `panel`; `span` and `kind` are those of a map's colours."""
        for mark in panel.marks:
            match mark:
                case Curve():
                    self._curve(mark)
                case Band():
                    self._band(mark)
                case Bars():
                    self._bars(mark)
                case Map():
                    self._map(mark, span, kind)

    def _curve(self, curve: Curve) -> None:
        colour = self._colour_of(curve)
        x, y = placed(self._x, curve.x), placed(self._y, curve.y)
        if curve.error is not None:
            self._errors(x, placed(self._y, curve.y - curve.error), placed(self._y, curve.y + curve.error), colour)
        if curve.style != "points":
            self._line(x, y, colour, curve.style == "dashed")
        if curve.style in ("points", "line and points"):
            self._points(x, y, colour)
        self._name(colour, curve.label)

    def _colour_of(self, curve: Curve) -> str:
        """Return the colour of a curve; a line without a label belongs to the curve before it."""
        if self._last and not curve.label and curve.error is None and curve.style in ("line", "dashed"):
            return self._last
        if curve.style == "dashed":
            colours = (self._palette.ink, self._palette.quiet, *self._palette.curves[::-1])
            self._last = colours[self._dashes % len(colours)]
            self._dashes += 1
        else:
            self._last = self._palette.curves[self._curves % len(self._palette.curves)]
            self._curves += 1
        return self._last

    def _line(self, x: NDArray[np.float64], y: NDArray[np.float64], colour: str, dashed: bool) -> None:
        item = PlotCurveItem()
        kept = line_points(x, y)
        style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
        few = kept.size < _MANY
        pen = mkPen(colour, width=2 if few and not dashed else 1, style=style)
        item.setData(x[kept], y[kept], connect="finite", pen=pen, antialias=few)
        self._add(item)

    def _points(self, x: NDArray[np.float64], y: NDArray[np.float64], colour: str) -> None:
        kept = dots(_share(x, ends(self._x)), _share(y, ends(self._y)))
        item = Marks(self._plot, 7.0 if kept.size <= _FEW else 4.0) if kept.size <= _MANY else Dots(self._plot)
        item.set_colour(colour)
        item.set_points(x[kept], y[kept])

    def _errors(self, x: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64], colour: str) -> None:
        low = np.where(np.isnan(low), ends(self._y)[0], low)
        there = np.flatnonzero(np.isfinite(x) & np.isfinite(high))[:_MANY]
        item = PlotCurveItem()
        across, along = np.repeat(x[there], 2), np.column_stack((low[there], high[there])).ravel()
        item.setData(across, along, connect="pairs", pen=mkPen(colour, width=1))
        self._add(item)

    def _band(self, band: Band) -> None:
        colour = (self._palette.good, *self._palette.curves[1:])[self._fills % len(self._palette.curves)]
        self._fills += 1
        x = placed(self._x, band.x)
        (left, right), (bottom, top) = ends(self._x), ends(self._y)
        low = np.nan_to_num(placed(self._y, band.low), nan=bottom)
        high = placed(self._y, band.high)
        there = np.isfinite(x) & np.isfinite(high)
        x, low, high = np.clip(x[there], left, right), low[there], np.clip(high[there], bottom, top)
        item = QGraphicsPolygonItem(arrayToQPolygonF(np.concatenate((x, x[::-1])), np.concatenate((low, high[::-1]))))
        item.setPen(QColor(0, 0, 0, 0))
        item.setBrush(_faint(colour))
        item.setZValue(-5)
        self._add(item)
        self._name(colour, band.label)

    def _bars(self, bars: Bars) -> None:
        colour = self._palette.curves[self._curves % len(self._palette.curves)]
        self._curves += 1
        edges, tops = placed(self._x, bars.edges), placed(self._y, bars.counts)
        foot = ends(self._y)[0] if self._y.log else 0.0
        there = np.isfinite(edges[:-1]) & np.isfinite(edges[1:]) & np.isfinite(tops)
        self._add(
            BarGraphItem(
                x0=edges[:-1][there],
                x1=edges[1:][there],
                y0=np.full(int(there.sum()), foot),
                y1=tops[there],
                pen=None,
                brush=_faint(colour, 200),
            )
        )
        self._name(colour, bars.label)

    def _map(self, found: Map, span: Span, kind: str) -> None:
        item = ImageItem(axisOrder="row-major")
        lut = table_with(kind, QColor(self._theme.line))
        item.setImage(places(found.values, span), autoLevels=False, levels=(0, SHADES), lut=lut)
        (rows, columns), (top, left) = found.values.shape, found.first
        item.setRect(QRectF(left - 0.5, top - 0.5, columns, rows))
        self._add(item)
        for number, name in enumerate(found.names):
            count = int((found.values == number).sum())
            if count:
                shade = shades(kind)[places(np.array([float(number)]), span)[0]]
                self._name(QColor(*shade.tolist()).name(), f"{name}: {count:,}")

    def _add(self, item: QGraphicsItem) -> None:
        self._plot.addItem(item, ignoreBounds=True)

    def _name(self, colour: str, label: str) -> None:
        if label:
            self.legend.append((colour, label))


def legend_text(legend: Sequence[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """Return at most so many entries of a legend, and how many there are besides."""
    if len(legend) <= most:
        return list(legend)
    return [*legend[: most - 1], ("", f"and {len(legend) - most + 1} more")]


def _share(places: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.float64]:
    return (places - span[0]) / (span[1] - span[0])


def _faint(colour: str, opacity: int = _SHADE) -> QColor:
    made = QColor(colour)
    made.setAlpha(opacity)
    return made
