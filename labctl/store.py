"""A run on disk: writing its records as they come, durable at each step's end.

`<data>/<UTC time>_<protocol>_<8 hex>/` holds `manifest.json` (what was asked and what was found) and `run.sqlite`
(records, steps, what the protocol remembers, pulse ledger, log, state). SQLite's write-ahead log keeps committed steps
whole when the process is killed.
`labctl/run_reader.py` reads it back, also while it is being written.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from labctl import ledger_store
from labctl.errors import StoreError
from labctl.escaped import escaped
from labctl.ledger_store import RunLedger
from labctl.records import Column, columns, values_of
from labctl.run_cost import Cost
from labctl.run_names import MANIFEST, bad_file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

DATABASE = "run.sqlite"
_OWN_FILES = (MANIFEST, "guardian.log")
"""The run's own files, beside databases."""
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)
"""What comes of a damaged database: SQLite's own words of it may be no text."""
_SCHEMA = (
    "CREATE TABLE record_type (name TEXT PRIMARY KEY, columns TEXT NOT NULL)",
    """CREATE TABLE step (number INTEGER PRIMARY KEY, bench_time REAL NOT NULL, bench_cost REAL NOT NULL,
    wall_cost REAL NOT NULL)""",
    "CREATE TABLE memory (id INTEGER PRIMARY KEY CHECK (id = 1), value TEXT NOT NULL)",
    "CREATE TABLE log (id INTEGER PRIMARY KEY, utc TEXT NOT NULL, message TEXT NOT NULL)",
    """CREATE TABLE state (id INTEGER PRIMARY KEY, utc TEXT NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL,
    bench_cost REAL NOT NULL, wall_cost REAL NOT NULL)""",
    *ledger_store.SCHEMA,
)
"""`bench_time` (s) is that of the steps alone; costs (s) are of the whole run so far, what was broken off included."""


