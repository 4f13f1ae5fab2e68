"""What can go wrong: the kinds of faults, and what each of them strikes."""

from __future__ import annotations

from enum import Enum
from typing import Final


class FaultKind(Enum):
    """A kind of fault, as a plan names it."""

    DROP = "drop"
    """A message is lost."""
    DELAY = "delay"
    """A message arrives late."""
    CUT = "cut"
    """The end of a message is lost, from a byte on."""
    REPEAT = "repeat"
    """A message arrives twice."""
    REORDER = "reorder"
    """A message arrives behind the next one."""
    SPLIT = "split"
    """A message arrives in two pieces, some time apart."""
    MERGE = "merge"
    """A message waits for the next one and arrives with it, in one piece."""
    FLIP = "flip"
    """A bit of a message is another one."""
    LINK_GONE = "link-gone"
    """The link breaks, and can be opened again after a while."""
    REBOOT = "reboot"
    """An instrument loses its power for a moment."""
    TRIP = "trip"
    """A protection of the board fires: its current limit, or its supply."""
    OVER_TEMPERATURE = "over-temperature"
    """The board is too hot for a while."""
    INTERLOCK = "interlock"
    """The board's interlock is open for a while."""
    STUCK_CELL = "stuck-cell"
    """No pulse changes a cell any more."""
    DISK_FULL = "disk-full"
    """The disk of the run's database is full."""


class Direction(Enum):
    """Which way a message goes."""

    REQUEST = "request"
    """To the instrument."""
    REPLY = "reply"
    """From the instrument."""


class BoardTrip(Enum):
    """Protections of the board that a `trip` can fire."""

    COMPLIANCE = "compliance"
    SUPPLY = "supply"


MESSAGES: Final = frozenset(
    {
        FaultKind.DROP, FaultKind.DELAY, FaultKind.CUT, FaultKind.REPEAT, FaultKind.REORDER, FaultKind.SPLIT,
        FaultKind.MERGE, FaultKind.FLIP,
    }
)  # fmt: skip
"""Kinds that strike one message."""
BOARD_ONLY: Final = frozenset({FaultKind.FLIP, FaultKind.TRIP, FaultKind.OVER_TEMPERATURE, FaultKind.INTERLOCK})
"""Kinds that strike a probe board or its link only: a flipped digit of an ASCII number is a number, too, which nobody
can see; protections of source-measure units end in what the units themselves decide."""
OFF_LINK: Final = frozenset({FaultKind.STUCK_CELL, FaultKind.DISK_FULL})
"""Kinds that strike no channel."""
