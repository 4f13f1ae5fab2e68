"""The records of a run as columns of numbers and text, read in blocks, so that any number of them fits in memory.

What a run folder holds may come from anywhere: every value is checked for its type before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from labctl.errors import StoreError
from labctl.records import FIELD_TYPES, RESERVED, ROW_TYPE
from labctl.report.experiment import RECORDS
from labctl.store import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from labctl.records import Column
    from labctl.run_reader import Extent, RunReader

BLOCK: Final = 8192
"""Records that are read at once, at most."""
_BLOCK_BYTES: Final = 8 << 20
"""What the values of a block may take, roughly (bytes)."""
_VALUE_BYTES: Final = 48
"""What one value takes in Python and in a row of values (bytes), roughly."""
_LONG_VALUE_RATIO: Final = 6
"""How much more a row of numbers takes in Python than in the file: 40 bytes a number, beside the file's 8."""
_PADDED_MAX: Final = 10_000_000
"""Numbers that rows padded to one length may always have: 80 MB."""
_PADDED_RATIO: Final = 16
"""How many times the numbers that are there they may have beyond that."""
CALIBRATION: Final = "calibration"
"""The field in which records name the board's calibration."""
_CALIBRATIONS_MAX: Final = 100
_UNIT_MAX: Final = 32
"""Characters of a unit's symbol, and of what a row lies along."""
_TYPES: Final = frozenset({*(kind.__name__ for kind in FIELD_TYPES), ROW_TYPE})

Values = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Block:
    """Records that follow one another.

    Args:
        start: place of the first, from 0.
        steps: the step of each, shape (n,).
        values: of each column, in order. Shape (n,): float64, int64, bool, or text as objects; rows of floats have
            shape (n, width of the column) and are padded with NaN.
    """

    start: int
    steps: NDArray[np.int64]
    values: tuple[Values, ...]


class RecordTable:
    """The records of a run that are there when this is made.

    Args:
        reader: of the run.
        before_block: called before each block is read; what it raises ends the reading.

    Raises:
        StoreError: if its records are not as labctl writes them.
    """

    def __init__(self, reader: RunReader, before_block: Callable[[], object] = bool) -> None:
        self._reader = reader
        self._before_block = before_block
        self._file = reader.folder / DATABASE
        self.columns = record_columns(reader)
        extent = reader.extent(RECORDS)
        self.count = extent.count
        self.widths = {
            column.name: extent.longest[column.name] // 8 for column in self.columns if column.type == ROW_TYPE
        }
        """Numbers of the longest row of each column of rows, by name."""
        self.text_bytes = {column.name: extent.longest[column.name] for column in self.columns if column.type == "str"}
        """UTF-8 bytes of the longest text of each column of text, by name."""
        for name, width in self.widths.items():
            if width * self.count > max(_PADDED_MAX, _PADDED_RATIO * extent.total[name] // 8):
                raise StoreError(
                    f"the rows of {name!r} in {self._file} have up to {width} numbers, and most of them few: padded to "
                    "one length they would fill the disk"
                )
        self._calibrations: dict[str, None] = {}
        self.block = block_size(self.columns, extent)
        """Records that a block has; the last may have less."""

    def blocks(self) -> Iterator[Block]:
        """Yield all records, in order.

        Raises:
            StoreError: if a value is not what its column says.
        """
        for start in range(0, self.count, self.block):
            self._before_block()
            wanted = min(self.block, self.count - start)
            rows = self._reader.records(RECORDS, start, wanted)
            if len(rows) != wanted or any(len(row) != len(self.columns) + 2 for row in rows):
                raise damaged(self._file, "their number changes")
            _, steps, *parts = zip(*rows, strict=True)
            pairs = zip(self.columns, parts, strict=True)
            values = {column.name: self._values(column, part) for column, part in pairs}
            if CALIBRATION in values and len(self._calibrations) < _CALIBRATIONS_MAX:
                self._calibrations |= dict.fromkeys(map(str, values[CALIBRATION].tolist()))
            yield Block(start, self._integers("step", steps), tuple(values.values()))

    @property
    def calibrations(self) -> tuple[str, ...]:
        """The calibrations of the board that its records name, once all blocks were asked for; the first hundred."""
        return tuple(name for name in self._calibrations if name)[:_CALIBRATIONS_MAX]

    def _values(self, column: Column, values: Sequence[Any]) -> Values:
        match column.type:
            case "float":
                self._require(column.name, values, float, type(None))
                return np.array(values, np.float64)  # None, as SQLite keeps what is no number, becomes NaN
            case "int":
                return self._integers(column.name, values)
            case "bool":
                numbers = self._integers(column.name, values)
                if not np.isin(numbers, (0, 1)).all():
                    raise damaged(self._file, f"{column.name!r} is neither yes nor no")
                return numbers.astype(np.bool_)
            case "str":
                self._require(column.name, values, str)
                return np.array(values, np.object_)
            case _:
                return self._padded(column.name, values)

    def _integers(self, name: str, values: Sequence[Any]) -> NDArray[np.int64]:
        self._require(name, values, int)
        return np.array(values, np.int64)

    def _padded(self, name: str, rows: Sequence[Any]) -> NDArray[np.float64]:
        self._require(name, rows, bytes)
        padded = np.full((len(rows), self.widths[name]), np.nan)
        for place, row in enumerate(rows):
            if len(row) % 8 or len(row) // 8 > self.widths[name]:
                raise damaged(self._file, f"{name!r} is no row of numbers")
            padded[place, : len(row) // 8] = np.frombuffer(row, "<f8")
        return padded

    def _require(self, name: str, values: Sequence[Any], *kinds: type) -> None:
        if not set(map(type, values)) <= set(kinds):
            raise damaged(self._file, f"{name!r} holds something else")


def record_columns(reader: RunReader) -> tuple[Column, ...]:
    """Return the columns of a run's records, checked: their description may come from anywhere.

    Raises:
        StoreError: if they are none that labctl writes.
    """
    file = reader.folder / DATABASE
    found = reader.record_types().get(RECORDS)
    if found is None:
        raise damaged(file, "there is no table of them")
    names: list[object] = [column.name for column in found]
    for column in found:
        name, kind, unit, along = cast("tuple[object, ...]", (column.name, column.type, column.unit, column.along))
        is_name = isinstance(name, str) and name.isidentifier() and not iskeyword(name)
        is_type = isinstance(kind, str) and kind in _TYPES
        is_unit = isinstance(unit, str) and unit.isprintable() and len(unit) <= _UNIT_MAX
        is_along = isinstance(along, str) and (not along or (along.isidentifier() and len(along) <= _UNIT_MAX))
        if not is_name or name in RESERVED or names.count(name) > 1 or not (is_type and is_unit and is_along):
            raise damaged(file, "their columns")
    return found


def block_size(fields: Sequence[Column], extent: Extent) -> int:
    """Return how many records are read at once, so that they take little memory however long their rows are."""
    record_bytes = _VALUE_BYTES * (len(fields) + 2) + _LONG_VALUE_RATIO * sum(extent.longest.values())
    return max(1, min(BLOCK, _BLOCK_BYTES // record_bytes))


def damaged(file: Path, what: str) -> StoreError:
    """Return the error for records that labctl did not write so."""
    return StoreError(f"cannot read {file}: its records are not as labctl writes them ({what}); it is damaged")
