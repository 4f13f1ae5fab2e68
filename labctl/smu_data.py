"""What is said to a source-measure unit and what it answers: setups, pulses, readings. Voltages in V, currents in A."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class OffMode(Enum):
    """What the terminals of a source-measure unit do while its output is off."""

    NORMAL = "normal"
    HIGH_IMPEDANCE = "high impedance"
    ZERO = "zero"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class SourceSetup:
    """How a source-measure unit sources voltage and measures current.

    Args:
        voltage: the largest magnitude that will be sourced; selects a fixed source range (V).
        current_limit: compliance (A).
        current_range: fixed measure range that holds this current (A); None measures with auto range.
        nplc: integration time in power line cycles.
        four_wire: remote sense.
        off_mode: what the terminals do while the output is off.
    """

    voltage: float
    current_limit: float
    current_range: float | None = None
    nplc: float = 1.0
    four_wire: bool = False
    off_mode: OffMode = OffMode.NORMAL


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a source-measure unit.

    Args:
        voltage: sourced or read back (V).
        current: measured (A); not a number when `overrange`.
        time: since the instrument's first reading (s), by the instrument.
        in_compliance: the limit held the output back: the voltage is not what was asked for.
        overrange: the reading did not fit the measure range.
    """

    voltage: float
    current: float
    time: float
    in_compliance: bool = False
    overrange: bool = False


@dataclass(frozen=True, slots=True)
class PulseTrain:
    """A train of equal rectangular pulses of voltage from a source-measure unit.

    Args:
        level: of the pulses (V).
        width: of each pulse (s), by the instrument's own definition.
        count: how many.
        base: level before, between and after the pulses (V).
        rest: from the end of a pulse to the beginning of the next one (s).
    """

    level: float
    width: float
    count: int = 1
    base: float = 0.0
    rest: float = 1e-3
