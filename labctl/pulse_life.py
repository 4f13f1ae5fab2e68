"""How many pulses each cell of a die has had in its life: a ledger that refuses the one too many before it is sent.

What is known of a write decides what it counts for: as many pulses as were put out, in the order of its list, and all
of them as long as nobody knows. An instrument that keeps no count has put out what it confirms.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.errors import EnvelopeError
from labctl.ledger import Intent, Ledger, OpenWrite, Outcome, PulseCount

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from labctl.board_data import Cell


def pulses_had(intent: Intent, put_out: int | None) -> Counter[Cell]:
    """Return how many pulses of a write each cell has had, at most.

    Args:
        intent: of the write.
        put_out: how many pulses of it were put out; None if that is not known.
    """
    counts: Counter[Cell] = Counter()
    left = intent.total if put_out is None else put_out
    for pulse in intent.pulses:
        had = min(pulse.count, left)
        left -= had
        if had:
            counts[pulse.cell] += had
    return counts


class LifeLedger(Ledger):
    """A ledger in front of another one, which commits no intent that would exceed a cell's life.

    Args:
        ledger: where intents and outcomes are committed.
        most: pulses that a cell may have over its life.
        had: what each cell has had so far; open writes of `ledger` count in full.
    """

    def __init__(self, ledger: Ledger, most: float, had: Mapping[Cell, int] | None = None) -> None:
        self._ledger = ledger
        self._most = most
        self._had: Counter[Cell] = Counter(had or {})
        self._open: dict[int, Intent] = {}

    def had(self, cell: Cell) -> int:
        """Return how many pulses a cell has had, at most."""
        return self._had[cell]

    @override
    def intend(self, intent: Intent) -> int:
        counts = pulses_had(intent, None)
        for cell, count in counts.items():
            if self._had[cell] + count > self._most:
                raise EnvelopeError(too_many(cell, count, self._had[cell], self._most))
        number = self._ledger.intend(intent)
        self._had.update(counts)
        self._open[number] = intent
        return number

    @override
    def resolve(self, number: int, outcome: Outcome) -> None:
        self._ledger.resolve(number, outcome)
        intent = self._open.pop(number, None)
        if intent is not None and outcome.put_out is not None and outcome.put_out < intent.total:
            self._had.subtract(pulses_had(intent, None) - pulses_had(intent, outcome.put_out))

    @override
    def open_writes(self) -> list[OpenWrite]:
        writes = self._ledger.open_writes()
        self._open.update((write.number, write.intent) for write in writes)
        return writes

    @override
    def last_count(self, instrument: str) -> PulseCount | None:
        return self._ledger.last_count(instrument)

    @override
    def touched(self, since_step: int) -> frozenset[Cell]:
        return self._ledger.touched(since_step)

    @override
    def note_read(self, cells: Iterable[Cell]) -> None:
        self._ledger.note_read(cells)


def too_many(cell: Cell, count: int, had: int, most: float) -> str:
    """Return why a cell does not get `count` pulses more."""
    left = max(0, math.floor(most - had))
    return (
        f"{_pulses(count)} on {cell}, which has had {_pulses(had)} so far, would exceed its life: this die allows "
        f"pulses_per_cell up to {most:.10g}, and {left} {'is' if left == 1 else 'are'} left; use another cell"
    )


def _pulses(count: int) -> str:
    return f"{count} pulse" if count == 1 else f"{count} pulses"
