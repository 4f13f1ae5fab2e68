"""Which cell the source-measure unit is given to, and the order in which that changes: 0 V, off, then the route.

Whoever changes a route does it here: the bench, or a protocol that asks the board directly (`labctl/ordered.py`).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.errors import DeniedError

if TYPE_CHECKING:
    from collections.abc import Generator

    from labctl.board_data import Cell
    from labctl.instruments import ProbeBoard
    from labctl.remembered import RememberedSourceMeter


@dataclass(frozen=True, slots=True)
class Standing:
    """How a source-measure unit stood: the cell it was given to, whether its output was on, and its level (V).

    `others_may_change` says that the cell's neighbours hold nothing that matters.
    """

    cell: Cell | None
    is_on: bool
    level: float
    others_may_change: bool = False


class SmuRoute:
    """The way from a source-measure unit to a cell."""

    def __init__(self) -> None:
        self.smu: RememberedSourceMeter | None = None
        """The instrument, as the bench itself asks it; None on a bench without one."""
        self.board: ProbeBoard | None = None
        """What routes it, likewise; None where the unit is wired to its one cell."""
        self._blocks = 0
        self._taken_by = ""
        self.cell: Cell | None = None
        """The cell that the unit is given to."""
        self.others_may_change = False
        """Whether what the unit does to other cells than this one is of no account, until it is let go."""

    def standing(self) -> Standing:
        """Return how the unit stands."""
        smu = self.smu
        is_on, level = (False, 0.0) if smu is None else (smu.may_be_on, smu.level)
        return Standing(self.cell, is_on, level, self.others_may_change)

    def connect(self, cell: Cell) -> None:
        """Give the unit to a cell; its output stays off, at 0 V. It is switched off whatever is known of it."""
        if self.smu is not None:
            self.smu.output_off()
        self.disconnect()
        if self.board is not None:
            self.board.route(cell)
        self.cell, self._taken_by = cell, ""

    def let_go(self, why: str = "") -> None:
        """Bring the unit to 0 V and switch it off if it may be on, then disconnect it.

        Args:
            why: what takes the cell away, as in "a read"; "" where nobody will miss it.
        """
        if self.smu is not None and self.smu.may_be_on:
            self.smu.output_off()
        self.disconnect(why)

    def disconnect(self, why: str = "") -> None:
        """Disconnect the unit, which is off, from the cell that it is given to, if it is to one."""
        if self.cell is not None and self.board is not None:
            self.board.unroute()
        self.forget(why)

    def forget(self, why: str = "") -> None:
        """Note that nothing is connected: the board is, or will be, in its safe state."""
        if self.cell is not None:
            self._taken_by = why
        self.cell, self.others_may_change = None, False

    def restore(self, standing: Standing) -> None:
        """Bring the unit back to where it stood: connected, on at 0 V, at its level; each only if it was."""
        if standing.cell is not None:
            self.connect(standing.cell)
            self.others_may_change = standing.others_may_change
        if self.smu is not None and standing.is_on:
            self.smu.output_on()
        if self.smu is not None and standing.level != 0:
            self.smu.source(standing.level)

    @contextmanager
    def suspended(self) -> Generator[None]:
        """Keep the unit off and disconnected for a while; afterwards it stands as before."""
        standing = self.standing()
        self.let_go()
        yield
        self.restore(standing)

    @contextmanager
    def block(self) -> Generator[None]:
        """Expect the unit to be connected while this lasts: see `check`."""
        self._blocks += 1
        try:
            yield
        finally:
            self._blocks -= 1
            self._taken_by = self._taken_by if self._blocks else ""

    def check(self) -> None:
        """Refuse to use a unit that was given to a cell and is no longer connected to it.

        Raises:
            DeniedError: says what took it away.
        """
        if self._blocks and self.cell is None and self._taken_by:
            raise DeniedError(
                f"the source-measure unit is no longer connected to its cell: {self._taken_by} of the board took it "
                "away; use the unit first, or route the cell once more"
            )
