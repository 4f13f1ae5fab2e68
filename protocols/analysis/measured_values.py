"""Measured values made fit for computing: what is not a number is dealt with in one way everywhere.

The computations of this package follow one rule. Arguments that make no sense (shapes that differ, a spacing of zero)
are a ParameterError. Data that cannot answer the question (too few points, all equal) give None: a run that measured
too little ends with an honest gap in its summary, not with an error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

UNEVEN = 1e-3
"""Spacings may differ by this share of their mean and still count as equal: ours; a board's clock is far better."""


def vector(values: ArrayLike, what: str = "the values") -> Array:
    """Return `values` as an array of shape (n,).

    Raises:
        ParameterError: if they are no numbers, or have more than one dimension.
    """
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"{what} are not all numbers") from None
    if array.ndim != 1:
        raise ParameterError(f"{what} have {array.ndim} dimensions; one is wanted")
    return array


def finite_points(*columns: ArrayLike) -> tuple[Array, ...]:
    """Return the points all of whose coordinates are finite; arrays of shape (n,), one for each of `columns`.

    Readings beyond a range are not a number: points stand alone, and those are left out.

    Raises:
        ParameterError: if the columns differ in length.
    """
    arrays = [vector(column) for column in columns]
    if len({len(array) for array in arrays}) > 1:
        raise ParameterError(f"columns of one length are wanted, not of {', '.join(str(len(a)) for a in arrays)}")
    kept = np.logical_and.reduce([np.isfinite(array) for array in arrays])
    return tuple(array[kept] for array in arrays)


def finite_series(values: ArrayLike, least: int) -> Array | None:
    """Return an evenly sampled series of shape (n,); None if it is shorter than `least` or has a gap.

    A value that is not finite is a gap: leaving it out would shift all that follows.
    """
    array = vector(values, "the readings of a series")
    return array if len(array) >= least and bool(np.isfinite(array).all()) else None


def even_spacing(times: ArrayLike) -> float:
    """Return the spacing (s) of evenly spaced times (s).

    Raises:
        ParameterError: if there are fewer than two, or they are not evenly spaced.
    """
    array = vector(times, "times")
    if len(array) < 2:
        raise ParameterError("two times at least make a spacing")
    steps = np.diff(array)
    mean = float(steps.mean())
    if not (math.isfinite(mean) and mean > 0 and bool((np.abs(steps - mean) <= UNEVEN * mean).all())):
        raise ParameterError("these times are not evenly spaced")
    return mean


def positive(value: float, what: str) -> float:
    """Return `value`, which must be finite and above 0.

    Raises:
        ParameterError: if it is not.
    """
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(f"{what} is above 0, not {value:g}")
    return value
