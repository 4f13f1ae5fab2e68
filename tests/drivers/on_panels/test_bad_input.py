"""What cannot be, asked of each of the four drivers on its panel: an error that says what and where, the output off.

Every case goes through a `Bench`, as a run does: errors before a byte leaves are left to it, which switches off.
"""

from __future__ import annotations

import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from labctl.board_data import Cell
from labctl.errors import BenchFileError, EquipmentError, IdentityError, LinkError, RefusedError, SettingError
from labctl.smu_data import SourceSetup
from sim_backend.panels import keithley_2400, keithley_2450, keithley_2600, keysight_b2900

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.on_panels.conftest import Wired

ADDRESS = "TCPIP0::192.168.1.50::5025::SOCKET"
CELL = Cell(0, 0)
LIMIT = {
    "keithley-2450": (rb":SOUR:VOLT:ILIM [0-9.e-]+\n", b":SOUR:VOLT:ILIM %s\n", "':SOUR:VOLT:ILIM?' was answered with"),
    "keithley-2400": (rb":SENS:CURR:PROT [0-9.e-]+\n", b":SENS:CURR:PROT %s\n", "':SENS:CURR:PROT?' was answered with"),
    "keithley-2600": (
        rb"smua\.source\.limiti = [0-9.e-]+\n",
        b"smua.source.limiti = %s\n",
        "source.limiti' was answered",
    ),
    "keysight-b2900": (rb":SENS1:CURR:PROT [0-9.e-]+\n", b":SENS1:CURR:PROT %s\n", "':SENS1:CURR:PROT?' was answered"),
}
"""The command that sets each limit, what it is replaced by, and what the error says of command and answer."""


def test_an_unknown_model(wired: Wired) -> None:
    wired.meddler.replies = lambda data: b"ACME,SourceBox 9,1,1.0\n" if data.count(b",") == 3 else data
    with wired.refused(IdentityError, "SourceBox 9", wired.driver):
        wired.bench.identify()
    wired.assert_off()


@pytest.mark.parametrize("language", ["TSP", "SCPI2400"])
def test_the_wrong_firmware_language(make_wired: Callable[..., Wired], language: str) -> None:
    wired = make_wired("keithley-2450")
    wired.tell(b":OUTP 1\n")  # what another program left
    wired.meddler.replies = lambda data: f"{language}\n".encode() if data == b"SCPI\n" else data
    wired.meddler.commands = lambda data: b":OUTP 0;:OUTP?\n" if data.startswith(b"smu.source") else data
    with wired.refused(SettingError, "'*LANG?' was answered with", language, "*LANG SCPI"):
        wired.smu.configure(SourceSetup(0.5, 1e-3))
    wired.bench.bring_down()
    wired.assert_off()


INTERLOCKS = {
    "keithley-2450": (keithley_2450.Options(interlock=False), 100.0, b""),
    "keithley-2400": (keithley_2400.Options(output_enable=False), 0.5, b":OUTP:ENAB 1\n"),
    "keithley-2600": (keithley_2600.Options(interlock=False), 100.0, b""),
    "keysight-b2900": (keysight_b2900.Options(interlock=False), 100.0, b""),
}


@pytest.mark.parametrize("driver", INTERLOCKS)
def test_an_open_output_interlock(make_wired: Callable[..., Wired], driver: str) -> None:
    options, voltage, before = INTERLOCKS[driver]
    wired = make_wired(driver, options)
    wired.tell(before)
    with wired.refused(EquipmentError, "output" if driver != "keysight-b2900" else "interlock is open") as told:
        wired.smu.configure(SourceSetup(voltage, 1e-3))
        wired.smu.source(voltage)
        wired.smu.output_on()
    assert isinstance(told.value, (RefusedError, SettingError))
    assert re.search("interlock|output-enable|output enable|OUTPUT", str(told.value))
    wired.assert_off()


def test_a_limit_below_the_instruments_minimum(wired: Wired) -> None:
    with wired.refused(SettingError, "current limit of 1e-15 A"):
        wired.smu.configure(SourceSetup(0.5, 1e-15))
    wired.assert_off()
    with pytest.raises(SettingError, match="configure"):
        wired.smu.output_on()


BOUND_LIMITS = {"keithley-2450"}
"""Whose limit is at least 0.1 % of a fixed measure range; the 2400's driver lowers the range to the limit's own."""


def test_a_limit_too_low_for_the_measure_range_is_refused_or_kept(wired: Wired) -> None:
    """Where an instrument bounds the limit by the measure range, it is told; elsewhere it is what was asked for."""
    setup = SourceSetup(0.5, 2e-7, current_range=1e-3)
    if wired.driver in BOUND_LIMITS:
        with wired.refused(EquipmentError, "2e-07 A"):
            wired.smu.configure(setup)
    else:
        assert wired.smu.configure(setup).current_limit == pytest.approx(2e-7)
    wired.assert_off()


