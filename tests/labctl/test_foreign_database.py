"""Databases that labctl did not write: what is in them is data, and nothing in them keeps anybody busy."""

from __future__ import annotations

import _thread
import json
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl.errors import StoreError
from labctl.foreign_database import LONGEST, Patience, distrust
from labctl.run_names import MANIFEST_MAX
from labctl.run_reader import RunReader
from labctl.store import DATABASE, MANIFEST, RunWriter

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS number FROM c"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / MANIFEST).write_text("{}", encoding="utf-8")
    with closing(RunWriter(tmp_path, {}, power_safe=False)) as store:
        store.set_state(datetime.now(UTC), "failed")
    return tmp_path


def change(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


@pytest.mark.parametrize(
    "statements",
    [
        ["DROP TABLE step", f"CREATE VIEW step AS {ENDLESS}"],
        ["CREATE TRIGGER t AFTER INSERT ON log BEGIN DELETE FROM log; END"],
        ["DROP TABLE step", "CREATE TABLE step (number, x AS (hex(zeroblob(100000000))))"],
        ["CREATE VIRTUAL TABLE t USING fts5(x)"],
    ],
)
def test_a_database_that_does_more_than_to_keep_tables_is_refused(folder: Path, statements: list[str]) -> None:
    RunReader(folder).close()
    change(folder, *statements)
    with pytest.raises(StoreError, match="no plain table"):
        RunReader(folder)


def test_a_question_without_end_is_broken_off(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x")) as db:
        patience = Patience(db, tmp_path / "x")
        for _ in range(2):
            patience.renew()
            with pytest.raises(sqlite3.OperationalError, match="interrupted"):
                db.execute(f"SELECT COUNT(*) FROM ({ENDLESS})").fetchone()


@pytest.mark.parametrize("count", [10, 200_000])
def test_a_signal_during_a_question_is_heard(tmp_path: Path, count: int) -> None:
    class HeardError(Exception):
        pass

    def hear(number: int, frame: object) -> None:
        raise HeardError

    before = signal.signal(signal.SIGINT, hear)
    try:
        with closing(sqlite3.connect(tmp_path / "x")) as db:
            db.create_function("hit", 1, _thread.interrupt_main)  # as another thread would: it is not heard in there
            patience = Patience(db, tmp_path / "x")
            patience.renew()
            with pytest.raises(HeardError):
                db.execute(f"SELECT hit(2), (SELECT COUNT(*) FROM ({ENDLESS} LIMIT {count}))").fetchall()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_large_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (a, b)")
        db.executemany("INSERT INTO t VALUES (?, ?)", ((n, n % 7) for n in range(40_000)))
        db.commit()
        distrust(db)
        patience = Patience(db, path)
        for _ in range(3):
            patience.renew()
            assert len(db.execute("SELECT * FROM t WHERE rowid > 0 ORDER BY rowid").fetchall()) == 40_000


def test_values_are_bounded(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "x")) as db:
        distrust(db)
        with pytest.raises(sqlite3.Error, match="too big"):
            db.execute(f"SELECT zeroblob({LONGEST + 1})").fetchone()


def test_a_huge_manifest_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text(json.dumps({"x": "y" * MANIFEST_MAX}), encoding="utf-8")
    with pytest.raises(StoreError, match=MANIFEST):
        RunReader(folder)
