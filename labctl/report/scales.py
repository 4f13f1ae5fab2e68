"""Which numbers stand at an axis: its range, its SI prefix or power of ten, and the words at its ticks."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from labctl.figure import Axis, Band, Bars, Curve, Map

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from labctl.figure import Panel

_PREFIXES = {-18: "a", -15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_PREFIXABLE = re.compile(r"(V|A|S|ohm|s|Hz|K|J|W)(/.*)?")
"""A prefix before a square, or before degC, would mean something else."""
_PLAIN_FROM, _PLAIN_TO = 1e-3, 1e6
"""Numbers that are read at a glance without a power of ten."""
_SLENDER = 4
"""How often as long as wide a map is at most whose cells are drawn as squares."""
_MARGIN = 0.04
"""Share of an axis that is left empty at either end."""
_FOOT = 2.0
"""A bar of the smallest height on a logarithmic axis is as high as this factor, so that it is seen."""
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Side = Literal["x", "y"]


@dataclass(frozen=True, slots=True)
class Scale:
    """How the values along one axis are shown.

    Args:
        label: what stands at the axis, with prefix and unit.
        factor: what a value is multiplied with.
        low: the lowest number that is shown, multiplied.
        high: the highest.
        log: whether the axis is logarithmic.
        unit: what follows each number of a logarithmic axis.
        prefixable: whether `unit` takes SI prefixes.
    """

    label: str
    factor: float
    low: float
    high: float
    log: bool = False
    unit: str = ""
    prefixable: bool = False

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return values as they are drawn; what has no place on the axis is NaN."""
        shown = np.asarray(values, np.float64) * self.factor
        return np.where(np.isfinite(shown) & ((shown > 0) | (not self.log)), shown, np.nan)

    def tick(self, value: float) -> str:
        """Return what stands at a tick of a logarithmic axis."""
        if value <= 0:
            return ""
        decade = math.floor(math.log10(value) + 1e-9)
        if not self.prefixable:
            return f"{value:g}" if -3 <= decade <= 4 else _power(value, decade)
        power = _of_thousand(value)
        return f"{value / 10.0**power:g} {_PREFIXES[power]}{self.unit}"


def scale_of(axis: Axis, marks: Iterable[Curve | Band | Bars | Map], side: Side) -> Scale:
    """Return the scale of an axis on which all these marks have room.

    Args:
        axis: what it shows.
        marks: of one panel, or of several that are to be compared.
        side: which of a mark's values lie along it.
    """
    marks = list(marks)
    low, high = extent(marks, side, axis.log)
    unit = shown_unit(axis.unit)
    stands = side == "y" and any(isinstance(mark, Bars) for mark in marks)
    if axis.log:
        low /= _FOOT if stands else 1.0
        prefixable = _PREFIXABLE.fullmatch(axis.unit) is not None
        label = axis.label if prefixable else _labelled(axis.label, unit)
        grown = (high / low) ** _MARGIN if high > low else 1.5
        return Scale(label, 1.0, low / grown, high * grown, log=True, unit=unit, prefixable=prefixable)
    power, words = power_and_unit(max(abs(low), abs(high)), axis.unit)
    factor = 10.0**-power
    floor = low * factor
    low, high = _roomy(low * factor, high * factor)
    return Scale(_labelled(axis.label, words), factor, floor if stands and floor == 0 else low, high)


def power_and_unit(largest: float, unit: str) -> tuple[int, str]:
    """Return the power of ten by which numbers up to `largest` are divided, and the unit that they have then."""
    words = shown_unit(unit)
    if _PREFIXABLE.fullmatch(unit):
        power = _of_thousand(largest)
        return power, f"{_PREFIXES[power]}{words}"
    if unit == "dB" or largest == 0 or _PLAIN_FROM <= largest < _PLAIN_TO:
        return 0, words
    power = 3 * math.floor(math.log10(largest) / 3)
    return power, f"10{str(power).translate(_SUPERSCRIPTS)} {words}".strip()


def shown_unit(unit: str) -> str:
    """Return a unit as it is printed."""
    return unit.replace("ohm", "Ω").replace("degC", "°C").replace("^2", "²")


def extent(marks: Iterable[Curve | Band | Bars | Map], side: Side, log: bool) -> tuple[float, float]:
    """Return the smallest and the largest number that lies along an axis; 0 and 1, or 1 and 10, if there is none."""
    low, high = math.inf, -math.inf
    for values in (values for mark in marks for values in _along(mark, side)):
        shown = values[np.isfinite(values) & ((values > 0) | (not log))]
        if shown.size:
            low, high = min(low, float(shown.min())), max(high, float(shown.max()))
    if low <= high:
        return low, high
    return (1.0, 10.0) if log else (0.0, 1.0)


