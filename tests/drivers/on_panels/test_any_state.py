"""Whatever another program left, in an instrument or on its link: it is made safe, and configured anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labctl.board_data import Cell
from labctl.errors import LinkError
from labctl.smu_data import SourceSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.on_panels.conftest import Wired

CELL = Cell(0, 0)
FOREIGN: dict[str, dict[str, bytes]] = {
    "keithley-2450": {
        "output on": b":SOUR:VOLT 0.5\n:OUTP 1\n",
        "a current source": b":SOUR:FUNC CURR\n:SOUR:CURR 1e-6\n:OUTP 1\n",
        "a sweep under way": b":OUTP 1\n:SOUR:SWE:VOLT:LIN 0,0.5,1000,1\n:INIT\n",
        "other formats": b":FORM REAL\n:FORM:BORD NORM\n:FORM:ASC:PREC 3\n:OUTP 1\n",
        "a filter, a math and a limit test": (
            b":SENS:CURR:AVER 1\n:CALC:CURR:MATH:STAT 1\n:CALC2:CURR:LIM1:STAT 1\n:OUTP 1\n"
        ),
        "other sense, off mode, range": b":SENS:CURR:RSEN 1\n:OUTP:VOLT:SMOD HIMP\n:SOUR:VOLT:RANG 200\n:OUTP 1\n",
        "full buffers": b":OUTP 1\n:TRAC:POIN 10\n:SENS:COUN 20\n:TRAC:TRIG\n",
        "errors": b":NONSENSE\n:SOUR:VOLT 1E9\n" * 50,
        "half a command": b":OUTP 1\n:SOUR:VOLT 0.",
        "an answer that nobody reads": b":OUTP 1\n*IDN?\n",
    },
    "keithley-2400": {
        "output on": b":SOUR:VOLT 0.5\n:OUTP 1\n",
        "a current source": b":SOUR:FUNC CURR\n:SOUR:CURR 1e-6\n:OUTP 1\n",
        "a trigger that waits for the bus": b":OUTP 1\n:TRIG:COUN 10\n:ARM:SOUR BUS\n:INIT\n",
        "a sweep": b":SOUR:VOLT:MODE SWE\n:SOUR:VOLT:STAR 0\n:SOUR:VOLT:STOP 1\n:TRIG:COUN 10\n:OUTP 1\n",
        "other formats": b":FORM REAL,32\n:FORM:BORD SWAP\n:FORM:ELEM CURR\n:FORM:SREG HEX\n:OUTP 1\n",
        "an enabled store": b":OUTP 1\n:TRAC:POIN 10\n:TRAC:FEED SENS\n:TRAC:FEED:CONT NEXT\n",
        "a filter, a math and auto-off": b":SENS:AVER:STAT 1\n:CALC:STAT 1\n:SOUR:CLE:AUTO 1\n:OUTP 1\n",
        "other sense, off mode, range": b":SYST:RSEN 1\n:OUTP:SMOD HIMP\n:SOUR:VOLT:RANG 200\n:OUTP 1\n",
        "errors": b":NONSENSE\n" * 20,
        "half a command": b":OUTP 1\n:SOUR:VOLT 0.",
        "an answer that nobody reads": b":OUTP 1\n*IDN?\n",
    },
    "keithley-2600": {
        "output on": b"smua.source.levelv = 0.05 smua.source.output = 1\n",
        "a current source": b"smua.source.func = smua.OUTPUT_DCAMPS smua.source.leveli = 1e-6 smua.source.output = 1\n",
        "a sweep that waits for ever": (
            b"smua.trigger.source.linearv(0, 0.1, 10) smua.trigger.source.action = smua.ENABLE\n"
            b"smua.trigger.source.stimulus = display.trigger.EVENT_ID smua.trigger.count = 10\n"
            b"smua.source.output = 1 smua.trigger.initiate()\n"
        ),
        "other formats": (
            b"format.data = format.REAL32 format.byteorder = 0 format.asciiprecision = 2\nsmua.source.output = 1\n"
        ),
        "prompts": b"localnode.prompts = 1 localnode.showerrors = 1 smua.source.output = 1\n",
        "a filter and an offset": (
            b"smua.measure.filter.enable = 1 smua.measure.rel.enablei = 1 smua.source.output = 1\n"
        ),
        "other sense, off mode, range": (
            b"smua.sense = smua.SENSE_REMOTE smua.source.offmode = 2 smua.source.rangev = 20 smua.source.output = 1\n"
        ),
        "errors": b"nonsense(\n" * 20,
        "half a command": b"smua.source.output = 1\nsmua.source.lev",
        "a script that is being loaded": b"smua.source.output = 1\nloadscript other\nprint(1)\n",
        "an answer that nobody reads": b"smua.source.output = 1\nprint(smua.source.levelv)\n",
    },
    "keysight-b2900": {
        "output on": b":SOUR1:VOLT 0.5\n:OUTP1 1\n",
        "a current source": b":SOUR1:FUNC:MODE CURR\n:SOUR1:CURR 1e-6\n:OUTP1 1\n",
        "a trigger that waits for the bus": b":TRIG1:SOUR BUS\n:TRIG1:COUN 10\n:OUTP1 1\n:INIT (@1)\n",
        "a train of pulses": (
            b":SOUR1:FUNC:SHAP PULS\n:SOUR1:PULS:WIDT 1e-3\n:SOUR1:VOLT:TRIG 0.5\n:TRIG1:SOUR TIM\n:TRIG1:TIM 1\n"
            b":TRIG1:COUN 1000\n:OUTP1 1\n:INIT (@1)\n"
        ),
        "other formats": b":FORM REAL,32\n:FORM:BORD SWAP\n:FORM:ELEM:SENS CURR\n:OUTP1 1\n",
        "a full trace": b":TRAC1:POIN 2\n:TRAC1:FEED SENS\n:TRAC1:FEED:CONT NEXT\n:OUTP1 1\n:INIT (@1)\n",
        "a limit test and a math": b":CALC1:LIM1:STAT 1\n:CALC1:MATH:STAT 1\n:OUTP1 1\n",
        "other sense, off mode, low": b":SENS1:REM 1\n:OUTP1:OFF:MODE HIZ\n:OUTP1:LOW FLO\n:OUTP1 1\n",
        "off at compliance": b":OUTP1:PROT 1\n:OUTP1:OFF:AUTO 1\n:OUTP1 1\n",
        "errors": b":NONSENSE\n" * 20,
        "half a command": b":OUTP1 1\n:SOUR1:VOLT 0.",
        "an answer that nobody reads": b":OUTP1 1\n*IDN?\n",
    },
}
"""Of each driver: what another program may have left, in the instrument's own words."""
CASES = [(driver, state) for driver, states in FOREIGN.items() for state in states]


