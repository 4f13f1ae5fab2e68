"""A front end that adds nothing and never saturates; what it is given is what it reports."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_backend.front_end.interface import Calibration, Direction, FrontEnd, LineReading

if TYPE_CHECKING:
    from sim_backend.front_end.interface import Array, Lines


class IdealFrontEnd(FrontEnd):
    """Drivers and readers without errors; coefficients that somebody stores act all the same.

    Args:
        rows: of the array.
        columns: of the array.
    """

    kind = "ideal"

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__((Calibration.none(columns), Calibration.none(rows)))

    @override
    def line_voltage(
        self, lines: Lines, voltage: float | Array, direction: Direction = Direction.ROWS_TO_COLUMNS
    ) -> Array:
        return np.array(np.broadcast_to(voltage, np.broadcast_shapes(np.shape(voltage), lines.shape)), np.float64)

    @property
    @override
    def smallest_range(self) -> float:
        return math.inf

    @override
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
        return self._reported(readers, current, direction)

    @override
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
        return self._reported(readers, current, direction)

    def _reported(self, readers: Lines, current: Array, direction: Direction) -> LineReading:
        return LineReading(self.calibrations[direction].correct(readers, current), np.zeros(current.shape, np.bool_))
