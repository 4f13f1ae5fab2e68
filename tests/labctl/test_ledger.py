"""The pulse ledger: what is settled by a board's count, and what stays in doubt."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.board_data import Cell, Pulse
from labctl.errors import StoreError
from labctl.ledger import Intent, OpenWrite, Outcome, PulseCount, WriteState, settle
from labctl.store import DATABASE, RunWriter, make_run_folder

COUNTS = st.integers(0, 2**40)


@dataclass(frozen=True, slots=True)
class Item:
    number: int


def pulses(*counts: int) -> list[Pulse]:
    return [Pulse(Cell(row, 7 - row), 0.9 - row, 80e-9 * (row + 1), count) for row, count in enumerate(counts)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_run_folder(tmp_path, "20261122T000000Z_test_00000000")


def writer(folder: Path) -> RunWriter:
    return RunWriter(folder, {"record": Item}, power_safe=True)


@given(
    boot=st.integers(1, 5),
    before=COUNTS,
    counts=st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=4),
    data=st.data(),
)
def test_a_count_between_none_and_all_settles_a_write(
    boot: int, before: int, counts: list[int], data: st.DataObject
) -> None:
    intent = Intent("board", pulses(*counts), PulseCount(boot, before))
    put_out = data.draw(st.integers(0, sum(counts)))
    assert settle(intent, PulseCount(boot, before + put_out)) == Outcome(WriteState.SETTLED, put_out)


@given(before=COUNTS, found=COUNTS, counts=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_a_count_that_fits_no_part_of_the_write_leaves_it_in_doubt(before: int, found: int, counts: list[int]) -> None:
    intent = Intent("board", pulses(*counts), PulseCount(1, before))
    outcome = settle(intent, PulseCount(1, found))
    assert (outcome.state is WriteState.IN_DOUBT) == (not before <= found <= before + sum(counts))


def test_a_restarted_board_and_one_that_does_not_count_leave_a_write_in_doubt() -> None:
    intent = Intent("board", pulses(1), PulseCount(1, 10))
    in_doubt = Outcome(WriteState.IN_DOUBT, None)
    assert settle(intent, PulseCount(2, 10)) == settle(intent, PulseCount(2, 11)) == settle(intent, None) == in_doubt
    assert settle(Intent("smu", pulses(1), None), PulseCount(1, 0)) == in_doubt


def test_open_writes_come_back_in_another_process_as_they_were_meant(folder: Path) -> None:
    first = Intent("board", pulses(3, 1), PulseCount(2, 2**40))
    with closing(writer(folder)) as run:
        number = run.ledger.intend(first)
        other = run.ledger.intend(Intent("smu", pulses(1), None))
        run.ledger.resolve(other, Outcome(WriteState.CONFIRMED, None))
    with closing(writer(folder)) as run:
        assert run.ledger.open_writes() == [OpenWrite(number, first)]
        assert run.ledger.intend(first) == other + 1


def test_the_last_count_is_that_of_the_last_write_that_is_known(folder: Path) -> None:
    with closing(writer(folder)) as run:
        assert run.ledger.last_count("board") is None
        for before in (5, 9):
            number = run.ledger.intend(Intent("board", pulses(3, 1), PulseCount(1, before)))
            run.ledger.resolve(number, Outcome(WriteState.CONFIRMED, 4))
        run.ledger.intend(Intent("board", pulses(1), PulseCount(1, 13)))
        assert run.ledger.last_count("board") == PulseCount(1, 13)
        assert run.ledger.last_count("other") is None


def test_touched_cells_are_those_of_unfinished_steps_that_a_pulse_may_have_reached(folder: Path) -> None:
    with closing(writer(folder)) as run:
        done = run.ledger.intend(Intent("board", [Pulse(Cell(0, 1), 0.9, 80e-9)], PulseCount(1, 0)))
        run.ledger.resolve(done, Outcome(WriteState.CONFIRMED, 1))
        run.end_step(0.1)
        outcomes = [Outcome(WriteState.SETTLED, 0), Outcome(WriteState.SETTLED, 1), Outcome(WriteState.IN_DOUBT, None)]
        for column, outcome in enumerate(outcomes):
            number = run.ledger.intend(Intent("board", [Pulse(Cell(5, column), 0.9, 80e-9)], PulseCount(1, 1)))
            run.ledger.resolve(number, outcome)
        run.ledger.intend(Intent("board", [Pulse(Cell(6, 6), 0.9, 80e-9)], PulseCount(1, 1)))
        assert run.ledger.touched(1) == {Cell(5, 1), Cell(5, 2), Cell(6, 6)}
        assert run.ledger.touched(0) == {Cell(0, 1), Cell(5, 1), Cell(5, 2), Cell(6, 6)}


def test_an_intent_is_on_disk_before_the_write_may_be_sent(folder: Path) -> None:
    with closing(writer(folder)) as run:
        run.ledger.intend(Intent("board", pulses(2, 1), PulseCount(1, 0)))
        with closing(sqlite3.connect(folder / DATABASE)) as other:
            assert other.execute("SELECT state, boot, delivered, put_out FROM write").fetchall() == [
                ("intended", 1, 0, None)
            ]
            assert other.execute("SELECT SUM(count) FROM pulse").fetchone() == (3,)


def test_an_intent_that_cannot_be_committed_is_an_error_and_leaves_nothing(folder: Path) -> None:
    with closing(writer(folder)) as run:
        (pages,) = run._db.execute("PRAGMA page_count").fetchone()
        run._db.execute(f"PRAGMA max_page_count = {pages}")
        many = [Pulse(Cell(0, 0), 0.9, 80e-9)] * 1000
        with pytest.raises(StoreError, match="full"):
            run.ledger.intend(Intent("board", many, PulseCount(1, 0)))
        assert run.ledger.open_writes() == []
