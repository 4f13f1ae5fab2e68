"""The traps of source-measure units that a common driver must not fall into, each by its name, on the panels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from pyvisa import ResourceManager

from drivers import keithley_2400_readings, keithley_2450_knobs, keithley_2600_knobs, keysight_b2900_readings
from labctl.board_data import Cell, Pulse
from labctl.errors import RefusedError, SettingError
from labctl.smu_data import SourceSetup
from sim_backend.panels import keithley_2400, keithley_2450, keysight_b2900
from sim_backend.smu_terminals import Operating
from sim_backend.visa_library import TwinVisaLibrary

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.on_panels.conftest import Wired

ADDRESS = "TCPIP0::192.168.1.50::5025::SOCKET"
CELL = Cell(0, 0)
SETUP = SourceSetup(0.5, 1e-3, 1e-3, nplc=0.1)


def listen(wired: Wired) -> list[bytes]:
    """Return what is going to be said to the panel, line by line."""
    heard: list[bytes] = []

    def note(data: bytes) -> bytes:
        heard.append(data.rstrip())
        return data

    wired.meddler.commands = note
    return heard


def test_trap_meas_resets_the_limit_of_a_2400(make_wired: Callable[..., Wired]) -> None:
    wired = make_wired("keithley-2400")
    wired.bring_up()
    heard = listen(wired)
    wired.smu.configure(SETUP)
    with wired.bench.routed(CELL):
        wired.smu.source(0.1)
        wired.smu.measure()
        wired.smu.sweep([0.0, 0.1])
    assert not [line for line in heard if b":MEAS" in line or b":CONF" in line]
    assert float(wired.tell(b":SENS:CURR:PROT?\n")) == pytest.approx(1e-3)
    assert wired.tell(b":MEAS:CURR?\n:OUTP 0\n")  # another program
    assert float(wired.tell(b":SENS:CURR:PROT?\n")) == pytest.approx(105e-6)
    with wired.refused(SettingError, "the current limit was set to 0.001 A, but reads back as 0.000105 A"):
        wired.smu.output_on()


def test_trap_read_and_init_switch_the_output_of_a_b2900_on(make_wired: Callable[..., Wired]) -> None:
    wired = make_wired("keysight-b2900")
    assert wired.tell(b"*RST\n:INIT (@1)\n*OPC?\n:OUTP1?\n:OUTP1 0\n") == b"1\n1\n"
    wired.smu.configure(SETUP)
    wired.tell(b":INIT (@1)\n*OPC?\n:READ? (@1)\n")
    wired.assert_off()


def test_trap_a_2450_ends_a_sweep_at_the_first_compliance(make_wired: Callable[..., Wired]) -> None:
    wired = make_wired("keithley-2450")
    wired.bring_up()
    wired.bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 3000)])
    wired.smu.configure(SourceSetup(0.5, 100e-6, 100e-6, nplc=0.1))
    with wired.bench.routed(CELL):
        readings = wired.smu.sweep([0.02, 0.15, 0.15, 0.02])
        assert [reading.in_compliance for reading in readings] == [False, True, True, False]
        # The instrument's default: failAbort on.
        wired.tell(b':TRAC:CLE "defbuffer1"\n:SOUR:SWE:VOLT:LIST 1,0.01,1\n:INIT\n*WAI\n')
        assert int(wired.tell(b':TRAC:ACT? "defbuffer1"\n')) < 4


def test_trap_the_limit_of_a_2600b_is_100_ma_until_it_is_set(make_wired: Callable[..., Wired]) -> None:
    wired = make_wired("keithley-2600")
    assert float(wired.tell(b"print(smua.source.limiti)\n")) == pytest.approx(0.1)
    heard = listen(wired)
    wired.smu.configure(SETUP)
    wired.smu.output_on()
    reset, limit = heard.index(b"smua.reset()"), heard.index(b"smua.source.limiti = 0.001")
    on = heard.index(b"smua.source.output = smua.OUTPUT_ON")
    assert reset < limit == reset + 2 < on  # nothing between but the clearing of the error queue
    assert float(wired.tell(b"print(smua.source.limiti)\n")) == pytest.approx(1e-3)


INTERLOCKS = {
    "keithley-2450": (b":OUTP:INT:TRIP?\n", b"1\n", keithley_2450.Options(interlock=False)),
    "keithley-2400": (b":OUTP:ENAB:TRIP?\n", b"1\n", keithley_2400.Options(output_enable=False)),
    "keysight-b2900": (b":SYST:INT:TRIP?\n", b"0\n", keysight_b2900.Options(interlock=False)),
}
"""How each instrument is asked for its interlock, what a closed one answers, and a panel with an open one."""


@pytest.mark.parametrize("driver", INTERLOCKS)
def test_trap_the_interlock_query_sounds_inverted(make_wired: Callable[..., Wired], driver: str) -> None:
    query, closed, options = INTERLOCKS[driver]
    before = b":OUTP:ENAB 1\n" if driver == "keithley-2400" else b""
    good, bad = make_wired(driver), make_wired(driver, options)
    voltage = 0.5 if driver == "keithley-2400" else 100.0
    assert good.tell(before, query) == closed
    assert bad.tell(before, query) not in (b"", closed)
    good.smu.configure(SourceSetup(voltage, 1e-3))
    good.smu.source(voltage)
    good.smu.output_on()
    good.smu.output_off()
    with bad.refused(RefusedError, "output enable" if driver == "keithley-2400" else "interlock is open"):
        bad.smu.configure(SourceSetup(voltage, 1e-3))
        bad.smu.source(voltage)
        bad.smu.output_on()
    bad.assert_off()


@pytest.mark.parametrize("sign", [1, -1])
def test_trap_an_overflow_has_a_sign(wired: Wired, sign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number like -9.9E37 is smaller than any threshold above 0."""
    wired.bring_up()

    def resistor(duration: float) -> Operating:
        assert duration > 0
        return Operating(wired.levels[-1], wired.levels[-1] / 1e3, in_compliance=False)

    monkeypatch.setattr(wired.terminals, "measure", resistor)
    wired.smu.configure(SourceSetup(0.5, 1e-3, 1e-6, nplc=0.1))
    with wired.bench.routed(CELL):
        readings = wired.smu.sweep([sign * 0.2, sign * 0.2])
        wired.smu.source(sign * 0.2)
        readings.append(wired.smu.measure())
    for reading in readings:
        assert reading.overrange or reading.in_compliance
        assert math.isnan(reading.current) if reading.overrange else abs(reading.current) < 1e-3
        assert not abs(reading.voltage) > 1.0


