"""The Keithley 2400 on its two lines: what is asked of pyvisa, device clear, and sweeps over RS-232."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError
from pyvisa.constants import ControlFlow, StatusCode
from pyvisa.errors import VisaIOError

from drivers.keithley_2400 import SHUT_DOWN, Keithley2400
from drivers.keithley_2400_link import Keithley2400Entry

if TYPE_CHECKING:
    from tests.drivers.conftest import FakeClock
    from tests.drivers.keithley_2400.conftest import Scripted2400

SERIAL = "ASRL/dev/ttyUSB0::INSTR"
GPIB = "GPIB0::24::INSTR"


class Bench:
    """A backend that opens scripted channels and remembers how."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.opened: list[tuple[str, dict[str, Any]]] = []
        self.sent: list[bytes] = []
        self.clears = 0

    def open_visa(self, resource_name: str, **settings: Any) -> Bench:
        self.opened.append((resource_name, settings))
        return self

    def write_raw(self, message: bytes) -> int:
        self.sent.append(message)
        return len(message)

    def read_raw(self) -> bytes:
        raise VisaIOError(StatusCode.error_timeout)

    def clear(self) -> None:
        self.clears += 1
        raise VisaIOError(StatusCode.error_nonsupported_operation)

    def close(self) -> None:
        pass


@pytest.fixture
def bench(clock: FakeClock) -> Bench:
    return Bench(clock)


def entry(address: str, **keys: Any) -> Keithley2400Entry:
    return Keithley2400Entry.model_validate({"driver": "keithley-2400", "address": address} | keys)


def test_gpib_needs_no_settings(bench: Any) -> None:
    Keithley2400.open(bench, "smu", entry(GPIB))
    assert bench.opened == [(GPIB, {"read_termination": "\n", "write_termination": "\n", "timeout": 3000})]
    assert bench.sent == []


@pytest.mark.parametrize(
    ("terminator", "read", "write"),
    [("CR", "\r", "\r"), ("CR+LF", "\n", "\r\n"), ("LF", "\n", "\n"), ("LF+CR", "\r", "\n\r")],
)
def test_a_serial_line_is_set_as_the_instruments_menu_says(bench: Any, terminator: str, read: str, write: str) -> None:
    smu = Keithley2400.open(
        bench, "smu", entry(SERIAL, baud_rate=57600, terminator=terminator, flow_control="xon-xoff")
    )
    (opened,) = bench.opened
    assert opened[1] == {
        "read_termination": read,
        "write_termination": write,
        "timeout": 3000,
        "baud_rate": 57600,
        "flow_control": ControlFlow.xon_xoff,
    }
    smu.link.write(":SOUR:VOLT 0")
    assert bench.sent == [b":SOUR:VOLT 0" + write.encode()]


def test_the_factorys_baud_rate_is_the_default(bench: Any) -> None:
    Keithley2400.open(bench, "smu", entry(SERIAL))
    assert bench.opened[0][1]["baud_rate"] == 9600
    assert "flow_control" not in bench.opened[0][1]


@pytest.mark.parametrize(
    "keys", [{"baud_rate": 14400}, {"terminator": "\n"}, {"flow_control": "rts-cts"}, {"parity": "even"}]
)
def test_what_the_menu_does_not_offer_is_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        entry(SERIAL, **keys)


def test_serial_settings_of_a_gpib_instrument_are_refused() -> None:
    with pytest.raises(ValidationError, match="baud_rate belongs to a serial line"):
        entry(GPIB, baud_rate=9600)


@pytest.mark.parametrize("address", [GPIB, SERIAL])
def test_a_connection_after_a_failure_begins_with_a_device_clear(bench: Any, address: str) -> None:
    smu = Keithley2400.open(bench, "smu", entry(address))
    with pytest.raises(Exception, match="no answer"):
        smu.identify()
    assert bench.clears == 0
    with pytest.raises(Exception, match="output may be on"):
        smu.make_safe()
    ahead = len(("", *SHUT_DOWN))  # sent at once, on the connection that failed
    first = bench.sent[1 + ahead]
    if address == GPIB:
        assert bench.clears > 0
        assert first == b":ABOR\n"
    else:  # a serial port of pyvisa-py cannot be cleared; control-C is what the instrument takes for it
        assert bench.clears == 0
        assert first == b"\x03\r\n"


def test_readings_over_a_serial_line_are_text_in_pieces_that_fit_its_time(
    serial: Keithley2400, instrument: Scripted2400
) -> None:
    levels = [0.01 * index for index in range(200)]
    readings = serial.sweep(levels)
    assert [reading.voltage for reading in readings] == pytest.approx(levels, rel=1e-6)
    assert [reading.current for reading in readings] == pytest.approx([level / 1000 for level in levels], rel=1e-6)
    assert not [line for line in instrument.lines if line.startswith(":FORM")]
    counts = [int(line.split(" ")[1]) for line in instrument.lines if line.startswith(":TRIG:COUN ")]
    assert len(counts) == 4
    for count in counts:
        assert count * 56 * 10 / 9600 < 10.0
    times = [reading.time for reading in readings]
    assert times == sorted(times)


def test_a_list_does_not_overrun_the_input_of_a_serial_line(serial: Keithley2400, instrument: Scripted2400) -> None:
    """Without flow control, what is sent beyond 2048 bytes before an answer is lost."""
    sent = 0
    most = 0

    def count(line: str) -> None:
        nonlocal sent, most
        sent += len(line) + 2
        most = max(most, sent)
        if "?" in line:
            sent = 0

    instrument.on_line = count
    serial.sweep([0.123456789 + index * 1e-6 for index in range(250)])
    assert most < 2048
