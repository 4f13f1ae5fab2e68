"""A serial port over a pseudo-terminal: first what pyvisa-py makes of trouble on it, then what our link does."""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.keithley_2400_link import Keithley2400Entry, open_link
from drivers.scpi import SilenceError
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from drivers.hardware import HardwareBackend
    from drivers.scpi import ScpiLink

    Linker = Callable[[str], ScpiLink]
    Raw = Callable[..., Any]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")

TIMEOUT = 0.4
"""Of the links, as in conftest.py (s)."""


class Line:
    """The instrument's end of a serial line; each line that comes is answered with what `answers` says."""

    def __init__(self) -> None:
        import tty

        self.host, self.device = os.openpty()
        tty.setraw(self.device)
        self.address = f"ASRL{os.ttyname(self.device)}::INSTR"
        self.heard = bytearray()
        self.answers: dict[bytes, bytes] = {}
        self._closed = False
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._talk, daemon=True)
        self._thread.start()

    def _talk(self) -> None:
        buffer = bytearray()
        with suppress(OSError):
            while self._wake not in select.select([self.host, self._wake], [], [])[0]:
                data = os.read(self.host, 4096)
                self.heard += data
                buffer += data
                while (end := buffer.find(b"\n")) >= 0:
                    line = bytes(buffer[:end]).strip(b"\r\x03")
                    del buffer[: end + 1]
                    os.write(self.host, self._answer(line))

    def _answer(self, line: bytes) -> bytes:
        numbers = line.replace(b":FORM:SREG ASC;", b"").replace(b";", b" ").split(b" ")
        if line not in self.answers and numbers[0] == b"*ESE":
            return numbers[1] + b"; " + numbers[4] + b"\n"
        return self.answers.get(line, b"")

    def say(self, data: bytes) -> None:
        """Send bytes, and wait until they can be read at the other end."""
        os.write(self.host, data)
        select.select([self.device], [], [], 5)

    def unplug(self) -> None:
        """Take the adapter away."""
        if not self._closed:
            self._closed = True
            os.write(self._waker, b"x")
            self._thread.join(5)
            for file in (self.device, self.host, self._wake, self._waker):
                os.close(file)


@pytest.fixture
def line() -> Generator[Line]:
    line = Line()
    yield line
    line.unplug()


def serial_link(backend: HardwareBackend, address: str) -> ScpiLink:
    return open_link(backend, "smu", Keithley2400Entry(driver="keithley-2400", address=address))


def test_pyvisa_py_cannot_poll_lock_trigger_or_clear_a_serial_port(line: Line, raw_to: Raw) -> None:
    raw = raw_to(line.address)
    for call in (raw.read_stb, raw.lock, raw.clear):
        with pytest.raises(VisaIOError) as caught:
            call()
        assert caught.value.error_code == StatusCode.error_nonsupported_operation
    with pytest.raises(NotImplementedError):
        raw.assert_trigger()


def test_a_reopened_serial_line_is_cleared_with_control_c(line: Line, backend: HardwareBackend) -> None:
    """A serial port has no device clear; the 2400 takes the character for it. It answers with a blank after ";"."""
    link = serial_link(backend, line.address)
    with pytest.raises(SilenceError, match=rf"smu at {line.address}: no answer to ':READ\?' in time"):
        link.query(":READ?", once=True, timeout=TIMEOUT)
    line.answers[b":OUTP?"] = b"1\n"
    assert link.query(":OUTP?") == "1"
    assert b"\x03" in line.heard
    assert line.heard.count(b":READ?") == 1
    link.close()


def test_pyvisa_py_takes_what_nobody_asked_for_as_an_answer(line: Line, raw_to: Raw) -> None:
    raw = raw_to(line.address)
    line.answers[b":ONE?"] = b"1\n"
    line.say(b"stale\n")
    assert raw.query(":ONE?") == "stale"


def test_what_nobody_asked_for_is_never_an_answer(line: Line, link_to: Linker) -> None:
    line.answers = {b":ONE?": b"1\n", b":TWO?": b"2\n"}
    link = link_to(line.address)
    for _ in range(2):
        line.say(b"stale\n")
        assert [link.query(":ONE?"), link.query(":TWO?")] == ["1", "2"]
    link.close()


def test_an_adapter_that_is_unplugged_is_an_error_at_once(line: Line, raw_to: Raw, spending: Any) -> None:
    raw = raw_to(line.address)
    line.unplug()
    with spending() as spent, pytest.raises(OSError, match=r"."):
        raw.query(":OUTP?")
    assert spent.wall < TIMEOUT


def test_an_unplugged_adapter_is_a_link_error_at_once(line: Line, link_to: Linker, spending: Any) -> None:
    line.answers[b":OUTP?"] = b"1\n"
    link = link_to(line.address)
    assert link.query(":OUTP?") == "1"
    line.unplug()
    with spending() as spent, pytest.raises(LinkError, match=rf"smu at {line.address}: .*':OUTP\?'"):
        link.query(":OUTP?")
    assert spent.wall < TIMEOUT
    with pytest.raises(LinkError, match=r"':OUTP 0' was not sent"):
        link.write(":OUTP 0")
    link.close()


def test_an_answer_that_never_ends_is_told_in_time(line: Line, link_to: Linker, spending: Any) -> None:
    """As from an instrument with another termination, or of another baud rate."""
    going = threading.Event()

    def babble() -> None:
        with suppress(OSError):
            while not going.wait(0.001):
                os.write(line.host, b"x" * 64)

    link = link_to(line.address)
    thread = threading.Thread(target=babble, daemon=True)
    link.write(":READ?")
    thread.start()
    with spending() as spent, pytest.raises(LinkError):
        link.query(":READ?", once=True)
    going.set()
    assert spent.wall < 3 * TIMEOUT
    thread.join(5)
    link.close()
