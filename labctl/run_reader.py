"""Reading a run back, finished or still being written, without ever disturbing it."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import quote

from labctl import ledger_store
from labctl.errors import RunNotFoundError, StoreError, nearest
from labctl.foreign_database import Patience, distrust
from labctl.records import ROW_TYPE, Column, columns, unpack_row
from labctl.run_cost import Cost
from labctl.run_names import MANIFEST, RUN_NAME, manifest_text
from labctl.store import COST, DATABASE, UNREADABLE

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labctl.board_data import Cell

_READERS: dict[str, Callable[[tuple[Any, ...]], Iterable[Any]]] = {
    "float": lambda part: part if None not in part else (math.nan if value is None else value for value in part),
    "int": lambda part: map(int, part),
    "bool": lambda part: map(bool, part),
    "str": lambda part: map(str, part),
    ROW_TYPE: lambda part: map(unpack_row, part),
}
"""How SQLite's values become those of a field again: it keeps NaN as NULL, and booleans as numbers."""
_AT_ONCE = 10_000
"""Rows after which Python comes to its own again: some hundredths of a second."""
RecordT = TypeVar("RecordT")


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is of a record type.

    Args:
        count: records; their ids are 1 to `count`.
        longest: bytes of the longest value of each column of text or rows, by name.
        total: bytes of all values of such a column, by name.
    """

    count: int
    longest: dict[str, int]
    total: dict[str, int]


@dataclass(frozen=True, slots=True)
class RunState:
    """The state a run entered last.

    Args:
        state: running, finished, stopped or failed; "starting" before the first.
        utc: when, ISO 8601.
        detail: what belongs to it: the summary, the error.
    """

    state: str
    utc: str
    detail: dict[str, Any]


class RunReader:
    """Reads one run folder.

    Raises:
        StoreError: if the folder holds no run that can be read.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _read_manifest(folder)
        self._at_rest = _at_rest(folder / DATABASE)
        self._db = _open_read_only(folder / DATABASE)
        self._patience = Patience(self._db, folder / DATABASE)

    def record_types(self) -> dict[str, tuple[Column, ...]]:
        """Return the columns of each record type, by name."""
        rows = self._rows("SELECT name, columns FROM record_type ORDER BY rowid")
        try:
            return {name: tuple(Column(**column) for column in json.loads(text)) for name, text in rows}
        except (ValueError, TypeError, RecursionError):
            raise self._damaged("the columns of its records") from None

    def records(self, record_type: str, after: int = 0, limit: int = -1) -> list[tuple[Any, ...]]:
        """Return the rows (id, step, fields...) of a record type, in order.

        Args:
            record_type: its name.
            after: only rows whose id is larger.
            limit: at most so many rows; negative: all.
        """
        self._known(record_type)
        return self._rows(_record_query(record_type), (after, limit))

    def column(self, record_type: str, name: str) -> list[Any]:
        """Return one field of all records of a type, in order."""
        if name not in [column.name for column in self._known(record_type)]:
            raise StoreError(f"records of type {record_type!r} in {self.folder} have no field {name!r}")
        return [value for (value,) in self._rows(f'SELECT "{name}" FROM "{record_type}" ORDER BY id')]  # noqa: S608

    def count(self, record_type: str) -> int:
        """Return how many records of a type there are; a run numbers them from 1 on."""
        self._known(record_type)
        count: object = self._rows(f'SELECT COALESCE(MAX(id), 0) FROM "{record_type}"')[0][0]  # noqa: S608
        if not (isinstance(count, int) and count >= 0):
            raise self._damaged("the numbers of its records")
        return count

    def extent(self, record_type: str) -> Extent:
        """Return how much there is of a record type; what a run under way adds later is not in it."""
        sized = [column.name for column in self._known(record_type) if column.type in ("str", ROW_TYPE)]
        lengths = [f'LENGTH(CAST("{name}" AS BLOB))' for name in sized]
        parts = ["COUNT(*)", "COALESCE(MIN(id), 1)", "COALESCE(MAX(id), 0)"]
        parts += [f"COALESCE({of}({length}), 0)" for length in lengths for of in ("MAX", "SUM")]
        count, first, last, *sizes = self._rows(f'SELECT {", ".join(parts)} FROM "{record_type}"')[0]  # noqa: S608
        if (first, last) != (1, count):
            raise self._damaged("the numbers of its records")
        return Extent(count, dict(zip(sized, sizes[::2], strict=True)), dict(zip(sized, sizes[1::2], strict=True)))

    def typed(self, record_type: str, kind: type[RecordT], after: int = 0, limit: int = -1) -> list[RecordT]:
        """Return records of a type as the dataclass that wrote them, in order; which ones as in `records`."""
        if [column.name for column in self._known(record_type)] != [column.name for column in columns(kind)]:
            raise StoreError(f"{self.folder} was written by another version of {kind.__name__}")
        readers = [_READERS[column.type] for column in columns(kind)]
        found: list[RecordT] = []
        try:
            for rows in self._parts(_record_query(record_type), (after, limit)):
                _, _, *parts = zip(*rows, strict=True)
                found += map(kind, *(read(part) for read, part in zip(readers, parts, strict=True)))
        except (ValueError, TypeError):
            raise self._damaged("its records") from None
        return found

    def steps(self) -> int:
        """Return how many steps are done."""
        steps = self._rows("SELECT COALESCE(MAX(number), 0) FROM step")[0][0]
        if not isinstance(steps, int):
            raise self._damaged("its steps")
        return steps

    def bench_time(self) -> float:
        """Return the bench time (s) at the end of the last step."""
        rows = self._rows("SELECT bench_time FROM step ORDER BY number DESC LIMIT 1")
        time: object = rows[0][0] if rows else 0.0
        if not (isinstance(time, float) and math.isfinite(time)):
            raise self._damaged("the times of its steps")
        return time

    def step_ends(self, after: int = 0, limit: int = -1) -> list[tuple[int, float]]:
        """Return number and bench time (s) of the ends of steps, in order; which ones as in `records`, by number."""
        query = "SELECT number, bench_time FROM step WHERE number > ? ORDER BY number LIMIT ?"
        return self._rows(query, (after, limit))

    def state(self) -> RunState:
        """Return the state that the run entered last."""
        rows = self._rows("SELECT state, utc, detail FROM state ORDER BY id DESC LIMIT 1")
        if not rows:
            return RunState("starting", "", {})
        state, utc, text = rows[0]
        try:
            detail: object = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            detail = None
        if not (isinstance(detail, dict) and isinstance(state, str) and isinstance(utc, str)):
            raise self._damaged("the details of its state")
        return RunState(state, utc, cast("dict[str, Any]", detail))

    def states(self) -> list[tuple[str, str]]:
        """Return (UTC time, state) of every state that the run entered, in order."""
        return self._texts("SELECT utc, state FROM state ORDER BY id", "its states")

    def cost(self) -> Cost:
        """Return what the run has cost so far, in all processes that worked on it."""
        cost: tuple[object, ...] = self._rows(COST)[0]
        if not all(isinstance(seconds, float) for seconds in cost):
            raise self._damaged("its costs")
        return Cost(*cast("tuple[float, float]", cost))

    def pulses_had(self) -> Counter[Cell]:
        """Return how many pulses each cell has had by the run's ledger, at most."""
        return ledger_store.pulses_had(self._rows)

    def log(self) -> list[tuple[str, str]]:
        """Return (UTC time, message) of everything written down, in order."""
        return self._texts("SELECT utc, message FROM log ORDER BY id", "its log")

    def is_outdated(self) -> bool:
        """Return whether a run that was at rest when this was made is written again: only a new reader sees it."""
        return self._at_rest is not None and self._at_rest != _at_rest(self.folder / DATABASE)

    def close(self) -> None:
        """Let go of the files."""
        self._db.close()

    def _known(self, record_type: str) -> tuple[Column, ...]:
        types = self.record_types()
        if record_type not in types:
            raise StoreError(f"{self.folder} has no records of type {record_type!r}; it has {', '.join(types)}")
        return types[record_type]

    def _texts(self, query: str, what: str) -> list[tuple[str, str]]:
        """Return rows of two texts."""
        rows = self._rows(query)
        if not all(isinstance(text, str) for row in rows for text in row):
            raise self._damaged(what)
        return rows

    def _damaged(self, what: str) -> StoreError:
        return StoreError(f"cannot read {self.folder / DATABASE}: {what} are not as labctl writes them; it is damaged")

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return [row for rows in self._parts(query, values) for row in rows]

    def _parts(self, query: str, values: Sequence[Any]) -> Iterator[list[Any]]:
        """Yield what a question finds, some rows at once: between them a signal is heard."""
        try:
            self._patience.renew()
            rows = self._db.execute(query, values)
            while some := rows.fetchmany(_AT_ONCE):
                yield some
        except UNREADABLE as error:
            raise StoreError(f"cannot read {self.folder / DATABASE}: {error}") from None


