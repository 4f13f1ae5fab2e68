"""`labctl export`: where files go, and what is refused."""

from __future__ import annotations

import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labctl.export.command import export_run
from labctl.export.record_table import RecordTable

pytest.importorskip("h5netcdf")


def test_the_newest_run_goes_to_a_folder_of_its_own(labctl: Any, ramp: Any, make_run: Any) -> None:
    make_run()
    folder = make_run()
    file = folder / "export" / f"{folder.name}.nc"
    assert labctl("export").out == f"{file}\n"
    assert labctl("export").code == 0  # what labctl made there it may make again
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_json_names_the_files(labctl: Any, ramp: Any, make_run: Any) -> None:
    folder = make_run()
    done = labctl("export", folder.name[-4:], "--format", "csv", "--json")
    assert done.code == 2  # an end that is no id
    done = labctl("export", folder.name, "--format", "csv", "--json")
    place = folder / "export" / folder.name
    assert json.loads(done.out) == {
        "run": str(folder), "format": "csv", "records": 5, "files": [f"{place}.csv", f"{place}.json"],
    }  # fmt: skip


def test_the_name_says_the_format(labctl: Any, ramp: Any, make_run: Any, tmp_path: Path) -> None:
    folder = make_run()
    assert labctl("export", "--out", "deep/x.csv").out == f"{tmp_path}/deep/x.csv\n{tmp_path}/deep/x.json\n"
    assert labctl("export", "--out", "x.nc").out == f"{tmp_path}/x.nc\n"
    assert labctl("export", "--out", tmp_path).out == f"{tmp_path / folder.name}.nc\n"
    assert (tmp_path / "x.nc").read_bytes().startswith(b"\x89HDF")


@pytest.mark.parametrize(("name", "there"), [("x.nc", "x.nc"), ("x.csv", "x.csv"), ("x.csv", "x.json")])
def test_a_file_that_is_there_stays_unless_forced(
    labctl: Any, ramp: Any, make_run: Any, tmp_path: Path, name: str, there: str
) -> None:
    make_run()
    (tmp_path / there).write_text("mine")
    done = labctl("export", "--out", name)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "--force" in done.err
    assert (tmp_path / there).read_text() == "mine"
    assert labctl("export", "--out", name, "--force").code == 0
    assert (tmp_path / there).read_bytes() != b"mine"


