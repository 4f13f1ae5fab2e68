"""The 2400 under pyvisa's own resource classes, on a die: GPIB and RS-232 as a host's program uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import pyvisa

from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panels.keithley_2400 import Keithley2400Panel
from sim_backend.visa_library import TwinVisaLibrary
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyvisa.resources import MessageBasedResource

GPIB = "GPIB0::24::INSTR"
SERIAL = "ASRL/dev/ttyUSB0::INSTR"
VOLTAGE = 0.2
"""V; reads the cell without changing it."""


@pytest.fixture
def world() -> World:
    """A world whose 2400 sees cell (0, 0)."""
    return World(Die.fresh("d", 2, 2, device_named("ru-azo", 5.9e-3), seed=0), VirtualClock(), has_board=False)


@pytest.fixture
def connect(world: World) -> Iterator[Callable[..., MessageBasedResource]]:
    """Open the same 2400 at an address."""
    panel = Keithley2400Panel(world, "smu")
    manager = pyvisa.ResourceManager(TwinVisaLibrary({GPIB: panel, SERIAL: panel}))

    def open_resource(name: str, **settings: Any) -> MessageBasedResource:
        return cast("MessageBasedResource", manager.open_resource(name, **settings))

    yield open_resource
    manager.close()


def conductance(world: World) -> float:
    """Return the true conductance of the cell in S."""
    return float(world.die.conductance_of(np.array([0]))[0])


def ascii_values(smu: MessageBasedResource, message: str) -> list[float]:
    """Return the numbers that a query answers; pyvisa leaves their type open."""
    return list(cast("Any", smu).query_ascii_values(message))


@pytest.mark.parametrize(
    ("address", "settings"),
    [
        (GPIB, {"read_termination": "\n", "write_termination": "\n"}),
        (GPIB, {}),
        (SERIAL, {"read_termination": "\r", "write_termination": "\r"}),
        (SERIAL, {"read_termination": "\n", "write_termination": "\r\n"}),
    ],
)
def test_a_host_reads_a_cell(
    world: World, connect: Callable[..., MessageBasedResource], address: str, settings: dict[str, str]
) -> None:
    smu = connect(address, **settings)
    assert "MODEL 2400" in smu.query("*IDN?")
    for command in ("*RST", f":SOUR:VOLT {VOLTAGE}", ":SENS:CURR:PROT 1e-3", ":FORM:ELEM VOLT,CURR,STAT", ":OUTP ON"):
        smu.write(command)
    voltage, current, status = ascii_values(smu, ":READ?")
    assert voltage == VOLTAGE
    assert current == pytest.approx(VOLTAGE * conductance(world), rel=0.05)
    assert not int(status) & (1 << 3 | 1 << 16)
    smu.write(":OUTP OFF")
    assert smu.query(":SYST:ERR?").strip() == '0,"No error"'


def test_trap_a_block_without_a_length_is_read_empty_unless_the_host_knows_it(
    connect: Callable[..., MessageBasedResource],
) -> None:
    smu = connect(GPIB)
    smu.write("*RST;:FORM SRE;:FORM:ELEM VOLT;:SOUR:VOLT 0.125;:TRIG:COUN 4;:OUTP ON")
    # pyvisa leaves the types of its block readers open.
    read = cast("Callable[..., list[float]]", cast("Any", smu).query_binary_values)
    assert read(":READ?", is_big_endian=True) == []
    assert read(":FETC?", is_big_endian=True, data_points=4) == [0.125] * 4
    smu.write(":FORM:BORD SWAP")
    assert read(":FETC?", data_points=4) == [0.125] * 4


def test_a_serial_poll_sees_the_buffer_fill(world: World, connect: Callable[..., MessageBasedResource]) -> None:
    smu = connect(GPIB)
    smu.write("*RST;:STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;:FORM:ELEM CURR;:OUTP ON")
    smu.write(":TRAC:CLE;:TRAC:POIN 5;:TRIG:COUN 5;:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT;:INIT")
    polls = 0
    while not smu.read_stb() & 64:
        world.clock.sleep(0.01)
        polls += 1
        assert polls < 100
    assert polls > 10
    assert len(ascii_values(smu, ":TRAC:DATA?")) == 5


def test_a_device_clear_ends_an_endless_run(connect: Callable[..., MessageBasedResource]) -> None:
    smu = connect(GPIB, timeout=500)
    smu.write("*RST;:OUTP ON;:ARM:COUN INF;:INIT")
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        smu.query("*OPC?")
    smu.clear()
    assert smu.query(":OUTP?").strip() == "1"
