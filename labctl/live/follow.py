"""Following a run folder: reads what the store has gained since the last look, and disturbs nobody."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from labctl.errors import StoreError, UnitError
from labctl.live.course import Course
from labctl.live.growing import GrowingColumn
from labctl.live.pace import Pace
from labctl.live.table import Table
from labctl.live.traces import choose_panels
from labctl.records import ROW_TYPE
from labctl.run_reader import RunReader, RunState
from labctl.store import DATABASE, MANIFEST
from labctl.units import parse_number

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labctl.live.traces import Panel

_AT_ONCE = 20_000
"""Rows that are read at once: some tenths of a second, and some ten MB while they are Python's objects."""
_PATIENCE = 1.0
"""How long (s) the store may be unreadable, as while it is being made, before the window says so."""


class Follower:
    """What is known of one run.

    Args:
        folder: the run folder; its database may not be there yet.
        now: the time in s, from any start; never goes back.

    Attributes:
        manifest: of the run; empty until its database can be read.
        state: that the run entered last.
        process_gone: whether the run says that it is running and its process is known to be dead.
        steps: how many are done.
        bench_time: at the end of the last of them (s).
        course: when each of them ended.
        looked_back: the step that somebody looks back to; None while everything is shown.
        tables: the records, by type.
        panels: the plots that the record types call for.
        newest: the table that grew last.
        failure: why the store could not be read at the last look.
        pace: how fast steps come in.
        is_behind: whether there are more records than one look takes in.
        now: the time in s.

    Raises:
        StoreError: if `folder` is not a run folder.
    """

    def __init__(self, folder: Path, now: Callable[[], float]) -> None:
        if not (folder / MANIFEST).is_file():
            raise StoreError(f"{folder} is not a run folder: it has no {MANIFEST}")
        self.folder = folder.absolute()
        self.manifest: dict[str, Any] = {}
        self.state = RunState("starting", "", {})
        self.process_gone = False
        self.steps = 0
        self.bench_time = 0.0
        self.course = Course()
        self.looked_back: int | None = None
        self.tables: dict[str, Table] = {}
        self.panels: tuple[Panel, ...] = ()
        self.newest: Table | None = None
        self.failure: StoreError | None = None
        self.pace = Pace()
        self.is_behind = False
        self.now = now
        self._reader: RunReader | None = None
        self._readable_at = now()
        self._unreadable = 0.0

    @property
    def protocol(self) -> str:
        """The protocol's name, from the manifest or else from the folder's."""
        name = self.manifest.get("protocol")
        if isinstance(name, str):
            return name
        parts = self.folder.name.split("_")
        return parts[1] if len(parts) == 3 else self.folder.name

    @property
    def backend(self) -> str:
        """What the run is done on, as "twin"; "" while it is unknown."""
        name = _entry(self.manifest, "backend", "name")
        return name if isinstance(name, str) else ""

    @property
    def total_steps(self) -> int | None:
        """How many steps the run will have, if it is known."""
        total = self.manifest.get("steps")
        return total if isinstance(total, int) and not isinstance(total, bool) and total > 0 else None

    @property
    def tolerance(self) -> float | None:
        """The tolerance of the run in levels, if its parameters have one."""
        value = _entry(self.manifest, "parameters", "tolerance")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return None
        try:
            tolerance = parse_number(str(value))
        except UnitError:
            return None
        return tolerance if tolerance > 0 else None

    @property
    def problem(self) -> str:
        """Why the store has been unreadable for a while; "" while it is not."""
        return str(self.failure) if self.failure and self._unreadable > _PATIENCE else ""

    @property
    def shown_steps(self) -> int:
        """How many steps were done at the moment that is shown."""
        return self.steps if self.looked_back is None else self.looked_back

    @property
    def shown_time(self) -> float:
        """The bench time (s) of that moment."""
        return self.bench_time if self.looked_back is None else self.course.time_at(self.looked_back)

    @property
    def shown_table(self) -> Table | None:
        """The table that had grown last by then."""
        if self.looked_back is None:
            return self.newest
        grown = [table for table in self.tables.values() if table.step.values.size]
        return max(grown, key=lambda table: float(table.step.values[-1]), default=None)

    def look_back(self, step: int | None) -> None:
        """Show the run as it was when `step` had ended; None: as it is."""
        self.looked_back = step
        for name, table in self.tables.items():
            table.show_until(step)
            row = () if step is None else self._last_shown(name, table)
            table.then_id = row[0] if row else 0
            table.then = None if step is None else row[2:]

    def poll(self) -> bool:
        """Read what is new; return whether there are new records or other plots."""
        now = self.now()
        try:
            changed = self._read()
        except StoreError as error:
            self.close()
            self.is_behind = False
            # A run that is starting has its manifest before it has a database.
            self.failure = error if (self.folder / DATABASE).exists() else None
            self._unreadable = now - self._readable_at
            return False
        self._readable_at = now
        self.failure = None
        self.pace.note(now, self.steps)
        return changed

    def close(self) -> None:
        """Let go of the files."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _read(self) -> bool:
        if self._reader is not None and self._reader.is_outdated():
            self.close()
        if self._reader is None:
            self._reader = RunReader(self.folder)
            self.manifest = self._reader.manifest
        reader = self._reader
        # The state comes first: once it is the last one, no record can follow what is read after it.
        state = reader.state()
        self.process_gone = state.state == "running" and self._is_gone() and reader.state() == state
        changed = self._read_types(reader)
        self.is_behind = False
        for name, table in self.tables.items():
            changed = self._read_rows(reader, name, table) or changed
        steps = reader.steps()
        if steps != self.steps:
            self.steps, self.bench_time = steps, reader.bench_time()
            while ends := reader.step_ends(self.course.last, _AT_ONCE):
                self.course.extend(ends)
        for name, table in self.tables.items():
            self._thin(name, table)
        if state != self.state:
            self.state = state
            # A resumed run has another process; the next look reads its manifest.
            self.close()
        return changed

    def _read_types(self, reader: RunReader) -> bool:
        types = reader.record_types()
        if types.keys() == self.tables.keys():
            return False
        for name, columns in types.items():
            if name not in self.tables:
                numbers = {column.name: GrowingColumn() for column in columns if column.type not in ("str", ROW_TYPE)}
                self.tables[name] = Table(columns, numbers=numbers, course=self.course)
        self.panels = choose_panels(types)
        return True

    def _read_rows(self, reader: RunReader, name: str, table: Table) -> bool:
        """Take in new records of a type: some at a time, for as Python's objects they take many times their room."""
        rows = reader.records(name, after=table.last_id, limit=_AT_ONCE)
        if rows:
            self._take(table, rows)
        self.is_behind = self.is_behind or len(rows) == _AT_ONCE
        return bool(rows)

    def _take(self, table: Table, rows: list[tuple[Any, ...]]) -> None:
        if len(rows[0]) != len(table.columns) + 2:
            raise StoreError(f"{self.folder} is damaged: its records have other fields than it says")
        by_column = list(zip(*rows, strict=True))
        table.ids.extend(by_column[0])
        table.step.extend(by_column[1])
        for column, values in zip(table.columns, by_column[2:], strict=True):
            if column.name in table.numbers:
                table.numbers[column.name].extend(values)
        table.last_id, table.last = rows[-1][0], rows[-1][2:]
        self.newest = table

    def _thin(self, name: str, table: Table) -> None:
        panels = [panel for panel in self.panels if panel.record_type == name]
        error = next((panel.fields[0] for panel in panels if panel.is_error), "")
        table.thin([field for panel in panels for field in panel.fields], error, self.tolerance)

    def _last_shown(self, name: str, table: Table) -> tuple[Any, ...]:
        """Return the row of the last record by the step that is looked back to, read again: not all of it is kept."""
        ids, following = table.ids.values, table.ids.everything[table.ids.values.size :]
        if not ids.size:
            return ()
        # Between the last record that is shown and the next one that is kept may lie some that were left out.
        last = int(ids[-1])
        many = int(following[0]) - last if following.size else 1
        try:
            with closing(RunReader(self.folder)) as reader:
                rows = reader.records(name, after=last - 1, limit=many)
        except StoreError:
            return ()  # the next look at the run says why
        by_then = [row for row in rows if self.looked_back is None or row[1] <= self.looked_back]
        return by_then[-1] if by_then else ()

    def _is_gone(self) -> bool:
        """Return whether the run's process is known to be dead; where that cannot be told for sure, it is not."""
        pid, host = _entry(self.manifest, "process", "pid"), _entry(self.manifest, "process", "host")
        # On Windows `os.kill` ends the process it is asked about.
        if sys.platform == "win32" or not isinstance(pid, int) or pid <= 0 or host != platform.node():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            return False
        return False


def _entry(manifest: dict[str, Any], table: str, name: str) -> object:
    """Return an entry of a table of the manifest; None where there is none."""
    inner = manifest.get(table)
    return cast("dict[str, Any]", inner).get(name) if isinstance(inner, dict) else None