def test_a_level_above_the_range(wired: Wired) -> None:
    wired.bring_up()
    wired.smu.configure(SourceSetup(0.15, 1e-3))
    with wired.refused(SettingError, "5 V is beyond the configured source range"), wired.bench.routed(CELL):
        wired.smu.source(0.1)
        wired.smu.source(5.0)
    wired.assert_off()


def test_a_range_that_cannot_hold_the_level(wired: Wired) -> None:
    with wired.refused(SettingError, "no source range holds 500 V"):
        wired.smu.configure(SourceSetup(500.0, 1e-3))
    with wired.refused(SettingError, "no measure range holds 50 A"):
        wired.smu.configure(SourceSetup(0.5, 1e-3, current_range=50.0))
    wired.assert_off()


MISSING = {
    "keithley-2600": (keithley_2600.Options(model="2611B"), 'channel = "b"', "has no channel b"),
    "keysight-b2900": (keysight_b2900.Options(model="B2911A"), "channel = 2", "there is no channel 2"),
}


@pytest.mark.parametrize("driver", MISSING)
def test_a_channel_that_does_not_exist(make_wired: Callable[..., Wired], driver: str) -> None:
    options, keys, words = MISSING[driver]
    wired = make_wired(driver, options, keys)
    with wired.refused(SettingError, words):
        wired.smu.configure(SourceSetup(0.5, 1e-3))
    wired.assert_off()


@pytest.mark.parametrize("driver", ["keithley-2450", "keithley-2400"])
def test_a_channel_of_an_instrument_that_has_none(make_wired: Callable[..., Wired], driver: str) -> None:
    with pytest.raises(BenchFileError, match="channel"):
        make_wired(driver, keys="channel = 2")


@pytest.mark.parametrize("nplc", [1e-6, 1e3])
def test_an_integration_time_out_of_range(wired: Wired, nplc: float) -> None:
    with wired.refused(SettingError, "integration time", "power line cycles"):
        wired.smu.configure(SourceSetup(0.5, 1e-3, nplc=nplc))
    wired.assert_off()


def test_a_sweep_that_is_too_long(wired: Wired) -> None:
    wired.bring_up()
    with wired.refused(SettingError, "at most 2500 points, not 2501"), wired.bench.routed(CELL):
        wired.smu.sweep([0.01] * 2501)
    wired.assert_off()


@pytest.mark.parametrize("kept", [b"", b"0.002"])
def test_a_limit_that_is_refused_or_clamped(wired: Wired, kept: bytes) -> None:
    """Nothing of the command arrives, or another value does; the answer to the read-back is the panel's own."""
    pattern, command, words = LIMIT[wired.driver]
    instead = command % kept if kept else b""
    wired.meddler.commands = lambda data: re.sub(pattern, instead, data)
    with wired.refused(SettingError, "the current limit was set to 0.001 A, but reads back as", words):
        wired.smu.configure(SourceSetup(0.5, 1e-3))
    with pytest.raises(SettingError, match="configure"):
        wired.smu.output_on()
    wired.assert_off()


@pytest.mark.parametrize("act", ["measure", "sweep", "source"])
def test_a_link_that_is_dead_for_a_moment(wired: Wired, act: str) -> None:
    wired.bring_up()

    def cut(data: bytes) -> bytes:
        wired.meddler.dead = True
        return data

    def repair() -> None:
        wired.meddler.commands, wired.meddler.dead = (lambda data: data), False

    actions = {
        "measure": wired.smu.measure,
        "sweep": lambda: wired.smu.sweep([0.1, 0.2]),
        "source": lambda: wired.smu.source(0.2),
    }
    with wired.refused(LinkError), wired.bench.routed(CELL):
        wired.smu.source(0.1)
        wired.meddler.commands = cut
        try:
            actions[act]()
        finally:
            repair()
    assert wired.bench.bring_down() == []
    wired.assert_off()


def test_a_link_that_stays_dead_is_told_to_be_unsafe(wired: Wired) -> None:
    wired.bring_up()
    wired.smu.source(0.1)
    wired.smu.output_on()
    wired.meddler.dead = True
    with wired.refused(LinkError):
        wired.smu.measure()
    with wired.refused(LinkError, "its output may be on"):
        wired.smu.make_safe()
    wired.meddler.dead = False
    wired.smu.make_safe()
    wired.assert_off()


def test_a_bench_is_closed_in_order(wired: Wired) -> None:
    """The maker of these benches leaves nothing on by itself: a bench that goes well ends with the output off, too."""
    with closing(wired.bench):
        wired.bench.identify()
        wired.bench.bring_up()
        with wired.bench.routed(CELL):
            wired.smu.source(0.1)
            assert wired.levels[-1] == pytest.approx(0.1, abs=0.01)
            assert wired.smu.measure().voltage == pytest.approx(0.1, abs=0.01)
        assert wired.bench.bring_down() == []
    wired.assert_off()
