"""Which noises a die has, and the numbers that tell their kinds apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class NoiseKind(IntEnum):
    """Kinds of keyed noise. The values are part of every saved die: they are never reused."""

    READ = 1
    WRITE = 2
    SPREAD = 3


@dataclass(frozen=True, slots=True)
class Noise:
    """Each noise, switched alone.

    Args:
        read: white noise of a cell's current, sample by sample.
        write: steps differ from pulse to pulse.
        spread: conductances differ from cell to cell.
    """

    read: bool = True
    write: bool = True
    spread: bool = True
