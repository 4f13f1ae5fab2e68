"""pyvisa-py as the bench uses it: sockets that tell when their peer is gone, and lines of bounded length.

pyvisa's own resource classes stay what drivers see; two of them say how much input waits and where a line ends.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Final, cast

from pyvisa import errors, rname
from pyvisa.constants import AccessModes, StatusCode
from pyvisa.resources import MessageBasedResource, SerialInstrument, TCPIPSocket
from pyvisa.util import LibraryPath
from pyvisa_py.highlevel import PyVisaLibrary
from typing_extensions import override

from drivers.scpi_channel import FAILURES
from drivers.visa_socket import BenchSocketSession

if TYPE_CHECKING:
    from pyvisa.typing import VISARMSession, VISASession

LINE_MAX: Final = 1 << 20
"""Bytes of the longest answer before its termination, ten times that of 2500 readings as text.

An answer is read in one call, so that one time-out covers it."""


class BenchVisaLibrary(PyVisaLibrary):
    """pyvisa-py with `BenchSocketSession`; whatever else it raises where a link fails is an OSError, too.

    Its HiSLIP raises RuntimeError when the peer closes, and its VXI-11 exceptions of its own.
    """

    @override
    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: AccessModes = AccessModes.no_lock,
        open_timeout: int | None = 0,
    ) -> tuple[VISASession, StatusCode]:
        try:
            parsed = rname.ResourceName.from_string(resource_name)
        except rname.InvalidResourceName:
            parsed = None
        if not isinstance(parsed, rname.TCPIPSocket):
            return super().open(session, resource_name, access_mode, open_timeout)
        opened = BenchSocketSession(session, resource_name, parsed, open_timeout)
        return self._register(opened), StatusCode.success

    @override
    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        try:
            return super().read(session, count)
        except FAILURES:
            raise
        except Exception as error:
            raise _broken(error) from error

    @override
    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        try:
            return super().write(session, data)
        except FAILURES:
            raise
        except Exception as error:
            raise _broken(error) from error

    @override
    def clear(self, session: VISASession) -> StatusCode:
        try:
            return super().clear(session)
        except FAILURES:
            raise
        except Exception as error:
            raise _broken(error) from error

    def unread(self, session: VISASession) -> int:
        """Return how many bytes came that were not read."""
        opened = self.sessions.get(session)
        if not isinstance(opened, BenchSocketSession):
            raise errors.InvalidSession
        return opened.unread


class BenchSocket(TCPIPSocket):
    """pyvisa's raw socket, on which a line is read in one call."""

    @override
    def read_raw(self, size: int | None = None) -> bytes:
        return _read_line(self) if size is None else super().read_raw(size)

    @property
    def bytes_in_buffer(self) -> int:
        """How many bytes came that were not read."""
        return cast("BenchVisaLibrary", self.visalib).unread(self.session)


class BenchSerial(SerialInstrument):
    """pyvisa's serial port, on which a line is read in one call."""

    @override
    def read_raw(self, size: int | None = None) -> bytes:
        return _read_line(self) if size is None else super().read_raw(size)


def bench_library() -> BenchVisaLibrary:
    """Return the library; pyvisa keeps one of them a process."""
    # pyvisa declares that a library object may be of any class.
    return cast("BenchVisaLibrary", BenchVisaLibrary(LibraryPath("py", "pyvisa-py, with the bench's sockets")))


def resource_class(resource_name: str) -> type[MessageBasedResource] | None:
    """Return the class of the resource of this name; None where pyvisa's own is as good."""
    try:
        parsed = rname.ResourceName.from_string(resource_name)
    except rname.InvalidResourceName:
        return None
    if isinstance(parsed, rname.TCPIPSocket):
        return BenchSocket
    return BenchSerial if isinstance(parsed, rname.ASRLInstr) else None


def _read_line(resource: MessageBasedResource) -> bytes:
    line = resource.read_bytes(LINE_MAX, LINE_MAX, break_on_termchar=True)
    if len(line) == LINE_MAX:
        raise OSError(errno.EMSGSIZE, f"an answer without end, longer than {LINE_MAX} bytes")
    return line


def _broken(error: Exception) -> ConnectionError:
    return ConnectionError(errno.ECONNRESET, str(error) or type(error).__name__)