def _record_query(record_type: str) -> str:
    """Return the question for records of a type whose name was just looked up."""
    return f'SELECT * FROM "{record_type}" WHERE id > ? ORDER BY id LIMIT ?'  # noqa: S608


def run_folders(data: Path) -> list[Path]:
    """Return the folders of all runs in `data`, oldest first, renamed ones included; a link to a folder is none."""
    try:
        paths = [path for path in data.absolute().iterdir() if _is_run(path)]
    except (OSError, ValueError):  # there is no such folder, or there cannot be one
        return []
    return sorted(paths, key=_age)


def _is_run(path: Path) -> bool:
    """Return whether a path is a run folder, by its name or by what it holds."""
    if path.is_symlink() or not path.is_dir():
        return False
    return RUN_NAME.fullmatch(path.name) is not None or _holds_manifest(path)


def step_words(done: int, expected: int | None) -> str:
    """Return how far a run is, as "3 of 11"; "3" where nobody knows how many it will be."""
    if not expected:
        return f"{done:,}"
    return f"{done:,} of {expected:,}" if done <= expected else f"{done:,} ({expected:,} were expected)"


def find_run(data: Path, run: str | None) -> Path:
    """Return the folder of a run.

    Args:
        data: where runs are kept.
        run: a path, an id or its unique beginning; None: the newest.

    Raises:
        RunNotFoundError: if there is none, or more than one.
    """
    folders = run_folders(data)
    if run is None:
        if not folders:
            raise RunNotFoundError(f"there are no runs in {data}; `labctl run write-verify` makes one")
        return folders[-1]
    if run and _holds_manifest(Path(run)):
        return Path(run).absolute()
    matches = (
        []
        if not run
        else [folder for folder in folders if folder.name.startswith(run) or folder.name.endswith(f"_{run}")]
    )
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise RunNotFoundError(f"{run!r} may be {matches[0].name} or {matches[1].name}; write more of it")
    raise RunNotFoundError(f"there is no run {run!r} in {data}; {_instead(run, folders)}")