def test_trap_pyvisa_reads_a_block_without_length_as_empty(make_wired: Callable[..., Wired]) -> None:
    wired = make_wired("keithley-2450")
    wired.bring_up()
    with wired.bench.routed(CELL):
        assert len(wired.smu.sweep([0.0, 0.05, 0.1])) == 3
    manager = ResourceManager(TwinVisaLibrary({ADDRESS: wired.panel}))
    resource = manager.open_resource(ADDRESS, read_termination="\n", write_termination="\n")
    query = ':FORM REAL;:TRAC:DATA? 1,3,"defbuffer2",READ'
    assert list(resource.query_binary_values(query, "d")) == []  # type: ignore[attr-defined]
    manager.close()


BYTE_ORDERS = {
    "keithley-2450": (b":FORM:BORD NORM\n", b":FORM:BORD?\n", b"SWAP\n"),
    "keithley-2400": (b":FORM:BORD SWAP\n", b":FORM:BORD?\n", b"NORM\n"),
    "keithley-2600": (b"format.byteorder = 0\n", b"print(format.byteorder == 1)\n", b"true\n"),
    "keysight-b2900": (b":FORM:BORD SWAP\n", b":FORM:BORD?\n", b"NORM\n"),
}
"""Of each driver: what another program leaves, the question, and the order that the driver reads."""


