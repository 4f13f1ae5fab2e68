"""The pulses that a die may see and a board makes: whole nanoseconds, and how many of them fit in one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.errors import EnvelopeError
from labctl.units import format_quantity
from protocols.board_requests import REQUEST_TIME, pulse_slot

if TYPE_CHECKING:
    from labctl.protocol_bench import ProtocolBench


@dataclass(frozen=True, slots=True)
class PulseReach:
    """Widths from `width_min` to `width_max` (ns), and at most `count_max` of the widest in one request."""

    width_min: int
    width_max: int
    count_max: int

    @classmethod
    def of(cls, bench: ProtocolBench) -> PulseReach:
        """Return what both board and envelope allow.

        Raises:
            EnvelopeError: if the die may not see even the narrowest pulse of this board.
        """
        able, allowed = bench.board.capabilities(), bench.envelope.pulse_width
        narrowest, widest = round(able.width_min * 1e9), _whole_ns(min(able.width_max, allowed))
        if widest < narrowest:
            raise EnvelopeError(
                f"the envelope allows pulse_width up to {format_quantity(allowed, 's')}; {bench.board.name} makes "
                f"none below {format_quantity(able.width_min, 's')}"
            )
        return cls(narrowest, widest, min(able.count_max, int(REQUEST_TIME / pulse_slot(widest / 1e9))))


def _whole_ns(width: float) -> int:
    """Return the largest number n of ns such that n / 1e9 is not above `width` (s), not even by rounding."""
    whole = round(width * 1e9)
    return whole if whole / 1e9 <= width else whole - 1
