"""Pulses of a cell are counted over its die's life: every ledger once, whatever runs end, die, resume or go away."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl import pulse_history
from labctl.board_data import Cell, Pulse
from labctl.errors import StoreError
from labctl.ledger import Intent, Outcome, PulseCount, WriteState
from labctl.pulse_history import LIFE, Life, fold, history_path, life_of, pulses_before
from labctl.pulse_life import pulses_had
from labctl.store import RunWriter, write_manifest

CELLS = [Cell(0, 0), Cell(0, 1), Cell(3, 2)]
UTC_NOW = datetime(2026, 11, 22, tzinfo=UTC)
BENCH_LIFE = life_of("W12-D3", outlives=True, file=None, goes_on=False)


@dataclass(frozen=True, slots=True)
class Item:
    number: int


def intent(*counts: tuple[Cell, int]) -> Intent:
    return Intent("board", [Pulse(cell, 0.9, 80e-9, count) for cell, count in counts], PulseCount(1, 0))


# --- lives and files ---


def test_a_die_made_anew_for_each_run_has_no_history(tmp_path: Path) -> None:
    assert life_of("D", outlives=False, file=None, goes_on=False) is None
    first = life_of("D", outlives=False, file=tmp_path / "die.npz", goes_on=False)
    assert first is not None
    assert first.is_new
    (tmp_path / "die.npz").touch()
    second = life_of("D", outlives=False, file=tmp_path / "die.npz", goes_on=False)
    assert second == Life(first.name, outlives=False, is_new=False)


@pytest.mark.parametrize("die", ["CON", "nul.", "a/b\\c:*?", "..", "é\u0000\n", "x" * 500, "com1", " ", "\ud800"])
def test_any_id_makes_a_safe_file_name(die: str, tmp_path: Path) -> None:
    life = life_of(die, outlives=True, file=None, goes_on=False)
    assert life is not None
    path = history_path(tmp_path, life)
    assert path.parent == tmp_path
    assert path.name.startswith("die_")
    assert path.name.isascii()
    assert set(path.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert len(path.name) < 80
    assert pulses_before(tmp_path / "run", life) == {}
    assert path.is_file()


@given(st.text(min_size=1), st.text(min_size=1))
def test_two_ids_have_two_files_also_where_case_does_not_count(one: str, other: str) -> None:
    paths = [history_path(Path(), Life(json.dumps([die]), outlives=True)).name.lower() for die in (one, other)]
    assert (paths[0] == paths[1]) == (one == other)


def test_a_damaged_history_is_named_with_what_to_do(tmp_path: Path) -> None:
    assert BENCH_LIFE is not None
    history_path(tmp_path, BENCH_LIFE).write_bytes(b"no database" * 1000)
    with pytest.raises(StoreError, match="remove it"):
        pulses_before(tmp_path / "run", BENCH_LIFE)


# --- any interleaving ---


@dataclass(slots=True)
class Ran:
    """A run of the model: its folder, what its ledger says each cell had, and where it stands."""

    folder: Path
    life: Life
    had: Counter[Cell] = field(default_factory=Counter[Cell])
    saved: Counter[Cell] = field(default_factory=Counter[Cell])
    """What it had when it ended gracefully for the last time."""
    store: RunWriter | None = None
    state: str = ""
    is_there: bool = True


class Lab:
    """Runs on two dies of a bench and one die file, as they may come and go."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.runs: list[Ran] = []
        self.lives = [
            Life(json.dumps(["A"]), outlives=True),
            Life(json.dumps(["B"]), outlives=True),
            Life(json.dumps(["A", "/die.npz"]), outlives=False),
        ]

    def begin(self, life: int) -> None:
        folder = self.data / f"20261122T{len(self.runs):06d}Z_made-up_{len(self.runs):08x}"
        folder.mkdir()
        made = Ran(folder, self.lives[life])
        write_manifest(folder, {LIFE: made.life.name})
        made.store = RunWriter(folder, {"record": Item}, power_safe=False)
        made.store.set_state(UTC_NOW, "running")
        self.check(made)
        self.runs.append(made)

    def write(self, made: Ran, write: Intent, outcome: Outcome | None) -> None:
        if made.store is None:
            return
        number = made.store.ledger.intend(write)
        if outcome is not None:
            put_out = None if outcome.put_out is None else min(outcome.put_out, write.total)
            made.store.ledger.resolve(number, Outcome(outcome.state, put_out))
            made.had += pulses_had(write, put_out)
        else:
            made.had += pulses_had(write, None)

    def end(self, made: Ran, state: str, folds: bool) -> None:
        """End a run gracefully; without `folds` the process dies right before it would fold."""
        if made.store is None:
            return
        made.store.set_state(UTC_NOW, state)
        made.state, made.saved = state, made.had.copy()
        if folds:
            fold(made.folder, made.life)
        made.store.close()
        made.store = None

    def die(self, made: Ran) -> None:
        if made.store is not None:
            made.store._db.close()
            made.store, made.state = None, "died"

    def resume(self, made: Ran) -> None:
        can = made.state in ("stopped", "failed") or (made.state == "died" and made.life.outlives)
        if made.store is not None or not can or not made.is_there:
            return
        made.store = RunWriter(made.folder, {"record": Item}, power_safe=False)
        made.store.set_state(UTC_NOW, "running")
        made.state = ""
        self.check(made)

    def remove_history(self, life: int) -> None:
        """A lost history is made anew, as long as no run's folder has gone away."""
        if all(made.is_there for made in self.runs):
            history_path(self.data, self.lives[life]).unlink(missing_ok=True)

    def remove(self, made: Ran) -> None:
        """Remove the folder of a run that was folded."""
        if made.store is None and made.is_there and made.state in ("finished", "stopped", "failed"):
            fold(made.folder, made.life)
            shutil.rmtree(made.folder)
            made.is_there = False

    def check(self, own: Ran) -> None:
        """What a run finds when it begins is what the ledgers of all others say, and its own."""
        expected: Counter[Cell] = Counter()
        for other in self.runs:
            if other.life == own.life and other is not own:
                expected += other.had if other.life.outlives else other.saved
        assert pulses_before(own.folder, own.life) == expected
        assert own.store is not None
        assert own.store.ledger.pulses_had() == own.had


