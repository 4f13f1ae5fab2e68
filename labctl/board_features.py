"""What a probe board may do beyond reading and pulsing: products, self-test, temperature, calibration.

A board says in its capabilities which of these it has; `ProbeBoard` (`labctl/instruments.py`) takes them over.
Voltages in V, currents in A, times in s. A positive voltage makes row lines positive against column lines and gives a
positive current, in both directions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OUTPUTS_MAX = 1820
"""Most results of one product request (board specification, section 3)."""
INPUTS_MAX = 4092
"""Most inputs of one product request (same source)."""


class Coding(IntEnum):
    """How the inputs of a product are put on their lines."""

    AMPLITUDE = 0
    """Each input line stands at its own voltage for the whole slot."""
    WIDTH = 1
    """Each input line gets a pulse of one common height and of its own width."""


class Direction(IntEnum):
    """Which lines are the inputs of a product; the others are its outputs. Also which readers a coefficient is for."""

    ROWS_IN = 0
    """Rows in, columns out: the columns' readers."""
    COLUMNS_IN = 1
    """Columns in, rows out: the rows' readers."""

    def sides(self, rows: int, columns: int) -> tuple[int, int]:
        """Return how many inputs and how many outputs an array has."""
        return (rows, columns) if self is Direction.ROWS_IN else (columns, rows)

    def vectors_max(self, rows: int, columns: int) -> int:
        """Return how many vectors one request holds at most."""
        inputs, outputs = self.sides(rows, columns)
        return min(OUTPUTS_MAX // outputs, INPUTS_MAX // inputs)


@dataclass(frozen=True, slots=True)
class ProductSetup:
    """How vectors are multiplied with the array.

    Args:
        coding: what the inputs are: voltages (V) or widths (s).
        direction: which lines are inputs.
        slot: time over which each output is averaged (s).
        averages: slots that are averaged.
        floor: amplitude coding: added to every input; width coding: level of an input line without its pulse (V).
        voltage: width coding: height of every pulse above the floor (V); amplitude coding: without meaning.
    """

    coding: Coding
    direction: Direction = Direction.ROWS_IN
    slot: float = 100e-6
    averages: int = 16
    floor: float = 0.0
    voltage: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ProductReadings:
    """Results of n vectors.

    Args:
        inputs: shape (n, inputs), as they were put out: voltages of the lines, floor included (V), or widths (s).
        low: level of a line without its pulse, as the converter put it out (V); width coding only.
        high: level of a line during its pulse (V); width coding only.
        current: mean over the slot, shape (n, outputs) (A).
        saturated: shape (n, outputs): amplifier or converter was at its end.
        in_compliance: shape (n, outputs): a line of the product was held back by its limit.
    """

    inputs: NDArray[np.float64]
    low: float
    high: float
    current: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    in_compliance: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SelfTest:
    """One test that a board made of itself; what number and value mean is the board's own."""

    number: int
    passed: bool
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Coefficients:
    """Stored coefficients of consecutive readers: a board reports `(raw - offset) / gain`.

    Args:
        gain: shape (lines,).
        offset: shape (lines,) (A).
        identity: SHA-256 of all coefficients of the board, in hexadecimal.
    """

    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    identity: str


class BoardFeatures(ABC):
    """The operations."""

    @abstractmethod
    def multiply(self, inputs: NDArray[np.float64], setup: ProductSetup) -> ProductReadings:
        """Multiply vectors with the array, in one request; opens the SMU port.

        Nothing is split: `Direction.vectors_max` says how many vectors a request holds, and a request runs for 5 s
        at most.

        Args:
            inputs: shape (n, inputs): voltages (V) or widths (s), by the coding.
            setup: how.

        Raises:
            InputError: if the board cannot do that, or not in one request; nothing was sent.
        """

    @abstractmethod
    def temperature(self) -> float:
        """Return the board's temperature (degC)."""

    @abstractmethod
    def self_test(self) -> list[SelfTest]:
        """Let the board test itself; no line is driven."""

    @abstractmethod
    def calibration(self, direction: Direction, first: int = 0, lines: int | None = None) -> Coefficients:
        """Return the stored coefficients of readers from line `first` on; None: of all that follow.

        Raises:
            InputError: if there are no such lines.
        """

    @abstractmethod
    def write_calibration(
        self, direction: Direction, first: int, gain: NDArray[np.float64], offset: NDArray[np.float64]
    ) -> str:
        """Store coefficients of the readers from line `first` on; they act on every result from here on.

        Args:
            direction: of which side.
            first: line.
            gain: shape (lines,), above 0.
            offset: shape (lines,) (A).

        Returns:
            the identity of all coefficients of the board.

        Raises:
            InputError: if there are no such lines, or no reader has such coefficients.
        """
