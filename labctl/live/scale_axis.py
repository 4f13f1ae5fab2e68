"""The axes of a protocol's panel: what the report has at its axes, prefix and logarithm included."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from PySide6.QtGui import QFontMetrics
from typing_extensions import override

from labctl.live.axes import FittingAxis, colour_axis, log_ticks, tick_font

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.live.theme import Theme
    from labctl.report.scales import Scale

_WIDTH = 62
_NARROW = 0.5
"""Decades up to which a logarithmic axis has the ticks of a linear one: hardly any other would lie on it."""
_FEW = 4
"""Ticks of such an axis, or somewhat more."""
_BETWEEN = 6
"""Pixels between two names."""
_RANKS = 3
"""Heights at which names stand, at most."""


class ScaleAxis(FittingAxis):
    """An axis along which values lie as `placed` puts them."""

    def __init__(self, orientation: Literal["left", "bottom"]) -> None:
        super().__init__(orientation)
        self._scale: Scale | None = None
        self._names: tuple[str, ...] = ()
        self._whole = False
        self._lines: list[str] = []
        self._names_height = 0
        self.enableAutoSIPrefix(False)
        if orientation == "left":
            self.setWidth(_WIDTH)

    def take(self, scale: Scale, theme: Theme, names: tuple[str, ...] = (), whole: bool = False) -> None:
        """Show the numbers of `scale`, `whole` ones only or all, or the `names` of kinds, in the colours of `theme`."""
        self._scale, self._names = scale, names
        self._whole = whole and scale.factor == 1
        colour_axis(self, theme)
        self._brief = html.escape(_unit_of(scale.label))
        self.setLabel(html.escape(scale.label), color=theme.quiet, **{"font-size": "10px"})
        self.fit_label()
        self._fit_names()

    @override
    def resizeEvent(self, ev: object = None) -> None:
        super().resizeEvent(ev)
        if getattr(self, "_scale", None) is not None:
            self._fit_names()

    @override
    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, Sequence[float]]]:
        if self._names:
            return [(1.0, [float(place) for place in range(len(self._names)) if minVal <= place <= maxVal])]
        if self._scale is None or not self._scale.log:
            return super().tickValues(minVal, maxVal, size)[:1]
        if maxVal - minVal < _NARROW:
            return [(1.0, [math.log10(value) for value in _round_numbers(10.0**minVal, 10.0**maxVal)])]
        return [(1.0, log_ticks(minVal, maxVal))]

    @override
    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        spacings = super().tickSpacing(minVal, maxVal, size)
        if not self._whole:
            return spacings
        return [(spacing, offset) for spacing, offset in spacings if spacing >= 1] or [(1.0, 0.0)]

    @override
    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        if self._names:
            return [self._lines[round(value)] for value in values]
        if self._scale is None or not self._scale.log:
            return super().tickStrings(values, scale, spacing)
        return [self._scale.tick(float(f"{10.0**value:.6g}")) for value in values]

    def _fit_names(self) -> None:
        """Make room for as many lines as the names take."""
        self._lines = self._fitted() if self._names and self.orientation == "bottom" else list(self._names)
        if self.orientation == "bottom":
            lines = max((name.count("\n") + 1 for name in self._lines), default=1)
            height = lines * QFontMetrics(tick_font()).lineSpacing()
            if height != self._names_height:
                self._names_height = height
                self.setStyle(tickTextHeight=height, autoExpandTextSpace=False)

    def _fitted(self) -> list[str]:
        """Return the names, broken into lines, and each lower than the one before it where there is little room."""
        font = QFontMetrics(tick_font())
        room = self.size().width() / len(self._names)
        ranks, found = 1, [[name] for name in self._names]
        for ranks in range(1, _RANKS + 1):
            found = [_wrapped(name, font, ranks * room - _BETWEEN) for name in self._names]
            if all(font.horizontalAdvance(line) <= ranks * room - _BETWEEN for lines in found for line in lines):
                break
        deepest = max(len(lines) for lines in found)
        return ["\n" * (deepest * (place % ranks)) + "\n".join(lines) for place, lines in enumerate(found)]


def _unit_of(label: str) -> str:
    """Return what stands in brackets at the end of a label."""
    start = label.rfind("(")
    return label[start:] if start >= 0 and label.endswith(")") else ""


def _wrapped(name: str, font: QFontMetrics, room: float) -> list[str]:
    """Return a name in lines of `room` pixels, as far as its words are not longer."""
    lines: list[str] = []
    for word in name.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.horizontalAdvance(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _round_numbers(low: float, high: float) -> list[float]:
    """Return a few round numbers between two positive ones."""
    wanted = (high - low) / _FEW
    decade = 10.0 ** math.floor(math.log10(wanted))
    step = decade * max(factor for factor in (1.0, 2.0, 5.0) if factor * decade <= wanted)
    return [count * step for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def placed(scale: Scale, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where values lie along an axis; NaN where they have no place."""
    shown = scale.apply(values)
    return np.log10(shown) if scale.log else shown


def ends(scale: Scale) -> tuple[float, float]:
    """Return where the ends of an axis lie."""
    return (math.log10(scale.low), math.log10(scale.high)) if scale.log else (scale.low, scale.high)
