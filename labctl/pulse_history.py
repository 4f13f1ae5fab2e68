"""How many pulses the cells of a die have had in earlier runs: a small file beside the runs, by the die's id.

The ledgers of the runs are the truth. A run that is finished is folded into the file once, in one transaction with the
note that it was; one that is not is read again each time, and what it had is kept in case its folder goes away. So the
file may be lost, and a process may die, at any moment: what is missing is read from the ledgers.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from labctl.board_data import Cell
from labctl.errors import StoreError
from labctl.foreign_database import distrust
from labctl.run_names import id_of, manifest_text, run_id
from labctl.run_reader import RunReader, run_folders, sqlite_uri
from labctl.store import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIFE = "life"
"""Key of a run's manifest: the life of a die that its pulses count for; null for a die that lives in this run only."""
PATIENCE = 30.0
"""How long (s) one run waits for another one that reads the same history."""
_GRACEFUL = ("finished", "stopped", "failed")
"""States of a run that ended by itself: a twin in its process has saved its die then."""
_FOLDED = ""
"""Stands for all runs that are folded."""
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS life (life TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS folded (run TEXT PRIMARY KEY) WITHOUT ROWID",
    """CREATE TABLE IF NOT EXISTS had (run TEXT NOT NULL, row INTEGER NOT NULL, "column" INTEGER NOT NULL,
    pulses INTEGER NOT NULL, PRIMARY KEY (run, row, "column")) WITHOUT ROWID""",
)
_ADD = """INSERT INTO had VALUES (?, ?, ?, ?)
ON CONFLICT (run, row, "column") DO UPDATE SET pulses = pulses + excluded.pulses"""
_SUM = 'SELECT row, "column", SUM(pulses) FROM had WHERE run != ? GROUP BY row, "column"'


@dataclass(frozen=True, slots=True)
class Life:
    """The life of a die.

    Args:
        name: which life; runs on the same die have the same.
        outlives: whether the die outlives a run that dies; else only what ended gracefully has changed it.
        is_new: whether it begins with this run: what had the same name before was another die.
    """

    name: str
    outlives: bool
    is_new: bool = False


def life_of(die: str, outlives: bool, file: Path | None, goes_on: bool) -> Life | None:
    """Return the life that pulses count for; None for a die that is made anew for each run.

    Args:
        die: its id.
        outlives: whether the instruments go on without the run's process: then the id alone names the die.
        file: that a twin in the run's process loads the die from and saves it to.
        goes_on: whether a run goes on, and with it the life of its die.
    """
    if outlives:
        return Life(json.dumps([die]), outlives=True)
    if file is None:
        return None
    return Life(json.dumps([die, str(file.resolve())]), outlives=False, is_new=not (goes_on or file.exists()))


def history_path(data: Path, life: Life) -> Path:
    """Return where the history of a life is kept; any id makes a name that every file system takes."""
    readable = re.sub("[^a-z0-9]+", "-", json.loads(life.name)[0].lower())[:40].strip("-")
    digest = hashlib.sha256(life.name.encode(errors="surrogatepass")).hexdigest()[:16]
    return data / f"die_{readable}_{digest}.sqlite"


def pulses_before(folder: Path, life: Life) -> Counter[Cell]:
    """Return how many pulses each cell has had in all runs but the one in `folder`, at most.

    Raises:
        StoreError: if the history cannot be read or written.
    """
    with closing(_History(folder.parent, life)) as history:
        if life.is_new:
            history.forget(run_id(folder))
        return history.update(run_id(folder))


def pulses_so_far(data: Path, life: Life) -> Counter[Cell]:
    """Return how many pulses each cell has had in all runs in `data`, at most; nothing is written.

    Raises:
        StoreError: if the history cannot be read.
    """
    if life.is_new:
        return Counter()
    with closing(_History(data, life, copied=True)) as history:
        return history.update(None)


def fold(folder: Path, life: Life) -> None:
    """Take the run in `folder`, which has come to an end, into the history of its die.

    Raises:
        StoreError: if the history cannot be written; the run is read when the next one begins.
    """
    with closing(_History(folder.parent, life)) as history:
        history.update(None)


