"""One open VISA resource of the twin: attributes, what was received, and the rules of where a read ends.

The rules are VISA's (VPP-4.3, 6.1.1 to 6.1.3), with the defaults of pyvisa-py, which serves the bench: a raw socket
keeps END suppressed and its clear sends nothing, a serial port cannot be cleared. How a serial port marks the end
of what it sends changes nothing on a virtual line.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, runtime_checkable

from pyvisa import attributes, constants
from pyvisa.constants import BufferOperation, InterfaceType, ResourceAttribute, SerialTermination, StatusCode
from pyvisa.errors import VisaIOError

from sim_backend.links import is_lost, link_to

if TYPE_CHECKING:
    from pyvisa.attributes import Attribute
    from pyvisa.rname import ResourceName

    from sim_backend.panel import Panel

_DRAIN: Final = 0.1
"""How long pyvisa-py listens to a raw socket when it clears it, in s."""
_MESSAGE_AVAILABLE: Final = 16
"""Bit 4 of the status byte (IEEE 488.2)."""


@runtime_checkable
class HasStatusByte(Protocol):
    """A panel whose status byte can be read without a message, by serial poll."""

    def status_byte(self) -> int:
        """Return the status byte."""
        ...


class Inbox:
    """Bytes that came and were not read, with the places where a message ended."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._ends: deque[int] = deque()
        self._taken = 0

    def __len__(self) -> int:
        return len(self._data)

    def add(self, message: bytes) -> None:
        """Add a whole message, or the end of one."""
        self.add_part(message)
        self._ends.append(self._taken + len(self._data))

    def add_part(self, piece: bytes) -> None:
        """Add a piece of a message that does not end with it."""
        self._data += piece

    def clear(self) -> None:
        """Throw everything away."""
        self.take(len(self._data))

    def take(self, count: int) -> bytes:
        """Return and forget the first `count` bytes."""
        piece = bytes(self._data[:count])
        del self._data[:count]
        self._taken += len(piece)
        while self._ends and self._ends[0] <= self._taken:
            self._ends.popleft()
        return piece

    def message_length(self) -> int | None:
        """Return how many bytes there are up to the first message's end."""
        return self._ends[0] - self._taken if self._ends else None

    def length_through(self, character: int) -> int | None:
        """Return how many bytes there are through the first occurrence of `character`."""
        return self._data.find(character) + 1 or None


