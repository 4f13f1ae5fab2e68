"""The axes of a plot: whole steps below, values with an SI prefix at the side."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from pyqtgraph import AxisItem
from PySide6.QtGui import QFont
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.live.theme import Theme

VALUE_WIDTH = 74
"""Width in pixels of every value axis, so that the step axes of plots below one another line up."""
MARGINS = (0.0, 4.0, 20.0, 0.0)
"""Left, top, right and bottom of a plot in pixels: the last number of a step axis reaches over its end."""
_OPAQUE = 255
"""Of the grid lines, 0..255: a translucent line costs a third of a millisecond a frame (measured)."""
_NO_PREFIX = ("", "levels", "degC")
"""Units that take no SI prefix: a millilevel is no unit."""


class StepAxis(AxisItem):
    """A bottom axis of whole numbers: steps, or how many."""

    def __init__(self, label: str) -> None:
        super().__init__("bottom", maxTickLength=-4)
        self.setStyle(hideOverlappingLabels=False)
        self.enableAutoSIPrefix(False)
        self._label = label

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        spacings = super().tickSpacing(minVal, maxVal, size)
        return [(spacing, offset) for spacing, offset in spacings[:1] if spacing >= 1] or [(1.0, 0.0)]

    @override
    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{round(value):,}" for value in values]

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        colour_axis(self, theme)
        self.setLabel(self._label, color=theme.quiet)


class SecondsAxis(AxisItem):
    """A bottom axis in seconds; its prefix follows its range."""

    def __init__(self, label: str) -> None:
        super().__init__("bottom", maxTickLength=-4)
        self._label = label

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        colour_axis(self, theme)
        self.setLabel(self._label, units="s", color=theme.quiet)


class LineAxis(AxisItem):
    """A left axis of whole numbers: lines of the crossbar, steps, or 0 and 1."""

    def __init__(self, label: str) -> None:
        super().__init__("left", maxTickLength=-4)
        self.enableAutoSIPrefix(False)
        self.setWidth(VALUE_WIDTH)
        self._label = label

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        spacings = super().tickSpacing(minVal, maxVal, size)
        return [(spacing, offset) for spacing, offset in spacings[:1] if spacing >= 1] or [(1.0, 0.0)]

    @override
    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [f"{round(value):,}" for value in values]

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        colour_axis(self, theme)
        self.setLabel(html.escape(self._label), color=theme.quiet)


class ValueAxis(AxisItem):
    """A left axis in `unit`; its prefix follows its range.

    Args:
        label: what is drawn; it may come from a file and is shown as plain text.
        unit: SI symbol, "levels", or "".
    """

    def __init__(self, label: str, unit: str) -> None:
        super().__init__("left", maxTickLength=-4)
        self._prefixed = unit not in _NO_PREFIX
        self._label, self._unit = html.escape(label), html.escape(unit)
        self.enableAutoSIPrefix(self._prefixed)
        self.setWidth(VALUE_WIDTH)
        self.setGrid(_OPAQUE)
        self.setStyle(tickAlpha=_OPAQUE)

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        return super().tickSpacing(minVal, maxVal, size)[:1]

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        colour_axis(self, theme)
        self.setTickPen(theme.line)
        # The grid is part of this axis and lies behind what is drawn; the plot had put the axis in front.
        self.setZValue(-1)
        if self._prefixed:
            self.setLabel(self._label, units=self._unit, color=theme.quiet)
        else:
            self.setLabel(f"{self._label} ({self._unit})" if self._unit else self._label, color=theme.quiet)


def colour_axis(axis: AxisItem, theme: Theme) -> None:
    """Give an axis the colours of `theme`."""
    font = QFont()
    font.setPixelSize(11)
    axis.setStyle(tickFont=font)
    axis.setPen(theme.quiet)
    axis.setTextPen(theme.quiet)
    axis.setTickPen(theme.quiet)
