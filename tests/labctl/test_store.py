from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, make_dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl.errors import RunNotFoundError, StoreError
from labctl.records import columns
from labctl.run_names import run_name
from labctl.run_reader import RunReader, find_run, run_folders
from labctl.store import RunWriter, make_run_folder, strict_json, write_manifest
from labctl.units import Siemens

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Point:
    number: int
    value: Siemens
    good: bool
    word: str


def new_run(tmp_path: Path) -> Path:
    folder = make_run_folder(tmp_path, run_name("test", NOW))
    write_manifest(folder, {"run": folder.name})
    return folder


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    points = [Point(1, 1.5e-9, True, "a"), Point(2, math.inf, False, "ü"), Point(-3, -0.0, True, "")]
    with closing(RunWriter(folder, {"record": Point}, power_safe=True)) as writer:
        for point in points:
            writer.add(point)
            writer.end_step(0.5)
    with closing(RunReader(folder)) as reader:
        assert reader.typed("record", Point) == points
        assert [column.unit for column in reader.record_types()["record"]] == ["", "S", "", ""]
        assert reader.steps() == 3
        assert reader.column("record", "number") == [1, 2, -3]
        assert [row[0] for row in reader.records("record", after=2)] == [3]


def test_nan_comes_back_as_nan(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    with closing(RunWriter(folder, {"record": Point}, power_safe=False)) as writer:
        writer.add(Point(1, math.nan, True, ""))
        writer.end_step(0.0)
    with closing(RunReader(folder)) as reader:
        assert math.isnan(reader.typed("record", Point)[0].value)


def test_records_of_an_unfinished_step_are_not_seen(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    with (
        closing(RunWriter(folder, {"record": Point}, power_safe=False)) as writer,
        closing(RunReader(folder)) as reader,
    ):
        writer.add(Point(1, 1.0, True, ""))
        assert reader.records("record") == []
        writer.end_step(0.0)
        assert len(reader.records("record")) == 1


def test_states_and_log(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    with (
        closing(RunWriter(folder, {"record": Point}, power_safe=False)) as writer,
        closing(RunReader(folder)) as reader,
    ):
        assert reader.state().state == "starting"
        writer.set_state(NOW, "running")
        writer.set_state(NOW, "finished", {"figure": math.nan})
        writer.log(NOW, "something")
        assert reader.state().state == "finished"
        assert reader.state().detail == {"figure": None}
        assert reader.log() == [(NOW.isoformat(), "something")]


def test_full_disk_keeps_what_was_recorded(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    with closing(RunWriter(folder, {"record": Point}, power_safe=False)) as writer:
        writer._db.execute("PRAGMA max_page_count = 40")
        with pytest.raises(StoreError, match="full"):
            _write_points(writer, 100_000)
        done = writer.steps
    with closing(RunReader(folder)) as reader:
        assert done > 10
        assert reader.column("record", "number") == list(range(done))


@pytest.mark.skipif(sys.platform == "win32", reason="there, a file that is open stays where it is")
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_run_folder_that_was_moved_away_ends_the_run_at_its_step(tmp_path: Path, is_replaced: bool) -> None:
    folder = new_run(tmp_path)
    with closing(RunWriter(folder, {"record": Point}, power_safe=True)) as writer:
        writer.add(Point(1, 1.0, True, ""))
        writer.end_step(0.0)
        moved = folder.rename(tmp_path / "moved")
        if is_replaced:
            shutil.copytree(moved, folder)
        writer.add(Point(2, 2.0, True, ""))
        with pytest.raises(StoreError, match="moved, removed or replaced"):
            writer.end_step(0.0)
    with closing(RunReader(moved)) as reader:
        assert reader.steps() == 2, "what was recorded is where the folder is"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes in folders")
@pytest.mark.parametrize("name", ["manifest.json", "run.sqlite", "run.sqlite-wal", "run.sqlite-journal"])
def test_a_pipe_in_the_place_of_a_file_keeps_nobody_waiting(tmp_path: Path, name: str) -> None:
    folder = new_run(tmp_path)
    with closing(RunWriter(folder, {"record": Point}, power_safe=True)) as writer:
        writer.add(Point(1, 1.0, True, ""))
        writer.end_step(0.0)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(StoreError):
        RunReader(folder)


def _write_points(writer: RunWriter, count: int) -> None:
    for number in range(count):
        writer.add(Point(number, 0.0, True, "x" * 100))
        writer.end_step(0.0)


def test_unwritable_folder_is_one_clear_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match="choose another with --data"):
        make_run_folder(blocked, "run")


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not a run folder"):
        RunReader(tmp_path)
    write_manifest(tmp_path, {})
    (tmp_path / "run.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(StoreError, match="cannot read"):
        RunReader(tmp_path)


def test_runs_are_found_by_path_id_beginning_and_newest(tmp_path: Path) -> None:
    first, second = (make_run_folder(tmp_path, f"2026112{day}T000000Z_test_{day:08x}") for day in (1, 2))
    for folder in (first, second):
        write_manifest(folder, {})
    assert find_run(tmp_path, None) == second
    assert find_run(tmp_path, str(first)) == first
    assert find_run(tmp_path, first.name) == first
    assert find_run(tmp_path, "20261121") == first
    assert find_run(tmp_path, f"{2:08x}") == second
    for wrong, words in (("2026", "write more of it"), ("1999", "there is no run"), ("../", "there is no run")):
        with pytest.raises(RunNotFoundError, match=words):
            find_run(tmp_path, wrong)
    with pytest.raises(RunNotFoundError, match="there are no runs"):
        find_run(tmp_path / "empty", None)


@pytest.mark.parametrize("name", ["", "a" * 300, "a" * 70_000, "a\0b", "\udcff", "/" * 5000, "C:\\con"])
def test_a_name_that_no_run_can_have_is_refused_where_there_is_one_run(tmp_path: Path, name: str) -> None:
    folder = make_run_folder(tmp_path, "20261121T000000Z_test_00000001")
    write_manifest(folder, {})
    with pytest.raises(RunNotFoundError, match="there is no run"):
        find_run(tmp_path, name)
    assert run_folders(tmp_path / name[:300]) in ([], [folder])


def test_a_run_that_ended_before_its_database_was_made_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ended before its first write; begin a new run"):
        RunReader(new_run(tmp_path))


def test_a_database_whose_names_are_no_text_is_refused(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    with closing(RunWriter(folder, {"record": Point}, power_safe=True)):
        pass
    database = folder / "run.sqlite"
    damaged = database.read_bytes()
    for word, other in ((b"tablerecord_type", b"tablereco\xb1d_type"), (b"TABLE record_type", b"TABLX record_type")):
        assert word in damaged
        damaged = damaged.replace(word, other)
    database.write_bytes(damaged)
    with pytest.raises(StoreError, match="cannot read"):
        RunReader(folder)
    with pytest.raises(StoreError, match="cannot write"):
        RunWriter(folder, {"record": Point}, power_safe=True)


def test_a_database_that_has_lost_records_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = new_run(tmp_path)
    with closing(RunWriter(folder, {"record": Point}, power_safe=True)) as writer:
        _write_points(writer, 200)
    database = folder / "run.sqlite"
    damaged = bytearray(database.read_bytes())
    with closing(sqlite3.connect(database)) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'record'").fetchone()
    cells = (root - 1) * 4096 + 3  # two bytes: how many entries the table's uppermost page has
    damaged[cells : cells + 2] = (int.from_bytes(damaged[cells : cells + 2], "big") - 1).to_bytes(2, "big")
    database.write_bytes(damaged)
    with closing(RunReader(folder)) as reader:
        assert len(reader.typed("record", Point)) < 200
    with pytest.raises(StoreError, match="is damaged"):
        RunWriter(folder, {"record": Point}, power_safe=True)


def test_a_folder_where_sqlite_keeps_no_log_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="use --data with a local folder"):
        RunWriter(tmp_path, {"record": Point}, power_safe=True, connect=lambda path: sqlite3.connect(":memory:"))


@pytest.mark.parametrize("value", ["many", None, b"\0"])
def test_a_record_with_another_value_than_its_fields_is_refused(tmp_path: Path, value: object) -> None:
    folder = new_run(tmp_path)
    with closing(RunWriter(folder, {"record": Point}, power_safe=True)) as writer:
        _write_points(writer, 1)
    with closing(sqlite3.connect(folder / "run.sqlite")) as db:
        db.execute("UPDATE record SET number = ?", (value,))
        db.commit()
    with closing(RunReader(folder)) as reader, pytest.raises(StoreError, match="it is damaged"):
        reader.typed("record", Point)


@pytest.mark.parametrize("text", ["[" * 200_000, "[]", "{", "\udcff", "null"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    folder = new_run(tmp_path)
    (folder / "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(StoreError, match="is not a"):
        RunReader(folder)


@pytest.mark.parametrize("text", ["[" * 200_000, "{", "[]", '{"a": "\udcff"}', "[1]", '[{"nonsense": 1}]'])
def test_a_database_with_other_texts_than_ours_is_refused(tmp_path: Path, text: str) -> None:
    folder = new_run(tmp_path)
    with closing(RunWriter(folder, {"record": Point}, power_safe=True)) as writer:
        writer.set_state(NOW, "stopped")
    with closing(sqlite3.connect(folder / "run.sqlite")) as db:
        value = text.encode(errors="surrogateescape")
        db.execute("UPDATE state SET detail = CAST(? AS TEXT)", (value,))
        db.execute("UPDATE record_type SET columns = CAST(? AS TEXT)", (value,))
        db.commit()
    with closing(RunReader(folder)) as reader:
        with pytest.raises(StoreError, match="cannot read"):
            reader.state()
        if text != "[]":
            with pytest.raises(StoreError, match="cannot read"):
                reader.record_types()


def test_strict_json() -> None:
    assert json.dumps(strict_json({"a": [math.nan, (math.inf, 1.0)]}), allow_nan=False) == '{"a": [null, [null, 1.0]]}'


WRITE_FOREVER = """
import sys
from dataclasses import dataclass
from pathlib import Path
from labctl.store import RunWriter

@dataclass(frozen=True, slots=True)
class Item:
    number: int

writer = RunWriter(Path(sys.argv[1]), {"record": Item}, power_safe=False)
number = 0
while True:
    for _ in range(10):
        writer.add(Item(number))
        number += 1
    writer.end_step(0.0)
    print(number, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL; TerminateProcess is its like")
def test_no_acknowledged_record_is_lost_by_sigkill(tmp_path: Path) -> None:
    chance = random.Random(1)
    for trial in range(20):
        folder = tmp_path / str(trial)
        folder.mkdir()
        child = subprocess.Popen([sys.executable, "-c", WRITE_FOREVER, str(folder)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        acknowledged = 0
        for _ in range(chance.randrange(1, 400)):
            acknowledged = int(child.stdout.readline())
        child.kill()
        rest = child.stdout.read().split()
        child.wait()
        child.stdout.close()
        acknowledged = max([acknowledged, *(int(word) for word in rest[:-1])])
        with closing(sqlite3.connect(folder / "run.sqlite")) as db:
            kept = [number for (number,) in db.execute("SELECT number FROM record ORDER BY id")]
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert kept[:acknowledged] == list(range(acknowledged))
        assert len(kept) % 10 == 0


@pytest.mark.parametrize("name", ["id", "step"])
def test_a_records_field_leaves_the_stores_own_columns_alone(name: str) -> None:
    kind = make_dataclass("Odd", [(name, int)], frozen=True, slots=True)
    with pytest.raises(TypeError, match=f"record field '{name}'.*choose another"):
        columns(kind)
