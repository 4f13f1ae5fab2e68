"""What the world asks of a board's converters and amplifiers.

A board drives one side of the array and reads the other. A line's driver adds its errors on the way to the line, a
line's reader on the way from it. Lines are counted from 0 on each side; arrays name lines by their indices.

Write pulses are not asked for here: their drivers put out exactly the steps of their grid (16 bit over 10 V), as no
source tells an error that matters beside the write noise of a cell.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

import numpy as np

from labctl.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Lines = NDArray[np.int64]
    Saved = NDArray[np.float64] | NDArray[np.int64]


class Direction(IntEnum):
    """Which side is driven and which is read."""

    ROWS_TO_COLUMNS = 0
    COLUMNS_TO_ROWS = 1


@dataclass(frozen=True, slots=True, eq=False)
class LineReading:
    """What readers make of the currents of their lines.

    Args:
        current: corrected with the stored coefficients (A).
        saturated: of the same shape: amplifier or converter was at its end, and the current is not what flowed.
    """

    current: Array
    saturated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Stored coefficients of one side's readers: `(raw - offset) / gain` is what a board reports.

    The arrays may be written to: what is written acts on the next reading.

    Args:
        gain: shape (lines,).
        offset: shape (lines,) (A).
    """

    gain: Array
    offset: Array

    @classmethod
    def none(cls, lines: int) -> Calibration:
        """Return the coefficients that change nothing."""
        return cls(np.ones(lines), np.zeros(lines))

    def correct(self, readers: Lines, raw: Array) -> Array:
        """Return raw currents (A), shape (..., n), of `readers`, shape (n,), with the coefficients applied."""
        corrected: Array = (raw - self.offset[readers]) / self.gain[readers]
        return corrected


class FrontEnd(ABC):
    """Drivers and readers of a board.

    Args:
        calibrations: coefficients of the column readers, then of the row readers.
    """

    kind: Literal["ideal", "board"]
    """As in the bench file."""
    factory_calibrated: bool = True
    """Whether it left its maker with its coefficients set."""

    def __init__(self, calibrations: tuple[Calibration, Calibration]) -> None:
        self.calibrations = calibrations
        """By direction."""

    @abstractmethod
    def line_voltage(
        self, lines: Lines, voltage: float | Array, direction: Direction = Direction.ROWS_TO_COLUMNS
    ) -> Array:
        """Return what the drivers of `lines` put out for reads and products.

        Args:
            lines: of the driven side, shape (n,).
            voltage: what they are told, on the grid of the converter already; one for all, or shape (..., n) (V).
            direction: which side is driven.

        Returns:
            shape (..., n) (V), without the drivers' noise: that comes with the reading.
        """

    @property
    @abstractmethod
    def smallest_range(self) -> float:
        """Largest current (A) that every reader's smallest range holds; infinite where there are no ranges."""

    @abstractmethod
    def read(
        self,
        readers: Lines,
        current: Array,
        hanging: float | Array,
        driven: float | Array,
        samples: int,
        direction: Direction = Direction.ROWS_TO_COLUMNS,
        driver: int | None = None,
        holds: Array | None = None,
    ) -> LineReading:
        """Convert the currents of lines, all at the same time, after they were routed.

        A line named twice is converted once: both entries get the same noise.

        Args:
            readers: shape (n,).
            current: true mean current into each reader, shape (n,) (A).
            hanging: sum of the differential conductances of all cells on each reader's line, shape (n,) or one for
                all (S): the amplifier's noise and offset act on them. Cells that block add what they still conduct.
            driven: differential conductance between the driven line and each reader (S): the driver's noise acts on
                it.
            samples: how many are averaged, one each 5 us.
            direction: which side is driven.
            driver: the driven line, whose noise all these readers see alike; None: each reader sees its own.
            holds: largest current that each reader's range must hold beside its own, shape (n,) (A): a line keeps its
                range for a whole request.

        Returns:
            arrays of shape (n,).
        """

    @abstractmethod
    def integrate(
        self,
        readers: Lines,
        current: Array,
        hanging: float | Array,
        driven: float | Array,
        slot: float,
        averages: int,
        direction: Direction = Direction.ROWS_TO_COLUMNS,
        peak: Array | None = None,
    ) -> LineReading:
        """Convert the mean currents over slots, each line in the range that holds all of its vectors.

        Args:
            readers: shape (n,).
            current: true mean over the slot, shape (n,) or (vectors, n) (A).
            hanging: as in `read`; shape (n,), (vectors, n) or one for all (S).
            driven: root of the sum of the squares of the differential conductances between all driven lines and each
                reader (S); shape (n,), (vectors, n) or one for all.
            slot: over which the current is integrated (s).
            averages: slots that are averaged, one conversion each.
            direction: which side is driven.
            peak: largest magnitude within the slot, of `current`'s shape (A); None: no larger than the mean.

        Returns:
            arrays of `current`'s shape.
        """

    def arrays(self) -> dict[str, Saved]:
        """Return copies of all that changes in use: counters of the noise, and coefficients."""
        return {name: array.copy() for name, array in self._state().items()}

    def restore(self, arrays: Mapping[str, Saved]) -> None:
        """Go on where a front end of the same kind, size and seed was when it gave `arrays`.

        Raises:
            ModelError: if they are not those of such a front end; nothing is restored then.
        """
        own = self._state()
        if set(own) != set(arrays):
            raise ModelError(f"the front end has the arrays {sorted(own)}, not {sorted(arrays)}")
        for name, array in own.items():
            other = arrays[name]
            if other.shape != array.shape or other.dtype != array.dtype:
                raise ModelError(f"{name} is {array.dtype} {array.shape}, not {other.dtype} {other.shape}")
            wrong = other < 0 if name == "conversions" else ~np.isfinite(other)
            if wrong.any() or (name.endswith("gain") and not other.all()):
                raise ModelError(f"{name} holds numbers that no front end has")
        for name, array in own.items():
            array[:] = arrays[name]

    def _state(self) -> dict[str, Saved]:
        """Return the arrays themselves; what is written into them is the front end's."""
        columns, rows = self.calibrations
        return {
            "column_gain": columns.gain,
            "column_offset": columns.offset,
            "row_gain": rows.gain,
            "row_offset": rows.offset,
        }
