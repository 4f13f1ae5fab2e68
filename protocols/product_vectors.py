"""Weights and vectors of a product: drawn from a seed, or from a person's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.matrix_file import Matrix

    Array = NDArray[np.float64]

SLACK = 1e-9
"""By how much a number may be above 1: what rounding in text leaves."""
TRAINING, TEST, WEIGHTS = range(3)
"""What is drawn: each from its own stream of a seed."""


def random_weights(seed: int, rows: int, outputs: int) -> Array:
    """Return uniform weights of -1..1, shape (rows, outputs)."""
    return np.random.default_rng((seed, WEIGHTS)).uniform(-1, 1, (rows, outputs))


def random_vectors(seed: int, which: int, count: int, inputs: int, signed: bool) -> Array:
    """Return uniform vectors, shape (count, inputs), of -1..1 if `signed`, of 0..1 if not."""
    return np.random.default_rng((seed, which)).uniform(-1 if signed else 0, 1, (count, inputs))


def weights_in(matrix: Matrix, rows: int, outputs: int) -> Array:
    """Return the weights in a file.

    Raises:
        ParameterError: if there are not (rows, outputs) of them, or one is outside -1..1.
    """
    return _checked("matrix", matrix, (rows, outputs), f"{rows} rows of {outputs} weights")


def vectors_in(name: str, matrix: Matrix, inputs: int, signed: bool) -> Array:
    """Return the vectors in a file, one a row.

    Raises:
        ParameterError: if they have not so many inputs, or one is outside -1..1, or below 0 and not `signed`.
    """
    found = _checked(name, matrix, (len(matrix.values), inputs), f"vectors of {inputs} inputs, one a row")
    if not signed and (found < 0).any():
        row, column = np.argwhere(found < 0)[0]
        raise ParameterError(
            f"--set {name}={matrix.file}: vector {row}, input {column} is below 0; add --set signed=yes for two passes"
        )
    return found


def check_signal(name: str, values: Array) -> None:
    """Refuse numbers that are all 0: what they bring is 0, and a signal-to-noise ratio of it says nothing.

    Raises:
        ParameterError: names the parameter, `name`.
    """
    if not values.any():
        raise ParameterError(f"--set {name}: all numbers are 0, so there is no signal to tell from noise")


def _checked(name: str, matrix: Matrix, shape: tuple[int, int], wanted: str) -> Array:
    if matrix.values.shape != shape:
        found = " x ".join(map(str, matrix.values.shape))
        raise ParameterError(f"--set {name}={matrix.file}: it holds {found} numbers; {wanted} are needed")
    wrong = np.argwhere(np.abs(matrix.values) > 1 + SLACK)
    if len(wrong):
        row, column = wrong[0]
        raise ParameterError(
            f"--set {name}={matrix.file}: row {row}, column {column} is {matrix.values[row, column]:g}; numbers of "
            "-1 to 1 are needed, so divide them all by the largest"
        )
    return np.clip(matrix.values, -1.0, 1.0)
