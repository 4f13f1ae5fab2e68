"""When faults strike: what a plan scripts is counted off, what its dice throw is thrown message by message."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict

from sim_backend.faults.kinds import BOARD_ONLY, MESSAGES, OFF_LINK, BoardTrip, Direction, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.faults.plan import Fault, FaultPlan

DURATIONS: Final = (1e-3, 0.02, 0.3, 0.6, 2.0)
"""How long (s) drawn faults last: around the time-outs that hosts have."""
USUAL: Final = {
    FaultKind.DELAY: 0.6,
    FaultKind.SPLIT: 0.01,
    FaultKind.MERGE: 0.1,
    FaultKind.REORDER: 0.1,
    FaultKind.LINK_GONE: 1.0,
    FaultKind.OVER_TEMPERATURE: 1.0,
    FaultKind.INTERLOCK: 1.0,
}
"""How long (s) a scripted fault lasts that does not say: ours."""


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault at the moment it strikes.

    Args:
        kind: which.
        at: byte of the message, from 0, at which it does; None: decided by where it is counted off.
        lasting: how long (s).
        bit: of that byte.
        cause: of a trip.
        cell: that sticks: row and column.
    """

    kind: FaultKind
    at: int | None = None
    lasting: float = 0.0
    bit: int = 0
    cause: BoardTrip = BoardTrip.SUPPLY
    cell: tuple[int, int] = (0, 0)


class Progress(BaseModel):
    """How far a plan has come: what a resumed run goes on with.

    Args:
        messages: that have passed, by channel and direction.
        bytes: likewise.
        pulses: of the board, over all its power-ups.
        writes: of the run's database.
        struck: numbers of the scripted faults that have struck, from 0.
    """

    model_config = ConfigDict(extra="forbid")

    messages: dict[str, int] = {}
    bytes: dict[str, int] = {}
    pulses: int = 0
    writes: int = 0
    struck: list[int] = []


class Schedule:
    """Counts what passes, and says what strikes.

    Args:
        plan: of the faults.
        boards: for each instrument, by name, whether it is a probe board.
        progress: where the plan goes on.
    """

    def __init__(self, plan: FaultPlan, boards: dict[str, bool], progress: Progress) -> None:
        self._plan = plan
        self._boards = boards
        self.progress = progress
        struck = set(progress.struck)
        self._left = {number: fault for number, fault in enumerate(plan.fault) if number not in struck}
        self._armed: list[int] = []
        """Numbers of faults whose moment has come, and that strike the next message of their direction."""

    def scripted(self) -> dict[int, Fault]:
        """Return the scripted faults that have not struck, by number."""
        return dict(self._left)

    def struck(self) -> list[Fault]:
        """Return the scripted faults that have struck."""
        return [self._plan.fault[number] for number in self.progress.struck]

    def message(self, channel: str, direction: Direction, size: int) -> list[tuple[int, Strike]]:
        """Count a message of `size` bytes; return what strikes it, and after how many of its bytes."""
        lane = f"{channel} {direction.value}"
        number = self.progress.messages[lane] = self.progress.messages.get(lane, 0) + 1
        before = self.progress.bytes.get(lane, 0)
        self.progress.bytes[lane] = before + size
        found = [
            (offset, self._strike(index, fault))
            for index, fault in self.scripted().items()
            if fault.channel == channel
            and fault.direction is direction
            and (offset := _offset(fault, number, before, size, index in self._armed)) is not None
        ]
        drawn = self._draw(channel, direction, number, size)
        return sorted([*found, *drawn], key=lambda one: one[0])

    def pulses(self, count: int) -> list[Strike]:
        """Count pulses; return what strikes now."""
        self.progress.pulses += count
        return self.due(lambda fault: fault.pulse is not None and fault.pulse <= self.progress.pulses)

    def steps(self, done: int) -> list[Strike]:
        """Return what strikes when so many steps are done."""
        return self.due(lambda fault: fault.step is not None and fault.step <= done)

    def due(self, is_due: Callable[[Fault], bool]) -> list[Strike]:
        """Return what strikes now, of the faults whose moment has come; what strikes messages waits for the next."""
        strikes: list[Strike] = []
        for index, fault in self.scripted().items():
            if index in self._armed or not is_due(fault):
                continue
            if fault.kind in MESSAGES:
                self._armed.append(index)
            else:
                strikes.append(self._strike(index, fault))
        return strikes

    def writes_fail(self) -> bool:
        """Count a write of the run's database; return whether it fails."""
        self.progress.writes += 1
        number, fails = self.progress.writes, False
        for index, fault in enumerate(self._plan.fault):
            if fault.write is not None and fault.write <= number:
                self._note(index)
                fails |= fault.writes is None or number < fault.write + fault.writes
        return fails

    def _strike(self, index: int, fault: Fault) -> Strike:
        self._note(index)
        return strike_of(fault)

    def _note(self, index: int) -> None:
        if self._left.pop(index, None) is not None:
            self.progress.struck.append(index)

    def _draw(self, channel: str, direction: Direction, number: int, size: int) -> list[tuple[int, Strike]]:
        """Throw the dice of one message: the same for the same seed, channel, direction and number."""
        dice = self._plan.random
        if dice is None or (dice.channels is not None and channel not in dice.channels) or not size:
            return []
        throw = random.Random(f"{dice.seed} {channel} {direction.value} {number}")  # noqa: S311 (no secret)
        if throw.random() >= dice.rate:
            return []
        kinds = [
            kind for kind in dice.kinds if kind not in OFF_LINK and (self._boards[channel] or kind not in BOARD_ONLY)
        ]
        if not kinds:
            return []
        at = throw.randrange(size)
        strike = Strike(
            throw.choice(kinds), at, throw.choice(DURATIONS), throw.randrange(8), throw.choice(list(BoardTrip))
        )
        return [(at, strike)]


def strike_of(fault: Fault) -> Strike:
    """Return what a scripted fault does."""
    lasting = USUAL.get(fault.kind, 0.0) if fault.lasting is None else fault.lasting
    return Strike(fault.kind, fault.at, lasting, fault.bit, fault.cause, (fault.row or 0, fault.column or 0))


def _offset(fault: Fault, number: int, before: int, size: int, is_armed: bool) -> int | None:
    """Return after how many bytes of a message a scripted fault strikes; None if it does not."""
    if is_armed or fault.message == number:
        return 0
    if fault.byte is not None and (before < fault.byte <= before + size or fault.byte == before == 0):
        return fault.byte - before
    return None


def words(strike: Strike) -> dict[str, Any]:
    """Return the arguments of a strike that mean something to its kind, as plain values."""
    match strike.kind:
        case FaultKind.TRIP:
            return {"cause": strike.cause.value}
        case FaultKind.STUCK_CELL:
            return {"row": strike.cell[0], "column": strike.cell[1]}
        case FaultKind.DROP | FaultKind.REPEAT | FaultKind.REBOOT | FaultKind.DISK_FULL:
            return {}
        case FaultKind.CUT | FaultKind.FLIP:
            return {"at": strike.at}
        case _:
            return {"for": strike.lasting}