PULSES = st.lists(st.tuples(st.sampled_from(CELLS), st.integers(1, 5)), min_size=1, max_size=3)
OUTCOMES = st.one_of(
    st.none(),
    st.just(Outcome(WriteState.CONFIRMED, None)),
    st.just(Outcome(WriteState.IN_DOUBT, None)),
    st.builds(Outcome, st.just(WriteState.SETTLED), st.integers(0, 15)),
)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), st.integers(0, 2)),
        st.tuples(st.just("write"), st.integers(0, 9), PULSES, OUTCOMES),
        st.tuples(st.just("write"), st.integers(0, 9), PULSES, OUTCOMES),
        st.tuples(st.just("end"), st.integers(0, 9), st.sampled_from(["finished", "stopped", "failed"]), st.booleans()),
        st.tuples(st.just("die"), st.integers(0, 9)),
        st.tuples(st.just("resume"), st.integers(0, 9)),
        st.tuples(st.just("lose"), st.integers(0, 2)),
        st.tuples(st.just("remove"), st.integers(0, 9)),
    ),
    max_size=24,
)


def _act(lab: Lab, action: tuple[Any, ...]) -> None:
    name, number, rest = action[0], int(action[1]), action[2:]
    if name == "begin":
        lab.begin(number)
    elif name == "lose":
        lab.remove_history(number)
    elif lab.runs:
        made = lab.runs[number % len(lab.runs)]
        match name:
            case "write":
                lab.write(made, intent(*rest[0]), rest[1])
            case "end":
                lab.end(made, *rest)
            case "die":
                lab.die(made)
            case "resume":
                lab.resume(made)
            case _:
                lab.remove(made)


@pytest.fixture(scope="module")
def memory() -> Path | None:
    """Where files are not synced to a disk, if this system has such a place."""
    return Path("/dev/shm") if Path("/dev/shm").is_dir() else None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=ACTIONS)
def test_whatever_happens_the_counts_are_the_sum_of_the_ledgers(
    memory: Path | None, actions: Sequence[tuple[Any, ...]]
) -> None:
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        lab = Lab(Path(folder))
        for action in actions:
            _act(lab, action)
        for life in range(3):
            lab.begin(life)
        for made in lab.runs:
            lab.die(made)


def _dying_at(statement: str) -> Callable[..., sqlite3.Connection]:
    """Return a `connect` for a process that dies right before a statement."""

    class Dying(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            self._look(sql)
            return super().execute(sql, parameters)

        def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
            self._look(sql)
            return super().executemany(sql, parameters)

        def _look(self, sql: str) -> None:
            if sql.startswith(statement):
                self.close()
                raise KeyboardInterrupt

    def connect(path: Any, **options: Any) -> sqlite3.Connection:
        return (sqlite3.Connection if "uri" in options else Dying)(path, **options)

    return connect


@pytest.mark.parametrize("at", ["DELETE FROM had", "INSERT INTO had", "INSERT INTO folded", "COMMIT"])
def test_a_process_that_dies_while_it_folds_leaves_nothing_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    lab = Lab(tmp_path)
    lab.begin(0)
    made = lab.runs[0]
    lab.write(made, intent((CELLS[0], 3)), Outcome(WriteState.CONFIRMED, 3))
    lab.end(made, "stopped", folds=True)
    lab.resume(made)
    lab.write(made, intent((CELLS[0], 2)), Outcome(WriteState.CONFIRMED, 2))

    monkeypatch.setattr(pulse_history.sqlite3, "connect", _dying_at(at))
    with pytest.raises((KeyboardInterrupt, StoreError)):
        lab.end(made, "finished", folds=True)
    monkeypatch.undo()
    lab.die(made)
    made.state = "finished"
    lab.begin(0)
    assert pulses_before(lab.runs[1].folder, made.life) == {CELLS[0]: 5}
    lab.die(lab.runs[1])


def test_a_new_die_file_begins_a_new_life(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.begin(2)
    lab.write(lab.runs[0], intent((CELLS[0], 3)), Outcome(WriteState.CONFIRMED, 3))
    lab.end(lab.runs[0], "finished", folds=False)
    folder, life = tmp_path / "20261123T000000Z_made-up_00000000", lab.runs[0].life
    assert pulses_before(folder, life) == {CELLS[0]: 3}
    assert pulses_before(folder, Life(life.name, outlives=False, is_new=True)) == {}
    assert pulses_before(folder, life) == {}
