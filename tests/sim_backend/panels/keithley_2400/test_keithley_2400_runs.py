"""Runs of the 2400: sweeps, lists, triggers, the buffer, what waits for a run and what does not, service requests."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from labctl.errors import ModelError
from sim_backend.links import link_to
from sim_backend.panels.host_link import LONGEST_MESSAGE
from sim_backend.panels.keithley_2400_facts import NOT_MEASURED
from sim_backend.panels.keithley_2400_instrument import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keithley_2400.conftest import Bench2400

FAST = ":SYST:AZER OFF;:SENS:NPLC 0.01;:SENS:CURR:RANG 1E-4;:SOUR:DEL 0;"
POINT = 150e-6 + 0.01 / 50 + 185e-6 + 0.64e-3
"""s that a point takes then."""


def levels(bench: Bench2400, commands: str, points: int) -> list[float]:
    """Return the levels that a run sources."""
    bench.ask(f"{FAST}:FORM:ELEM VOLT;:TRIG:COUN {points};{commands};:OUTP ON")
    return bench.values(":READ?")


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (":SOUR:VOLT:MODE SWE;STAR 0;STOP 1;STEP 0.25", [0, 0.25, 0.5, 0.75, 1]),
        (":SOUR:VOLT:MODE SWE;STAR 0;STOP 1;:SOUR:SWE:POIN 5", [0, 0.25, 0.5, 0.75, 1]),
        (":SOUR:VOLT:MODE SWE;STAR 1;STOP -1;STEP -1", [1, 0, -1, 1, 0]),
        (":SOUR:VOLT:MODE SWE;STAR 0;STOP 1;STEP 0.25;:SOUR:SWE:DIR DOWN", [1, 0.75, 0.5, 0.25, 0]),
        (":SOUR:VOLT:MODE SWE;STAR 0.01;STOP 100;:SOUR:SWE:POIN 5;SPAC LOG", [0.01, 0.1, 1, 10, 100]),
        (":SOUR:VOLT:MODE SWE;CENT 1;SPAN 4;:SOUR:SWE:POIN 5", [-1, 0, 1, 2, 3]),
        (":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,-2,3;:SOUR:LIST:VOLT:APP 4,5", [1, -2, 3, 4, 5]),
        (":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,-2,3", [1, -2, 3, 1, -2]),
        (":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,-2,3;:SOUR:LIST:VOLT:STAR 2", [-2, 3, 1, -2, 3]),
        (":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,-2,3;:SOUR:LIST:DIR DOWN", [3, -2, 1, 3, -2]),
        (":SOUR:VOLT:RANG 2;MODE LIST;:SOUR:SWE:RANG FIX;:SOUR:LIST:VOLT 1,2,3,-4,2.1", [1, 2, 2.1, -2.1, 2.1]),
        (":SOUR:VOLT 0.5;:SOUR:VOLT:TRIG 0.7", [0.7] * 5),
    ],
)
def test_what_a_run_sources(bench_2400: Bench2400, commands: str, expected: list[float]) -> None:
    bench_2400.ask(":SENS:CURR:PROT 0.1")
    assert levels(bench_2400, commands, 5) == pytest.approx(expected)
    assert bench_2400.ask(":SYST:ERR?") == '0,"No error"'


@pytest.mark.parametrize(
    ("ranging", "errors"), [("BEST", {"2.400000E-03"}), ("AUTO", {"6.000000E-04", "2.400000E-03"})]
)
def test_source_ranging(make_bench_2400: Callable[..., Bench2400], ranging: str, errors: set[str]) -> None:
    """The range of a point shows in the offset that the data sheet allows it."""
    bench = make_bench_2400(real=True)
    bench.ask(f"{FAST}:SENS:CURR:PROT 0.1;:SOUR:SWE:RANG {ranging};:SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,10")
    bench.ask(":TRIG:COUN 2;:OUTP ON;:READ?")
    driven = [voltage for voltage, _ in bench.terminals.driven if abs(voltage) > 0.5]
    alone = {"BEST": 2.4e-3, "AUTO": 600e-6}[ranging]
    assert f"{alone:.6E}" in errors
    assert abs(driven[0] - 1) <= 2e-4 + alone
    assert abs(driven[1] - 10) <= 2e-3 + 2.4e-3


def test_after_a_run_the_output_is_back_at_its_level(bench_2400: Bench2400) -> None:
    bench_2400.ask(":SOUR:VOLT 0.1")
    levels(bench_2400, ":SOUR:VOLT:MODE SWE;STAR 0.5;STOP 1;:SOUR:SWE:POIN 2", 2)
    assert bench_2400.ask(":OUTP?;:SOUR:VOLT?") == "1;1.000000E-01"
    assert bench_2400.terminals.drive_state == (0.1, pytest.approx(1.05e-4))


@pytest.mark.parametrize(
    "commands",
    [
        ":SOUR:VOLT:MODE SWE;STAR 0;STOP 1;STEP -0.1",
        ":SOUR:VOLT:MODE SWE;STAR 0;STOP 1;STEP 0",
        ":SOUR:VOLT:MODE SWE;STAR 0;STOP 1;STEP 1E-4",
        ":SOUR:VOLT:MODE SWE;STAR 0;STOP 1;STEP 2",
        ":SOUR:VOLT:MODE SWE;STAR -1;STOP 1;:SOUR:SWE:SPAC LOG",
    ],
)
def test_a_sweep_that_cannot_be_is_refused(bench_2400: Bench2400, commands: str) -> None:
    bench_2400.ask(commands + ";:OUTP ON")
    assert bench_2400.code(":INIT") == -221
    assert bench_2400.ask(":STAT:OPER:COND?") == "1024"


def test_trap_a_sweep_goes_on_in_compliance_unless_it_is_told_not_to(bench_2400: Bench2400) -> None:
    """The other way round than on the 2450."""
    bench_2400.ask(":SENS:CURR:PROT 5E-5")
    sweep = ":SOUR:VOLT:MODE SWE;STAR 0;STOP 1;:SOUR:SWE:POIN 5"
    assert len(levels(bench_2400, sweep, 5)) == 5
    assert levels(bench_2400, ":SOUR:SWE:CAB LATE", 5) == pytest.approx([0, 0.25, 0.5, 0.75])
    assert levels(bench_2400, ":SOUR:SWE:CAB EARL", 5) == pytest.approx([0, 0.25, 0.5])


def test_arm_and_trigger_counts_multiply(bench_2400: Bench2400) -> None:
    bench_2400.ask(":ARM:COUN 3")
    sweep = ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,2"
    assert levels(bench_2400, sweep, 2) == [1, 2, 1, 2, 1, 2]


def test_the_arm_timer_spaces_passes(bench_2400: Bench2400) -> None:
    bench_2400.ask(f"{FAST}:FORM:ELEM TIME;:ARM:SOUR TIM;TIM 0.5;COUN 3;:OUTP ON")
    times = bench_2400.values(":READ?")
    assert [after - before for before, after in pairwise(times)] == pytest.approx([0.5, 0.5])


def test_the_longest_run(bench_2400: Bench2400) -> None:
    assert bench_2400.elapsed(f"{FAST}:TRIG:COUN 2500;:OUTP ON;:READ?") == pytest.approx(2500 * POINT)
    assert len(bench_2400.values(":FETC?")) == 5 * 2500
    assert bench_2400.ask(":SYST:ERR?") == '0,"No error"'


def test_the_buffer_fills_once(bench_2400: Bench2400) -> None:
    bench_2400.ask(f"{FAST}:FORM:ELEM VOLT,TIME;:SOUR:VOLT 0.5;:OUTP ON;:READ?")
    bench_2400.ask(":TRAC:CLE;:TRAC:POIN 3;:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT;:TRIG:COUN 5;:INIT")
    values = bench_2400.values(":TRAC:DATA?")
    assert values == pytest.approx([0.5, 0, 0.5, POINT, 0.5, 2 * POINT])
    assert bench_2400.ask(":TRAC:POIN:ACT?;:TRAC:FEED:CONT?;:TRAC:FREE?") == "3;NEV;49940,60"
    bench_2400.ask(":TRAC:TST:FORM DELT")
    assert bench_2400.values(":DATA:DATA?") == pytest.approx([0.5, 0, 0.5, POINT, 0.5, POINT])
    bench_2400.ask(":SOUR:VOLT 0.7;:TRAC:FEED:CONT NEXT")
    assert bench_2400.ask(":TRAC:POIN:ACT?") == "3"
    bench_2400.ask(":TRIG:COUN 2;:INIT")
    assert bench_2400.values(":TRAC:DATA?")[::2] == [0.7, 0.7]
    assert bench_2400.ask(":TRAC:FEED:CONT?") == "NEXT"


def test_trap_the_buffer_cannot_be_changed_while_it_fills(bench_2400: Bench2400) -> None:
    bench_2400.ask(":TRAC:FEED:CONT NEXT;:TRAC:POIN 5")
    assert bench_2400.ask(":SYST:ERR?") == '+800,"Illegal with storage active"'
    bench_2400.ask(":TRAC:FEED:CONT NEV;:TRAC:POIN 5")
    assert bench_2400.ask(":SYST:ERR?;:TRAC:POIN?") == '0,"No error";5'


def test_statistics_of_the_buffer(bench_2400: Bench2400) -> None:
    bench_2400.ask(":TRAC:POIN 3;:TRAC:FEED:CONT NEXT")
    levels(bench_2400, ":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 0.1,0.2,0.6", 3)
    found = dict[str, list[float]]()
    for name in ("MEAN", "SDEV", "MAX", "MIN", "PKPK"):
        found[name] = bench_2400.values(f":CALC3:FORM {name};:CALC3:DATA?")
    assert [values[0] for values in found.values()] == pytest.approx([0.3, 0.2645751, 0.6, 0.1, 0.5])
    assert [values[1] for values in found.values()] == pytest.approx([3e-5, 2.645751e-5, 6e-5, 1e-5, 5e-5])
    assert all(values[2:] == [NOT_MEASURED, NOT_MEASURED] for values in found.values())


def test_a_full_buffer_requests_service(bench_2400: Bench2400) -> None:
    """What hosts wait for: `*SRE 1;:STAT:MEAS:ENAB 512`, then the status byte 65, by serial poll or `*STB?`."""
    bench_2400.ask(f":STAT:PRES;*CLS;*SRE 1;:STAT:MEAS:ENAB 512;{FAST}:TRAC:CLE;:TRAC:POIN 3;:TRIG:COUN 3;:OUTP ON")
    bench_2400.ask(":TRAC:FEED:CONT NEXT;:INIT")
    assert bench_2400.panel.status_byte() == 0
    bench_2400.clock.sleep(2.5 * POINT)
    assert bench_2400.panel.status_byte() == 0
    bench_2400.clock.sleep(POINT)
    assert bench_2400.panel.status_byte() == 65
    assert bench_2400.ask("*STB?") == "65"
    assert int(bench_2400.ask(":STAT:MEAS?") or 0) & 0b1101000000 == 0b1101000000
    assert bench_2400.ask("*STB?") == "0"
    bench_2400.ask(":TRAC:FEED:CONT NEXT")
    assert int(bench_2400.ask(":STAT:MEAS:COND?") or 0) & 0b1100000000 == 0


def test_status_query_waits_for_the_end_of_a_run(bench_2400: Bench2400) -> None:
    bench_2400.ask(f"{FAST}:STAT:MEAS:ENAB 64;*SRE 1;:TRIG:COUN 100;:OUTP ON;:INIT")
    assert bench_2400.elapsed("*STB?") == pytest.approx(100 * POINT)
    assert bench_2400.ask("*STB?") == "65"


def test_the_operation_register_tells_where_a_run_is(bench_2400: Bench2400) -> None:
    operation = bench_2400.panel._instrument.registers.operation  # pyright: ignore[reportPrivateUsage]
    assert bench_2400.ask(":STAT:OPER:COND?") == "1024"
    bench_2400.ask(":OUTP ON;:ARM:SOUR BUS;:INIT")
    assert operation.condition == 1 << 6
    bench_2400.ask("*TRG;:TRIG:SOUR TLIN")
    bench_2400.ask(":INIT;*TRG")
    assert operation.condition == 1 << 5
    bench_2400.ask(":ABOR;:TRIG:SOUR IMM;:TRIG:DEL 1;:ARM:SOUR IMM;:INIT")
    bench_2400.clock.sleep(0.5)
    assert operation.condition == 1 << 3
    assert bench_2400.ask(":STAT:OPER?") == str(1 << 10 | 1 << 6 | 1 << 5 | 1 << 3)


def test_operation_complete_waits_for_a_run(bench_2400: Bench2400) -> None:
    bench_2400.ask(f"{FAST}:TRIG:COUN 10;:OUTP ON;:INIT;*OPC")
    assert bench_2400.ask("*ESR?") == "1"
    assert bench_2400.elapsed(":INIT;*WAI;*OPC?") == pytest.approx(10 * POINT)


def test_a_bus_trigger_starts_a_pending_reading(bench_2400: Bench2400) -> None:
    bench_2400.ask(f"{FAST}:FORM:ELEM VOLT;:SOUR:VOLT 0.5;:ARM:SOUR BUS;:ARM:COUN 2;:OUTP ON")
    assert bench_2400.raw("*OPC?;:READ?;*OPC?") == []
    assert bench_2400.raw(":SOUR:VOLT?") == []
    assert bench_2400.raw("*TRG") == []
    assert bench_2400.raw("*TRG") == [b"1;+5.000000E-01,+5.000000E-01;1\n", b"5.000000E-01\n"]
    assert bench_2400.code("*TRG") == -211


def test_what_waits_is_obeyed_after_an_abort_and_dropped_by_a_reset(bench_2400: Bench2400) -> None:
    bench_2400.ask(":OUTP ON;:ARM:SOUR MAN;:INIT")
    assert bench_2400.raw(":SOUR:VOLT 1;:SOUR:VOLT?") == []
    assert bench_2400.raw(":ABOR") == [b"1.000000E+00\n"]
    bench_2400.ask(":INIT")
    assert bench_2400.raw(":SOUR:VOLT 2;:SOUR:VOLT?") == []
    assert bench_2400.raw("*RST") == []
    assert bench_2400.ask(":SOUR:VOLT?") == "0.000000E+00"


def test_trap_the_output_cannot_be_switched_off_during_a_run(bench_2400: Bench2400) -> None:
    """Only an abort, a reset or a device clear gets through."""
    bench_2400.ask(":SOUR:VOLT 0.5;:OUTP ON;:ARM:COUN INF;:INIT")
    bench_2400.ask(":OUTP OFF")
    assert bench_2400.terminals.drive_state == (0.5, pytest.approx(1.05e-4))
    bench_2400.ask(":ABOR")
    assert bench_2400.terminals.drive_state == (0.0, pytest.approx(5e-7))
    bench_2400.ask(":OUTP ON;:INIT")
    bench_2400.ask("*RST")
    assert bench_2400.ask(":OUTP?") == "0"


def test_an_abort_in_the_message_of_a_run_ends_it(bench_2400: Bench2400) -> None:
    bench_2400.ask(":FORM:ELEM VOLT;:OUTP ON;:ARM:COUN INF")
    assert bench_2400.ask(":INIT;:ABOR;*OPC?") == "1"


def test_what_the_world_cannot_answer_leaves_the_panel_idle(
    bench_2400: Bench2400, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: float) -> None:
        raise ModelError("no model knows this voltage")

    bench_2400.ask(":OUTP ON;:TRIG:COUN 5")
    with monkeypatch.context() as patch:
        patch.setattr(bench_2400.terminals, "measure", fail)
        with pytest.raises(ModelError):
            bench_2400.ask(":READ?;*IDN?")
    assert bench_2400.ask(":STAT:OPER:COND?") == "1024"
    assert len(bench_2400.values(":FORM:ELEM VOLT;:READ?")) == 5


def test_an_aborted_reading_gives_what_there_is(bench_2400: Bench2400) -> None:
    bench_2400.ask(":FORM:ELEM VOLT;:OUTP ON;:ARM:SOUR BUS;:ARM:COUN 2")
    assert bench_2400.raw(":READ?") == []
    bench_2400.ask("*TRG")
    assert bench_2400.raw(":ABOR") == [b"+0.000000E+00\n"]
    assert bench_2400.raw(":READ?") == []
    assert bench_2400.raw(":ABOR") == []
    assert bench_2400.ask(":SYST:ERR:CODE?") == "-230"


def test_an_endless_run_goes_on_until_it_is_aborted(bench_2400: Bench2400) -> None:
    bench_2400.ask(f"{FAST}:OUTP ON;:ARM:COUN INF;:INIT")
    assert bench_2400.raw("*OPC?") == []
    before = bench_2400.clock.now()
    bench_2400.clock.sleep(10.0)
    assert bench_2400.clock.now() == before + 10
    assert bench_2400.raw(":ABOR") == [b"1\n"]
    assert bench_2400.ask(":OUTP?;:ARM:COUN?") == "1;9.900000E+37"
    bench_2400.ask(":FORM:ELEM TIME")
    assert bench_2400.values(":FETC?")[-1] == pytest.approx(before + 10, abs=2 * POINT)


def test_late_replies_are_delivered_when_they_come(make_bench_2400: Callable[..., Bench2400]) -> None:
    """A run longer than a command waits for answers its host in the background."""
    bench = make_bench_2400(Options(patience=0.1))
    heard = list[bytes]()
    link = link_to(bench.panel, heard.append)
    link.receive(b":FORM:ELEM VOLT;:OUTP ON;:TRIG:DEL 60;:READ?;*OPC?\n*IDN?\n", False)
    bench.clock.sleep(30.0)
    assert heard == []
    bench.clock.sleep(31.0)
    assert [reply[:8] for reply in heard] == [b"+0.00000", b"KEITHLEY"]


def test_what_waits_is_bounded(bench_2400: Bench2400) -> None:
    bench_2400.ask(":OUTP ON;:ARM:COUN INF;:INIT")
    line = ":SYST:BEEP 500,0.1;" * 500
    for _ in range(LONGEST_MESSAGE // len(line) + 2):
        bench_2400.ask(line)
    bench_2400.ask(":ABOR")
    assert bench_2400.ask(":SYST:ERR?") == '-363,"Input buffer overrun"'


def test_switching_off_ends_a_run(bench_2400: Bench2400) -> None:
    bench_2400.ask(":OUTP ON;:ARM:COUN INF;:INIT")
    bench_2400.panel.power_cycle()
    bench_2400.terminals.durations.clear()
    bench_2400.clock.sleep(10.0)
    assert bench_2400.terminals.durations == []
    assert bench_2400.ask(":OUTP?;*OPC?") == "0;1"
