"""A file that tells a library of every write that it succeeded, and its owner when one did not.

HDF5 does not survive a failed write: what it still holds it tries to write when the process ends, and crashes there.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    from pathlib import Path

    from typing_extensions import Buffer


class ForgivingFile(io.RawIOBase):
    """A file to read and write; what the disk did not take is kept in memory, so that it reads back as it was written.

    Args:
        path: of the file; an existing one is overwritten.

    Raises:
        OSError: if it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b", buffering=0)
        self._place = 0
        self._kept: list[tuple[int, bytes]] = []
        self.failure: OSError | None = None
        """What the first failed write said; its owner should stop writing soon."""

    @override
    def write(self, data: Buffer, /) -> int:
        content = memoryview(data).cast("B")
        if self.failure is None:
            try:
                self._put(content)
            except OSError as error:
                self.failure = error
        if self.failure is not None:
            self._kept.append((self._place, bytes(content)))
        self._place += len(content)
        return len(content)

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        target = memoryview(buffer).cast("B")
        target[:] = bytes(len(target))
        self._file.seek(self._place)
        read = self._file.readinto(target)
        while read and self._file.tell() < self._place + len(target) and (more := self._file.read(len(target) - read)):
            target[read : read + len(more)] = more
            read += len(more)
        for start, content in self._kept:
            low, high = max(start, self._place), min(start + len(content), self._place + len(target))
            if low < high:
                target[low - self._place : high - self._place] = content[low - start : high - start]
        self._place += len(target)
        return len(target)

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence)
        self._place = offset + (self._end() if start is None else start)
        return self._place

    @override
    def tell(self) -> int:
        return self._place

    @override
    def truncate(self, size: int | None = None, /) -> int:
        end = self._place if size is None else size
        if self.failure is None:
            try:
                self._file.truncate(end)
            except OSError as error:
                self.failure = error
        return end

    @override
    def readable(self) -> bool:
        return True

    @override
    def writable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def close(self) -> None:
        """Let go of the file. Whether it is whole is for its owner to ask (`failure`)."""
        super().close()
        self._file.close()

    def _put(self, content: memoryview) -> None:
        self._file.seek(self._place)
        while content:  # without a buffer, a write may take a part
            content = content[self._file.write(content) :]

    def _end(self) -> int:
        return max(self._file.seek(0, io.SEEK_END), *(start + len(content) for start, content in self._kept), 0)
