"""The records of one type as the window holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from labctl.live.course import Course, spread
from labctl.live.dropped import Dropped
from labctl.live.growing import GrowingColumn
from labctl.live.thinning import Thinning, cell_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.records import Column


@dataclass(slots=True)
class Table:
    """The records of one type: all of them, or beyond a number of them those that `thinning` chooses.

    Args:
        columns: its fields.
        last_id: of the record read last.
        last: that record's values, in the order of `columns`; empty before the first.
        then: the values of the last record at the moment that somebody looks back to; None while nobody does.
        then_id: the id of that record; 0 where there is none.
        step: of each record.
        numbers: of each field that holds numbers.
        ids: of each record.
        course: of the run.
        thinning: which records were left out.
        dropped: how many those were, and what they count for.
    """

    columns: tuple[Column, ...]
    last_id: int = 0
    last: tuple[Any, ...] = ()
    then: tuple[Any, ...] | None = None
    then_id: int = 0
    step: GrowingColumn = field(default_factory=GrowingColumn)
    numbers: dict[str, GrowingColumn] = field(default_factory=dict[str, GrowingColumn])
    ids: GrowingColumn = field(default_factory=GrowingColumn)
    course: Course = field(default_factory=Course)
    thinning: Thinning = field(default_factory=Thinning)
    dropped: Dropped = field(default_factory=Dropped)
    _until: float | None = None
    _places: GrowingColumn = field(default_factory=GrowingColumn)
    _ends: GrowingColumn = field(default_factory=GrowingColumn)

    @property
    def shown(self) -> tuple[Any, ...]:
        """The values of the last record that is shown."""
        return self.last if self.then is None else self.then

    @property
    def places(self) -> NDArray[np.float64]:
        """Where each record stands along the steps, shape (n,): those of one step stand evenly up to its end."""
        fresh = self.step.everything[self._places.everything.size :]
        if fresh.size:
            self._places.extend(spread(fresh))
        return self._places.values

    @property
    def times(self) -> NDArray[np.float64]:
        """The bench time (s) of each record, shape (n,): its field `time`, or else the end of its step."""
        if self.has_time:
            return self.numbers["time"].values
        fresh = self.step.everything[self._ends.everything.size :]
        if fresh.size:
            self._ends.extend(self.course.times_of(fresh))
        return self._ends.values

    @property
    def has_time(self) -> bool:
        """Whether the records say when they were taken."""
        return any(column.name == "time" and column.unit == "s" for column in self.columns) and "time" in self.numbers

    def show_until(self, step: float | None) -> None:
        """Show the records of the steps up to `step` only; None: all of them, as they come."""
        self._until = step
        count = None if step is None else int(np.searchsorted(self.step.everything, step, side="right"))
        for column in (self.step, self.ids, self._places, self._ends, *self.numbers.values()):
            column.show_first(count)

    @property
    def is_thinned(self) -> bool:
        """Whether not every record is kept."""
        return self.thinning.stride > 1

    @property
    def is_whole(self) -> bool:
        """Whether all records count: those that were left out as well, but not while somebody looks back."""
        return self._until is None

    @property
    def count(self) -> int:
        """How many records there are by the step that is shown, those that were left out included."""
        if self.is_thinned and not self.is_whole:
            return self.then_id
        return self.dropped.records + self.step.values.size

    @property
    def even(self) -> NDArray[np.bool_] | slice:
        """Which of the records that are shown stand for all: every n-th, without extremes; a slice for all."""
        if not self.is_thinned:
            return slice(None)
        turns = self.thinning.turns
        turns.extend(self._cells(turns.column.everything.size))
        return self.thinning.even[: self.step.values.size]

    def drawn(self, field: str) -> NDArray[np.bool_] | slice:
        """Return which of the records that are shown are drawn as dots, as dense everywhere: every n-th, and extremes.

        Lines are drawn through all of them; the newest, which are still whole, would look like more dots.
        """
        even = self.even
        if isinstance(even, slice):
            return even
        found = even | self.thinning.extremes(self.ids.values, [self.numbers[field].values])
        found[-1:] = True
        return found

    @property
    def counted(self) -> NDArray[np.bool_] | slice:
        """Which of the records that are shown are to be counted: all, beside `dropped`; looking back, every n-th."""
        return slice(None) if self.is_whole else self.even

    @property
    def note(self) -> str:
        """What is to be said of the records that are drawn; "" while they are all of them."""
        return f"{self.thinning} of {self.count:,} records, extremes kept" if self.is_thinned else ""

    def thin(self, plotted: Sequence[str], error: str, tolerance: float | None) -> None:
        """Leave records out if there are too many.

        Args:
            plotted: the fields whose extremes stay.
            error: the field that is an error in levels; "": none is.
            tolerance: in levels; None: there is none.
        """
        if not self.thinning.is_due(self.ids.everything.size):
            return
        until = self._until
        self.show_until(None)
        # What follows from the neighbours of a record is found while they are there.
        columns = [self.step, self.ids, self._places, *self.numbers.values()]
        if self.places.size and self.times.size and not self.has_time:
            columns.append(self._ends)
        cells, turns = self._cells(), self.thinning.turns
        turns.extend(cells[turns.column.everything.size :])
        kept = self.thinning.choose(self.ids.values, cells, [self.numbers[name].values for name in plotted])
        self.dropped.add({name: column.values[~kept] for name, column in self.numbers.items()}, cells[~kept])
        if error:
            self.dropped.errors.add(self.numbers[error].values[~kept], tolerance)
        for column in (*columns, turns.column):
            column.keep(kept)
        self.show_until(until)

    def _cells(self, start: int = 0) -> NDArray[np.intp]:
        """Return the numbers of the cells of the records from `start` on."""
        if "row" not in self.numbers or "column" not in self.numbers:
            return np.zeros(self.step.everything.size - start, np.intp)
        rows, columns = self.numbers["row"].everything, self.numbers["column"].everything
        return cell_numbers(rows[start:], columns[start:])