class _History:
    """One open history; `copied`: a copy in memory, beside which the file stays as it is."""

    def __init__(self, data: Path, life: Life, copied: bool = False) -> None:
        self._data = data
        self._life = life
        self._path = history_path(data, life)
        try:
            self._db = sqlite3.connect(":memory:" if copied else self._path, timeout=PATIENCE, isolation_level=None)
            if copied and self._path.exists():
                uri = f"{sqlite_uri(self._path)}?mode=ro"
                with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE)) as kept:
                    kept.backup(self._db)
            distrust(self._db)
        except UNREADABLE as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def forget(self, own: str) -> None:
        """Begin a new life with the run `own`: no other run that there is counts for it."""
        names = {run_id(folder) for folder in run_folders(self._data)} - {own}
        self._transaction(lambda: self._forget([(name,) for name in names]))

    def update(self, own: str | None) -> Counter[Cell]:
        """Read the ledgers that are not folded, but for the run `own`; return what all other runs have had."""
        self._transaction(lambda: self._update(own))
        try:
            rows = self._db.execute(_SUM, (own or "none",)).fetchall()
        except UNREADABLE as error:
            raise self._failure(error) from None
        return Counter({Cell(row, column): pulses for row, column, pulses in rows})

    def _forget(self, names: list[tuple[str]]) -> None:
        self._db.execute("DELETE FROM had")
        self._db.executemany("INSERT OR IGNORE INTO folded VALUES (?)", names)

    def _update(self, own: str | None) -> None:
        folded = {name for (name,) in self._db.execute("SELECT run FROM folded")}
        had: dict[str, Counter[Cell]] = {}
        for folder in run_folders(self._data):
            if folder.name not in folded:
                self._take(folder, folded, had, own)

    def _take(self, folder: Path, folded: set[str], others: dict[str, Counter[Cell]], own: str | None) -> None:
        """Take what a run has had; one that is none, or not yet, or of which nothing can be read, is left for later.

        Runs are told apart by their ids: a folder may have been renamed. Of copies of one run each cell has had as much
        as the one says that says most; `others` is what was taken so far.
        """
        manifest = _manifest(folder)
        if manifest is None or (run := id_of(manifest, folder)) in folded or run == own:
            return
        if manifest.get(LIFE) != self._life.name:
            self._db.execute("INSERT OR IGNORE INTO folded VALUES (?)", (run,))
            return
        try:
            with closing(RunReader(folder)) as reader:
                state, had = reader.state().state, reader.pulses_had()
        except StoreError:
            return
        if not self._life.outlives and state not in _GRACEFUL:
            return  # its die died with it, or went on from where it was saved last
        had = others[run] = had | others.get(run, Counter())
        is_final = state == "finished"
        self._db.execute("DELETE FROM had WHERE run = ?", (run,))
        name = _FOLDED if is_final else run
        self._db.executemany(_ADD, [(name, cell.row, cell.column, pulses) for cell, pulses in had.items()])
        if is_final:
            self._db.execute("INSERT INTO folded VALUES (?)", (run,))
            folded.add(run)

    def _transaction(self, work: Callable[[], None]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for statement in _SCHEMA:
                    self._db.execute(statement)
                self._check_life()
                work()
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
        except UNREADABLE as error:
            raise self._failure(error) from None

    def _check_life(self) -> None:
        found = self._db.execute("SELECT life FROM life").fetchone()
        if found is None:
            self._db.execute("INSERT INTO life VALUES (?)", (self._life.name,))
        elif found[0] != self._life.name:
            raise StoreError(f"{self._path} is the history of another die; move it away")

    def _failure(self, error: Exception) -> StoreError:
        return StoreError(
            f"cannot keep the history of pulses in {self._path}: {error}; if the file is damaged, remove it: it is "
            "made anew from the runs beside it"
        )


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        found: object = json.loads(manifest_text(folder))
    except (OSError, ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else None
