"""The truth, kept apart: what really happened to each cell, in a file that no protocol sees.

The file is an SQLite data base with a table `event`, and a table `fault` if faults struck. After a run, `join`
compares what the run recorded with it.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from labctl.errors import InputError, StoreError
from labctl.foreign_database import distrust
from labctl.levels import LevelScale
from labctl.run_reader import sqlite_uri
from labctl.units import Fraction, Levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from labctl.units import Seconds, Siemens, Volts

VERSION = 1
_BATCH = 1000
"""Events that are written in one go."""
_TABLE = """CREATE TABLE event (
    n INTEGER PRIMARY KEY, time REAL NOT NULL, operation TEXT NOT NULL, row INTEGER NOT NULL, column INTEGER NOT NULL,
    voltage REAL NOT NULL, width REAL NOT NULL, count INTEGER NOT NULL, averages INTEGER NOT NULL,
    conductance REAL NOT NULL, boot INTEGER NOT NULL, delivered INTEGER NOT NULL)"""
_FAULTS = """CREATE TABLE IF NOT EXISTS fault (
    n INTEGER PRIMARY KEY, time REAL NOT NULL, channel TEXT NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL)"""
_INSERT = """INSERT INTO event
    (time, operation, row, column, voltage, width, count, averages, conductance, boot, delivered)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_SELECT = """SELECT row, column, boot, delivered, conductance FROM event ORDER BY row, column, boot, delivered, n"""


class Event(NamedTuple):
    """One thing that was done to one cell. A tuple, because SQLite takes it as it is.

    Args:
        time: on the world's clock, afterwards (s).
        operation: "pulse", "read" or "smu".
        row: of the cell.
        column: of the cell.
        voltage: across this cell (V); half-selected cells that were disturbed have a row of their own.
        width: of one pulse, or the time under a source-measure unit (s); 0 for a read.
        pulses: how many; 0 for anything else.
        averages: samples; 0 where nothing was read.
        conductance: true, at the reference read voltage, afterwards (S).
        boot: power-ups of the board.
        delivered: pulses of the board since then, this event's included.
    """

    time: Seconds
    operation: str
    row: int
    column: int
    voltage: Volts
    width: Seconds
    pulses: int
    averages: int
    conductance: Siemens
    boot: int
    delivered: int


class Audit:
    """Writes events to a file, a batch at a time; an existing audit is continued.

    Args:
        path: of the file.

    Raises:
        StoreError: if the file cannot be written, or is no audit of this version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[Event] = []
        try:
            # Whoever serves a world to several clients serialises them, but may do so from several threads.
            self._base = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise _failed(path, error) from error
        try:
            _prepare(self._base, path)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
        except sqlite3.Error as error:
            self._base.close()
            raise _failed(path, error) from error
        except StoreError:
            self._base.close()
            raise

    def note(self, events: Iterable[Event]) -> None:
        """Note events, in order.

        Raises:
            StoreError: if a full batch cannot be written.
        """
        self._waiting.extend(events)
        if len(self._waiting) >= _BATCH:
            self.flush()

    def note_fault(self, time: float, channel: str, kind: str, what: str) -> None:
        """Note that a fault struck.

        Args:
            time: on the world's clock (s).
            channel: the instrument whose link it struck; "" for none.
            kind: of the fault.
            what: where, and how.

        Raises:
            StoreError: if it cannot be written.
        """
        try:
            self._base.execute(_FAULTS)
            self._base.execute(
                "INSERT INTO fault (time, channel, kind, what) VALUES (?, ?, ?, ?)", (time, channel, kind, what)
            )
        except sqlite3.Error as error:
            raise _failed(self._path, error) from error

    def flush(self) -> None:
        """Write what waits.

        Raises:
            StoreError: if it cannot be written; it then waits on.
        """
        if not self._waiting:
            return
        try:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                self._base.executemany(_INSERT, self._waiting)
                self._base.execute("COMMIT")
            except sqlite3.Error:
                if self._base.in_transaction:
                    self._base.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _failed(self._path, error) from error
        self._waiting.clear()

    def close(self) -> None:
        """Write what waits and close the file. Closing twice is harmless.

        Raises:
            StoreError: if it cannot be written.
        """
        try:
            self.flush()
        finally:
            self._base.close()


def _prepare(base: sqlite3.Connection, path: Path) -> None:
    """Make the table in an empty file, or make sure that it is ours."""
    (version,) = base.execute("PRAGMA user_version").fetchone()
    tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    if version == 0 and not tables:
        base.execute(_TABLE)
        base.execute(f"PRAGMA user_version = {VERSION}")
    elif version != VERSION or not {"event"} <= set(tables) <= {"event", "fault"}:
        raise StoreError(f"{path}: no audit of version {VERSION}: version {version}, tables {tables}")


def _failed(path: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(f"{path}: audit: {error}")


def last_boot(path: Path) -> int:
    """Return the last power-up of the board that an audit tells of; 0 if it tells of none.

    Raises:
        StoreError: if the file cannot be read, or is no audit of this version.
    """
    return max((boot for _, _, boot, _, _ in _events(path)), default=0)


class Place(Protocol):
    """What a record must name to be held against the truth: its cell, and the board's counters at its last read."""

    @property
    def row(self) -> int:
        """Of the cell."""
        ...

    @property
    def column(self) -> int:
        """Of the cell."""
        ...

    @property
    def boot(self) -> int:
        """Power-ups of the board."""
        ...

    @property
    def delivered(self) -> int:
        """Pulses of the board since then."""
        ...


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """What a run claims of a cell.

    Args:
        row: of the cell.
        column: of the cell.
        target: conductance that the cell was to have (S, at the reference read voltage).
        boot: power-ups of the board.
        delivered: pulses of the board since then, at the last read of the cell that the record rests on.
    """

    row: int
    column: int
    target: Siemens
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class AuditResult:
    """How far the true conductances lie from the targets.

    Args:
        levels: records that were compared.
        true_within_half_level: fraction with an error of at most half a level.
        true_error_mean: in levels.
        true_error_rms: in levels, the mean included.
        true_error_max: largest magnitude, in levels.
        true_within_half_level_scaled: the same after all true conductances were multiplied by the one factor that
            brings them nearest to the targets: what a perfect calibration of gain would give.
        true_error_rms_scaled: likewise.
    """

    levels: int
    true_within_half_level: Fraction
    true_error_mean: Levels
    true_error_rms: Levels
    true_error_max: Levels
    true_within_half_level_scaled: Fraction
    true_error_rms_scaled: Levels


