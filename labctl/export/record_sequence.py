"""The records of a run as a sequence of dataclass instances that are read when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, overload

from typing_extensions import override

from labctl.export.record_table import block_size
from labctl.records import columns
from labctl.report.experiment import RECORDS

if TYPE_CHECKING:
    from labctl.run_reader import RunReader

_NOTHING: Final[tuple[int, list[Any]]] = (0, [])


class Records(Sequence[Any]):
    """All records that a run has by now, oldest first: `records[0]`, `records[-100:]`, `for record in records`.

    Of a run under way there are more whenever somebody looks.

    Args:
        reader: of the run.
        kind: the dataclass of its records.
    """

    def __init__(self, reader: RunReader, kind: type[Any]) -> None:
        self._reader = reader
        self._kind = kind
        self._page = _NOTHING
        self._most = block_size(columns(kind), reader.extent(RECORDS))

    @override
    def __len__(self) -> int:
        return self._reader.count(RECORDS)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    @override
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            places = range(len(self))[index]
            if not places:
                return []
            first = min(places[0], places[-1])
            read = self._read(first, abs(places[-1] - places[0]) + 1)
            return [read[place - first] for place in places]
        place = range(len(self))[index]  # an IndexError as of any sequence
        start, page = self._page
        if not start <= place < start + len(page):
            start = place - place % self._most
            page = self._read(start, self._most)
            self._page = start, page
        return page[place - start]

    @override
    def __iter__(self) -> Iterator[Any]:
        start = 0
        while page := self._read(start, self._most):
            yield from page
            start += len(page)

    @override
    def __repr__(self) -> str:
        return f"<{len(self):,} records: {self._kind.__name__}>"

    def _read(self, start: int, count: int) -> list[Any]:
        return self._reader.typed(RECORDS, self._kind, start, count)
