"""A board's link that is broken off, loses its session, or is needed by two threads."""

from __future__ import annotations

import struct
import threading
from typing import TYPE_CHECKING

import pytest
import serial
from cobs import cobs

from drivers.board_errors import BoardTrippedError, LostReplyError, PulseCount
from drivers.board_frames import POLL_TIME
from drivers.board_link import LIST_TIME, REPLY_TIME, BoardLink
from labctl.backend import WallClock
from labctl.errors import InterruptedRunError, LinkError
from labctl.wire import Opcode

if TYPE_CHECKING:
    from tests.drivers.board.conftest import Clock, ScriptedPort

REQUEST, REPLY, ERROR = 1, 2, 3
SESSION = 0x1234
PULSES = struct.pack("<HHHiII", 1, 2, 3, 900_000, 80, 1)
RECEIPT = struct.pack("<IQ", 1, 8)
CLEARED_SIZE, PULSED_SIZE = 18, 28
"""Bytes of the replies to CLEAR and PULSE on the wire."""


@pytest.mark.parametrize("failure", [OSError(5, "unplugged"), serial.SerialException("unplugged")])
@pytest.mark.parametrize("place", range(PULSED_SIZE))
def test_a_port_that_dies_within_the_reply_loses_it(
    link: BoardLink, port: ScriptedPort, place: int, failure: Exception
) -> None:
    assert len(port.pulsed) == PULSED_SIZE
    acts: list[bytes] = [port.pulsed[:place]] if place else []
    port.say(port.pulse, *acts, failure)
    with pytest.raises(LostReplyError, match=r"gone .*unplugged") as caught:
        link.ask(Opcode.PULSE, PULSES)
    assert caught.value.before == PulseCount(3, 7)


@pytest.mark.parametrize("failure", [OSError(5, "unplugged"), serial.SerialTimeoutException("write timeout")])
def test_a_port_that_dies_within_the_request_loses_it(link: BoardLink, port: ScriptedPort, failure: Exception) -> None:
    port.say(port.pulse, RuntimeError(failure))
    with pytest.raises(LostReplyError, match="check the cable"):
        link.ask(Opcode.PULSE, PULSES)
    # Half the request may be under way: a delimiter goes before the next frame.
    port.say(
        b"\0" + port.frame(REQUEST, 0x05, port.outside, session=0), port.frame(REPLY, 0x05, port.outside, session=0)
    )
    link.make_safe()


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), InterruptedRunError(2), ZeroDivisionError()])
@pytest.mark.parametrize("place", range(PULSED_SIZE))
def test_a_request_that_is_broken_off_is_not_sent_again(
    link: BoardLink, port: ScriptedPort, stop: BaseException, place: int
) -> None:
    assert len(port.pulsed) == PULSED_SIZE
    acts: list[bytes] = [port.pulsed[:place]] if place else []
    port.say(port.pulse, *acts, stop, port.pulsed[place:])
    with pytest.raises(type(stop)):
        link.ask(Opcode.PULSE, PULSES)
    for _ in range(2):
        with pytest.raises(LinkError, match="open a new one") as caught:
            link.ask(Opcode.UNROUTE)
        assert not isinstance(caught.value, LostReplyError)
    with pytest.raises(LinkError):
        link.ask_if_free(Opcode.ARM, b"\xe8\x03\0\0")
    port.say_outside(0x05, b"")
    link.make_safe()
    port.say_hello(0x4321)
    link.open_session()
    port.say(port.frame(REQUEST, 0x06, 1, session=0x4321), port.frame(REPLY, 0x06, 1, b"\0\0", 0x4321))
    link.ask(Opcode.CLEAR)


