"""A VISA library whose instruments are virtual panels: `pyvisa.ResourceManager(TwinVisaLibrary(panels))`.

pyvisa's own resource classes run on it, so terminators, chunking and block parsing are those of a bench.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

from pyvisa import constants, rname
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError
from pyvisa.highlevel import VisaLibraryBase
from pyvisa.typing import VISARMSession, VISASession
from pyvisa.util import LibraryPath

from sim_backend.visa_session import VisaSession

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from pyvisa.constants import AccessModes, BufferOperation, EventMechanism, EventType, ResourceAttribute
    from pyvisa.typing import VISAEventContext
    from pyvisa.util import DebugInfo

    from sim_backend.panel import Panel

_serials = itertools.count(1)


class TwinVisaLibrary(VisaLibraryBase):
    """The VISA library of one world; each object is a library of its own, with its own resource manager.

    Args:
        panels: the instruments, by resource name in any spelling that pyvisa reads.

    Raises:
        pyvisa.rname.InvalidResourceName: if a name is none that pyvisa reads.
    """

    def __new__(cls, panels: Mapping[str, Panel]) -> Self:
        """Make a library; pyvisa keeps one a path, so each gets a path of its own."""
        del panels
        return cast("Self", super().__new__(cls, LibraryPath(f"twin {next(_serials)}", "made for one world")))

    def __init__(self, panels: Mapping[str, Panel]) -> None:
        self._panels = {canonical(name): panel for name, panel in panels.items()}
        self._sessions: dict[int, VisaSession] = {}
        self._handles = itertools.count(1)

    @staticmethod
    def get_debug_info() -> DebugInfo:
        """Return what `pyvisa-info` shows of this library."""
        return ["labctl's twin: virtual instruments"]

    def open_default_resource_manager(self) -> tuple[VISARMSession, StatusCode]:
        """Return the session of a resource manager."""
        session = VISARMSession(next(self._handles))
        return session, self.handle_return_value(session, StatusCode.success)

    def list_resources(self, session: VISARMSession, query: str = "?*::INSTR") -> tuple[str, ...]:  # noqa: ARG002
        """Return the names of the instruments that match VISA's expression `query`."""
        return rname.filter(self._panels, query)

    def open(
        self,
        session: VISARMSession,  # noqa: ARG002
        resource_name: str,
        access_mode: AccessModes = constants.AccessModes.no_lock,  # noqa: ARG002
        open_timeout: int = constants.VI_TMO_IMMEDIATE,  # noqa: ARG002
    ) -> tuple[VISASession, StatusCode]:
        """Open a session with the instrument of this name.

        Raises:
            pyvisa.errors.VisaIOError: VI_ERROR_INV_RSRC_NAME, VI_ERROR_RSRC_NFOUND, or VI_ERROR_CONN_LOST.
        """
        try:
            name = rname.ResourceName.from_string(resource_name)
        except rname.InvalidResourceName:
            return VISASession(0), self.handle_return_value(None, StatusCode.error_invalid_resource_name)
        panel = self._panels.get(canonical(resource_name))
        if panel is None:
            return VISASession(0), self.handle_return_value(None, StatusCode.error_resource_not_found)
        handle = VISASession(next(self._handles))
        opened = VisaSession(name, panel)
        opened.check_link()
        self._sessions[handle] = opened
        return handle, self.handle_return_value(handle, StatusCode.success)

    def close(self, session: VISASession | VISAEventContext | VISARMSession) -> StatusCode:
        """Close a session; closing a resource manager's leaves nothing open, as pyvisa closes its resources first."""
        self._sessions.pop(session, None)
        return self.handle_return_value(session, StatusCode.success)

    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        """Read up to `count` bytes."""
        data, status = self._session(session).read(count)
        return data, self.handle_return_value(session, status)

    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        """Write all of `data`."""
        self._session(session).write(data)
        return len(data), self.handle_return_value(session, StatusCode.success)

    def clear(self, session: VISASession) -> StatusCode:
        """Clear the device."""
        return self.handle_return_value(session, self._session(session).clear())

    def flush(self, session: VISASession, mask: BufferOperation) -> StatusCode:
        """Flush or discard buffers."""
        return self.handle_return_value(session, self._session(session).flush(mask))

    def read_stb(self, session: VISASession) -> tuple[int, StatusCode]:
        """Return the status byte."""
        value, status = self._session(session).read_stb()
        return value, self.handle_return_value(session, status)

    def get_attribute(
        self, session: VISASession | VISAEventContext | VISARMSession, attribute: ResourceAttribute | Any
    ) -> tuple[Any, StatusCode]:
        """Return an attribute of a session."""
        value, status = self._session(session).get_attribute(attribute)
        return value, self.handle_return_value(session, status)

    def set_attribute(self, session: VISASession, attribute: ResourceAttribute, attribute_state: Any) -> StatusCode:
        """Set an attribute of a session."""
        return self.handle_return_value(session, self._session(session).set_attribute(attribute, attribute_state))

    def disable_event(self, session: VISASession, event_type: EventType, mechanism: EventMechanism) -> StatusCode:  # noqa: ARG002
        """Disable events, of which there are none."""
        return StatusCode.success

    def discard_events(self, session: VISASession, event_type: EventType, mechanism: EventMechanism) -> StatusCode:  # noqa: ARG002
        """Discard events, of which there are none."""
        return StatusCode.success

    def _session(self, session: int) -> VisaSession:
        try:
            return self._sessions[session]
        except KeyError:
            raise VisaIOError(StatusCode.error_invalid_object) from None


def canonical(resource_name: str) -> str:
    """Return the spelling of a VISA resource name that all its spellings share.

    Raises:
        pyvisa.rname.InvalidResourceName: if pyvisa does not read it.
    """
    return str(rname.ResourceName.from_string(resource_name))
