import socket

from pyvisa.constants import StatusCode
from pyvisa.rname import TCPIPSocket
from pyvisa_py.sessions import Session

class TCPIPSocketSession(Session):
    parsed: TCPIPSocket
    interface: socket.socket | None
    _pending_buffer: bytearray
    def _connect(self) -> StatusCode: ...
    def read(self, count: int) -> tuple[bytes, StatusCode]: ...
    def write(self, data: bytes) -> tuple[int, StatusCode]: ...
    def clear(self) -> StatusCode: ...
