from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.errors import StoreError
from labctl.live.follow import Follower
from labctl.run_reader import RunReader
from labctl.store import DATABASE, write_manifest
from labctl.units import Volts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labctl.store import RunWriter

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Odd:
    note: str
    voltage: Volts
    held: bool


@dataclass(frozen=True, slots=True)
class Other:
    word: str


def test_it_reads_what_is_new_and_nothing_twice(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
) -> None:
    folder = new_run(steps=50)
    writer, follower = open_writer(folder), Follower(folder, lambda: 0.0)
    follower.poll()
    expected: list[float] = []
    for size in (1, 0, 7, 3, 39):
        errors = [0.01 * (len(expected) + place) for place in range(size)]
        add_levels(writer, errors)
        expected += errors
        assert follower.poll() is (size > 0)
        table = follower.tables["record"]
        assert table.numbers["error"].values.tolist() == expected
        assert table.step.values.tolist() == list(range(1, len(expected) + 1))
        assert follower.steps == len(expected)
        assert follower.bench_time == pytest.approx(0.01 * len(expected))
    assert follower.tables["record"].last[0] == 49
    assert follower.newest is follower.tables["record"]


def test_it_attaches_before_there_is_a_database_or_a_record(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
) -> None:
    time = 0.0
    folder = new_run(protocol="write-verify")
    follower = Follower(folder, lambda: time)
    assert not follower.poll()
    time = 100.0
    assert not follower.poll()
    assert follower.state.state == "starting"
    assert follower.problem == ""
    assert follower.protocol == "write-verify"
    writer = open_writer(folder)
    assert follower.poll()
    assert [panel.fields[0] for panel in follower.panels] == ["conductance", "error"]
    assert not follower.poll()
    add_levels(writer, [0.1])
    assert follower.poll()
    follower.close()


def test_a_database_that_is_being_made_is_waited_for(new_run: Callable[..., Path]) -> None:
    time = 0.0
    folder = new_run()
    sqlite3.connect(folder / DATABASE).executescript("CREATE TABLE other (id)").connection.close()
    follower = Follower(folder, lambda: time)
    time = 0.5
    assert not follower.poll()
    assert follower.problem == ""
    assert follower.failure is not None
    time = 5.0
    follower.poll()
    assert "cannot read" in follower.problem


def test_what_is_not_a_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a run folder"):
        Follower(tmp_path, lambda: 0.0)


def test_unusual_records_are_followed(new_run: Callable[..., Path], open_writer: Callable[..., RunWriter]) -> None:
    folder = new_run()
    writer, follower = open_writer(folder, {"odd": Odd, "other": Other}), Follower(folder, lambda: 0.0)
    writer.add(Odd("<b>", float("nan"), True))
    writer.add(Odd("", 0.5, False))
    writer.end_step(0.0)
    assert follower.poll()
    table = follower.tables["odd"]
    assert "note" not in table.numbers
    assert np.isnan(table.numbers["voltage"].values[0])
    assert table.numbers["held"].values.tolist() == [1.0, 0.0]
    assert table.step.values.tolist() == [1.0, 1.0]
    assert follower.tables["other"].step.values.size == 0
    assert follower.newest is table


def test_the_state_is_followed_and_a_resumed_run_too(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter]
) -> None:
    folder = new_run(steps=10)
    writer, follower = open_writer(folder), Follower(folder, lambda: 0.0)
    seen: list[str] = []
    for state in ("running", "stopped", "running", "finished"):
        writer.set_state(NOW, state, {"passed": True})
        write_manifest(folder, {"steps": 10 + len(seen)})
        follower.poll()
        seen.append(follower.state.state)
        follower.poll()
        assert follower.total_steps == 9 + len(seen)
    assert seen == ["running", "stopped", "running", "finished"]
    assert follower.state.detail == {"passed": True}


def test_a_run_that_was_at_rest_is_followed_when_it_goes_on(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
) -> None:
    """SQLite reads a database without a log as one that nobody changes."""
    folder = new_run(steps=10)
    writer = open_writer(folder)
    add_levels(writer, [0.1] * 3)
    writer.set_state(NOW, "stopped")
    writer.close()
    follower = Follower(folder, lambda: 0.0)
    follower.poll()
    follower.poll()
    again = open_writer(folder)
    again.set_state(NOW, "running")
    add_levels(again, [0.1] * 2)
    follower.poll()
    assert (follower.state.state, follower.steps) == ("running", 5)
    follower.poll()
    add_levels(again, [0.1])
    again.close()
    follower.poll()
    assert follower.steps == 6
    assert follower.tables["record"].step.values.size == 6


