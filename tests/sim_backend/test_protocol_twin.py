"""The twin's serial ports under pyserial: what pyserial documents of a port, on the twin's clock."""

from __future__ import annotations

import gc
import struct
from typing import TYPE_CHECKING, Any, cast

import pytest
import serial
from serial import PortNotOpenError, SerialException

from labctl.wire import Frame, FrameReader, Kind, Opcode, encode_frame
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panel import Panel
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.pyserial_twin import protocol_twin
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.pyserial_twin.protocol_twin import Serial


class Echo(Panel):
    """Says what it hears, a line at a time; a line may come late."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.connected = 0
        self._line = b""

    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        assert not end
        *lines, self._line = (self._line + data).split(b"\n")
        return [line + b"\n" for line in lines]

    def power_cycle(self) -> None:
        self._line = b""

    def connect(self) -> None:
        self.connected += 1
        self._line = b""


class Ports:
    """A world with an echo and a board."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        world = World(Die.fresh("die", 4, 4, device_named("ru-azo", 5.9e-3), seed=0), self.clock)
        self.echo = Echo(world, "odd name/ü")
        self.board = ProbeBoardPanel(world, "board")
        self.token = protocol_twin.offer(self)

    def panel(self, name: str) -> Panel | None:
        """Return a panel by name."""
        return {"odd name/ü": self.echo, "board": self.board}.get(name)

    def url(self, name: str = "odd name/ü") -> str:
        """Return the URL of a port."""
        return protocol_twin.url(self.token, name)


@pytest.fixture
def ports() -> Ports:
    """A world with two ports."""
    return Ports()


def opened(url: str, **settings: Any) -> Serial:
    """Open a port as anybody would."""
    return cast("Serial", serial.serial_for_url(url, **settings))


@pytest.fixture
def port(ports: Ports) -> Iterator[Serial]:
    """The echo's port, with a time-out of half a second."""
    with opened(ports.url(), timeout=0.5) as port:
        yield port


def test_pyserial_finds_it(ports: Ports) -> None:
    port = opened(ports.url(), baudrate=115_200, timeout=1.0)
    assert isinstance(port, serial.SerialBase)
    assert type(port) is protocol_twin.Serial
    assert (port.is_open, port.baudrate, port.timeout, port.port) == (True, 115_200, 1.0, ports.url())
    port.close()
    assert not port.is_open


def test_reads_and_writes(port: Serial, ports: Ports) -> None:
    assert port.in_waiting == 0
    assert port.write(b"hello\nwor") == 9
    assert port.in_waiting == 6
    assert port.read(2) == b"he"
    assert port.read() == b"l"
    assert port.read_all() == b"lo\n"
    assert port.write(bytearray(b"ld\n")) == 3
    assert port.write(memoryview(b"!\n")) == 2
    assert port.read_until(b"\n") == b"world\n"
    assert port.readline() == b"!\n"
    assert ports.clock.now() == 0.0


def test_text_is_refused_as_pyserial_does(port: Serial) -> None:
    with pytest.raises(TypeError):
        port.write("text")
    with pytest.raises(TypeError):
        port.write(5)


@pytest.mark.parametrize("timeout", [0, 0.25, 30.0])
def test_a_time_out_passes_on_the_twins_clock(ports: Ports, port: Serial, timeout: float) -> None:
    port.timeout = timeout
    assert port.read() == b""
    assert ports.clock.now() == timeout
    port.write(b"abc\n")
    assert port.read(10) == b"abc\n"
    assert ports.clock.now() == 2 * timeout


def test_the_time_between_bytes_ends_a_read_sooner(ports: Ports, port: Serial) -> None:
    port.inter_byte_timeout = 0.125
    assert port.read() == b""
    assert ports.clock.now() == 0.5
    port.write(b"abc\n")
    assert port.read(10) == b"abc\n"
    assert ports.clock.now() == 0.625


def test_what_comes_during_a_time_out_is_heard(ports: Ports, port: Serial) -> None:
    def speak() -> None:
        timer.cancel()
        port.write(b"late\n")

    timer = ports.clock.every(0.2, speak)
    assert port.read(5) == b"late\n"