def has_values(marks: Iterable[Curve | Band | Bars | Map]) -> bool:
    """Return whether there is anything to draw: one number, or one thing that was counted."""
    return any(np.isfinite(_values(mark)).any() for mark in marks)


def is_whole(marks: Iterable[Curve | Band | Bars | Map], side: Side) -> bool:
    """Return whether all that lies along an axis are whole numbers, so that only these belong at its ticks."""
    for mark in marks:
        if isinstance(mark, Map):
            continue
        for values in _along(mark, side):
            shown = values[np.isfinite(values)]
            # A histogram's bars end halfway between what they count.
            if isinstance(mark, Bars) and side == "x":
                shown = shown + 0.5
            if (shown != np.round(shown)).any():
                return False
    return True


def value_scale(panels: Iterable[Panel], first: Map) -> Scale:
    """Return the scale of the colours of maps; the label is of the `first`."""
    maps = [mark for panel in panels for mark in panel.marks if isinstance(mark, Map)] or [first]
    values = np.concatenate([each.values[np.isfinite(each.values)] for each in maps])
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    power, words = power_and_unit(max(abs(low), abs(high)), first.unit)
    factor = 10.0**-power
    low, high = low * factor, high * factor
    if first.diverging:
        high = max(abs(low), abs(high))
        low = -high
    if high - low <= 1e-12 * max(abs(low), abs(high)):  # all the same: any colour, and a bar that has two ends
        low, high = _roomy(low, high)
    return Scale(_labelled(first.label, words), factor, low, high)


def check_mark(mark: Curve | Band | Bars | Map) -> None:
    """Refuse a mark whose parts do not fit together.

    Raises:
        ValueError: says which.
    """
    match mark:
        case Curve():
            parts = [mark.x, mark.y, *(() if mark.error is None else (mark.error,))]
            fits = {part.shape for part in parts} == {(mark.x.size,)}
        case Band():
            parts = [mark.x, mark.low, mark.high]
            fits = {part.shape for part in parts} == {(mark.x.size,)}
        case Bars():
            parts = [mark.edges, mark.counts]
            fits = mark.edges.shape == (mark.counts.size + 1,) and mark.counts.ndim == 1
        case Map():
            parts = [mark.values]
            fits = mark.values.ndim == 2 and mark.values.size > 0
    if not fits:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"{type(mark).__name__} {mark.label!r} has parts of shapes {shapes}, which make no picture")


def is_square(marks: Iterable[Curve | Band | Bars | Map]) -> bool:
    """Return whether a row is to be as wide as a column: so that an array, or a picture, looks like one."""
    shapes = [mark.values.shape for mark in marks if isinstance(mark, Map)]
    return bool(shapes) and all(1 / _SLENDER <= rows / columns <= _SLENDER for rows, columns in shapes)


def _values(mark: Curve | Band | Bars | Map) -> NDArray[np.float64]:
    """Return what a mark is there to show."""
    match mark:
        case Curve():
            return mark.y
        case Band():
            return mark.high
        case Bars():
            return mark.counts[mark.counts > 0]
        case Map():
            return mark.values


def _along(mark: Curve | Band | Bars | Map, side: Side) -> Iterator[NDArray[np.float64]]:
    """Yield what of a mark lies along an axis."""
    match mark:
        case Curve():
            yield mark.x if side == "x" else mark.y
            if side == "y" and mark.error is not None:
                yield mark.y - mark.error
                yield mark.y + mark.error
        case Band():
            yield from (mark.x,) if side == "x" else (mark.low, mark.high)
        case Bars():
            yield mark.edges if side == "x" else np.append(mark.counts, 0.0)
        case Map():
            place = 1 if side == "x" else 0
            first = mark.first[place]
            yield np.array([first - 0.5, first + mark.values.shape[place] - 0.5])


def _of_thousand(value: float) -> int:
    """Return the power of a thousand, as a power of ten, that a prefix stands for; the nearest there is."""
    if value <= 0 or not math.isfinite(value):
        return 0
    power = 3 * math.floor(math.log10(value) / 3 + 1e-9)
    return min(max(power, min(_PREFIXES)), max(_PREFIXES))


def _power(value: float, decade: int) -> str:
    mantissa = value / 10.0**decade
    ten = f"10{str(decade).translate(_SUPERSCRIPTS)}"
    return ten if abs(mantissa - 1) < 1e-6 else f"{mantissa:g}·{ten}"


def _labelled(label: str, unit: str) -> str:
    return f"{label} ({unit})" if unit else label


def _roomy(low: float, high: float) -> tuple[float, float]:
    """Return limits with a margin; values that are all the same get a range around them."""
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        around = abs(high) * 0.05 or 0.5
        return low - around, high + around
    room = (high - low) * _MARGIN
    return low - room, high + room
