"""The axes of a protocol's panel: what the report has at its axes, prefix and logarithm included."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from pyqtgraph import AxisItem
from typing_extensions import override

from labctl.live.axes import colour_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.live.theme import Theme
    from labctl.report.scales import Scale

_WIDTH = 62
_WITHIN = (1.0, 2.0, 5.0)
"""Ticks of a decade where an axis spans less than two."""


class ScaleAxis(AxisItem):
    """An axis along which values lie as `placed` puts them."""

    def __init__(self, orientation: Literal["left", "bottom"]) -> None:
        super().__init__(orientation, maxTickLength=-4)
        self._scale: Scale | None = None
        self._names: tuple[str, ...] = ()
        self.enableAutoSIPrefix(False)
        if orientation == "left":
            self.setWidth(_WIDTH)

    def take(self, scale: Scale, theme: Theme, names: tuple[str, ...] = ()) -> None:
        """Show the numbers of `scale`, or the `names` of kinds, in the colours of `theme`."""
        self._scale, self._names = scale, names
        colour_axis(self, theme)
        self.setLabel(html.escape(scale.label), color=theme.quiet, **{"font-size": "10px"})

    @override
    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, Sequence[float]]]:
        if self._names:
            return [(1.0, [float(place) for place in range(len(self._names)) if minVal <= place <= maxVal])]
        if self._scale is None or not self._scale.log:
            return super().tickValues(minVal, maxVal, size)[:1]
        if maxVal - minVal < 2:
            decades = range(math.floor(minVal), math.ceil(maxVal) + 1)
            places = [decade + math.log10(factor) for decade in decades for factor in _WITHIN]
        else:
            step = max(1, round((maxVal - minVal) / 6))
            first = math.ceil(minVal / step) * step
            places = [float(decade) for decade in range(first, math.floor(maxVal) + 1, step)]
        return [(1.0, [place for place in places if minVal <= place <= maxVal])]

    @override
    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        if self._names:
            return [self._names[round(value)] for value in values]
        if self._scale is None or not self._scale.log:
            return super().tickStrings(values, scale, spacing)
        return [self._scale.tick(10.0**value) for value in values]


def placed(scale: Scale, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where values lie along an axis; NaN where they have no place."""
    shown = scale.apply(values)
    return np.log10(shown) if scale.log else shown


def ends(scale: Scale) -> tuple[float, float]:
    """Return where the ends of an axis lie."""
    return (math.log10(scale.low), math.log10(scale.high)) if scale.log else (scale.low, scale.high)