def test_a_read_that_would_never_end_says_so(port: Serial) -> None:
    port.timeout = None
    port.write(b"ab\n")
    assert port.read(3) == b"ab\n"
    with pytest.raises(SerialException, match="would never end"):
        port.read(1)


def test_buffers_can_be_emptied(port: Serial) -> None:
    port.write(b"hello\n")
    port.reset_input_buffer()
    assert port.in_waiting == 0
    port.write(b"hello\n")
    port.reset_output_buffer()
    port.flush()
    assert (port.in_waiting, port.out_waiting) == (6, 0)


def test_a_closed_port(port: Serial) -> None:
    port.write(b"hello\n")
    port.close()
    port.close()
    for use in (
        port.read, port.flush, port.reset_input_buffer, port.reset_output_buffer, lambda: port.write(b""),
        lambda: port.in_waiting, lambda: port.out_waiting,
    ):  # fmt: skip
        with pytest.raises(PortNotOpenError):
            use()
    assert (port.cts, port.dsr, port.cd) == (False, False, False)


def test_opening_again_forgets_what_was_before(ports: Ports, port: Serial) -> None:
    port.write(b"old\nhalf")
    port.close()
    port.open()
    assert ports.echo.connected == 2
    port.write(b"new\n")
    assert port.read_all() == b"new\n"
    with pytest.raises(SerialException, match="already open"):
        port.open()


def test_opening_later(ports: Ports) -> None:
    port = opened(ports.url(), do_not_open=True)
    assert not port.is_open
    with port:
        assert port.is_open
        port.rts = port.dtr = False
        port.baudrate = 9600
        port.break_condition = True
        assert (port.cts, port.dsr, port.ri, port.cd) == (True, True, False, True)
    assert not port.is_open


def test_ports_that_do_not_exist(ports: Ports) -> None:
    for url in (ports.url("nobody"), "twin://999999/board", "twin://", f"twin://{ports.token}"):
        with pytest.raises(SerialException, match="no such virtual instrument"):
            opened(url)
    with pytest.raises(SerialException):
        protocol_twin.Serial("/dev/ttyACM0")


def test_a_world_that_is_gone_has_no_ports() -> None:
    url = Ports().url()
    gc.collect()
    with pytest.raises(SerialException, match="no such virtual instrument"):
        opened(url)


def test_worlds_do_not_see_each_other() -> None:
    one, other = Ports(), Ports()
    with opened(one.url(), timeout=1) as first, opened(other.url(), timeout=2) as second:
        first.write(b"first\n")
        assert second.read() == b""
        assert first.read(6) == b"first\n"
    assert (one.clock.now(), other.clock.now()) == (0.0, 2.0)


def test_two_hosts_of_one_board(ports: Ports) -> None:
    """Each gets its own replies, also when both are half-way through a frame."""
    frames = [encode_frame(Frame(Kind.REQUEST, Opcode.IDENTIFY, sequence, 0)) for sequence in (1, 2)]
    with opened(ports.url("board"), timeout=1) as one, opened(ports.url("board"), timeout=1) as two:
        one.write(frames[0][:6])
        two.write(frames[1][:9])
        one.write(frames[0][6:])
        two.write(frames[1][9:])
        for sequence, port in ((1, one), (2, two)):
            (frame,) = FrameReader(Kind.REPLY).feed(port.read_all())
            assert frame.sequence == sequence


def test_a_board_counts_its_pulses_across_hosts(ports: Ports) -> None:
    delivered = list[int]()
    for nonce in (1, 2):
        with opened(ports.url("board"), timeout=1) as port:
            port.write(encode_frame(Frame(Kind.REQUEST, Opcode.HELLO, 0x8000_0000, 0, struct.pack("<I", nonce))))
            (hello,) = FrameReader(Kind.REPLY).feed(port.read_all())
            _, session, _, before = struct.unpack("<IHIQ", hello.payload)
            delivered.append(before)
            pulse = struct.pack("<HHHiII", 1, 0, 0, 900_000, 80, 3)
            requests = ((Opcode.CLEAR, b""), (Opcode.ARM, struct.pack("<I", 1000)), (Opcode.PULSE, pulse))
            for sequence, (opcode, payload) in enumerate(requests, 1):
                port.write(encode_frame(Frame(Kind.REQUEST, opcode, sequence, session, payload)))
    assert delivered == [0, 3]
