"""What a write counts for in a cell's life, and what happens to the one pulse too many."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.board_data import Cell, Pulse
from labctl.engine import Watcher, resume, run
from labctl.errors import DeniedError, EnvelopeError, EquipmentError, StoreError
from labctl.instruments import ProbeBoard
from labctl.ledger import Intent, NoLedger, Outcome, PulseCount, WriteState
from labctl.plan import RunRequest
from labctl.protocol import Outcome as Ending
from labctl.protocol import Parameters, Protocol, Start, StepEnd
from labctl.protocol_bench import ProtocolBench
from labctl.pulse_life import LifeLedger, pulses_had
from sim_backend.backend import TwinBackend

CELLS = [Cell(0, 0), Cell(0, 1), Cell(3, 2)]


@dataclass(frozen=True, slots=True)
class Item:
    number: int


def intent(*counts: tuple[Cell, int]) -> Intent:
    return Intent("board", [Pulse(cell, 0.9, 80e-9, count) for cell, count in counts], PulseCount(1, 0))


# --- what one write counts for ---


def test_as_many_pulses_count_as_were_put_out_in_the_order_of_the_list() -> None:
    write = intent((CELLS[0], 3), (CELLS[1], 2), (CELLS[0], 4))
    assert pulses_had(write, None) == {CELLS[0]: 7, CELLS[1]: 2}
    assert pulses_had(write, 0) == {}
    assert pulses_had(write, 4) == {CELLS[0]: 3, CELLS[1]: 1}
    assert pulses_had(write, 6) == {CELLS[0]: 4, CELLS[1]: 2}


@given(st.lists(st.tuples(st.sampled_from(CELLS), st.integers(1, 9)), min_size=1, max_size=6), st.integers(0, 60))
def test_what_is_put_out_is_what_counts(pulses: list[tuple[Cell, int]], put_out: int) -> None:
    write = intent(*pulses)
    assert pulses_had(write, put_out).total() == min(put_out, write.total)
    assert pulses_had(write, put_out) <= pulses_had(write, None)


# --- a ledger that refuses ---


class Numbering(NoLedger):
    """A ledger that counts its intents, and can be full."""

    def __init__(self) -> None:
        self.intents: list[Intent] = []
        self.is_full = False

    def intend(self, intent: Intent) -> int:
        if self.is_full:
            raise StoreError("full")
        self.intents.append(intent)
        return len(self.intents)


def test_one_pulse_too_many_is_refused_before_it_is_committed_and_says_how_many_there_were() -> None:
    inner = Numbering()
    ledger = LifeLedger(inner, 10, {CELLS[0]: 6})
    ledger.intend(intent((CELLS[0], 3), (CELLS[1], 10)))
    with pytest.raises(EnvelopeError, match=r"has had 9 pulses so far.*pulses_per_cell up to 10"):
        ledger.intend(intent((CELLS[2], 1), (CELLS[0], 1), (CELLS[0], 1)))
    assert len(inner.intents) == 1
    ledger.intend(intent((CELLS[0], 1)))
    assert ledger.had(CELLS[0]) == 10


def test_what_was_not_put_out_does_not_count() -> None:
    ledger = LifeLedger(Numbering(), 10)
    number = ledger.intend(intent((CELLS[0], 4), (CELLS[1], 4)))
    ledger.resolve(number, Outcome(WriteState.SETTLED, 5))
    assert (ledger.had(CELLS[0]), ledger.had(CELLS[1])) == (4, 1)
    number = ledger.intend(intent((CELLS[0], 2)))
    ledger.resolve(number, Outcome(WriteState.IN_DOUBT, None))
    assert ledger.had(CELLS[0]) == 6


def test_an_intent_that_cannot_be_committed_does_not_count() -> None:
    inner = Numbering()
    inner.is_full = True
    ledger = LifeLedger(inner, 10)
    with pytest.raises(StoreError):
        ledger.intend(intent((CELLS[0], 4)))
    assert ledger.had(CELLS[0]) == 0


# --- through the engine ---

TEN = DEFAULT_BENCH.read_text(encoding="utf-8").replace("pulses_per_cell = 1e9", "pulses_per_cell = 10")
Offer = Callable[[Protocol[Any, Any]], None]


class Pulsing:
    """A protocol that puts `count` pulses on a cell in each of two steps, and fails where it is told to."""

    def __init__(self) -> None:
        self.count = 3
        self.fails_at: int | None = None

    def run(self, bench: ProtocolBench, parameters: Parameters, start: Start[Any]) -> Iterator[Item | StepEnd]:
        for number in range(start.steps, 2):
            if self.fails_at == number:
                raise EquipmentError("a fault of the test")
            bench.board.pulse([Pulse(CELLS[2], 0.9, 80e-9, self.count)])
            yield Item(number)
            yield StepEnd()


@pytest.fixture
def pulsing(offer: Offer, request: pytest.FixtureRequest) -> Pulsing:
    """The protocol; given `True`, it says beforehand how many pulses it needs."""
    made_up, says = Pulsing(), getattr(request, "param", False)
    offer(
        Protocol(
            name="made-up",
            title="for a test",
            parameters=Parameters,
            record=Item,
            needs=(ProbeBoard,),
            check=lambda die, envelope, parameters: None,
            steps=lambda parameters: 2,
            run=made_up.run,
            summarise=lambda records, parameters: Ending(True, Item(len(records))),
            caption=lambda record: str(record.number),
            pulses=(lambda die, parameters: {CELLS[2]: 2 * made_up.count}) if says else None,
        )
    )
    return made_up


def begin(tmp_path: Path, die: Path | None) -> Path:
    (tmp_path / "bench.toml").write_text(TEN, encoding="utf-8")
    request = RunRequest(
        "made-up",
        bench=tmp_path / "bench.toml",
        backend="twin",
        data=tmp_path / "runs",
        options=BackendOptions(die=die),
    )
    return run(request, Watcher()).folder


def test_a_die_in_a_file_wears_out_over_runs_and_says_how_far_it_is(pulsing: Pulsing, tmp_path: Path) -> None:
    die = tmp_path / "die.npz"
    begin(tmp_path, die)
    with pytest.raises(DeniedError, match=r"3 pulses on .* has had 9 pulses so far.*pulses_per_cell up to 10"):
        begin(tmp_path, die)
    die.unlink()
    begin(tmp_path, die)


def test_a_fresh_die_for_each_run_leaves_no_history(pulsing: Pulsing, tmp_path: Path) -> None:
    for _ in range(3):
        begin(tmp_path, None)
    assert list((tmp_path / "runs").glob("die_*")) == []


def test_a_run_that_goes_on_counts_what_it_did_before(pulsing: Pulsing, tmp_path: Path) -> None:
    pulsing.count, pulsing.fails_at = 6, 1
    with suppress(EquipmentError):
        begin(tmp_path, None)
    pulsing.fails_at = None
    folder = next((tmp_path / "runs").glob("*_made-up_*"))
    with pytest.raises(DeniedError, match="has had 6 pulses so far"):
        resume(folder, Watcher())
    with closing(sqlite3.connect(folder / "run.sqlite")) as db:
        assert db.execute("SELECT SUM(put_out) FROM write").fetchone() == (6,)


@pytest.mark.parametrize("pulsing", [True], indirect=True)
def test_a_run_that_a_life_does_not_allow_is_refused_before_anything_is_sent(
    pulsing: Pulsing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    die = tmp_path / "die.npz"
    begin(tmp_path, die)
    opened: list[object] = []

    def note(*arguments: object, **settings: object) -> None:
        opened.append(arguments)

    monkeypatch.setattr(TwinBackend, "open_serial", note)
    monkeypatch.setattr(TwinBackend, "open_visa", note)
    with pytest.raises(EnvelopeError, match=r"6 pulses on .* has had 6 pulses so far.*up to 10, and 4 are left"):
        begin(tmp_path, die)
    assert opened == []
    assert len(list((tmp_path / "runs").glob("*_made-up_*"))) == 1