def test_trap_the_byte_order_is_not_the_same_on_all_models(wired: Wired) -> None:
    foreign, question, ours = BYTE_ORDERS[wired.driver]
    wired.tell(foreign)
    wired.bring_up()
    assert wired.tell(question) == ours
    wired.smu.configure(SETUP)
    with wired.bench.routed(CELL):
        readings = wired.smu.sweep([0.0, 0.1, 0.2])
    assert [reading.voltage for reading in readings] == pytest.approx([0.0, 0.1, 0.2], abs=2e-3)


FOUR_WIRE = {
    "keithley-2450": (b":SENS:CURR:RSEN?;:SENS:VOLT:RSEN?\n", b"1;0\n"),
    "keithley-2400": (b":SYST:RSEN?\n", b"1\n"),
    "keithley-2600": (b"print(smua.sense == smua.SENSE_REMOTE, smub.sense == smub.SENSE_REMOTE)\n", b"true\tfalse\n"),
    "keysight-b2900": (b":SENS1:REM?;:SENS2:REM?\n", b"1;0\n"),
}


def test_trap_four_wire_is_a_functions_a_channels_or_the_instruments(wired: Wired) -> None:
    question, answer = FOUR_WIRE[wired.driver]
    assert wired.smu.configure(SourceSetup(0.5, 1e-3, four_wire=True)).four_wire
    assert wired.tell(question) == answer
    assert not wired.smu.configure(SourceSetup(0.5, 1e-3)).four_wire
    assert wired.tell(question) == answer.replace(b"1", b"0").replace(b"true", b"false")


def test_trap_a_status_bit_means_another_thing_on_another_model() -> None:
    """Bits 3, 5 and 6: a 2450 that is read with the 2400's meanings, or the other way round, shows no limit."""
    always = keithley_2400_readings.ALWAYS
    in_2400 = {bit: keithley_2400_readings.Sample(0.1, 1e-6, 0.0, always | bit).reading(0.0) for bit in (8, 32, 64)}
    assert [in_2400[bit].in_compliance for bit in (8, 32, 64)] == [True, False, False]
    limited = keithley_2450_knobs.SourceStatus.LIMITED | keithley_2450_knobs.SourceStatus.OVER_VOLTAGE
    assert [bool(limited & bit) for bit in (8, 32, 64)] == [False, True, False]
    assert [bool(keithley_2600_knobs.Status.COMPLIANCE & bit) for bit in (8, 32, 64)] == [False, False, True]
    kind = keysight_b2900_readings.MeasurementStatus
    in_b2900 = [keysight_b2900_readings.Sample(0.1, 1e-6, 0.0, kind(bit), 0.1).in_compliance for bit in (4, 8, 32)]
    assert in_b2900 == [True, True, False]
    assert kind.OVER_TEMPERATURE == 32


@pytest.mark.parametrize("limit", [1e-4, 1e-3])
def test_every_driver_reads_compliance_from_its_own_bits(
    wired: Wired, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    wired.bring_up()
    wired.smu.configure(SourceSetup(0.5, limit, 1e-3, nplc=0.1))

    def resistor(duration: float) -> Operating:
        assert duration > 0
        current = wired.levels[-1] / 1e3
        held = math.copysign(min(abs(current), limit), current)
        return Operating(held * 1e3, held, in_compliance=abs(current) > limit)

    monkeypatch.setattr(wired.terminals, "measure", resistor)
    with wired.bench.routed(CELL):
        readings = wired.smu.sweep([0.05, 0.2, -0.2, -0.05])
        wired.smu.source(-0.2)
        readings.append(wired.smu.measure())
    held = limit < 2e-4
    assert [reading.in_compliance for reading in readings] == [False, held, held, False, held]
    assert not any(reading.overrange for reading in readings)
    assert [reading.current for reading in readings] == pytest.approx(
        [5e-5, min(2e-4, limit), -min(2e-4, limit), -5e-5, -min(2e-4, limit)], rel=0.05
    )