def test_many_records_are_read_some_at_a_time(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of them at once, as Python's objects, are a GB for a million records."""
    read: list[int] = []
    records = RunReader.records

    def count(reader: RunReader, name: str, after: int = 0, limit: int = -1) -> list[tuple[object, ...]]:
        rows = records(reader, name, after, limit)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(RunReader, "records", count)
    monkeypatch.setattr("labctl.live.follow._AT_ONCE", 7)
    folder = new_run(steps=20)
    writer = open_writer(folder)
    add_levels(writer, [0.1] * 20)
    follower = Follower(folder, lambda: 0.0)
    looks = 0
    while looks == 0 or follower.is_behind:
        assert follower.poll()
        looks += 1
    assert (looks, read) == (3, [7, 7, 6])
    assert follower.tables["record"].step.values.tolist() == list(range(1, 21))
    assert follower.course.last == 20


@pytest.mark.parametrize(
    ("tolerance", "expected"),
    [(0.5, 0.5), ("0.25", 0.25), (1, 1.0), (True, None), (0, None), ("half", None), (None, None), ([0.5], None)],
)
def test_the_tolerance_is_taken_where_there_is_one(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter], tolerance: object, expected: float | None
) -> None:
    folder = new_run(parameters={"tolerance": tolerance})
    open_writer(folder)
    follower = Follower(folder, lambda: 0.0)
    follower.poll()
    assert follower.tolerance == expected


def test_a_manifest_without_anything_does_no_harm(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter]
) -> None:
    folder = new_run(parameters=[], process="none", steps="many", backend=None, protocol=3)
    open_writer(folder).set_state(NOW, "running")
    follower = Follower(folder, lambda: 0.0)
    follower.poll()
    assert (follower.tolerance, follower.total_steps, follower.backend) == (None, None, "")
    assert follower.protocol == "write-verify"
    assert not follower.process_gone


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.skipif(sys.platform == "win32", reason="asking about a process would end it")
@pytest.mark.parametrize(
    ("process", "gone"),
    [
        (lambda: {"pid": dead_process(), "host": platform.node()}, True),
        (lambda: {"pid": os.getpid(), "host": platform.node()}, False),
        (lambda: {"pid": dead_process(), "host": "another-bench"}, False),
        (lambda: {"pid": dead_process()}, False),
        (lambda: {"pid": -1, "host": platform.node()}, False),
        (lambda: {"pid": 2**70, "host": platform.node()}, False),
    ],
    ids=["dead", "alive", "elsewhere", "no host", "no pid", "no process has it"],
)
def test_a_dead_process_is_noticed_where_it_can_be_told(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    process: Callable[[], dict[str, object]],
    gone: bool,
) -> None:
    folder = new_run(process=process())
    writer = open_writer(folder)
    writer.set_state(NOW, "running")
    follower = Follower(folder, lambda: 0.0)
    follower.poll()
    assert follower.process_gone is gone
    writer.set_state(NOW, "finished")
    follower.poll()
    assert not follower.process_gone


def test_the_run_folder_is_left_as_it_is(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
) -> None:
    folder = new_run()
    writer = open_writer(folder)
    add_levels(writer, [0.1, 0.2])
    writer.close()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    follower = Follower(folder, lambda: 0.0)
    follower.poll()
    follower.poll()
    follower.close()
    # SQLite itself keeps an index of its log, empty here, beside a database that it reads.
    own = {DATABASE + "-wal", DATABASE + "-shm"}
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name: after[name] for name in before} == before
    assert after.keys() - before.keys() <= own
    assert after.get(DATABASE + "-wal", b"") == b""


def test_a_folder_that_vanishes_is_told_and_survived(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter], tmp_path: Path
) -> None:
    time = 0.0
    folder = new_run()
    writer, follower = open_writer(folder), Follower(folder, lambda: time)
    writer.set_state(NOW, "running")
    follower.poll()
    follower.close()
    folder.rename(tmp_path / "moved")
    time = 10.0
    assert not follower.poll()
    assert follower.state.state == "running"
