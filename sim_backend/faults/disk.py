"""A disk that is full: a connection to the run's database some of whose writes fail, as SQLite's do then."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_READS: Final = ("SELECT", "PRAGMA", "ROLLBACK")
"""How statements begin that put nothing on the disk."""


class FillingDisk(sqlite3.Connection):
    """A database on a disk that may be full; `fails` is asked before each statement that writes."""

    fails: Callable[[], bool]

    @override
    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        self._look(sql)
        return super().execute(sql, parameters)

    @override
    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        self._look(sql)
        return super().executemany(sql, parameters)

    def _look(self, sql: str) -> None:
        if not sql.lstrip().startswith(_READS) and self.fails():
            raise sqlite3.OperationalError("database or disk is full")


def open_on_full_disk(path: str, fails: Callable[[], bool]) -> sqlite3.Connection:
    """Open a database in autocommit mode; `fails` is asked before each statement that writes."""
    connection = sqlite3.connect(path, isolation_level=None, factory=FillingDisk)
    connection.fails = fails
    return connection
