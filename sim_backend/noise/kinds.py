"""Which noises a die has, and the numbers that tell their kinds apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class NoiseKind(IntEnum):
    """Kinds of keyed noise. The values are part of every saved die: they are never reused."""

    READ = 1
    WRITE = 2
    SPREAD = 3
    RATE_SPREAD = 4
    FLICKER = 5
    TELEGRAPH = 6
    STUCK = 7
    DEAD = 8
    PRODUCT = 9


@dataclass(frozen=True, slots=True)
class Noise:
    """Each noise, switched alone; a noise whose size in the device's profile is 0 is off whatever its switch says.

    Args:
        read: white noise of a cell's current, sample by sample.
        write: steps differ from pulse to pulse.
        spread: conductances differ from cell to cell.
        rate_spread: rates differ from cell to cell.
        flicker: 1/f noise of a cell's current, over time.
        telegraph: random telegraph noise of some cells' current, over time.
        drift: conductances decay after the last write.
        stuck: no pulse changes some cells.
        dead: some cells do not conduct.
        wear: a cell's window closes beyond its endurance.
    """

    read: bool = True
    write: bool = True
    spread: bool = True
    rate_spread: bool = True
    flicker: bool = True
    telegraph: bool = True
    drift: bool = True
    stuck: bool = True
    dead: bool = True
    wear: bool = True

    @classmethod
    def none(cls) -> Noise:
        """Return every noise switched off."""
        return cls(*(False,) * len(cls.__dataclass_fields__))
