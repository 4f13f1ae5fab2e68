"""What a served twin lets any one host use up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PIECE: Final = 16 * 1024
"""Most bytes that are taken from a host at once."""
PIECE_COST: Final = 1024
"""What a piece that is still under way counts for beside its bytes: it is kept by itself until it arrives."""
IDLE: Final = 86_400.0
"""Silence (s) after which a host is hung up on, if nobody says otherwise: a run may leave an instrument alone for
hours, and cannot go on without it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of each connection. How long one message may be is bounded by the panels, as on the instruments.

    Args:
        hosts: connections that one instrument keeps on TCP.
        gone: further ones whose hosts have left before all that they sent was obeyed.
        spare: an instrument that has no connection left hangs up on the host that was silent for longest, if it was
            for this long (s), or on one that is too far ahead; else it refuses the one that comes.
        idle: a host on TCP that was silent for this long is hung up on (s).
        strange: so is, sooner, one that has not said the token which it must say (s).
        ahead: bytes that a host may send ahead of what its instrument has obeyed; more of them wait in the network.
        behind: bytes of answers that may wait for a host which does not read.
    """

    hosts: int = 16
    gone: int = 48
    spare: float = 60.0
    idle: float = IDLE
    strange: float = 10.0
    ahead: int = 1 << 16
    behind: int = 1 << 25
