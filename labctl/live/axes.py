"""The axes of a plot: whole steps below, values with an SI prefix at the side."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Literal

from pyqtgraph import AxisItem
from PySide6.QtGui import QFont
from typing_extensions import override

from labctl.live.ranges import round_up
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyqtgraph import ViewBox

    from labctl.live.theme import Theme

VALUE_WIDTH = 74
"""Width in pixels of every value axis, so that the step axes of plots below one another line up."""
MARGINS = (0.0, 4.0, 20.0, 0.0)
"""Left, top, right and bottom of a plot in pixels: the last number of a step axis reaches over its end."""
_OPAQUE = 255
"""Of the grid lines, 0..255: a translucent line costs a third of a millisecond a frame (measured)."""
_NO_PREFIX = ("", "levels", "degC")
"""Units that take no SI prefix: a millilevel is no unit."""
_WITHIN = (1.0, 2.0, 5.0)
"""Ticks of a decade where a logarithmic axis spans less than two."""

_DECADES = 300.0
"""Powers of ten of the numbers that have a tick: floats end soon beyond."""
_CLOSEST = 1e-9
"""Decades below which a stretch of a logarithmic axis has no ticks: their numbers would differ by rounding only."""
_NARROW = 0.5
"""Decades up to which a logarithmic axis has evenly spaced numbers: hardly any other would lie on it."""


class FittingAxis(AxisItem):
    """An axis whose label is cut to its unit where there is no room for all of it."""

    _brief = ""
    _is_brief = False

    def __init__(self, orientation: Literal["left", "bottom"]) -> None:
        super().__init__(orientation, maxTickLength=-4)

    @override
    def resizeEvent(self, ev: object = None) -> None:
        # An axis that is being made, or taken apart, has no label.
        if getattr(self, "label", None) is not None:
            self.fit_label()
        super().resizeEvent(ev)

    def fit_label(self) -> None:
        """Show as much of the label as there is room for."""
        self._is_brief = False
        self.label.setHtml(self.labelString())
        room = self.size().height() if self.orientation == "left" else self.size().width()
        if 0 < room < self.label.boundingRect().width():
            self._is_brief = True
            self.label.setHtml(self.labelString())

    @override
    def labelString(self) -> str:
        if not self._is_brief:
            return super().labelString()
        whole, self.labelText = self.labelText, self._brief
        try:
            return super().labelString()
        finally:
            self.labelText = whole


class WholeAxis(AxisItem):
    """An axis of whole numbers."""

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        spacings = super().tickSpacing(minVal, maxVal, size)
        return [(spacing, offset) for spacing, offset in spacings[:1] if spacing >= 1] or [(1.0, 0.0)]

    @override
    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{round(value):,}" for value in values]


class StepAxis(WholeAxis):
    """A bottom axis of whole numbers: steps, or how many."""

    def __init__(self, label: str) -> None:
        super().__init__("bottom", maxTickLength=-4)
        self.setStyle(hideOverlappingLabels=False)
        self.enableAutoSIPrefix(False)
        self._label = label

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        colour_axis(self, theme)
        self.setLabel(self._label, color=theme.quiet)


class SecondsAxis(AxisItem):
    """A bottom axis in seconds; its prefix follows its range."""

    def __init__(self, label: str) -> None:
        super().__init__("bottom", maxTickLength=-4)
        self._label = label

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        return super().tickSpacing(minVal, maxVal, size)[:1]

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        colour_axis(self, theme)
        self.setLabel(self._label, units="s", color=theme.quiet)


class LineAxis(WholeAxis):
    """A left axis of whole numbers: lines of the crossbar, steps, or 0 and 1."""

    def __init__(self, label: str) -> None:
        super().__init__("left", maxTickLength=-4)
        self.enableAutoSIPrefix(False)
        self.setWidth(VALUE_WIDTH)
        self._label = label

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        colour_axis(self, theme)
        self.setLabel(html.escape(self._label), color=theme.quiet)


class ValueAxis(FittingAxis):
    """A left axis in `unit`; its prefix follows its range.

    Args:
        label: what is drawn; it may come from a file and is shown as plain text.
        unit: SI symbol, "levels", or "".
        log: whether values lie along it by their decimal logarithms.
    """

    def __init__(self, label: str, unit: str, log: bool = False) -> None:
        super().__init__("left")
        self._prefixed = unit not in _NO_PREFIX
        self._log = log
        self._plain_unit = unit
        self._label, self._unit = html.escape(label), html.escape(unit)
        self.enableAutoSIPrefix(self._prefixed and not log)
        self.setWidth(VALUE_WIDTH)
        self.setGrid(_OPAQUE)
        self.setStyle(tickAlpha=_OPAQUE)

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        return super().tickSpacing(minVal, maxVal, size)[:1]

    @override
    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, Sequence[float]]]:
        if self._log:
            return [(1.0, log_ticks(minVal, maxVal))]
        return super().tickValues(minVal, maxVal, size)

    @override
    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        if not self._log:
            return super().tickStrings(values, scale, spacing)
        numbers = [float(f"{10.0**value:.3g}") for value in values]
        if not self._prefixed:
            return [f"{number:,.0f}" if number >= 1 else f"{number:g}" for number in numbers]
        return [format_quantity(number, self._plain_unit, 3).replace(" u", " µ") for number in numbers]

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        colour_axis(self, theme)
        self.setTickPen(theme.line)
        # The grid is part of this axis and lies behind what is drawn; the plot had put the axis in front.
        self.setZValue(-1)
        if self._prefixed and not self._log:
            self.setLabel(self._label, units=self._unit, color=theme.quiet)
        else:
            named = self._unit and not self._prefixed
            self._brief = f"({self._unit})" if named else ""
            self.setLabel(f"{self._label} ({self._unit})" if named else self._label, color=theme.quiet)
        self.fit_label()


def hear_range(box: ViewBox, axes: tuple[AxisItem, AxisItem]) -> None:
    """Tell axes that are new to a plot, the lower and the left one, what it shows: they hear of changes only."""
    for axis, (low, high) in zip(axes, box.viewRange(), strict=True):
        axis.setRange(low, high)


def log_ticks(low: float, high: float) -> list[float]:
    """Return where ticks stand along an axis from 10^`low` to 10^`high`, as powers of ten."""
    low, high = max(low, -_DECADES), min(high, _DECADES)
    if high - low < _CLOSEST:
        return []
    if high - low < _NARROW:
        step = round_up((10.0**high - 10.0**low) / 5)
        first, last = math.ceil(10.0**low / step), math.floor(10.0**high / step)
        return [math.log10(place * step) for place in range(first, last + 1) if place > 0]
    if high - low < 2:
        decades = range(math.floor(low), math.ceil(high) + 1)
        places = [decade + math.log10(factor) for decade in decades for factor in _WITHIN]
    else:
        step = max(1, round((high - low) / 6))
        first = math.ceil(low / step) * step
        places = [float(decade) for decade in range(first, math.floor(high) + 1, step)]
    return [place for place in places if low <= place <= high]


def tick_font() -> QFont:
    """Return the font of what stands at a tick."""
    font = QFont()
    font.setPixelSize(11)
    return font


def colour_axis(axis: AxisItem, theme: Theme) -> None:
    """Give an axis the colours of `theme`."""
    axis.setStyle(tickFont=tick_font())
    axis.setPen(theme.quiet)
    axis.setTextPen(theme.quiet)
    axis.setTickPen(theme.quiet)
