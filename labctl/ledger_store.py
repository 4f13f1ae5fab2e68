"""The pulse ledger in a run's database: one row a write, one row a pulse entry of it.

A write's id is (run, number). Its intent is a transaction of its own. Where instruments outlive the run, it is synced
to the disk, and everything before it in the same go, so that it survives a power cut, too.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from typing_extensions import override

from labctl.board_data import Cell, Pulse
from labctl.errors import StoreError
from labctl.ledger import Intent, Ledger, OpenWrite, PulseCount, WriteState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Generator, Iterable
    from contextlib import AbstractContextManager
    from typing import Any

    from labctl.ledger import Outcome

SCHEMA = (
    """CREATE TABLE write (number INTEGER PRIMARY KEY, step INTEGER NOT NULL, instrument TEXT NOT NULL,
    boot INTEGER, delivered INTEGER, state TEXT NOT NULL, put_out INTEGER)""",
    """CREATE TABLE pulse (write INTEGER NOT NULL, row INTEGER NOT NULL, "column" INTEGER NOT NULL,
    amplitude REAL NOT NULL, width REAL NOT NULL, count INTEGER NOT NULL)""",
    """CREATE TABLE unread (row INTEGER NOT NULL, "column" INTEGER NOT NULL,
    PRIMARY KEY (row, "column")) WITHOUT ROWID""",
)
"""`boot` and `delivered` are the board's before the write; amplitudes in V, widths in s. `unread` holds the cells that
are not known to be as the run left them, until a step has ended after they were read."""
_LAST_COUNT = """SELECT boot, delivered + put_out FROM write
WHERE instrument = ? AND boot IS NOT NULL AND put_out IS NOT NULL ORDER BY number DESC LIMIT 1"""
_TOUCHED = """SELECT DISTINCT row, "column" FROM pulse JOIN write ON write.number = pulse.write
WHERE write.step > ? AND (write.put_out IS NULL OR write.put_out > 0)"""

# SQLite joins CROSS JOINs in the order in which they stand. In an order of its own choice it goes through all pulses
# for each write: 25 s for the 16,520 writes of one run.
_WHOLE = """WITH total AS (SELECT write, SUM(count) AS pulses FROM pulse GROUP BY write)
SELECT pulse.row, pulse."column", SUM(pulse.count) FROM pulse
CROSS JOIN write ON write.number = pulse.write CROSS JOIN total ON total.write = pulse.write
WHERE write.put_out IS NULL OR write.put_out >= total.pulses GROUP BY pulse.row, pulse."column"
"""
_PARTIAL = """WITH total AS (SELECT write, SUM(count) AS pulses FROM pulse GROUP BY write)
SELECT write.number, write.put_out, pulse.row, pulse."column", pulse.count FROM pulse
CROSS JOIN write ON write.number = pulse.write CROSS JOIN total ON total.write = pulse.write
WHERE write.put_out < total.pulses ORDER BY pulse.rowid"""


def pulses_had(rows: Callable[[str], Iterable[tuple[Any, ...]]]) -> Counter[Cell]:
    """Return how many pulses each cell has had by a run's ledger, at most: what nobody knows counts in full.

    Args:
        rows: returns what a query finds in the run's database.

    Raises:
        StoreError: if it holds something else than numbers, as a damaged one may.
    """
    try:
        return _summed(rows)
    except (TypeError, ValueError):
        raise StoreError("the run's ledger of pulses is not as labctl writes it; it is damaged") from None


def _summed(rows: Callable[[str], Iterable[tuple[Any, ...]]]) -> Counter[Cell]:
    had = Counter({Cell(row, column): pulses for row, column, pulses in rows(_WHOLE)})
    left: dict[int, int] = {}
    for number, put_out, row, column, count in rows(_PARTIAL):
        pulses = min(count, left.setdefault(number, put_out))
        left[number] -= pulses
        had[Cell(row, column)] += pulses
    return +had


class RunLedger(Ledger):
    """The ledger of one run; used by the thread that writes its records.

    Args:
        db: the run's database, in autocommit mode.
        steps: returns how many steps are done.
        failing: turns SQLite's errors into ours.
        power_safe: whether an intent must survive a power cut, not only the death of this process.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        steps: Callable[[], int],
        failing: Callable[[], AbstractContextManager[None]],
        power_safe: bool,
    ) -> None:
        self._db = db
        self._power_safe = power_safe
        self._steps = steps
        self._failing = failing
        (self._numbers,) = db.execute("SELECT COALESCE(MAX(number), 0) FROM write").fetchone()
        self._unread = {Cell(*found) for found in db.execute('SELECT row, "column" FROM unread')}
        self._read: set[Cell] = set()

    @override
    def intend(self, intent: Intent) -> int:
        number, before = self._numbers + 1, intent.before
        count = (None, None) if before is None else (before.boot, before.delivered)
        with self._failing(), self._synced():
            self._db.execute("BEGIN")
            self._db.execute(
                "INSERT INTO write VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (number, self._steps() + 1, intent.instrument, *count, WriteState.INTENDED.value),
            )
            self._db.executemany(
                "INSERT INTO pulse VALUES (?, ?, ?, ?, ?, ?)",
                [(number, p.cell.row, p.cell.column, p.amplitude, p.width, p.count) for p in intent.pulses],
            )
            self._db.execute("COMMIT")
        self._numbers = number
        return number

    @override
    def resolve(self, number: int, outcome: Outcome) -> None:
        with self._failing():
            self._db.execute(
                "UPDATE write SET state = ?, put_out = ? WHERE number = ?",
                (outcome.state.value, outcome.put_out, number),
            )

    @override
    def open_writes(self) -> list[OpenWrite]:
        with self._failing():
            rows = self._db.execute(
                "SELECT number, instrument, boot, delivered FROM write WHERE state = ? ORDER BY number",
                (WriteState.INTENDED.value,),
            ).fetchall()
            return [
                OpenWrite(number, Intent(name, self._pulses(number), None if boot is None else PulseCount(boot, count)))
                for number, name, boot, count in rows
            ]

    @override
    def last_count(self, instrument: str) -> PulseCount | None:
        with self._failing():
            found = cast("tuple[int, int] | None", self._db.execute(_LAST_COUNT, (instrument,)).fetchone())
        return None if found is None else PulseCount(*found)

    @override
    def touched(self, since_step: int) -> frozenset[Cell]:
        with self._failing():
            return frozenset(Cell(*found) for found in self._db.execute(_TOUCHED, (since_step,)))

    def keep_unread(self, cells: Iterable[Cell]) -> frozenset[Cell]:
        """Commit cells that must be read before anything else is done to them; return all there are.

        A run may die again before it has read them: they stay until a step has ended after they were read.
        """
        if new := set(cells) - self._unread:
            with self._failing():
                self._db.execute("BEGIN")
                self._db.executemany("INSERT INTO unread VALUES (?, ?)", [(cell.row, cell.column) for cell in new])
                self._db.execute("COMMIT")
        self._unread |= new
        return frozenset(self._unread)

    @override
    def note_read(self, cells: Iterable[Cell]) -> None:
        if self._unread:
            self._read.update(self._unread.intersection(cells))

    def forget_read(self) -> None:
        """Forget the cells that were read since, within the transaction of a step's end."""
        if self._read:
            gone = [(cell.row, cell.column) for cell in self._read]
            self._db.executemany('DELETE FROM unread WHERE row = ? AND "column" = ?', gone)
            self._unread -= self._read
            self._read.clear()

    def pulses_had(self) -> Counter[Cell]:
        """Return how many pulses each cell has had in this run, at most."""
        with self._failing():
            return pulses_had(self._db.execute)

    @contextmanager
    def _synced(self) -> Generator[None]:
        """Sync what is committed here to the disk; SQLite takes this setting between transactions only."""
        if not self._power_safe:
            yield
            return
        self._db.execute("PRAGMA synchronous=FULL")
        yield
        self._db.execute("PRAGMA synchronous=NORMAL")

    def _pulses(self, number: int) -> list[Pulse]:
        rows = self._db.execute(
            'SELECT row, "column", amplitude, width, count FROM pulse WHERE write = ? ORDER BY rowid', (number,)
        )
        return [Pulse(Cell(row, column), *rest) for row, column, *rest in rows]
