"""SQLite files that may come from anywhere: what is read in them is data, and no work of theirs is done here.

A view can have no end, a column can be a formula that fills the memory, a trigger changes what was not asked for.
labctl's own files hold tables and indices only, so whatever holds more is damaged or is none of ours.
"""

from __future__ import annotations

import sqlite3
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LONGEST: Final = 1 << 20
"""Bytes of one value: ours, far more than any record, summary or memory of a protocol takes."""
_STEP: Final = 100_000
"""Instructions of SQLite after which it is looked at how many there were."""
_LEAST: Final = 10_000_000
"""Instructions that any question may take: some tenths of a second."""
_PER_BYTE: Final = 16
"""Further ones for each byte of the file: reading a record takes less than one, the sums of a ledger take four."""
_MORE: Final = """SELECT name FROM sqlite_master
WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%'
OR (type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_xinfo(sqlite_master.name) WHERE hidden > 0))"""


def distrust(db: sqlite3.Connection) -> None:
    """Refuse a database that holds more than tables and indices.

    Raises:
        sqlite3.DatabaseError: if it does.
    """
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA cell_size_check=ON")
    found = db.execute(_MORE).fetchone()
    if found is not None:
        raise sqlite3.DatabaseError(f"it holds {found[0]!r}, which is no plain table; labctl wrote no such thing")


class Patience:
    """Breaks off a question that takes longer than a file of its size can keep anybody busy.

    Args:
        db: the database.
        path: of its file.
    """

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._files = (path, path.with_name(path.name + "-wal"))
        self.renew()

    def renew(self) -> None:
        """Begin a question."""
        looks = (_LEAST + _PER_BYTE * sum(map(_size, self._files))) // _STEP
        # It must not be a function in Python: there a signal could be heard, and what its handler raises SQLite drops.
        self._db.set_progress_handler(chain(repeat(0, looks), repeat(1)).__next__, _STEP)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
