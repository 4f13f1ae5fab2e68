"""How long a Keithley 2400 sweeps, and in which pieces: numbers only; no channel.

While it sweeps the 2400 keeps back every answer (2400S-900-01, page 16-3), and an answer must be there within the
link's time-out: a sweep is cut where its length gets too uncertain, or where its readings take too long on the line.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.keithley_2400_link import TIMEOUT
from drivers.source_bounds import LINE_PERIOD

SWEEP_MAX = 2500
"""Points of a source list, and readings of the instrument's sample buffer."""
LIST_MAX = 100
"""Points of one command; more are appended."""
SAMPLE_BYTES = 56
"""Four numbers of 13 characters with their commas."""
CONVERSION = 185e-6
"""What a conversion takes apart from its power line cycles (s; notes on the firmware, not the manual)."""
CONVERSIONS = 2, 6
"""Fewest and most conversions a point: voltage and current, each with its two for auto zero (an assumption: the manual
gives no more than reading rates)."""
OVERHEAD = 1e-3, 1e-2
"""Least and most of everything else a point takes (s; an assumption, of the size of the manual's reading rates)."""
RANGING = 3
"""How many times as long a point takes at the most when the ammeter changes its range (an assumption)."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a point of a sweep takes.

    Args:
        least: at the least (s).
        most: at the most (s).
    """

    least: float
    most: float

    @classmethod
    def of(cls, nplc: float, delay: float, auto_range: bool) -> Pace:
        """Return the pace with an integration time of `nplc` power line cycles and a delay (s) before it."""
        conversion = nplc * LINE_PERIOD + CONVERSION
        least, most = (number * conversion + rest for number, rest in zip(CONVERSIONS, OVERHEAD, strict=True))
        return cls(delay + least, delay + most * (RANGING if auto_range else 1))

    def piece(self, byte_time: float | None = None) -> int:
        """Return how many points there may be in a piece.

        Args:
            byte_time: how long a byte takes on a serial line (s); None where that does not matter.
        """
        points = min(SWEEP_MAX, int(TIMEOUT / 2 / (self.most - self.least)))
        if byte_time is not None:
            points = min(points, int(TIMEOUT / 2 / (SAMPLE_BYTES * byte_time)))
        return max(points, 1)
