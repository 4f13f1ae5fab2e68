"""The board's front end: drivers and readers of both sides with their errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from sim_backend.front_end.board_errors import BANDWIDTH, PEAK_SHARE, SAMPLE_TIME, SETTLING_TIME
from sim_backend.front_end.drivers import Drivers
from sim_backend.front_end.interface import Direction, FrontEnd, LineReading
from sim_backend.front_end.line_noise import LineNoise, line_keys
from sim_backend.front_end.readers import Readers

if TYPE_CHECKING:
    from sim_backend.front_end.board_errors import BoardErrors
    from sim_backend.front_end.interface import Array, Lines, Saved


class BoardFrontEnd(FrontEnd):
    """Converters and amplifiers of one board. Two of the same arguments have the same errors and the same noise.

    Args:
        errors: how large they are.
        calibrated: the board went through factory calibration: its coefficients and its trims are set.
        rows: of the array.
        columns: of the array.
        g_max: of the die, which the readers' ranges fit (S).
        seed: of the board.
    """

    kind = "board"

    def __init__(self, errors: BoardErrors, calibrated: bool, rows: int, columns: int, g_max: float, seed: int) -> None:
        sizes = (columns, rows, rows, columns)
        keys = [line_keys(bank, lines) for bank, lines in enumerate(sizes)]
        self._readers = tuple(Readers(errors, keys[bank], g_max, calibrated, seed) for bank in (0, 1))
        self._drivers = tuple(Drivers(errors, keys[bank], calibrated, seed) for bank in (2, 3))
        self._reader_keys, self._driver_keys = keys[:2], keys[2:]
        self._noise = LineNoise(seed)
        self._errors = errors
        self.factory_calibrated = calibrated
        super().__init__((self._readers[0].calibration, self._readers[1].calibration))

    @override
    def line_voltage(
        self, lines: Lines, voltage: float | Array, direction: Direction = Direction.ROWS_TO_COLUMNS
    ) -> Array:
        return self._drivers[direction].voltage(lines, voltage)

    @property
    @override
    def smallest_range(self) -> float:
        return min(bank.smallest_range for bank in self._readers)

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
        bank, keys = self._readers[direction], self._reader_keys[direction][readers]
        arrived = current * (1 - unsettled(samples))
        normal = self._noise.take(keys)
        if driver is not None:
            shared = self._noise.take(self._driver_keys[direction][driver : driver + 1])
            arrived = arrived + (self._errors.driver_noise * math.sqrt(BANDWIDTH / samples)) * shared * driven
            driven = 0.0
        signal = bank.signal(readers, arrived, hanging)
        magnitude = np.abs(signal)
        full_scale = bank.holding_range(magnitude if holds is None else np.maximum(magnitude, holds))
        variance = bank.noise_variance(full_scale, hanging, driven, BANDWIDTH)
        result = bank.convert(readers, signal, full_scale, variance, normal, samples)
        return LineReading(result, bank.saturates(signal))

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
        bank, keys = self._readers[direction], self._reader_keys[direction][readers]
        signal = bank.signal(readers, current, hanging)
        magnitude = np.abs(signal) if peak is None else np.maximum(np.abs(signal), np.abs(peak) * PEAK_SHARE)
        largest: Array = magnitude.max(axis=0) if magnitude.ndim > 1 else magnitude
        full_scale = bank.holding_range(largest)
        # A gate of this length passes the noise of a band of half its inverse.
        variance = bank.noise_variance(full_scale, hanging, driven, 1 / (2 * slot))
        normal = self._noise.take_many(keys, 1)[0] if current.ndim == 1 else self._noise.take_many(keys, len(current))
        result = bank.convert(readers, signal, full_scale, variance, normal, averages)
        return LineReading(result, bank.saturates(signal, peak))

    @override
    def _state(self) -> dict[str, Saved]:
        state = super()._state()
        state["conversions"] = self._noise.count
        return state


def unsettled(samples: int) -> float:
    """Return which part of its step a line's current misses in the mean of `samples` after routing.

    A line starts from 0: it was grounded while it was routed.
    """
    rate = 2 * math.pi * BANDWIDTH
    last = -math.expm1(-rate * SAMPLE_TIME * samples) / -math.expm1(-rate * SAMPLE_TIME)
    return math.exp(-rate * SETTLING_TIME) * last / samples
