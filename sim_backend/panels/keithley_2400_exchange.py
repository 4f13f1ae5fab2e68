"""How the 2400 takes messages while a run is under way: most wait until it is idle, a few act at once.

A query that starts a run, `:READ?` and `:MEASure?`, answers when the run is over.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sim_backend.panels.host_link import LONGEST_MESSAGE
from sim_backend.panels.scpi import FrontEnd
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import parse_unit, split_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim_backend.panels.keithley_2400_instrument import Instrument
    from sim_backend.panels.scpi_table import Command, Reply

_AT_ONCE: Final = re.compile(r"\*(RST|TRG|RCL\s.*)|:?(ABOR|ABORT|SYST:PRES|SYSTEM:PRES|SYST:PRESET|SYSTEM:PRESET)")
"""What is obeyed during a run, ahead of what waits (manual, page 16-3); `*RST` also drops what waits."""


class LaterError(Exception):
    """A query answers once the run that it started is over.

    Args:
        answer: gives the reply then.
    """

    def __init__(self, answer: Callable[[], Reply]) -> None:
        super().__init__()
        self.answer = answer


@dataclass(slots=True)
class _Program:
    """One message on its way: what is left of it, and what it answered so far."""

    units: deque[str]
    deliver: Callable[[bytes], None]
    path: tuple[str, ...] = ()
    replies: list[bytes] = field(default_factory=list[bytes])
    awaited: Callable[[], Reply] | None = None

    @property
    def acts_at_once(self) -> bool:
        """Whether its next unit does not wait for a run."""
        return self.awaited is None and bool(self.units) and _AT_ONCE.fullmatch(self.units[0].upper()) is not None


class Exchange(FrontEnd):
    """A SCPI front end whose messages can stay pending.

    Args:
        commands: what the instrument understands beyond the common commands.
        instrument: which.
        common: common commands that the instrument has beyond those of IEEE 488.2, or has otherwise.
    """

    def __init__(self, commands: Iterable[Command], instrument: Instrument, common: Iterable[Command]) -> None:
        super().__init__(commands, instrument.status, instrument, common)
        self._instrument = instrument
        self._programs: deque[_Program] = deque()
        self._working = False
        self._watching = False

    @override
    def execute(self, message: str) -> bytes | None:
        """Obey one message; return its reply without the newline, None if it has none yet."""
        replies: list[bytes] = []
        self.submit(message, replies.append)
        return replies[0] if replies else None

    def submit(self, message: str, deliver: Callable[[bytes], None]) -> None:
        """Obey one message as soon as it can be; `deliver` gets its reply, without the newline."""
        units: deque[str] = deque()
        for written in split_units(message):
            # Assumption: a colon before a common command is taken, as a public driver of the 2400 sends `:*RST`.
            unit = written[1:] if written.startswith(":*") else written
            if self._instrument.busy and _AT_ONCE.fullmatch(unit.upper()):
                self._interrupt(unit)
            else:
                units.append(unit)
        waiting = sum(len(unit) for program in self._programs for unit in program.units)
        if waiting + len(message) > LONGEST_MESSAGE:
            self.status.report(-363)
            return
        if units:
            self._programs.append(_Program(units, deliver))
        self._proceed()

    def clear(self) -> None:
        """Clear the device: what waits is dropped, a run is over."""
        self._programs.clear()
        self._instrument.model.abort()

    def _interrupt(self, unit: str) -> None:
        """Obey a unit ahead of those that wait."""
        if unit.upper() == "*RST":
            self._programs.clear()
        working, self._working = self._working, True
        try:
            self._run([unit], [])
        except ScpiError as error:
            self.status.fail(error)
        finally:
            self._working = working

    def _proceed(self) -> None:
        """Obey what waits until nothing is left, or until a run must end first."""
        if self._working:
            return
        self._working = True
        try:
            while self._programs:
                program = self._programs[0]
                if not program.acts_at_once and not self._idle():
                    return
                if self._finished(program):
                    self._programs.popleft()
                    self.status.message_available = False
                    if program.replies:
                        program.deliver(b";".join(program.replies))
        except Exception:
            # What the world cannot answer is no error of the instrument; nothing of what waits is tried again.
            self._programs.clear()
            raise
        finally:
            self._working = False

    def _idle(self) -> bool:
        """Let time pass until no run is under way; if that is not to be, come back when it is over."""
        if self._instrument.model.wait(self._instrument.options.patience):
            return True
        if not self._watching:
            self._watching = True
            self._instrument.when_idle(self._run_over)
        return False

    def _run_over(self) -> None:
        """Go on with what waited for a run."""
        self._watching = False
        self._proceed()

    def _finished(self, program: _Program) -> bool:
        """Obey the next unit of a program, or answer what it waited for; return whether nothing is left."""
        text = ""
        try:
            if program.awaited is not None:
                answer, program.awaited = program.awaited, None
                self._answered(program, answer())
            elif program.units:
                text = program.units.popleft()
                program.path = self._step(text, program.path, program.replies)
        except LaterError as later:
            program.path = _path_after(text, program.path)
            program.awaited = later.answer
        except ScpiError as error:
            self.status.fail(error)
            program.units.clear()
        return not program.units and program.awaited is None

    def _answered(self, program: _Program, reply: Reply) -> None:
        program.replies.append(reply.encode("ascii") if isinstance(reply, str) else reply)
        self.status.message_available = True


def _path_after(text: str, path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the path that a well-formed unit leaves."""
    unit = parse_unit(text)
    if unit.common:
        return path
    return (unit.nodes if unit.absolute else path + unit.nodes)[:-1]
