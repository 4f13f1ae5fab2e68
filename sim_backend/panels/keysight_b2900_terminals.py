"""What a B2900A channel's output is connected to: the world's terminals, or nothing."""

from __future__ import annotations

from typing import Protocol

from sim_backend.smu_terminals import Operating


class Terminals(Protocol):
    """What the channel needs of its terminals."""

    def drive(self, voltage: float, limit: float) -> None:
        """Source a voltage (V) with a current limit (A)."""

    def release(self) -> None:
        """Open the output."""

    def measure(self, duration: float) -> Operating:
        """Return the mean over the last `duration` (s)."""
        ...

    def count_conversion(self) -> int:
        """Return how many conversions there were before this one."""
        ...


class OpenTerminals:
    """Terminals with nothing on them, as those of channel 2."""

    def __init__(self) -> None:
        self._voltage = 0.0
        self._conversions = 0

    def drive(self, voltage: float, limit: float) -> None:  # noqa: ARG002
        """Source a voltage (V); no current flows, so the limit does nothing."""
        self._voltage = voltage

    def release(self) -> None:
        """Open the output."""
        self._voltage = 0.0

    def measure(self, duration: float) -> Operating:  # noqa: ARG002
        """Return the voltage and no current."""
        return Operating(self._voltage, 0.0, in_compliance=False)

    def count_conversion(self) -> int:
        """Return how many conversions there were before this one."""
        self._conversions += 1
        return self._conversions - 1