class VisaSession:
    """One session: a link to a panel, and VISA's attributes.

    Args:
        name: the resource name, as pyvisa parses it.
        panel: the instrument there.
    """

    def __init__(self, name: ResourceName, panel: Panel) -> None:
        kind = name.interface_type_const, name.resource_class
        self._serial = kind[0] is InterfaceType.asrl
        self._socket = name.resource_class == "SOCKET"
        self._panel = panel
        self._clock = panel.world.clock
        self._inbox = Inbox()
        self._link = link_to(panel, self._inbox.add, self._inbox.add_part)
        self._declared = _declared(kind)
        self._attributes: dict[int, Any] = {
            number: attribute.default
            for number, attribute in self._declared.items()
            if attribute.default is not attributes.NotAvailable
        }
        self._attributes |= _facts(name)
        if self._socket:
            self._attributes[ResourceAttribute.suppress_end_enabled] = True

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Return bytes up to END, the termination character or `count`, and which of them ended it.

        When nothing does, the time-out passes on the twin's clock, and what came so far is lost, as on the bench;
        a raw socket whose END is not suppressed takes the silence for the end.

        Raises:
            pyvisa.errors.VisaIOError: VI_ERROR_CONN_LOST.
        """
        found = self._next(count)
        if found is None:
            self.check_link()
            self._wait()
            found = self._next(count)
        if found is None:
            self.check_link()
            silence_ends = self._socket and not self._attributes[ResourceAttribute.suppress_end_enabled]
            status = StatusCode.success if silence_ends and self._inbox else StatusCode.error_timeout
            found = self._inbox.take(count), status
        return found

    def write(self, data: bytes) -> None:
        """Send bytes; the last one is marked as the message's end where the transport has such a mark.

        Raises:
            pyvisa.errors.VisaIOError: VI_ERROR_CONN_LOST.
        """
        self.check_link()
        marked = not (self._serial or self._socket)
        self._link.receive(data, marked and bool(self._attributes[ResourceAttribute.send_end_enabled]))

    def check_link(self) -> None:
        """Make sure that the link is there.

        Raises:
            pyvisa.errors.VisaIOError: VI_ERROR_CONN_LOST.
        """
        if is_lost(self._link):
            raise VisaIOError(StatusCode.error_connection_lost)

    def clear(self) -> StatusCode:
        """Clear the device, where the transport can; a raw socket is only read empty."""
        if self._serial:
            return StatusCode.error_nonsupported_operation
        self.check_link()
        if self._socket:
            self._clock.sleep(_DRAIN)
        else:
            self._link.reset()
        self._inbox.clear()
        return StatusCode.success

    def read_stb(self) -> tuple[int, StatusCode]:
        """Return the status byte, with bit 4 while an answer waits, where transport and panel have one."""
        if self._serial or self._socket or not isinstance(self._panel, HasStatusByte):
            return 0, StatusCode.error_nonsupported_operation
        waiting = _MESSAGE_AVAILABLE if self._inbox else 0
        return self._panel.status_byte() | waiting, StatusCode.success

    def flush(self, mask: BufferOperation) -> StatusCode:
        """Throw away what was received, if `mask` asks for it; nothing waits to be sent."""
        if mask & (BufferOperation.discard_read_buffer | BufferOperation.discard_receive_buffer):
            self._inbox.clear()
        return StatusCode.success

    def get_attribute(self, attribute: int) -> tuple[Any, StatusCode]:
        """Return the value of an attribute."""
        if attribute == constants.VI_ATTR_ASRL_AVAIL_NUM and self._serial:
            return len(self._inbox), StatusCode.success
        if attribute not in self._attributes:
            return 0, StatusCode.error_nonsupported_attribute
        return self._attributes[attribute], StatusCode.success

    def set_attribute(self, attribute: int, value: Any) -> StatusCode:
        """Set an attribute."""
        declared = self._declared.get(attribute)
        if declared is None:
            return StatusCode.error_nonsupported_attribute
        if not declared.write:
            return StatusCode.error_attribute_read_only
        self._attributes[attribute] = value
        return StatusCode.success

    def _next(self, count: int) -> tuple[bytes, StatusCode] | None:
        """Return what a read of `count` ends with, None if nothing ends it; of two ends at one place the first wins."""
        inbox, settings = self._inbox, self._attributes
        termination = inbox.length_through(settings[ResourceAttribute.termchar])
        end = marked = None
        if self._serial and settings[ResourceAttribute.asrl_end_in] == SerialTermination.termination_char:
            end = termination
        else:
            if settings[ResourceAttribute.termchar_enabled]:
                marked = termination
            if not (self._serial or self._socket):
                end = inbox.message_length()
        if settings[ResourceAttribute.suppress_end_enabled]:
            end = None
        full = count if len(inbox) >= count else None
        places = (
            (end, StatusCode.success),
            (marked, StatusCode.success_termination_character_read),
            (full, StatusCode.success_max_count_read),
        )
        found = [(place, status) for place, status in places if place is not None and place <= count]
        if not found:
            return None
        place, status = min(found, key=lambda item: item[0])
        return inbox.take(place), status

    def _wait(self) -> None:
        """Let the time-out pass; an infinite one ends at once, as nothing else would ever end it."""
        timeout = self._attributes[ResourceAttribute.timeout_value]
        if timeout != constants.VI_TMO_INFINITE:
            self._clock.sleep(timeout / 1e3)


def _declared(kind: tuple[InterfaceType, str]) -> dict[int, type[Attribute[Any]]]:
    """Return what pyvisa declares of the attributes of a kind of session, by number."""
    table = cast(
        "dict[object, set[type[Attribute[Any]]]]",
        attributes.AttributesPerResource,  # pyright: ignore[reportUnknownMemberType]: pyvisa leaves it open
    )
    return {declared.attribute_id: declared for declared in table[kind] | table[attributes.AllSessionTypes]}


def _facts(name: ResourceName) -> dict[int, Any]:
    """Return the attributes that a resource's name says."""
    board = cast("str", getattr(name, "board", "0"))
    return {
        ResourceAttribute.resource_name: str(name),
        ResourceAttribute.resource_class: name.resource_class,
        ResourceAttribute.interface_type: name.interface_type_const,
        ResourceAttribute.interface_number: int(board) if board.isdecimal() else 0,
        ResourceAttribute.resource_manufacturer_name: "labctl",
    }
