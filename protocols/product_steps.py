"""How many steps a run of products has, as far as that is known before a bench is: what a person sees of its length.

A die of 64 x 64 is assumed; on one, a run that programs nothing has exactly so many. How many rounds programming takes
shows on the way only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.board_features import Direction
from protocols.array_parameters import QUICK_LINES
from protocols.board_requests import request_vectors

if TYPE_CHECKING:
    from protocols.product_parameters import ProductParameters

USUAL_LINES = 64
"""Rows and columns of a die."""
USUAL_ROUNDS = 11
"""Rounds of programming by the reads of single cells, and by what the array multiplies by: ten to twelve of either on
the Ru-azo film."""


def usual_shape(parameters: ProductParameters) -> tuple[int, int]:
    """Return how many rows and columns take part."""
    p, most = parameters, QUICK_LINES if parameters.quick else USUAL_LINES
    rows, columns = p.rows or USUAL_LINES - p.row, p.columns or USUAL_LINES - p.column
    return max(1, min(rows, most)), max(1, min(columns, most))  # a region beyond a usual die is one all the same


def usual_rounds(most: int, is_effective: bool) -> int:
    """Return about how many rounds programming takes.

    Args:
        most: that each stage may take.
        is_effective: whether there is a second stage.
    """
    return min(most, USUAL_ROUNDS) * (1 + is_effective)


def programming_steps(parameters: ProductParameters) -> int:
    """Return about how many steps programming has, a round each."""
    return usual_rounds(parameters.rounds, parameters.is_effective) if parameters.program else 0


def request_steps(parameters: ProductParameters, vectors: int, signed: bool) -> int:
    """Return in how many requests so many vectors are multiplied."""
    shape = USUAL_LINES, USUAL_LINES
    most = request_vectors(Direction.ROWS_IN, shape, parameters.averages, parameters.slot)
    passes = parameters.coder(0.0).count(signed)
    return -(-vectors // max(1, most // passes))
