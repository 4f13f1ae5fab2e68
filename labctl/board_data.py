"""What is said to a probe board and what it answers: cells, pulses, schemes, readings, states.

Voltages in V, currents in A, widths and times in s. Polarity: a positive voltage makes the row line positive against
the column line, potentiates, and gives a positive current from row to column.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Cell:
    """A crossing of the array, counted from 0."""

    row: int
    column: int

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Pulse:
    """A train of `count` equal pulses on one cell.

    Args:
        cell: where.
        amplitude: height in V, with sign.
        width: of one pulse, in s.
        count: how many.
    """

    cell: Cell
    amplitude: float
    width: float
    count: int = 1


class BoardState(IntEnum):
    """State of the probe board (BOARD specification, section 2, rule 6)."""

    SAFE = 0
    IDLE = 1
    ARMED = 2


class Trip(IntFlag):
    """Protections of the probe board that fired."""

    NONE = 0
    WATCHDOG = 1
    COMPLIANCE = 2
    OVER_TEMPERATURE = 4
    INTERLOCK = 8
    SUPPLY = 16


class WriteScheme(IntEnum):
    """What the other lines get while a cell is pulsed: V/2, or V/3 and 2V/3."""

    HALF = 2
    THIRD = 3


class ReadScheme(IntEnum):
    """What the other lines of the driven side get while cells are read."""

    GROUND = 0
    FLOAT = 1
    REVERSE = 4


class ComplianceAction(IntEnum):
    """What the board does with a line that reaches its current limit."""

    CLAMP = 0
    TRIP = 1


class Feature(IntFlag):
    """What a probe board can do beyond reading and pulsing."""

    NONE = 0
    SMU_PORT = 1
    MULTIPLY = 2
    TEMPERATURE = 4
    SELF_TEST = 8
    CALIBRATION = 16


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a probe board can do; voltages in V, widths in s."""

    rows: int
    columns: int
    v_min: float
    v_max: float
    read_limit: float
    write_step: float
    read_step: float
    width_min: float
    width_max: float
    count_max: int
    averages_max: int
    features: Feature


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """State of a probe board.

    Args:
        state: SAFE, IDLE or ARMED.
        trips: protections that fired and were not cleared.
        delivered: pulses put out since power-up.
        boot: power-ups so far.
        temperature: in degC.
        bad_frames: damaged frames that the board dropped.
        time: since power-up, in s.
    """

    state: BoardState
    trips: Trip
    delivered: int
    boot: int
    temperature: float
    bad_frames: int
    time: float


@dataclass(frozen=True, slots=True)
class CellReadings:
    """Mean currents of n cells, in the order they were asked for.

    Args:
        voltage: across each cell, as the converter put it out (V).
        current: shape (n,), in A.
        saturated: shape (n,): amplifier or converter was at its end.
        in_compliance: shape (n,): the line driver was held back by its limit.
    """

    voltage: float
    current: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    in_compliance: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PulseReceipt:
    """What a list of pulses did.

    Args:
        executed: entries of the list that were put out.
        delivered: the board's pulse counter afterwards.
        boot: the board's power-up counter; with another boot, `delivered` starts anew.
    """

    executed: int
    delivered: int
    boot: int
