"""Sums over the pulse ledger of a long run take time in proportion to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from labctl.board_data import Cell
from labctl.ledger_store import SCHEMA, pulses_had

WRITES = 4000


def test_counting_pulses_takes_work_in_proportion_to_the_writes() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        for statement in SCHEMA:
            db.execute(statement)
        numbers = range(1, WRITES + 1)
        db.executemany("INSERT INTO write VALUES (?, 0, 'board', 1, 0, 'sent', 2)", [(number,) for number in numbers])
        pulses = [(number, number % 3) for number in numbers for _ in range(2)]
        db.executemany("INSERT INTO pulse VALUES (?, ?, 0, 0.9, 8e-8, 1)", pulses)
        steps: list[int] = []
        db.set_progress_handler(lambda: steps.append(1) or None, 1000)
        had = pulses_had(db.execute)
    assert sum(had.values()) == 2 * WRITES
    assert set(had) == {Cell(0, 0), Cell(1, 0), Cell(2, 0)}
    assert len(steps) * 1000 < 300 * WRITES
