"""A run on disk: writing its records as they come, durable at each step's end.

`<data>/<UTC time>_<protocol>_<8 hex>/` holds `manifest.json` (what was asked and what was found) and `run.sqlite`
(records, steps, log, state). SQLite's write-ahead log keeps committed steps whole when the process is killed.
`labctl/run_reader.py` reads it back, also while it is being written.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import sqlite3
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, cast

from labctl.errors import StoreError
from labctl.records import FIELD_TYPES, Column, columns, values_of

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

MANIFEST = "manifest.json"
DATABASE = "run.sqlite"
_SQL_TYPES = {kind.__name__: sql for kind, sql in FIELD_TYPES.items()}
_SCHEMA = (
    "CREATE TABLE record_type (name TEXT PRIMARY KEY, columns TEXT NOT NULL)",
    "CREATE TABLE step (number INTEGER PRIMARY KEY, bench_time REAL NOT NULL)",
    "CREATE TABLE log (id INTEGER PRIMARY KEY, utc TEXT NOT NULL, message TEXT NOT NULL)",
    "CREATE TABLE state (id INTEGER PRIMARY KEY, utc TEXT NOT NULL, state TEXT NOT NULL, detail TEXT NOT NULL)",
)


def run_name(protocol: str, started: datetime) -> str:
    """Return the id of a run that starts at `started` (UTC)."""
    return f"{started:%Y%m%dT%H%M%SZ}_{protocol}_{secrets.token_hex(4)}"


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


@dataclass(frozen=True, slots=True)
class _Table:
    """How records of one type are written."""

    insert: str
    values: Any


class RunWriter:
    """Writes one run; used by one thread.

    Args:
        folder: an existing run folder.
        record_types: by the name of their table; each type once.
        power_safe: whether a step must survive a power cut, not only the death of this process.

    Raises:
        StoreError: if the folder cannot be written, or lies where SQLite cannot keep a write-ahead log.
    """

    def __init__(self, folder: Path, record_types: Mapping[str, type], power_safe: bool) -> None:
        self.path = folder / DATABASE
        self.steps = 0
        self._pending: dict[type, list[Any]] = {kind: [] for kind in record_types.values()}
        with self._failing():
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._begin(power_safe)
            self._db.execute("BEGIN")
            for statement in _SCHEMA:
                self._db.execute(statement)
            self._tables = {kind: self._create(name, kind) for name, kind in record_types.items()}
            self._db.execute("COMMIT")

    def _begin(self, power_safe: bool) -> None:
        (mode,) = self._db.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            self._db.close()
            raise StoreError(
                f"{self.path.parent} cannot hold a write-ahead log (a network share?); use --data with a local folder"
            )
        self._db.execute(f"PRAGMA synchronous={'FULL' if power_safe else 'NORMAL'}")

    def _create(self, name: str, kind: type) -> _Table:
        """Make the table of a record type and say how it is filled."""
        fields = columns(kind)
        sql = ", ".join(f'"{field.name}" {_SQL_TYPES[field.type]}' for field in fields)
        self._db.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, step INTEGER NOT NULL, {sql})')
        self._db.execute("INSERT INTO record_type VALUES (?, ?)", (name, _columns_json(fields)))
        marks = ", ".join("?" * len(fields))
        names = ", ".join(f'"{field.name}"' for field in fields)
        return _Table(f'INSERT INTO "{name}" (step, {names}) VALUES (?, {marks})', values_of(kind))  # noqa: S608

    def add(self, record: object) -> None:
        """Take a record; it is durable at the end of its step."""
        self._pending[type(record)].append(record)

    def end_step(self, bench_time: float) -> None:
        """Make the records since the last step durable; `bench_time` (s) since the run began.

        Raises:
            StoreError: if the disk is full or gone; nothing of this step is kept then.
        """
        number, execute = self.steps + 1, self._db.execute
        try:
            execute("BEGIN")
            for kind, records in self._pending.items():
                if records:
                    table = self._tables[kind]
                    rows = [(number, *table.values(record)) for record in records]
                    self._db.executemany(table.insert, rows)
            execute("INSERT INTO step VALUES (?, ?)", (number, bench_time))
            execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                execute("ROLLBACK")
            raise self._failure(error) from None
        for records in self._pending.values():
            records.clear()
        self.steps = number

    def log(self, utc: datetime, message: str) -> None:
        """Write down what happened beside the records."""
        with self._failing():
            self._db.execute("INSERT INTO log (utc, message) VALUES (?, ?)", (utc.isoformat(), message))

    def set_state(self, utc: datetime, state: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write down the state that the run enters: running, finished, stopped or failed."""
        with self._failing():
            self._db.execute(
                "INSERT INTO state (utc, state, detail) VALUES (?, ?, ?)",
                (utc.isoformat(), state, json.dumps(strict_json(detail or {}), allow_nan=False)),
            )

    def close(self) -> None:
        """Close the database; its write-ahead log is folded into it, also while somebody reads.

        Closing twice is harmless; a log that cannot be folded in, as on a full disk, stays beside it and is read along.
        """
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    @contextmanager
    def _failing(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failure(error) from None

    def _failure(self, error: sqlite3.Error) -> StoreError:
        return StoreError(f"cannot write {self.path}: {error}; free some space, or choose another --data")


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