def leave(wired: Wired, state: str) -> None:
    """Be another program that dies on the driver's own link."""
    said: list[bytes] = []
    link = wired.panel.connection(said.append)
    link.receive(FOREIGN[wired.driver][state], False)


@pytest.mark.parametrize(("driver", "state"), CASES)
def test_it_is_made_safe_twice_then_configured_and_measures(
    make_wired: Callable[..., Wired], driver: str, state: str
) -> None:
    wired = make_wired(driver)
    leave(wired, state)
    wired.smu.make_safe()
    wired.assert_off()
    wired.smu.make_safe()
    wired.assert_off()
    wired.bring_up()
    wired.smu.configure(SourceSetup(0.5, 1e-3, 1e-3, nplc=0.1))
    with wired.bench.routed(CELL):
        wired.smu.source(0.1)
        reading = wired.smu.measure()
        swept = wired.smu.sweep([0.0, 0.1])
    assert reading.voltage == pytest.approx(0.1, abs=2e-3)
    assert [one.voltage for one in swept] == pytest.approx([0.0, 0.1], abs=2e-3)
    assert not any(one.in_compliance or one.overrange for one in (reading, *swept))
    assert wired.smu.read_errors() == []


@pytest.mark.parametrize(("driver", "state"), CASES)
def test_it_is_configured_straight_away(make_wired: Callable[..., Wired], driver: str, state: str) -> None:
    wired = make_wired(driver)
    leave(wired, state)
    wired.smu.configure(SourceSetup(0.5, 1e-3, 1e-3, nplc=0.1))
    wired.assert_off()
    assert wired.smu.read_errors() == []


def test_it_is_made_safe_on_a_dirty_link(wired: Wired) -> None:
    wired.bring_up()
    with wired.bench.routed(CELL):
        wired.smu.source(0.1)
        wired.meddler.replies = lambda data: b""
        with pytest.raises(LinkError):
            wired.smu.measure()
        wired.meddler.replies = lambda data: data
        wired.smu.make_safe()
        wired.assert_off()
        wired.smu.make_safe()
    wired.assert_off()


def test_it_is_made_safe_after_a_power_cycle(wired: Wired) -> None:
    wired.bring_up()
    with wired.bench.routed(CELL):
        wired.smu.source(0.1)
        wired.panel.power_cycle()
        wired.smu.make_safe()
    wired.assert_off()


def test_nobody_has_a_watchdog_and_all_say_so(wired: Wired) -> None:
    assert wired.smu.has_watchdog is False
    assert wired.bench.smu.has_watchdog is False
