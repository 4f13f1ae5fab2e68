"""The twin's VISA library under pyvisa's own resource classes: where reads end, and what happens when they do not."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import pyvisa
from pyvisa import constants
from pyvisa.constants import BufferOperation, ResourceAttribute, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError
from pyvisa.resources import MessageBasedResource, SerialInstrument, TCPIPInstrument, TCPIPSocket, USBInstrument
from pyvisa.rname import InvalidResourceName

from sim_backend.clock import VirtualClock
from sim_backend.devices import device_named
from sim_backend.die import Die
from sim_backend.panel import Panel
from sim_backend.visa_library import TwinVisaLibrary, canonical
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SOCKET = "TCPIP0::192.168.1.50::5025::SOCKET"
LAN = "TCPIP0::192.168.1.50::inst0::INSTR"
USB = "USB0::0x05E6::0x2450::01419969::0::INSTR"
SERIAL = "ASRL/dev/ttyUSB0::INSTR"
ALL = (SOCKET, LAN, USB, SERIAL)
FRAMED = (LAN, USB)
STREAMS = (SOCKET, SERIAL)


class Parrot(Panel):
    """Says what it is told to, a line at a time; notes what reached it."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.heard: list[tuple[bytes, bool]] = []
        self.connected = 0
        self._line = b""

    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        self.heard.append((data, end))
        *lines, self._line = (self._line + data).split(b"\n")
        if end and self._line:
            lines, self._line = [*lines, self._line], b""
        replies: list[bytes] = []
        for line in lines:
            word, _, rest = line.strip().partition(b" ")
            if word == b"say":
                replies.append(rest + b"\n")
            elif word == b"raw":
                replies.append(rest)
            elif word == b"hex":
                replies.append(bytes.fromhex(rest.decode()))
            elif word == b"work":
                self.world.clock.sleep(float(rest))
        return replies

    def power_cycle(self) -> None:
        self._line = b""

    def connect(self) -> None:
        self.connected += 1
        self._line = b""


class Shy(Parrot):
    """A parrot with a status byte."""

    def status_byte(self) -> int:
        """Return the status byte, without the bit for a waiting answer."""
        return 0x20


