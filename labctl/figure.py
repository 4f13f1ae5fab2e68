"""What a figure shows, without a word on how it is drawn.

A protocol turns its records into a `Figure`; the report draws it with matplotlib, the live window with what it has.
Values are SI floats; an axis with a unit is drawn with SI prefixes. What is not a number is left out of a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a panel.

    Args:
        label: what is counted or measured.
        unit: SI symbol, "levels", "dB", or "" where there is none.
        log: whether it is logarithmic; what is not positive is left out then.
        names: what stands at 0, 1, 2..., where the axis counts kinds of things.
    """

    label: str
    unit: str = ""
    log: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of shape (n,), joined or not; `error` is their standard deviation, where one is shown.

    A line without a label belongs to the curve before it, as a fit to its points, and is drawn in that one's colour.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    label: str = ""
    style: Literal["line", "points", "line and points", "dashed"] = "line"
    error: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """The area between two curves of shape (n,), as of a tolerance."""

    x: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """A histogram: `edges` of shape (n + 1,), `counts` of shape (n,)."""

    edges: NDArray[np.float64]
    counts: NDArray[np.float64]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Map:
    """Values of shape (rows, columns) as colours, row 0 on top.

    `diverging` puts 0 in the middle of the colours. `names` are those of the values 0, 1, 2..., where they are kinds.
    `first` are row and column of the first value, where the map shows a part of an array. What is not a number is drawn
    in a colour of its own: nothing is known there. A `picture` of greys of 0..1 goes from black to white.
    """

    values: NDArray[np.float64]
    label: str
    unit: str = ""
    diverging: bool = False
    names: tuple[str, ...] = ()
    first: tuple[int, int] = (0, 0)
    picture: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes and what stands in them.

    Args:
        title: says what is seen.
        x: the horizontal axis.
        y: the vertical axis.
        marks: drawn in this order.
    """

    title: str
    x: Axis
    y: Axis
    marks: tuple[Curve | Band | Bars | Map, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """One to six panels that belong together."""

    title: str
    panels: tuple[Panel, ...] = field(default=())


def curve(
    x: ArrayLike,
    y: ArrayLike,
    label: str = "",
    style: Literal["line", "points", "line and points", "dashed"] = "line",
    error: ArrayLike | None = None,
) -> Curve:
    """Return a curve of whatever numbers there are."""
    spread = None if error is None else np.asarray(error, np.float64)
    return Curve(np.asarray(x, np.float64), np.asarray(y, np.float64), label, style, spread)


def histogram(values: ArrayLike, bins: int = 60, label: str = "") -> Bars:
    """Return how often values occur; what is not finite is left out."""
    numbers = np.asarray(values, np.float64)
    counts, edges = np.histogram(numbers[np.isfinite(numbers)], bins)
    return Bars(edges, counts.astype(np.float64), label)