@pytest.mark.parametrize("name", ["run.sqlite", "manifest.csv", "manifest.json"])
def test_what_a_run_consists_of_is_never_overwritten(labctl: Any, ramp: Any, make_run: Any, name: str) -> None:
    folder = make_run()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = labctl("export", "--out", folder / name, "--force")
    assert done.code == 2
    assert "belongs to a run" in done.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing",), "there is no run"),
        (("--format", "netcfd"), "did you mean 'netcdf'?"),
        (("--format", "csv", "--out", "x.json"), "call the table .csv"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    labctl: Any, ramp: Any, make_run: Any, arguments: tuple[str, ...], words: str
) -> None:
    make_run()
    done = labctl("export", *arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert words in done.err


def test_a_place_that_cannot_be_written_is_named(labctl: Any, ramp: Any, make_run: Any, tmp_path: Path) -> None:
    make_run()
    (tmp_path / "file").write_text("")
    done = labctl("export", "--out", "file/below.nc")
    assert done.code == 3
    assert "--out" in done.err


def test_a_pipe_in_the_folder_keeps_nobody_waiting(labctl: Any, ramp: Any, make_run: Any) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes in folders here")
    folder = make_run()
    (folder / "export").mkdir()
    os.mkfifo(folder / "export" / f"{folder.name}.nc.part")
    assert labctl("export").code == 0


def test_a_link_in_the_folder_leads_nowhere(labctl: Any, ramp: Any, make_run: Any, tmp_path: Path) -> None:
    folder, mine = make_run(), tmp_path / "mine"
    mine.mkdir()
    try:
        (folder / "export").symlink_to(mine)
    except OSError:
        pytest.skip("no links here")
    done = labctl("export")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "choose a place with --out" in done.err
    assert list(mine.iterdir()) == []
    assert labctl("export", "--out", folder / "export").code == 0  # who names it means it


@pytest.mark.parametrize("module", ["h5netcdf", "h5py"])
def test_without_the_library_it_says_what_to_install(
    labctl: Any, ramp: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    make_run()
    monkeypatch.setitem(sys.modules, module, None)
    done = labctl("export")
    assert done.code == 2
    assert done.err == f'labctl: netCDF needs {module}: pip install "labctl[export]"\n'
    assert labctl("export", "--format", "csv").code == 0


@pytest.mark.parametrize("kind", ["netcdf", "csv"])
def test_ctrl_c_ends_it_between_two_blocks(
    labctl: Any, ramp: Any, make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    values, asked = RecordTable._values, 0

    def impatient(table: RecordTable, *arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        signal.raise_signal(signal.SIGINT)  # again and again: HDF5 does not survive an exception inside a write
        return values(table, *arguments)

    monkeypatch.setattr("labctl.export.record_table.BLOCK", 7)
    monkeypatch.setattr(RecordTable, "_values", impatient)
    make_run("finished", 40)
    done = labctl("export", "--format", kind, "--out", tmp_path)
    assert (done.code, done.out, done.err) == (130, "", "labctl: stopped; no file was written\n")
    assert asked == 14  # the fields of one block
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


DAMAGES = {
    "a text for a number": "UPDATE record SET conductance = 'x' WHERE id = 3",
    "a number for a text": "UPDATE record SET note = x'00'",
    "half a number in a row": "UPDATE record SET found = x'00ff'",
    "neither yes nor no": "UPDATE record SET met = 2",
    "a hole": "DELETE FROM record WHERE id = 2",
    "a column too many": "ALTER TABLE record ADD COLUMN extra",
    "no table": "UPDATE record_type SET name = 'other'",
    "a name that is none": "UPDATE record_type SET columns = replace(columns, 'note', '../x')",
    "a type that is none": "UPDATE record_type SET columns = replace(columns, '\"str\"', '[]')",
    "a name twice": "UPDATE record_type SET columns = replace(columns, 'note', 'met')",
    "a row along nothing": """UPDATE record_type SET columns = replace(columns, '"along": ""', '"along": "../x"')""",
    "a step that is none": "UPDATE record SET step = 'x'",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["netcdf", "csv"])
def test_a_damaged_run_is_one_line_and_leaves_no_file(
    labctl: Any, ramp: Any, make_run: Any, tmp_path: Path, damage: str, kind: str
) -> None:
    folder = make_run()
    with closing(sqlite3.connect(folder / "run.sqlite", isolation_level=None)) as db:
        db.execute(DAMAGES[damage])
    done = labctl("export", "--format", kind, "--out", tmp_path)
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert "damaged" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_rows_that_would_fill_the_disk_are_refused(labctl: Any, ramp: Any, make_run: Any) -> None:
    folder = make_run("finished", 400)
    with closing(sqlite3.connect(folder / "run.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE record SET found = zeroblob(1000000) WHERE id = 5")
    done = labctl("export")
    assert done.code == 3
    assert "'found'" in done.err
    assert "fill the disk" in done.err


@pytest.mark.parametrize("kind", ["netcdf", "csv"])
def test_memory_does_not_grow_with_the_run(
    ramp: Any, make_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("labctl.export.record_table.BLOCK", 100)
    monkeypatch.setattr("labctl.export.netcdf.BLOCK", 100)
    make_run("running", 40)
    export_run(tmp_path / "runs", None, kind, tmp_path / "x", force=False, json=True)  # loads the libraries
    peaks: list[int] = []
    for copies in (3, 15):
        _multiply(make_run("running", 40), copies)
        gc.collect()
        tracemalloc.start()
        try:
            export_run(tmp_path / "runs", None, kind, tmp_path / f"{copies}.{kind}", force=False, json=True)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def _multiply(folder: Path, copies: int) -> None:
    with closing(sqlite3.connect(folder / "run.sqlite", isolation_level=None)) as db:
        names = ", ".join(row[1] for row in db.execute("PRAGMA table_info(record)") if row[1] != "id")
        for k in range(1, copies):
            db.execute(f"INSERT INTO record SELECT id + {40 * k}, {names} FROM record WHERE id <= 40")


def test_labctl_itself_stays_light() -> None:
    code = (
        "import sys, labctl\n"
        "heavy = {'numpy', 'pydantic', 'pyvisa', 'xarray', 'h5py', 'pandas', 'PySide6', 'rich'} & set(sys.modules)\n"
        "assert callable(labctl.open_run)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
