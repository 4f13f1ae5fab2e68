"""Signed inputs on lines of one sign: passes, each a set of pulses or voltages, and by how much each counts.

Rectifying cells conduct one way, so an input below 0 is put on its line in a pass of its own, which counts negative.
An array's answer to vectors x is the sum over passes of weight x current; what it answered to is the same sum of what
the lines were driven by.

- width: a pulse of one height for |x| of the slot; two passes.
- amplitude: a voltage for the whole slot, chosen such that a cell's current, I ~ sinh(V / V0), is proportional to |x|
  (V0 infinite: such that the voltage is); two passes.
- bit-serial: a pass for each bit of |x| and each sign, with lines at either 0 V or full height; a bit's pass counts
  twice as much as that of the next lower bit.

What can be put out is whole steps of a converter, or whole nanoseconds: `drive` tells from what a board said that it
put out.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from typing_extensions import override

from labctl.board_features import Coding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CodingName = Literal["width", "amplitude", "bit-serial"]
NANOSECOND = 1e-9
"""Step of a pulse's width (s) (board specification)."""


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """One pass of n vectors.

    Args:
        inputs: of the lines, shape (n, lines): widths (s) or voltages above the floor (V), by the board's coding.
        weight: by how much its currents count.
    """

    inputs: Array
    weight: float


class InputCoding(ABC):
    """How vectors are put on lines.

    Args:
        voltage: that stands for an input of 1 (V).
    """

    board: Coding
    """As what the board is given the inputs."""

    def __init__(self, voltage: float) -> None:
        self.voltage = voltage

    @abstractmethod
    def count(self, signed: bool) -> int:
        """Return how many passes vectors take; `signed`: with inputs below 0."""

    @abstractmethod
    def passes(self, vectors: Array, signed: bool) -> list[Pass]:
        """Return the passes of `vectors` of -1..1, shape (n, lines)."""

    @abstractmethod
    def drive(self, inputs: Array, low: float, high: float) -> Array:
        """Return what lines were driven by, as a mean over the slot at which ohmic cells carry the same (V).

        Args:
            inputs: as they were put out, shape (n, lines): widths (s), or voltages with the floor (V).
            low: level of a line without its pulse (V); width coding.
            high: level of a line during its pulse (V); width coding.
        """


class WidthCoding(InputCoding):
    """A pulse for |x| of the slot.

    Args:
        voltage: of the pulses above the floor (V).
        slot: s.
    """

    board = Coding.WIDTH

    def __init__(self, voltage: float, slot: float) -> None:
        super().__init__(voltage)
        self._slot = slot

    @override
    def count(self, signed: bool) -> int:
        return 1 + signed

    @override
    def passes(self, vectors: Array, signed: bool) -> list[Pass]:
        steps = round(self._slot / NANOSECOND)
        return [Pass(np.rint(part * steps) * NANOSECOND, sign) for part, sign in _signs(vectors, signed)]

    @override
    def drive(self, inputs: Array, low: float, high: float) -> Array:
        return low + (high - low) * (inputs / self._slot)


class AmplitudeCoding(InputCoding):
    """A voltage for the whole slot.

    Args:
        voltage: of an input of 1, above the floor (V).
        conduction_voltage: V0 of the cells (V); infinite for ohmic ones.
        floor: V.
    """

    board = Coding.AMPLITUDE

    def __init__(self, voltage: float, conduction_voltage: float = math.inf, floor: float = 0.0) -> None:
        super().__init__(voltage)
        self._bend = 1 / conduction_voltage
        self._floor = floor

    @override
    def count(self, signed: bool) -> int:
        return 1 + signed

    @override
    def passes(self, vectors: Array, signed: bool) -> list[Pass]:
        return [Pass(self._bent(part), sign) for part, sign in _signs(vectors, signed)]

    def _bent(self, share: Array) -> Array:
        """Return voltages above the floor at which cells carry `share` of what they carry at full height."""
        if self._bend == 0.0:
            return share * self.voltage
        bottom = math.sinh(self._floor * self._bend)
        top = math.sinh((self._floor + self.voltage) * self._bend)
        bent = np.arcsinh(bottom + share * (top - bottom)) / self._bend - self._floor
        return np.clip(bent, 0.0, self.voltage)

    @override
    def drive(self, inputs: Array, low: float, high: float) -> Array:
        if self._bend == 0.0:
            return inputs
        bottom, top = (math.sinh(level * self._bend) for level in (self._floor, self._floor + self.voltage))
        return self.voltage * np.sinh(inputs * self._bend) / (top - bottom)


class BitSerialCoding(InputCoding):
    """A pass for each bit, lines at 0 V or full height above the floor.

    Args:
        voltage: of a bit that is set (V).
        bits: of |x|.
    """

    board = Coding.AMPLITUDE

    def __init__(self, voltage: float, bits: int) -> None:
        super().__init__(voltage)
        self._bits = bits

    @override
    def count(self, signed: bool) -> int:
        return self._bits * (1 + signed)

    @override
    def passes(self, vectors: Array, signed: bool) -> list[Pass]:
        largest = (1 << self._bits) - 1
        found: list[Pass] = []
        for part, sign in _signs(vectors, signed):
            number = np.rint(part * largest).astype(np.int64)
            found += [
                Pass(self.voltage * (number >> bit & 1).astype(np.float64), sign * (1 << bit) / largest)
                for bit in reversed(range(self._bits))
            ]
        return found

    @override
    def drive(self, inputs: Array, low: float, high: float) -> Array:
        return inputs


def _signs(vectors: Array, signed: bool) -> list[tuple[Array, float]]:
    """Return the magnitudes of the inputs above 0 and, in a part of their own, of those below."""
    above = [(np.maximum(vectors, 0.0), 1.0)]
    return [*above, (np.maximum(-vectors, 0.0), -1.0)] if signed else above
