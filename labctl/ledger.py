"""The pulse ledger: what was meant to be written, and what came of it.

A pulse cannot be taken back or safely repeated. So each write is committed as an intent before it is sent, and its
outcome after; what stands open after a death or a lost link is settled by the board's own count of pulses. Where no
count can tell, the write is in doubt, and its cells must be read before anything else is done to them.
Rows on disk are in `labctl/ledger_store.py`; who stands between protocol and instrument is in `labctl/ledgered.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labctl.board_data import BoardStatus, Cell, Pulse


class WriteState(Enum):
    """What is known of a write."""

    INTENDED = "intended"
    """Committed, and perhaps sent."""
    CONFIRMED = "confirmed"
    """The instrument's reply says what was put out."""
    SETTLED = "settled"
    """There was no reply; the board's count says what was put out."""
    IN_DOUBT = "in doubt"
    """Nothing says what was put out."""


@dataclass(frozen=True, slots=True)
class PulseCount:
    """Power-ups of a board, and the pulses it has put out since the last one."""

    boot: int
    delivered: int

    @classmethod
    def of(cls, status: BoardStatus) -> PulseCount:
        """Return the count that a board's status holds."""
        return cls(status.boot, status.delivered)


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that is about to be sent.

    Args:
        instrument: its name in the bench file.
        pulses: in the order in which they are to be put out.
        before: what the board had counted; None for an instrument that keeps no count.
    """

    instrument: str
    pulses: Sequence[Pulse]
    before: PulseCount | None

    @property
    def total(self) -> int:
        """How many pulses that is."""
        return sum(pulse.count for pulse in self.pulses)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a write.

    Args:
        state: how that is known.
        put_out: pulses that were put out; None if that is not known.
    """

    state: WriteState
    put_out: int | None


@dataclass(frozen=True, slots=True)
class OpenWrite:
    """A write of which only the intent is known."""

    number: int
    intent: Intent


class Ledger(ABC):
    """Where intents and outcomes are committed."""

    @abstractmethod
    def intend(self, intent: Intent) -> int:
        """Commit an intent and return its number; the write may be sent when this has returned.

        Raises:
            StoreError: if it cannot be committed; the write must not be sent.
        """

    @abstractmethod
    def resolve(self, number: int, outcome: Outcome) -> None:
        """Commit what came of a write.

        Raises:
            StoreError: if it cannot be committed; the write stays open.
        """

    @abstractmethod
    def open_writes(self) -> list[OpenWrite]:
        """Return the writes without outcome, in order."""

    @abstractmethod
    def last_count(self, instrument: str) -> PulseCount | None:
        """Return what a board must have counted after its last write whose outcome is known; None without one."""

    @abstractmethod
    def touched(self, since_step: int) -> frozenset[Cell]:
        """Return the cells that writes after step `since_step` may have changed; 0 for the whole run."""

    def note_read(self, cells: Iterable[Cell]) -> None:  # noqa: B027 (most keep no list of cells to be read)
        """Note that cells have been read: whoever waited for that knows their state."""


class NoLedger(Ledger):
    """Keeps nothing: for a bench that is used outside a run."""

    def intend(self, intent: Intent) -> int:  # noqa: ARG002
        """Return 0."""
        return 0

    def resolve(self, number: int, outcome: Outcome) -> None:
        """Forget it."""

    def open_writes(self) -> list[OpenWrite]:
        """Return none."""
        return []

    def last_count(self, instrument: str) -> PulseCount | None:  # noqa: ARG002
        """Return None."""
        return None

    def touched(self, since_step: int) -> frozenset[Cell]:  # noqa: ARG002
        """Return none."""
        return frozenset()


def settle(intent: Intent, found: PulseCount | None) -> Outcome:
    """Return what came of a write without reply, from what the board has counted since.

    Args:
        intent: of the write.
        found: what the board has counted; None where nothing counts.
    """
    if intent.before is not None and found is not None and found.boot == intent.before.boot:
        put_out = found.delivered - intent.before.delivered
        if 0 <= put_out <= intent.total:
            return Outcome(WriteState.SETTLED, put_out)
    return Outcome(WriteState.IN_DOUBT, None)
