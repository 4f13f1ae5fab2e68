"""What an array is to hold: a matrix from a file, in levels, siemens or weights, or a random one; always as levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from labctl.errors import ParameterError
from labctl.levels import LEVELS
from labctl.units import format_quantity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.levels import LevelScale
    from protocols.array_region import Region
    from protocols.matrix_file import Matrix

    Array = NDArray[np.float64]

Values = Literal["levels", "siemens", "weights", "shares"]
"""What the numbers of a matrix are: `weights` of -1..1 and `shares` of 0..1 span the levels that are used."""
_SPANS = {"weights": (-1.0, 1.0), "shares": (0.0, 1.0)}
ROUNDING = 1e-6
"""Levels by which a conductance may lie outside of the scale: its text was rounded."""


def random_levels(region: Region, seed: int, low: int, high: int) -> Array:
    """Return levels that are uniform between two, shape (rows, columns); not whole."""
    return np.random.default_rng(seed).uniform(low, high, region.shape)


def levels_of(matrix: Matrix, values: Values, region: Region, scale: LevelScale, low: int, high: int) -> Array:
    """Return the levels that a matrix asks for, shape (rows, columns).

    Args:
        matrix: from a file; a picture's numbers are shares, whatever `values` says.
        values: what its numbers are.
        region: that it is for.
        scale: of the die.
        low: lowest level that is used.
        high: highest level.

    Raises:
        ParameterError: if it has another shape, or numbers outside of what there is.
    """
    if matrix.values.shape != region.shape:
        rows, columns = matrix.values.shape
        raise ParameterError(
            f"--set matrix: {matrix.file} has {rows} x {columns} numbers, and {region.rows} x {region.columns} cells "
            f"are to be written ({region}); set row, column, rows and columns, or give a matrix of that shape"
        )
    kind = "shares" if matrix.is_picture else values
    match kind:
        case "levels":
            levels, least, most = matrix.values, float(low), float(high)
        case "siemens":
            levels = (matrix.values - scale.g_min) / scale.step
            least, most = float(low), float(high)
        case _:
            first, last = _SPANS[kind]
            levels = low + (matrix.values - first) / (last - first) * (high - low)
            least, most = float(low), float(high)
    _refuse_outside(matrix, kind, levels, least, most, scale)
    return np.clip(levels, least, most)


def _refuse_outside(matrix: Matrix, kind: Values, levels: Array, low: float, high: float, scale: LevelScale) -> None:
    wrong = np.argwhere((levels < low - ROUNDING) | (levels > high + ROUNDING))
    if not len(wrong):
        return
    row, column = wrong[0].tolist()
    number = float(matrix.values[row, column])
    match kind:
        case "levels":
            shown, span = f"{number:g}", f"levels {low:g} to {high:g}"
        case "siemens":
            ends = (format_quantity(scale.conductance(level), "S") for level in (low, high))
            shown, span = format_quantity(number, "S"), " to ".join(ends)
        case _:
            shown, span = f"{number:g}", "{:g} to {:g}".format(*_SPANS[kind])
    raise ParameterError(
        f"--set matrix: {matrix.file}, row {row}, column {column} is {shown}; values={kind} go from {span}"
        + (f" ({len(wrong)} numbers are outside)" if len(wrong) > 1 else "")
    )


def check_span(low: int, high: int) -> None:
    """Refuse levels between which nothing lies.

    Raises:
        ParameterError: says what is expected.
    """
    if not 0 <= low < high < LEVELS:
        raise ParameterError(f"--set low, high: 0 <= low < high <= {LEVELS - 1} is expected, not {low} and {high}")