class Bench:
    """A world with one instrument at several addresses, and a resource manager on it."""

    def __init__(self, *names: str, kind: type[Parrot] = Parrot) -> None:
        self.clock = VirtualClock()
        world = World(Die.fresh("die", 2, 2, device_named("ru-azo", 5.9e-3), seed=0), self.clock)
        self.panel = kind(world, "parrot")
        self.library = TwinVisaLibrary(dict.fromkeys(names or ALL, self.panel))
        self.manager = pyvisa.ResourceManager(self.library)

    def open(self, name: str, **settings: Any) -> MessageBasedResource:
        """Open a resource."""
        return cast("MessageBasedResource", self.manager.open_resource(name, **settings))


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench, closed at the end."""
    made = Bench()
    yield made
    made.manager.close()


def status_of(error: pytest.ExceptionInfo[VisaIOError]) -> StatusCode:
    """Return the code of a VISA error."""
    return StatusCode(error.value.error_code)


@pytest.mark.parametrize(
    ("name", "kind"),
    [(SOCKET, TCPIPSocket), (LAN, TCPIPInstrument), (USB, USBInstrument), (SERIAL, SerialInstrument)],
)
def test_pyvisas_own_classes_come_out(bench: Bench, name: str, kind: type[MessageBasedResource]) -> None:
    resource = bench.open(name)
    assert type(resource) is kind
    assert resource.resource_name == name
    assert resource.resource_class == name.rpartition("::")[2]
    assert resource.interface_type == resource.resource_info.interface_type
    assert resource.interface_number == 0
    assert resource.resource_manufacturer_name == "labctl"
    assert resource.timeout == 2000
    assert resource.last_status == StatusCode.success


@pytest.mark.parametrize("name", ALL)
def test_a_query_with_a_termination(bench: Bench, name: str) -> None:
    resource = bench.open(name, read_termination="\n", write_termination="\n")
    assert resource.query("say hello") == "hello"
    assert resource.query("say hello again") == "hello again"
    assert bench.clock.now() == 0.0


@pytest.mark.parametrize("name", FRAMED)
def test_an_end_marks_a_message_without_any_termination(bench: Bench, name: str) -> None:
    resource = bench.open(name)
    assert resource.query("say hello") == "hello\n"
    assert bench.panel.heard == [(b"say hello\r\n", True)]
    resource.write_raw(b"say unterminated")
    assert resource.read() == "unterminated\n"
    resource.send_end = False
    resource.write_raw(b"say lat")
    resource.send_end = True
    resource.write_raw(b"er")
    assert resource.read() == "later\n"


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_has_no_end_of_message(bench: Bench, name: str) -> None:
    resource = bench.open(name)
    resource.write_raw(b"say hel")
    resource.write_raw(b"lo\n")
    assert bench.panel.heard == [(b"say hel", False), (b"lo\n", False)]


def test_a_raw_socket_without_termination_waits_in_vain(bench: Bench) -> None:
    """As on the bench, a complete reply that nothing terminates runs into the time-out, and is lost."""
    resource = bench.open(SOCKET, timeout=1500)
    resource.write("say hello")
    with pytest.raises(VisaIOError) as error:
        resource.read()
    assert status_of(error) == StatusCode.error_timeout
    assert bench.clock.now() == pytest.approx(1.5)
    resource.read_termination = "\n"
    assert resource.query("say next") == "next"


def test_a_raw_socket_takes_silence_for_the_end_if_it_is_told_to(bench: Bench) -> None:
    resource = bench.open(SOCKET)
    resource.set_visa_attribute(ResourceAttribute.suppress_end_enabled, state=False)
    resource.write("raw hello")
    assert resource.read() == "hello"
    with pytest.raises(VisaIOError):
        resource.read()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("timeout", [1, 250, 10_000])
def test_a_time_out_passes_on_the_twins_clock(bench: Bench, name: str, timeout: int) -> None:
    resource = bench.open(name, timeout=timeout)
    with pytest.raises(VisaIOError) as error:
        resource.read()
    assert status_of(error) == StatusCode.error_timeout
    assert bench.clock.now() == pytest.approx(timeout / 1e3)
    assert resource.last_status == StatusCode.error_timeout


@pytest.mark.parametrize("name", ALL)
def test_an_immediate_and_an_infinite_time_out_let_no_time_pass(bench: Bench, name: str) -> None:
    resource = bench.open(name)
    for timeout in (0, float("inf")):
        resource.timeout = timeout
        with pytest.raises(VisaIOError):
            resource.read()
    assert bench.clock.now() == 0.0


def test_what_an_instrument_says_during_a_time_out_is_heard(bench: Bench) -> None:
    resource = bench.open(LAN)
    timer = bench.clock.every(0.5, lambda: (resource.write("say late"), timer.cancel())[1])
    assert resource.read() == "late\n"


@pytest.mark.parametrize("name", ALL)
def test_several_messages_are_read_one_by_one(bench: Bench, name: str) -> None:
    resource = bench.open(name, read_termination="\n")
    resource.write("say one\nsay two\nsay three")
    assert [resource.read() for _ in range(3)] == ["one", "two", "three"]


@pytest.mark.parametrize("name", FRAMED)
def test_a_termination_character_ends_a_read_inside_a_message(bench: Bench, name: str) -> None:
    resource = bench.open(name, read_termination=";")
    resource.write("say a;b")
    assert resource.read() == "a"
    assert resource.last_status == StatusCode.success_termination_character_read
    resource.read_termination = None
    assert resource.read() == "b\n"
    assert resource.last_status == StatusCode.success


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("chunk", [1, 2, 7, 20_480])
def test_chunks_are_joined(bench: Bench, name: str, chunk: int) -> None:
    resource = bench.open(name, read_termination="\n", chunk_size=chunk)
    text = "x" * 50
    assert resource.query(f"say {text}") == text


@pytest.mark.parametrize("name", ALL)
def test_counted_reads(bench: Bench, name: str) -> None:
    resource = bench.open(name)
    resource.write("say abcdef")
    assert resource.read_bytes(4) == b"abcd"
    assert resource.read_bytes(3) == b"ef\n"
    with pytest.raises(VisaIOError):
        resource.read_bytes(1)


def doubles(resource: MessageBasedResource, message: str) -> NDArray[np.float64]:
    """Return the block of binary64 that a query is answered with."""
    query = cast("Callable[..., list[float]]", resource.query_binary_values)  # pyright: ignore[reportUnknownMemberType]
    return np.array(query(message, datatype="d"))


@pytest.mark.parametrize("name", FRAMED)
def test_a_block_with_a_newline_inside_is_kept_whole(bench: Bench, name: str) -> None:
    """0x0A is part of the first number: only END ends the message."""
    values = np.array([2.0**-40 * 10, 1.5, -2.25])
    data = values.astype("<f8").tobytes()
    data = b"\n" + data[1:]
    resource = bench.open(name)
    block = b"#224" + data + b"\n"
    assert doubles(resource, f"hex {block.hex()}").tobytes() == data


def test_a_definite_block_on_a_raw_socket(bench: Bench) -> None:
    data = np.arange(10.0).astype("<f8").tobytes()
    assert b"\n" not in data
    resource = bench.open(SOCKET, read_termination="\n")
    block = b"#280" + data + b"\n"
    assert doubles(resource, f"hex {block.hex()}").tolist() == list(range(10))


@pytest.mark.parametrize("name", FRAMED)
def test_clearing_the_device_forgets_both_ways(bench: Bench, name: str) -> None:
    resource = bench.open(name)
    resource.send_end = False
    resource.write_raw(b"say old\nsay ha")
    connected = bench.panel.connected
    resource.clear()
    assert bench.panel.connected == connected + 1
    resource.send_end = True
    assert resource.query("say new") == "new\n"


def test_clearing_a_raw_socket_only_reads_it_empty(bench: Bench) -> None:
    resource = bench.open(SOCKET, read_termination="\n")
    resource.write_raw(b"say old\nsay ne")
    resource.clear()
    assert bench.clock.now() == pytest.approx(0.1)
    resource.write_raw(b"w\n")
    assert resource.read() == "new"


def test_a_serial_port_cannot_be_cleared(bench: Bench) -> None:
    with pytest.raises(VisaIOError) as error:
        bench.open(SERIAL).clear()
    assert status_of(error) == StatusCode.error_nonsupported_operation


def test_flushing(bench: Bench) -> None:
    resource = bench.open(SOCKET, read_termination="\n")
    resource.write("say old")
    resource.flush(BufferOperation.flush_write_buffer)
    assert resource.read() == "old"
    resource.write("say old")
    resource.flush(BufferOperation.discard_read_buffer)
    assert resource.query("say new") == "new"


def test_the_status_byte_of_an_instrument_that_has_one() -> None:
    bench = Bench(kind=Shy)
    resource = bench.open(USB)
    assert resource.read_stb() == 0x20
    resource.write("say hello")
    assert resource.stb == 0x30
    resource.read()
    assert resource.read_stb() == 0x20
    for name in STREAMS:
        with pytest.raises(VisaIOError) as error:
            bench.open(name).read_stb()
        assert status_of(error) == StatusCode.error_nonsupported_operation
    bench.manager.close()


def test_an_instrument_without_a_status_byte(bench: Bench) -> None:
    with pytest.raises(VisaIOError) as error:
        bench.open(USB).read_stb()
    assert status_of(error) == StatusCode.error_nonsupported_operation


def test_serial_attributes(bench: Bench) -> None:
    resource = cast("SerialInstrument", bench.open(SERIAL, baud_rate=115_200))
    assert resource.baud_rate == 115_200
    assert resource.data_bits == 8
    assert resource.end_input == constants.SerialTermination.termination_char
    resource.write("say hello")
    assert resource.bytes_in_buffer == 6
    resource.end_input = constants.SerialTermination.none
    with pytest.raises(VisaIOError):
        resource.read()
    resource.read_termination = "\n"
    assert resource.query("say hello") == "hello"


def test_attributes_that_do_not_exist(bench: Bench) -> None:
    resource = bench.open(SOCKET)
    with pytest.raises(VisaIOError) as error:
        resource.get_visa_attribute(ResourceAttribute.asrl_data_bits)
    assert status_of(error) == StatusCode.error_nonsupported_attribute
    with pytest.raises(VisaIOError) as error:
        resource.set_visa_attribute(ResourceAttribute.asrl_data_bits, 9600)
    assert status_of(error) == StatusCode.error_nonsupported_attribute
    with pytest.raises(VisaIOError) as error:
        resource.set_visa_attribute(ResourceAttribute.resource_name, "x")
    assert status_of(error) == StatusCode.error_attribute_read_only


def test_an_unknown_resource(bench: Bench) -> None:
    with pytest.raises(VisaIOError) as error:
        bench.open("TCPIP0::192.168.1.51::5025::SOCKET")
    assert status_of(error) == StatusCode.error_resource_not_found
    with pytest.raises(VisaIOError) as error:
        bench.library.open(bench.manager.session, "nonsense")
    assert status_of(error) == StatusCode.error_invalid_resource_name


def test_a_name_that_is_none_cannot_be_served() -> None:
    with pytest.raises(InvalidResourceName):
        Bench("/dev/ttyACM0")


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        (SOCKET, "tcpip::192.168.1.50::5025::SOCKET"),
        (LAN, "TCPIP::192.168.1.50"),
        (USB, "usb::0x05E6::0x2450::01419969::INSTR"),
        (SERIAL, "asrl/dev/ttyUSB0"),
    ],
)
def test_other_spellings_of_a_name(bench: Bench, name: str, spelling: str) -> None:
    assert canonical(spelling) == name
    assert bench.open(spelling, read_termination="\n").query("say hello") == "hello"


def test_listing(bench: Bench) -> None:
    assert set(bench.manager.list_resources("?*")) == set(ALL)
    assert set(bench.manager.list_resources()) == {LAN, USB, SERIAL}
    assert bench.manager.list_resources("USB?*") == (USB,)
    assert bench.manager.list_resources("GPIB?*") == ()
    assert bench.manager.list_resources_info("USB?*")[USB].resource_name == USB


def test_closing_and_opening_again(bench: Bench) -> None:
    with bench.open(LAN) as resource:
        resource.write("say lost")
    with pytest.raises(InvalidSession):
        resource.read()
    again = bench.open(LAN)
    assert again.query("say hello") == "hello\n"
    assert bench.manager.list_opened_resources() == [again]


def test_a_resource_manager_can_be_closed_and_opened_again(bench: Bench) -> None:
    resource = bench.open(LAN)
    bench.manager.close()
    bench.manager.close()
    with pytest.raises(InvalidSession):
        resource.query("say hello")
    manager = pyvisa.ResourceManager(bench.library)
    again = cast("MessageBasedResource", manager.open_resource(LAN))
    assert again.query("say hello") == "hello\n"
    manager.close()


def test_worlds_do_not_see_each_other() -> None:
    one, other = Bench(), Bench()
    assert one.manager is not other.manager
    first, second = one.open(LAN), other.open(LAN)
    first.write("say one")
    second.write("say other")
    assert (first.read(), second.read()) == ("one\n", "other\n")
    one.manager.close()
    second.write("work 0.25")
    assert second.query("say still here") == "still here\n"
    assert (one.clock.now(), other.clock.now()) == (0.0, 0.25)
    other.manager.close()


def test_a_forgotten_bench_closes_itself(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Bench().open(LAN).query("say hello")
        gc.collect()
    assert caplog.records == []


def test_a_session_that_is_not_open(bench: Bench) -> None:
    resource = bench.open(LAN)
    session = resource.session
    resource.close()
    with pytest.raises(VisaIOError) as error:
        bench.library.read(session, 1)
    assert status_of(error) == StatusCode.error_invalid_object
