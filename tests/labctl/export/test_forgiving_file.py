"""A file that keeps what the disk does not take reads back as it was written, wherever that began."""

from __future__ import annotations

import io
import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from labctl.export.forgiving_file import ForgivingFile


class Filling(ForgivingFile):
    """On a disk that has room for so many bytes, and takes a part of a write."""

    room = 0

    def _put(self, content: memoryview) -> None:
        self._file.seek(self._place)
        fits = max(0, self.room - self._place)
        self._file.write(content[:fits])
        if fits < len(content):
            raise OSError(28, "No space left on device")


@given(
    st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=20)), min_size=1, max_size=8),
    st.integers(0, 60),
    st.integers(0, 50),
    st.integers(1, 30),
)
def test_it_reads_back_as_a_file_in_memory_does(
    writes: list[tuple[int, bytes]], room: int, start: int, count: int
) -> None:
    whole = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder, closing(Filling(Path(folder) / "file")) as file:
        file.room = room
        for place, content in writes:
            whole.seek(place)
            whole.write(content)
            file.seek(place)
            assert file.write(content) == len(content)
        assert (file.failure is None) == all(place + len(content) <= room for place, content in writes)
        assert file.seek(0, io.SEEK_END) == whole.seek(0, io.SEEK_END)
        file.seek(start)
        whole.seek(start)
        assert file.read(count) == whole.read(count).ljust(count, b"\0")
        assert file.tell() == start + count
