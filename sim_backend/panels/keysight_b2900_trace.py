"""The trace buffer of a B2900A channel: it keeps readings, or what is calculated from them, until it is full."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from sim_backend.panels.keysight_b2900_status import Measurement
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim_backend.panels.keysight_b2900_readings import Reading
    from sim_backend.panels.keysight_b2900_settings import TraceSettings
    from sim_backend.panels.keysight_b2900_status import ChannelStatus

_STATISTICAL: Final = ("CALC", "VOLT", "CURR", "RES")
"""What statistics are of: neither times nor status (assumption: nor what was sourced)."""


def _deviation(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


_OPERATIONS: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "MEAN": lambda values: math.fsum(values) / len(values),
    "SDEV": _deviation,
    "PKPK": lambda values: max(values) - min(values),
    "MIN": min,
    "MAX": max,
}
_BITS = Measurement.BUFFER_AVAILABLE | Measurement.BUFFER_FULL


class TraceBuffer:
    """Keeps readings while its control mode is NEXT.

    Args:
        settings: of the channel's trace; the control mode is written when the buffer is full.
        status: the channel's status bits.
    """

    def __init__(self, settings: TraceSettings, status: ChannelStatus) -> None:
        self._settings = settings
        self._status = status
        self._readings: list[Reading] = []

    def __len__(self) -> int:
        return len(self._readings)

    def use(self, settings: TraceSettings) -> None:
        """Start anew with other settings."""
        self._settings = settings
        self.clear()

    def store(self, fed: Mapping[str, Reading]) -> None:
        """Keep what there is of the buffer's feed if writing is enabled; a full buffer disables it."""
        reading = fed.get(self._settings.feed)
        if self._settings.control != "NEXT" or reading is None:
            return
        if len(self._readings) < self._settings.points:
            self._readings.append(reading)
        if len(self._readings) >= self._settings.points:
            self._settings.control = "NEV"
        self._note()

    def clear(self) -> None:
        """Forget every reading."""
        self._readings.clear()
        self._note()

    def set_points(self, points: int) -> None:
        """Change the size; the readings are lost.

        Raises:
            ScpiError: -221 while writing is enabled.
        """
        self.check_stopped()
        self._settings.points = points
        self.clear()

    def check_stopped(self) -> None:
        """Refuse what needs a buffer that is not written.

        Raises:
            ScpiError: -221.
        """
        if self._settings.control == "NEXT":
            raise ScpiError(-221)

    def slice(self, offset: int, size: int | None) -> list[Reading]:
        """Return `size` readings from `offset` on, or all of them, with their times as the settings say."""
        end = len(self._readings) if size is None else offset + size
        chosen = range(min(offset, len(self._readings)), min(end, len(self._readings)))
        return [self._stamped(place) for place in chosen]

    def statistic(self, elements: Sequence[str]) -> list[float]:
        """Return the chosen statistic of each measured element that is chosen; NaN without data.

        Assumptions: the standard deviation is that of a sample; an element with a reading that is beyond its range or
        not a number has no statistic.
        """
        chosen = [name for name in elements if name in _STATISTICAL]
        columns = zip(*(reading.values(chosen) for reading in self._readings), strict=True)
        found = [self._operate(column) for column in columns]
        return found or [math.nan] * max(1, len(chosen))

    def _operate(self, column: Sequence[float]) -> float:
        if not all(map(math.isfinite, column)):
            return math.nan
        return _OPERATIONS[self._settings.statistic](column)

    def _stamped(self, place: int) -> Reading:
        """Return a reading with its time since the first one, or since the one before."""
        reading = self._readings[place]
        before = self._readings[0 if self._settings.stamp == "ABS" else max(0, place - 1)]
        return replace(reading, time=reading.time - before.time)

    def _note(self) -> None:
        bits = Measurement(0)
        if self._readings:
            bits |= Measurement.BUFFER_AVAILABLE
        if len(self._readings) >= self._settings.points:
            bits |= Measurement.BUFFER_FULL
        self._status.put_measurement(_BITS, bits)
