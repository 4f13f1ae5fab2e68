"""The trace buffer of a B2900A channel: it keeps readings across runs, once, until it is full."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sim_backend.panels.keysight_b2900_status import Measurement
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from sim_backend.panels.keysight_b2900_readings import Reading
    from sim_backend.panels.keysight_b2900_settings import TraceSettings
    from sim_backend.panels.keysight_b2900_status import ChannelStatus

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

    def store(self, reading: Reading) -> None:
        """Keep a reading if writing is enabled; a full buffer disables it."""
        if self._settings.control != "NEXT" or self._settings.feed != "SENS":
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
