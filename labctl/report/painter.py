"""Draws the marks of one panel into a pair of matplotlib's axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from labctl.escaped import escaped
from labctl.figure import Band, Bars, Curve, Map
from labctl.report.palette import COLOURS, DASHES, DIVERGING, MARKERS
from labctl.report.scales import has_values, is_square, is_whole, value_scale
from labctl.report.thinning import dots, line_points, lonely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from labctl.figure import Panel
    from labctl.report.palette import Palette
    from labctl.report.scales import Scale

_RASTER_FROM = 3000
"""Marks of a curve from which on a PDF keeps them as a picture: it stays small, and opens at once."""
_TICKS = 6
"""Numbers along a horizontal axis that do not touch each other."""
_FEW_ERRORS = 100
"""Points with an error bar each; a line of more has a band."""
_LONGEST_LABEL = 60
_NARROW = 0.5
"""Decades of a logarithmic axis up to which it has the ticks of a linear one: hardly any other would lie on it."""


class Painter:
    """Draws one panel.

    Args:
        axes: where.
        palette: its colours.
        x: the horizontal scale.
        y: the vertical scale.
    """

    def __init__(self, axes: Axes, palette: Palette, x: Scale, y: Scale) -> None:
        self._axes = axes
        self._palette = palette
        self._x = x
        self._y = y
        self._curves = 0
        self._dashes = 0
        self._fills = 0
        self._last: tuple[str, str | tuple[object, ...]] | None = None
        """Colour and dashes of the last curve with a label: a line without one belongs to it."""

    def paint(self, panel: Panel, like: Sequence[Panel]) -> None:
        """Draw everything that stands in `panel`, in the colours of the values of all `like` it."""
        for mark in panel.marks:
            match mark:
                case Curve():
                    self._curve(mark)
                case Band():
                    self._band(mark)
                case Bars():
                    self._bars(mark)
                case Map():
                    self._map(mark, [panel, *like])
        has_map = any(isinstance(mark, Map) for mark in panel.marks)
        self._finish(panel, has_map)
        if not has_values(panel.marks):
            self._axes.text(0.5, 0.5, "nothing to show", color=self._palette.quiet, ha="center", va="center",
                            transform=self._axes.transAxes)  # fmt: skip

    def _finish(self, panel: Panel, has_map: bool) -> None:
        axes, x, y = self._axes, self._x, self._y
        axes.set_xlabel(escaped(x.label))
        axes.set_ylabel(escaped(y.label))
        if has_map:
            axes.grid(visible=False)
            # Of cells without a value; in a picture any grey may occur.
            is_picture = any(isinstance(mark, Map) and mark.picture for mark in panel.marks)
            axes.set_facecolor(self._palette.curves[-1] if is_picture else self._palette.quiet)
            axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
            axes.yaxis.set_major_locator(MaxNLocator(7, integer=True))
            return
        if x.log:
            axes.set_xscale("log")
            _log_ticks(axes, x, "x")
        else:
            whole = is_whole(panel.marks, "x") and x.factor == 1
            axes.xaxis.set_major_locator(MaxNLocator(_TICKS, steps=[1, 2, 5, 10], integer=whole))
        if y.log:
            axes.set_yscale("log")
            _log_ticks(axes, y, "y")
        elif is_whole(panel.marks, "y") and y.factor == 1:
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(x.low, x.high)
        axes.set_ylim(y.low, y.high)
        if panel.x.names:
            names = [escaped(name) for name in panel.x.names]
            axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
            axes.set_xlim(-0.5, len(names) - 0.5)

    def _curve(self, curve: Curve) -> None:
        if self._last is not None and not curve.label and curve.error is None and curve.style in ("line", "dashed"):
            colour, dash = self._last
            self._line(curve, colour, DASHES[0] if curve.style == "dashed" and dash == "-" else dash, 1.3)
            return
        if curve.style == "dashed":
            dash = DASHES[self._dashes % len(DASHES)]
            colours = (self._palette.ink, self._palette.quiet, *self._palette.curves[::-1])
            colour = colours[self._dashes % len(colours)]
            self._dashes += 1
            self._line(curve, colour, dash, 1.3)
            self._last = (colour, dash)
            return
        colour = self._palette.curves[self._curves % len(self._palette.curves)]
        marker = MARKERS[self._curves % len(MARKERS)]
        self._curves += 1
        self._last = (colour, "-")
        if curve.error is not None:
            self._errors(curve, curve.error, colour)
        if curve.style == "points":
            self._dots(curve, colour, marker, curve.label)
        else:
            self._line(curve, colour, "-", 1.4)
            if curve.style == "line and points":
                self._dots(curve, colour, marker, "")

    def _line(self, curve: Curve, colour: str, dash: str | tuple[object, ...], width: float) -> None:
        x, y = self._x.apply(curve.x), self._y.apply(curve.y)
        kept = line_points(x, y)
        x, y = x[kept], y[kept]
        raster = kept.size > _RASTER_FROM
        self._axes.plot(
            x, y, color=colour, linestyle=dash, linewidth=width, label=_named(curve.label), rasterized=raster
        )
        alone = lonely(np.where(np.isnan(x), np.nan, y))
        if alone.size and curve.style != "dashed":
            self._axes.plot(x[alone], y[alone], color=colour, linestyle="none", marker="o", markersize=2.5)

    def _dots(self, curve: Curve, colour: str, marker: str, label: str) -> None:
        x, y = self._x.apply(curve.x), self._y.apply(curve.y)
        kept = dots(_share(x, self._x), _share(y, self._y))
        count = kept.size
        size = 4.5 if count <= 60 else 2.8 if count <= 600 else 1.6
        self._axes.plot(
            x[kept],
            y[kept],
            color=colour,
            linestyle="none",
            marker=marker if count <= 600 else "o",
            markersize=size,
            markeredgewidth=0,
            alpha=1.0 if count <= 600 else 0.55,
            label=_named(label),
            rasterized=count > _RASTER_FROM,
        )

    def _errors(self, curve: Curve, error: NDArray[np.float64], colour: str) -> None:
        x = self._x.apply(curve.x)
        low, high = self._floored(curve.y - error), self._y.apply(curve.y + error)
        if curve.style != "points" and x.size > _FEW_ERRORS:
            kept = np.union1d(line_points(x, low), line_points(x, high))
            self._axes.fill_between(x[kept], low[kept], high[kept], color=colour, alpha=0.25, linewidth=0)
            return
        kept = line_points(x, high)
        self._axes.vlines(x[kept], low[kept], high[kept], color=colour, linewidth=0.9, alpha=0.7)

    def _band(self, band: Band) -> None:
        x, low, high = self._x.apply(band.x), self._floored(band.low), self._y.apply(band.high)
        kept = np.union1d(line_points(x, low), line_points(x, high))
        # Bands stand behind curves, in colours of their own that start from the other end.
        colours = (self._palette.quiet, *self._palette.curves[::-1])
        colour = colours[self._fills % len(colours)]
        self._fills += 1
        self._axes.fill_between(
            x[kept], low[kept], high[kept], color=colour, alpha=0.25, linewidth=0, label=_named(band.label), zorder=0.8
        )

    def _bars(self, bars: Bars) -> None:
        colour = self._palette.curves[self._curves % len(self._palette.curves)]
        self._curves += 1
        self._axes.stairs(
            np.nan_to_num(self._y.apply(bars.counts), nan=self._y.low),
            self._x.apply(bars.edges),
            baseline=self._y.low if self._y.log else 0.0,
            fill=True,
            color=colour,
            alpha=0.75,
            label=_named(bars.label),
        )

    def _map(self, drawn: Map, panels: Sequence[Panel]) -> None:
        scale = value_scale(panels, drawn)
        (rows, columns), (top, left) = drawn.values.shape, drawn.first
        kinds = len(drawn.names)
        image = self._axes.imshow(
            np.ma.masked_invalid(drawn.values * scale.factor),
            cmap=_kinds(kinds) if kinds else "gray" if drawn.picture else DIVERGING if drawn.diverging else COLOURS,
            vmin=-0.5 if kinds else 0.0 if drawn.picture else scale.low,
            vmax=kinds - 0.5 if kinds else 1.0 if drawn.picture else scale.high,
            extent=(left - 0.5, left + columns - 0.5, top + rows - 0.5, top - 0.5),
            interpolation="nearest",
            aspect="equal" if is_square([drawn]) else "auto",
        )
        bar = self._axes.figure.colorbar(image, ax=self._axes, shrink=min(1.0, max(0.4, 1.2 * rows / columns)))
        bar.set_label(escaped(scale.label))
        if kinds:
            bar.set_ticks(range(kinds), labels=[escaped(name) for name in drawn.names])

    def _floored(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the lower edge of an area: on a logarithmic axis what is not positive ends at the axis."""
        if not self._y.log:
            return self._y.apply(values)
        return np.where(values > 0, self._y.apply(values), np.where(np.isnan(values), np.nan, self._y.low))


def _kinds(count: int) -> ListedColormap:
    """Return as many colours, as far apart as they can be."""
    return ListedColormap(colormaps[COLOURS](np.linspace(0, 1, count)))


def _log_ticks(axes: Axes, scale: Scale, side: str) -> None:
    """Label decades, and where there are hardly any, what lies between them."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    decades = np.log10(scale.high / scale.low)
    if decades < _NARROW:
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(FuncFormatter(lambda value, _: scale.tick(value)))
        axis.set_minor_formatter(NullFormatter())
        return
    between = (1.0, 2.0, 5.0) if decades < 2.5 else (1.0,)
    axis.set_major_locator(LogLocator(subs=between, numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: scale.tick(value)))
    axis.set_minor_formatter(NullFormatter())


def _share(values: NDArray[np.float64], scale: Scale) -> NDArray[np.float64]:
    """Return where values lie along an axis, 0 to 1."""
    if scale.log:
        return np.log(values / scale.low) / np.log(scale.high / scale.low)
    return (values - scale.low) / (scale.high - scale.low)


def _named(label: str) -> str:
    """Return a label as the legend takes it: one that begins with an underscore would be left out."""
    return escaped(label, _LONGEST_LABEL).lstrip("_")
