"""The twin's VISA sessions under pyvisa's own resource classes: where reads end, and what happens when they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from pyvisa import constants
from pyvisa.constants import BufferOperation, ResourceAttribute, StatusCode
from pyvisa.errors import VisaIOError
from pyvisa.resources import MessageBasedResource, SerialInstrument

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tests.sim_backend.visa.conftest import Bench


SOCKET = "TCPIP0::192.168.1.50::5025::SOCKET"
LAN = "TCPIP0::192.168.1.50::inst0::INSTR"
USB = "USB0::0x05E6::0x2450::01419969::0::INSTR"
SERIAL = "ASRL/dev/ttyUSB0::INSTR"
ALL = (SOCKET, LAN, USB, SERIAL)
FRAMED = (LAN, USB)
STREAMS = (SOCKET, SERIAL)


def status_of(error: pytest.ExceptionInfo[VisaIOError]) -> StatusCode:
    """Return the code of a VISA error."""
    return StatusCode(error.value.error_code)


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


@pytest.mark.parametrize("name", FRAMED)
def test_an_end_can_be_suppressed(bench: Bench, name: str) -> None:
    resource = bench.open(name)
    resource.set_visa_attribute(ResourceAttribute.suppress_end_enabled, state=True)
    resource.write("raw one")
    resource.write("say two")
    resource.read_termination = "\n"
    assert resource.read() == "onetwo"
    resource.write("raw three")
    with pytest.raises(VisaIOError):
        resource.read()


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


def test_the_status_byte_of_an_instrument_that_has_one(shy_bench: Bench) -> None:
    resource = shy_bench.open(USB)
    assert resource.read_stb() == 0x20
    resource.write("say hello")
    assert resource.stb == 0x30
    resource.read()
    assert resource.read_stb() == 0x20
    for name in STREAMS:
        with pytest.raises(VisaIOError) as error:
            shy_bench.open(name).read_stb()
        assert status_of(error) == StatusCode.error_nonsupported_operation


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
