"""The SCPI front end that panels share: program messages in, reply messages out.

It knows paths, compound messages and the common commands of IEEE 488.2. What an instrument does stands in
its command table; when it is busy, how it is named and reset, in the device behind it. Channel lists arrive as
expression tokens, and no parameter type here takes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import parse_unit, split_units
from sim_backend.panels.scpi_parameters import Integer
from sim_backend.panels.scpi_settings import event, integer_setting, query
from sim_backend.panels.scpi_table import Command, CommandTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim_backend.panels.scpi_grammar import Unit
    from sim_backend.panels.scpi_status import Status

_BYTE = Integer(0, 255, 0)


class Device(Protocol):
    """What the common commands need of an instrument."""

    @property
    def identity(self) -> str:
        """What `*IDN?` answers."""
        ...

    @property
    def busy(self) -> bool:
        """Whether an overlapped operation is running."""
        ...

    def reset(self) -> None:
        """Return to the settings of `*RST`."""

    def wait(self) -> None:
        """Let time pass until no overlapped operation is running."""

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` once no overlapped operation is running, at once if none is."""


class FrontEnd:
    """Reads program messages, obeys them in turn and collects the replies.

    Args:
        commands: what the instrument understands beyond the common commands.
        status: its event log and status registers.
        device: the instrument.
        common: common commands that the instrument has beyond those of IEEE 488.2.
    """

    def __init__(
        self, commands: Iterable[Command], status: Status, device: Device, common: Iterable[Command] = ()
    ) -> None:
        self.status = status
        self._device = device
        self._tree = CommandTable(commands)
        self._common = {command.pattern: command for command in (*_common_commands(status, device), *common)}

    def execute(self, message: str) -> bytes | None:
        """Obey one message; return its reply without the newline, None if it has none."""
        replies: list[bytes] = []
        try:
            self._run(split_units(message), replies)
        except ScpiError as error:
            self.status.fail(error)
        finally:
            self.status.message_available = False
        return b";".join(replies) if replies else None

    def _run(self, units: list[str], replies: list[bytes]) -> None:
        """Obey units in turn, adding to `replies`, until one cannot be obeyed."""
        path: tuple[str, ...] = ()
        for text in units:
            path = self._step(text, path, replies)

    def _step(self, text: str, path: tuple[str, ...], replies: list[bytes]) -> tuple[str, ...]:
        """Obey one unit that starts at `path`, adding to `replies`; return the path that it leaves.

        Raises:
            ScpiError: if it cannot be obeyed.
        """
        unit = parse_unit(text)
        if unit.common:
            command = self._common.get(unit.nodes[0].upper())
            suffixes: tuple[int, ...] = ()
            if command is None:
                raise ScpiError(-113)
        else:
            nodes = unit.nodes if unit.absolute else path + unit.nodes
            command, suffixes = self._tree.find(nodes)
            path = nodes[:-1]
        if unit.query and replies and replies[-1].startswith(b"#0"):
            # Nothing can follow a block that only the end of the message ends.
            raise ScpiError(-440)
        reply = self._obey(command, unit, suffixes)
        if reply is not None:
            replies.append(reply)
            self.status.message_available = True
        return path

    def _obey(self, command: Command, unit: Unit, suffixes: tuple[int, ...]) -> bytes | None:
        """Obey one unit; return its reply, None if it is no query."""
        signature = command.asks if unit.query else command.takes
        if (command.answer if unit.query else command.action) is None:
            raise ScpiError(-113)
        arguments = signature.parse(unit.tokens, suffixes)
        if self._device.busy and command.refused_when_busy(unit.query):
            raise ScpiError(-221)
        if unit.query and command.answer is not None:
            reply = command.answer(arguments)
            return reply.encode("ascii", "replace") if isinstance(reply, str) else reply
        if command.action is not None:
            command.action(arguments)
        return None


def _common_commands(status: Status, device: Device) -> list[Command]:
    """Return the common commands of IEEE 488.2."""

    def set_event_enable(value: int) -> None:
        status.standard_enable = value

    def set_service_enable(value: int) -> None:
        status.service_enable = value

    def completed() -> str:
        device.wait()
        return "1"

    operation_complete = Command(
        "*OPC", action=lambda _: device.when_idle(status.complete), answer=lambda _: completed()
    )
    return [
        query("*IDN", lambda: device.identity),
        event("*RST", device.reset),
        event("*CLS", status.clear),
        event("*WAI", device.wait),
        operation_complete,
        query("*ESR", lambda: str(status.read_standard())),
        query("*STB", lambda: str(status.byte())),
        integer_setting("*ESE", _BYTE, lambda: status.standard_enable, set_event_enable),
        integer_setting("*SRE", _BYTE, lambda: status.service_enable, set_service_enable),
        query("*TST", lambda: "0"),
    ]