def make_run_folder(data: Path, name: str) -> Path:
    """Make and return the folder of a new run.

    Raises:
        StoreError: if `data` cannot be written.
    """
    folder = data.absolute() / name
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the run folder {folder}: {error.strerror or error}; choose another with --data"
        ) from None
    return folder


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest, whole or not at all.

    Raises:
        StoreError: if the folder cannot be written.
    """
    temporary = folder / (MANIFEST + ".part")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(manifest, file, indent=2, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / MANIFEST)
    except OSError as error:
        raise StoreError(f"cannot write {folder / MANIFEST}: {error.strerror or error}") from None


def write_run_file(folder: Path, name: str, content: bytes) -> None:
    """Write a file that a protocol made beside the records, whole or not at all.

    Raises:
        StoreError: if the folder cannot be written, or if no file beside the run's own can be called `name`.
    """
    if (why := bad_file_name(name)) or name.lower().startswith(_OWN_FILES) or ".sqlite" in name.lower():
        raise StoreError(f"a protocol cannot keep a file as {name!r}: {why or 'it is the name of a file of the run'}")
    temporary = folder / (name + ".part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / name)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StoreError(f"cannot write {folder / name}: {error.strerror or error}") from None


_PROGRESS = "SELECT COALESCE(MAX(number), 0), COALESCE(MAX(bench_time), 0.0) FROM step"
COST = """SELECT COALESCE(MAX(bench_cost), 0.0), COALESCE(MAX(wall_cost), 0.0)
FROM (SELECT bench_cost, wall_cost FROM step UNION ALL SELECT bench_cost, wall_cost FROM state)"""


@dataclass(frozen=True, slots=True)
class _Table:
    """How records of one type are written."""

    insert: str
    values: Any


class RunWriter:
    """Writes one run; used by one thread.

    Args:
        folder: an existing run folder; where it holds a run already, that one is gone on with.
        record_types: by the name of their table; each type once.
        power_safe: whether what was done to the instruments must survive a power cut: each write's intent is synced to
            the disk, and the steps before it with it.
        connect: opens the database, in autocommit mode; None: SQLite's own way.
        spent: returns what the run has cost since this was made.

    Raises:
        StoreError: if the folder cannot be written, or lies where SQLite cannot keep a write-ahead log.
    """

    def __init__(
        self,
        folder: Path,
        record_types: Mapping[str, type],
        power_safe: bool,
        connect: Callable[[Path], sqlite3.Connection] | None = None,
        spent: Callable[[], Cost] = Cost,
    ) -> None:
        self.path = folder / DATABASE
        self._pending: dict[type, list[Any]] = {kind: [] for kind in record_types.values()}
        goes_on = self.path.exists()
        with self._failing():
            self._db = sqlite3.connect(self.path, isolation_level=None) if connect is None else connect(self.path)
            self._begin()
            if goes_on:
                self._check_whole()
            else:
                self._create(record_types)
            self._file = _identity(self.path)
            self._tables = {kind: _table(name, kind) for name, kind in record_types.items()}
            self.steps, self.bench_time = self._db.execute(_PROGRESS).fetchone()
            self._spent, self._before = spent, Cost(*self._db.execute(COST).fetchone())
            self.ledger = RunLedger(self._db, lambda: self.steps, self._failing, power_safe)

    def cost(self) -> Cost:
        """Return what the run has cost so far, as far as its processes could write it down."""
        return self._before + self._spent()

    def memory(self) -> str | None:
        """Return what the protocol remembered at the end of the last step."""
        with self._failing():
            found = self._db.execute("SELECT value FROM memory").fetchone()
        return None if found is None else found[0]

    def _begin(self) -> None:
        (mode,) = self._db.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            self._db.close()
            raise StoreError(
                f"{self.path.parent} cannot hold a write-ahead log (a network share?); use --data with a local folder"
            )
        self._db.execute("PRAGMA synchronous=NORMAL")

    def _check_whole(self) -> None:
        """Refuse to go on with a damaged database: records and writes that are lost in it would pass unnoticed."""
        (found,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            self._db.close()
            raise StoreError(f"{self.path} is damaged ({' '.join(found.split())}); begin a new run")

    def _create(self, record_types: Mapping[str, type]) -> None:
        """Make the tables, all of them or none."""
        self._db.execute("BEGIN")
        for statement in _SCHEMA:
            self._db.execute(statement)
        for name, kind in record_types.items():
            fields = columns(kind)
            sql = ", ".join(f'"{field.name}" {field.sql}' for field in fields)
            self._db.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, step INTEGER NOT NULL, {sql})')
            self._db.execute("INSERT INTO record_type VALUES (?, ?)", (name, _columns_json(fields)))
        self._db.execute("COMMIT")

    def add(self, record: object) -> None:
        """Take a record; it is durable at the end of its step."""
        self._pending[type(record)].append(record)

    def end_step(self, bench_time: float, memory: str | None = None) -> None:
        """Make the records since the last step durable.

        Args:
            bench_time: of all steps so far (s).
            memory: what the protocol needs to go on from here, in place of what it remembered before.

        Raises:
            StoreError: if the disk is full or gone; nothing of this step is kept then. Or if the run folder is no
                longer where it was: nobody would find there what is recorded from here on.
        """
        number, cost, execute = self.steps + 1, self.cost(), self._db.execute
        with self._failing():
            execute("BEGIN")
            for kind, records in self._pending.items():
                if records:
                    table = self._tables[kind]
                    rows = [(number, *table.values(record)) for record in records]
                    self._db.executemany(table.insert, rows)
            if memory is not None:
                execute("INSERT OR REPLACE INTO memory VALUES (1, ?)", (memory,))
            self.ledger.forget_read()
            execute("INSERT INTO step VALUES (?, ?, ?, ?)", (number, bench_time, cost.bench_time, cost.wall_time))
            execute("COMMIT")
        for records in self._pending.values():
            records.clear()
        self.steps, self.bench_time = number, bench_time
        if _identity(self.path) != self._file:
            raise StoreError(
                f"{self.path} was moved, removed or replaced while the run wrote it; what was recorded is where that "
                "file is by now, if anywhere"
            )

    def log(self, utc: datetime, message: str) -> None:
        """Write down what happened beside the records."""
        with self._failing():
            self._db.execute("INSERT INTO log (utc, message) VALUES (?, ?)", (utc.isoformat(), escaped(message)))

    def set_state(self, utc: datetime, state: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write down the state that the run enters: running, finished, stopped or failed."""
        text, cost = json.dumps(strict_json(detail or {}), allow_nan=False), self.cost()
        with self._failing():
            self._db.execute(
                "INSERT INTO state (utc, state, detail, bench_cost, wall_cost) VALUES (?, ?, ?, ?, ?)",
                (utc.isoformat(), state, text, cost.bench_time, cost.wall_time),
            )

    def close(self) -> None:
        """Close the database; its write-ahead log is synced and folded into it, also while somebody reads.

        Closing twice is harmless; a log that cannot be folded in, as on a full disk, stays beside it and is read along.
        """
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    @contextmanager
    def _failing(self) -> Generator[None]:
        """Turn SQLite's errors into ours; a transaction that is broken off, by a signal, too, is taken back."""
        try:
            yield
        except UNREADABLE as error:
            raise self._failure(error) from None
        except BaseException:
            self._take_back()
            raise

    def _take_back(self) -> None:
        with suppress(sqlite3.Error):  # it may be closed
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _failure(self, error: Exception) -> StoreError:
        """Return the error of ours for SQLite's; a transaction under way is taken back."""
        self._take_back()
        return StoreError(f"cannot write {self.path}: {error}; free some space, or choose another --data")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from every other one; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _table(name: str, kind: type) -> _Table:
    """Say how the table of a record type is filled."""
    fields = columns(kind)
    marks = ", ".join("?" * len(fields))
    names = ", ".join(f'"{field.name}"' for field in fields)
    return _Table(f'INSERT INTO "{name}" (step, {names}) VALUES (?, {marks})', values_of(kind))  # noqa: S608


def strict_json(value: Any) -> Any:
    """Return `value` with what strict JSON cannot say, NaN and infinities, as None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): strict_json(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [strict_json(item) for item in cast("list[Any]", value)]
    return value


def _columns_json(fields: Sequence[Column]) -> str:
    return json.dumps([asdict(field) for field in fields])