def test_a_request_broken_off_while_it_is_written_is_not_completed(link: BoardLink, port: ScriptedPort) -> None:
    port.say(port.pulse, RuntimeError(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        link.ask(Opcode.PULSE, PULSES)
    port.say(
        b"\0" + port.frame(REQUEST, 0x05, port.outside, session=0), port.frame(REPLY, 0x05, port.outside, session=0)
    )
    link.make_safe()


def test_a_session_that_could_not_be_opened_after_a_stop_stays_closed(link: BoardLink, port: ScriptedPort) -> None:
    port.say(port.pulse, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        link.ask(Opcode.PULSE, PULSES)
    for _ in range(4):
        port.say_hello(answered=False)
    with pytest.raises(LinkError, match="did not answer HELLO"):
        link.open_session()
    with pytest.raises(LinkError, match="open a new one"):
        link.ask(Opcode.CLEAR)


def test_hello_is_repeated_with_its_nonce_and_waits_for_a_list(
    link: BoardLink, port: ScriptedPort, clock: Clock
) -> None:
    for answered in (False, False, False, True):
        port.say_hello(answered=answered)
    assert link.open_session().delivered == 7
    assert clock.now() == pytest.approx(3 * (LIST_TIME + REPLY_TIME))


def test_a_keep_alive_is_sent_once_and_leaves_nothing(link: BoardLink, port: ScriptedPort, clock: Clock) -> None:
    period = struct.pack("<I", 1000)
    port.say(port.frame(REQUEST, 0x07, 1, period))
    with pytest.raises(LostReplyError):
        link.ask_if_free(Opcode.ARM, period)
    assert clock.now() == pytest.approx(REPLY_TIME)
    port.say_hello(0x4321)
    port.say(port.frame(REQUEST, 0x07, 1, period, 0x4321), port.frame(REPLY, 0x07, 1, session=0x4321))
    link.ask_if_free(Opcode.ARM, period)
    assert clock.now() == pytest.approx(REPLY_TIME)


def test_a_lost_keep_alive_does_not_make_the_next_request_wait_longer(
    link: BoardLink, port: ScriptedPort, clock: Clock
) -> None:
    port.say(port.frame(REQUEST, 0x07, 1, b"\xe8\x03\0\0"))
    with pytest.raises(LostReplyError):
        link.ask_if_free(Opcode.ARM, b"\xe8\x03\0\0")
    start = clock.now()
    port.say_hello(answered=False)
    port.say_hello(answered=False)
    port.say_hello()
    port.say(port.clear)
    port.say(port.clear)
    with pytest.raises(LostReplyError):
        link.ask(Opcode.CLEAR)
    assert clock.now() - start == pytest.approx(4 * REPLY_TIME)
    for _ in range(4):
        port.say_hello(answered=False)
    with pytest.raises(LinkError, match="did not answer HELLO"):
        link.ask(Opcode.CLEAR)
    assert clock.now() - start == pytest.approx(8 * REPLY_TIME)


def test_a_keep_alive_stands_back_for_a_request(link: BoardLink, port: ScriptedPort) -> None:
    def beat_within() -> bytes:
        link.ask_if_free(Opcode.ARM, b"\xe8\x03\0\0")
        return port.cleared

    port.say(port.clear)
    waiting = port.read
    port.read = lambda size=1, /: waiting(size) or beat_within()  # pyright: ignore[reportAttributeAccessIssue]
    assert link.ask(Opcode.CLEAR) == b"\x01\x00"


def test_a_restart_that_a_new_session_finds_is_told(link: BoardLink, port: ScriptedPort) -> None:
    for _ in range(4):
        port.say(port.clear)
    with pytest.raises(LostReplyError):
        link.ask(Opcode.CLEAR)
    port.say_hello(0x4321, boot=4, delivered=0)
    with pytest.raises(LinkError, match="was restarted"):
        link.ask(Opcode.CLEAR)
    with pytest.raises(LinkError, match="open a new one"):
        link.ask(Opcode.CLEAR)


@pytest.mark.parametrize("code", [5, 6])
@pytest.mark.parametrize("opcode", [Opcode.PULSE, Opcode.PULSE_READ, Opcode.READ])
def test_a_session_that_is_not_ours_is_told_once_and_not_asked_again(
    link: BoardLink, port: ScriptedPort, opcode: Opcode, code: int
) -> None:
    port.say(port.frame(REQUEST, opcode, 1), port.error(opcode, 1, code))
    with pytest.raises(LinkError, match="another program") as caught:
        link.ask(opcode)
    assert not isinstance(caught.value, LostReplyError)
    with pytest.raises(LinkError, match="open a new one"):
        link.ask(Opcode.CLEAR)


@pytest.mark.parametrize("code", [5, 6])
@pytest.mark.parametrize("opcode", [Opcode.PULSE, Opcode.PULSE_READ])
def test_pulses_whose_second_copy_met_another_session_are_in_doubt(
    link: BoardLink, port: ScriptedPort, opcode: Opcode, code: int
) -> None:
    port.say(port.frame(REQUEST, opcode, 1))
    port.say(port.frame(REQUEST, opcode, 1), port.error(opcode, 1, code))
    with pytest.raises(LostReplyError):
        link.ask(opcode)


class BusyPort:
    """A board that runs a list until SAFE comes; then it answers both. Its reads block, as those of a real port."""

    def __init__(self, scripted: ScriptedPort, swallow: int) -> None:
        self.frame, self.error = scripted.frame, scripted.error
        self.sent: list[tuple[int, int]] = []
        self.swallow = swallow
        self.input = bytearray(self.frame(REPLY, 0x01, 0x8000_0000, struct.pack("<IHIQ", 0, SESSION, 3, 7), 0))
        self.changed = threading.Condition()
        self.running = threading.Event()

    @property
    def in_waiting(self) -> int:
        return len(self.input)

    def read(self, size: int = 1, /) -> bytes:
        with self.changed:
            self.changed.wait_for(lambda: self.input, POLL_TIME)
            data = bytes(self.input[:size])
            del self.input[:size]
            return data

    def write(self, data: bytes, /) -> int:
        pieces = [piece for piece in data.split(b"\0") if piece]
        assert len(pieces) == 1
        _, _, opcode, sequence, _ = struct.unpack("<BBHIH", cobs.decode(pieces[0])[:10])
        self.sent.append((opcode, sequence))
        with self.changed:
            if opcode == 0x21:
                self.running.set()
            elif opcode == 0x05 and self.swallow:
                self.swallow -= 1
            elif opcode == 0x05:
                self.input += self.error(0x21, 1, 10) + self.frame(REPLY, 0x05, sequence, session=0)
            self.changed.notify_all()
        return len(data)

    def close(self) -> None:
        pass


@pytest.mark.parametrize("swallow", [0, 2])
def test_safe_does_not_wait_behind_a_list_of_another_thread(port: ScriptedPort, swallow: int) -> None:
    busy = BusyPort(port, swallow)
    link = BoardLink(busy, WallClock(), "board")
    link.open_session()
    failures: list[Exception] = []

    def pulse() -> None:
        try:
            link.ask(Opcode.PULSE, PULSES, 30.0)
        except BoardTrippedError as trip:
            failures.append(trip)

    thread = threading.Thread(target=pulse)
    thread.start()
    assert busy.running.wait(10.0)
    link.make_safe()
    thread.join(10.0)
    assert not thread.is_alive()
    assert len(failures) == 1
    assert busy.sent == [(0x01, 0x8000_0000), (0x21, 1), *((0x05, 0x8000_0001 + i) for i in range(swallow + 1))]


def test_a_keep_alive_stands_back_for_safe(
    link: BoardLink, port: ScriptedPort, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = port.read

    def beat_within(size: int = 1, /) -> bytes:
        link.ask_if_free(Opcode.ARM, b"\xe8\x03\0\0")
        return read(size)

    monkeypatch.setattr(port, "read", beat_within)
    port.say_outside(0x05, b"")
    link.make_safe()


def test_a_read_whose_second_copy_met_another_session_ends_the_session(link: BoardLink, port: ScriptedPort) -> None:
    port.say(port.frame(REQUEST, 0x20, 1))
    port.say(port.frame(REQUEST, 0x20, 1), port.error(0x20, 1, 5))
    with pytest.raises(LinkError, match="another program") as caught:
        link.ask(Opcode.READ)
    assert not isinstance(caught.value, LostReplyError)
    with pytest.raises(LinkError, match="open a new one"):
        link.ask(Opcode.CLEAR)
