"""What every virtual front panel is: bytes in, bytes out.

A panel is a second reading of its instrument's manual: it imports no driver. It knows no physics either: what its
terminals see comes from the world.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from sim_backend.faults.channel import FaultyChannel
    from sim_backend.world import World


class Panel(ABC):
    """A virtual instrument on one world.

    Args:
        world: die, wiring and clock behind all instruments of the bench.
        name: the instrument's name in the bench file; distinguishes two of a kind on the world's terminals.
    """

    interruptible: ClassVar[bool] = False
    """Whether it takes bytes also while it is busy, when it is called from inside the world's clock. Whoever serves
    another panel lets its bytes wait until it is done."""

    channel: FaultyChannel | None = None
    """What disturbs the links to it; None: nothing."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name

    @abstractmethod
    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        """Take bytes from the link and return the complete messages that the instrument answers with.

        Args:
            data: any piece of the byte stream, cut anywhere.
            end: the link itself marked the end of a message (VISA's END; never on a raw socket or serial line).
        """

    @abstractmethod
    def power_cycle(self) -> None:
        """Switch the instrument off and on: volatile settings are lost, the die keeps its state."""

    def connect(self) -> None:  # noqa: B027 (most panels keep nothing of a connection)
        """Note that a host opened the link: half-received bytes of the last connection are forgotten."""

    def fail(self) -> None:  # noqa: B027 (some panels answer every request themselves)
        """Note that what was received could not be carried out, for a reason that is none of the instrument's own.

        Whoever serves a panel to other programs calls this when `receive` raised: nobody else would tell them.
        """