def join(truth: Path, records: Iterable[AuditRecord], scale: LevelScale | None = None) -> AuditResult:
    """Compare records with the truth: the conductance after the cell's last event up to the record's pulse count.

    Args:
        truth: the audit's file.
        records: in any order.
        scale: which conductance one level is; by default that of the default die.

    Raises:
        InputError: if there are no records.
        StoreError: if the file cannot be read, or has no event for a record.
    """
    claimed = list(records)
    if not claimed:
        raise InputError("an audit needs at least one record; the run has none")
    target, true = _targets(truth, claimed), true_conductances(truth, claimed)
    step = (scale or LevelScale()).step
    error = (true - target) / step
    scaled = (true * (true @ target) / (true @ true) - target) / step
    return AuditResult(
        levels=len(claimed),
        true_within_half_level=float(np.mean(np.abs(error) <= 0.5)),
        true_error_mean=float(error.mean()),
        true_error_rms=float(np.sqrt(np.mean(error**2))),
        true_error_max=float(np.abs(error).max()),
        true_within_half_level_scaled=float(np.mean(np.abs(scaled) <= 0.5)),
        true_error_rms_scaled=float(np.sqrt(np.mean(scaled**2))),
    )


def _targets(truth: Path, records: Sequence[AuditRecord]) -> NDArray[np.float64]:
    """Return the conductance (S) that each record's cell was to have, shape (n,).

    Raises:
        StoreError: if one is no number.
    """
    try:
        target = np.array([record.target for record in records], np.float64)
    except (TypeError, ValueError, OverflowError):
        target = np.array([np.nan])
    if not np.isfinite(target).all():
        raise StoreError(f"{truth}: the run's records are damaged: one has no target")
    return target


def true_conductances(truth: Path, records: Sequence[Place]) -> NDArray[np.float64]:
    """Return the conductance (S) that each record's cell truly had, shape (n,), in the order of the records.

    Raises:
        StoreError: if the file cannot be read, or has no event for a record.
    """
    try:
        order = sorted(range(len(records)), key=lambda index: _key(records[index]))
        true = np.empty(len(records))
        true[order] = np.fromiter(_merge(truth, [records[index] for index in order]), np.float64, len(records))
    except (TypeError, ValueError, OverflowError):
        raise StoreError(f"{truth}: its events, or the run's records, are not as labctl writes them") from None
    if not (np.isfinite(true) & (true > 0)).all():
        raise StoreError(f"{truth}: it holds conductances that no cell can have; it is damaged")
    return true


def _key(record: Place) -> tuple[int, int, int, int]:
    return record.row, record.column, record.boot, record.delivered


def _merge(truth: Path, ordered: list[Place]) -> Iterator[float]:
    """Yield the true conductance (S) for each of the sorted records: one pass over both."""
    _check_end(truth, ordered)
    events = _events(truth)
    pending = next(events, None)
    last = None
    for record in ordered:
        place = (record.row, record.column, record.boot)
        while pending is not None and pending[:4] <= (*place, record.delivered):
            last, pending = pending, next(events, None)
        if last is None or last[:3] != place:
            raise StoreError(
                f"{truth}: no event of cell ({record.row}, {record.column}) "
                f"up to pulse {record.delivered} of power-up {record.boot}"
            )
        yield last[4]


def _check_end(truth: Path, ordered: list[Place]) -> None:
    """Refuse records from after the end of an audit, as a killed process leaves: older events would be taken for them.

    Raises:
        StoreError: names the pulse at which the audit ends.
    """
    ends: dict[int, int] = {}
    for _, _, boot, delivered, _ in _events(truth):
        ends[boot] = max(delivered, ends.get(boot, 0))
    for record in ordered:
        if record.delivered > ends.get(record.boot, record.delivered):
            raise StoreError(
                f"{truth} ends at pulse {ends[record.boot]} of power-up {record.boot}, "
                f"and the run goes on to pulse {record.delivered}: it was killed before its audit was complete"
            )


def _events(truth: Path) -> Iterator[tuple[int, int, int, int, float]]:
    """Yield row, column, boot, delivered and conductance of each event, sorted by them and by age."""
    try:
        being_written = truth.with_name(truth.name + "-wal").exists()
        mode = "mode=ro" if being_written else "mode=ro&immutable=1"
        base = sqlite3.connect(f"{sqlite_uri(truth)}?{mode}", uri=True)
        try:
            distrust(base)
            (version,) = base.execute("PRAGMA user_version").fetchone()
            if version != VERSION:
                raise StoreError(f"{truth}: no audit of version {VERSION}: version {version}")
            yield from base.execute(_SELECT)
        finally:
            base.close()
    except sqlite3.Error as error:
        raise _failed(truth, error) from error
