from pyvisa.constants import AccessModes, StatusCode
from pyvisa.highlevel import VisaLibraryBase
from pyvisa.typing import VISARMSession, VISASession
from pyvisa_py.sessions import Session

class PyVisaLibrary(VisaLibraryBase):
    sessions: dict[int, Session]
    def _register(self, obj: Session) -> VISASession: ...
    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: AccessModes = ...,
        open_timeout: int | None = ...,  # pyright: ignore[reportIncompatibleMethodOverride]
    ) -> tuple[VISASession, StatusCode]: ...
    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]: ...
    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]: ...
    def clear(self, session: VISASession) -> StatusCode: ...