def _instead(run: str, folders: Sequence[Path]) -> str:
    """Return what may have been meant by a name that no run has."""
    ends = {folder.name.rpartition("_")[2]: folder.name for folder in folders}
    near = nearest(run, [folder.name for folder in folders]) or nearest(run, ends)
    if near is not None:
        return f"did you mean {near!r}?"
    return "name a run folder, or choose --data" + (f"; the newest is {folders[-1].name!r}" if folders else "")


def _holds_manifest(folder: Path) -> bool:
    try:
        return (folder / MANIFEST).is_file()
    except (OSError, ValueError):  # a name that no file can have, or a folder that nobody may look into
        return False


def sqlite_uri(path: Path) -> str:
    """Return the URI of a file as SQLite reads it: drives and network shares stand behind an empty host."""
    place = path.resolve().as_posix()
    return f"file://{'' if place.startswith('/') else '/'}{quote(os.fsencode(place))}"


def _age(folder: Path) -> tuple[str, int]:
    """Return what sorts run folders by their start: the second is in the name, the rest is when the manifest came."""
    try:
        written = (folder / MANIFEST).stat().st_mtime_ns
    except OSError:
        written = 0
    if RUN_NAME.fullmatch(folder.name):
        return folder.name[:16], written
    return f"{datetime.fromtimestamp(written // 1_000_000_000, UTC):%Y%m%dT%H%M%SZ}", written


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(manifest_text(folder))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{folder} is not a run folder: {error}") from None
    if not isinstance(manifest, dict):
        raise StoreError(f"{folder / MANIFEST} is not a manifest")
    return cast("dict[str, Any]", manifest)


def _at_rest(path: Path) -> tuple[int, int] | None:
    """Return what changes as soon as a database at rest is written; None while one is written, or is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return None if _log(path).exists() else (found.st_size, found.st_mtime_ns)


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _open_read_only(path: Path) -> sqlite3.Connection:
    """Open a database without leaving a trace beside it.

    While a run is written, its log lies beside the database and must be read with it; a database without one is at
    rest, and is opened as something that nobody changes: SQLite then makes no files of its own in the folder.
    """
    nothing = StoreError(f"{path} holds nothing: the run ended before its first write; begin a new run")
    if not path.exists():
        raise nothing
    for beside in ("", "-wal", "-shm", "-journal"):
        file = path.with_name(path.name + beside)
        if file.exists() and not file.is_file():
            raise StoreError(f"{file} is no file")  # a pipe would keep whoever opens it waiting
    being_written = _log(path).exists()
    mode = "mode=ro" if being_written else "mode=ro&immutable=1"
    try:
        db = sqlite3.connect(f"{sqlite_uri(path)}?{mode}", uri=True, isolation_level=None)
        distrust(db)
        tables = db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    except UNREADABLE as error:
        raise StoreError(f"cannot read {path}: {error}") from None
    if not tables:  # they are made in one go, before anything is sent
        db.close()
        raise nothing
    return db
