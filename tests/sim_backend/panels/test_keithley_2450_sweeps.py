"""Sweeps of the 2450's panel and the trigger model that runs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labctl.errors import ModelError
from sim_backend.panels.keithley_2450_facts import CONVERSION_OVERHEAD, FULL_SCALE, SOURCES, Function
from sim_backend.panels.keithley_2450_instrument import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.world import Operating
    from tests.sim_backend.panels.conftest import Bench2450

CONVERSION = 1 / 50 + CONVERSION_OVERHEAD
PLAIN = ":SOUR:VOLT:ILIM 1E-3;:SENS:CURR:RANG 1E-3;:SENS:CURR:AZER OFF;:SOUR:VOLT:READ:BACK OFF"


def levels(bench: Bench2450, buffer: str = "defbuffer1") -> list[float]:
    """Return the source values in a buffer."""
    count = bench.ask(f":TRAC:ACT? '{buffer}'")
    return bench.values(f":TRAC:DATA? 1,{count},'{buffer}',SOUR")


def test_a_linear_sweep(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:READ?;:SOUR:SWE:VOLT:LIN -1,1,5,0.01")
    assert bench_2450.ask(":OUTP?;:TRIG:STAT?") == "0;IDLE;IDLE;0"
    assert bench_2450.elapsed(":INIT") == 0
    assert bench_2450.ask(":OUTP?;:TRIG:STAT?;:TRAC:ACT?") == "1;RUNNING;RUNNING;0;0"
    assert bench_2450.elapsed("*WAI") == pytest.approx(5 * (0.01 + CONVERSION))
    assert levels(bench_2450) == [-1, -0.5, 0, 0.5, 1]
    assert bench_2450.values(":TRAC:DATA? 1,5") == [-1e-4, -5e-5, 0, 5e-5, 1e-4]
    assert bench_2450.ask(":OUTP?;:TRIG:STAT?;:SOUR:VOLT?") == "0;IDLE;IDLE;0;1"
    assert bench_2450.ask(":SYST:ERR:COUN?") == "0"
    events = [bench_2450.ask(":SYST:EVEN:NEXT? INF") or "" for _ in range(3)]
    assert [event.split(",")[0] for event in events] == ["2731", "2732", "0"]


def test_time_alone_moves_a_sweep_on(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:SWE:VOLT:LIN 0,1,11,0.01;:INIT")
    step = 0.01 + CONVERSION
    for done in (1, 4, 10):
        bench_2450.clock.sleep(step * (done + 0.5) - bench_2450.clock.now())
        assert bench_2450.ask(":TRAC:ACT?;:TRIG:STAT?") == f"{done};RUNNING;RUNNING;0"
        assert bench_2450.terminals.drive_state == (pytest.approx(done / 10), 1e-3)
    bench_2450.clock.sleep(1)
    assert bench_2450.ask(":TRAC:ACT?;:TRIG:STAT?") == "11;IDLE;IDLE;0"
    assert bench_2450.clock.now() == pytest.approx(step * 10.5 + 1)


def test_a_sweep_stops_at_its_first_compliance_by_default(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:VOLT:ILIM 5E-5;:SOUR:SWE:VOLT:LIN 0,1,11,0;:INIT;*WAI")
    assert levels(bench_2450) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    assert bench_2450.values(":TRAC:DATA? 6,7,'defbuffer1',SOURSTAT") == [128, 128 + 32]
    assert bench_2450.ask(":OUTP?;:SYST:EVEN:COUN? INF") == "0;2"
    bench_2450.ask(":SOUR:SWE:VOLT:LIN 0,1,11,0,1,BEST,OFF;:INIT;*WAI")
    assert len(levels(bench_2450)) == 11
    assert max(bench_2450.values(":TRAC:DATA? 1,11")) == 5e-5


def test_a_list_sweep_adds_its_delay_to_the_source_delay(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:VOLT:DEL 0.05;:SOUR:LIST:VOLT 0.5,1,1,-0.5;:SOUR:LIST:VOLT:APP 2")
    assert bench_2450.ask(":SOUR:LIST:VOLT:POIN?") == "5"
    assert bench_2450.values(":SOUR:LIST:VOLT?") == [0.5, 1, 1, -0.5, 2]
    bench_2450.ask(":SOUR:SWE:VOLT:LIST 2,0.1,1,OFF,'defbuffer2';:INIT")
    # The second of two equal levels has nothing to settle.
    assert bench_2450.elapsed("*WAI") == pytest.approx(4 * (0.1 + CONVERSION) + 3 * 0.05)
    assert levels(bench_2450, "defbuffer2") == [1, 1, -0.5, 2]
    assert bench_2450.ask(":TRAC:ACT?") == "0"


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        (":SOUR:SWE:VOLT:LIN 0,1,3,0,2", [0, 0.5, 1, 0, 0.5, 1]),
        (":SOUR:SWE:VOLT:LIN 0,1,3,0,1,BEST,OFF,ON", [0, 0.5, 1, 1, 0.5, 0]),
        (":SOUR:SWE:VOLT:LIN 1,1,2,0", [1, 1]),
        (":SOUR:SWE:VOLT:LIN:STEP 0,1,0.25,0", [0, 0.25, 0.5, 0.75, 1]),
        (":SOUR:SWE:VOLT:LIN:STEP 1,0,0.4,0", [1, 0.6, 0.2]),
    ],
)
def test_levels_of_sweeps(bench_2450: Bench2450, sweep: str, expected: list[float]) -> None:
    bench_2450.ask(f"{PLAIN};{sweep};:INIT;*WAI")
    assert levels(bench_2450) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":SOUR:SWE:VOLT:LIN 0,1,1", -222),
        (":SOUR:SWE:VOLT:LIN 0,1,1000001", -222),
        (":SOUR:SWE:VOLT:LIN 0,211,11", -222),
        (":SOUR:SWE:VOLT:LIN 0,1", -109),
        (":SOUR:SWE:VOLT:LIN 0,1,11,1E-5", -222),
        (":SOUR:SWE:VOLT:LIN 0,1,11,-0.5", -222),
        (":SOUR:SWE:VOLT:LIN 0,1,11,0,1,WIDE", -224),
        (":SOUR:SWE:VOLT:LIN 0,1,11,0,1,BEST,ON,OFF,'nosuch'", -224),
        (":SOUR:SWE:VOLT:LIN 0,1,11,0,1,FIX", -222),
        (":SOUR:SWE:VOLT:LIN:STEP 0,1,0", -222),
        (":SOUR:SWE:VOLT:LIN:STEP 0,1,1E-9", -222),
        (":SOUR:SWE:VOLT:LIST 1", -222),
        (":SOUR:LIST:VOLT " + ",".join(["1"] * 101), -223),
    ],
)
def test_sweeps_that_cannot_be(bench_2450: Bench2450, message: str, code: int) -> None:
    assert bench_2450.code(message) == code
    assert bench_2450.code(":INIT") == -213


def test_what_is_refused_while_a_sweep_runs(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:SWE:VOLT:LIN 0,1,11,0.1;:INIT")
    for message in (
        ":READ?",
        ":SOUR:VOLT 5",
        ":SENS:CURR:NPLC 1",
        ":SOUR:SWE:VOLT:LIN 0,1,3",
        ":TRAC:DEL 'defbuffer2'",
    ):
        assert bench_2450.code(message) == -221
    assert bench_2450.code(":INIT") == -213
    assert bench_2450.code(":SOUR:VOLT?;:SENS:CURR:NPLC?;:TRAC:ACT?;*IDN?") == 0
    assert bench_2450.ask(":TRIG:STAT?") == "RUNNING;RUNNING;0"


@pytest.mark.parametrize(("message", "output"), [(":ABOR", "1"), (":OUTP OFF", "0"), ("*RST", "0")])
def test_a_sweep_can_be_ended(bench_2450: Bench2450, message: str, output: str) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:SWE:VOLT:LIN 0,1,11,0.1;:INIT")
    bench_2450.clock.sleep(0.5)
    bench_2450.ask("*CLS;*OPC")
    bench_2450.ask(message)
    assert bench_2450.ask(":OUTP?;*ESR?;:SYST:EVEN:COUN?;:SYST:ERR:COUN?") == f"{output};1;1;0"
    state = bench_2450.terminals.drive_state
    bench_2450.clock.sleep(10)
    assert bench_2450.terminals.drive_state == state
    assert (bench_2450.ask(":SYST:EVEN:NEXT?") or "").startswith("2728,")


def test_a_power_cycle_ends_a_sweep(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:SOUR:SWE:VOLT:LIN 1,2,11,0.1;:INIT")
    bench_2450.clock.sleep(0.5)
    bench_2450.panel.power_cycle()
    bench_2450.clock.sleep(10)
    assert bench_2450.terminals.drive_state == (0.0, pytest.approx(1e-5))
    assert bench_2450.ask(":OUTP?;:TRAC:ACT?;*ESR?") == "0;0;128"


def test_completion_sets_its_bits(bench_2450: Bench2450) -> None:
    bench_2450.ask(":STAT:OPER:MAP 4,2731,2732;:STAT:OPER:MAP 10,2732,2731;:STAT:OPER:ENAB 1024;*SRE 128")
    assert bench_2450.ask(":STAT:OPER:MAP? 4;:STAT:OPER:MAP? 3") == "2731,2732;0,0"
    bench_2450.ask(f"*CLS;{PLAIN};:SOUR:SWE:VOLT:LIN 0,1,3,0;:INIT;*OPC")
    assert bench_2450.ask(":STAT:OPER:COND?;*STB?;*ESR?") == "16;16;0"
    assert bench_2450.panel.status_byte() == 0
    bench_2450.clock.sleep(1)
    assert bench_2450.panel.status_byte() == 128 + 64
    assert bench_2450.ask(":STAT:OPER:COND?;EVEN?;:STAT:OPER?;*ESR?;*STB?") == "1024;1040;0;1;16"
    bench_2450.ask(":STAT:PRES")
    assert bench_2450.ask(":STAT:OPER:ENAB?;:STAT:QUES:ENAB?;:STAT:QUES?") == "0;0;0"


def test_a_full_buffer_fails_the_sweep(bench_2450: Bench2450) -> None:
    bench_2450.ask(f"{PLAIN};:TRAC:MAKE 'mine',10;:SOUR:SWE:VOLT:LIN 0,1,11,0,1,BEST,OFF,OFF,'mine';:INIT;*WAI")
    assert bench_2450.ask(":TRAC:ACT? 'mine';:TRIG:STAT?;:SYST:ERR:CODE?") == "10;FAILED;FAILED;0;4915"
    bench_2450.ask(":OUTP OFF;:TRAC:DEL 'mine'")
    bench_2450.ask(":INIT")
    assert bench_2450.ask(":TRIG:STAT?;:SYST:ERR:CODE?;:OUTP?") == "FAILED;FAILED;0;-224;0"


def test_an_endless_sweep_is_waited_for_only_so_long(make_bench_2450: Callable[..., Bench2450]) -> None:
    bench = make_bench_2450(Options(patience=2.0))
    bench.ask(f"{PLAIN};:SOUR:SWE:VOLT:LIN 0,1,5,0,0;:INIT")
    bench.clock.sleep(3)
    assert bench.ask(":TRIG:STAT?") == "RUNNING;RUNNING;0"
    assert bench.elapsed("*OPC?") == pytest.approx(2.0)
    assert bench.ask(":TRIG:STAT?") == "ABORTED;ABORTED;0"
    assert int(bench.ask(":TRAC:ACT?") or "") == int(5 / CONVERSION)


def test_an_open_interlock_fails_a_sweep_that_needs_it(make_bench_2450: Callable[..., Bench2450]) -> None:
    bench = make_bench_2450(Options(interlock=False))
    bench.terminals.resistance = 1e6
    bench.ask(f"{PLAIN};:SOUR:SWE:VOLT:LIN 10,30,3,0;:INIT;*WAI")
    assert bench.ask(":TRIG:STAT?;:SYST:ERR:CODE?;:TRAC:ACT?") == "FAILED;FAILED;0;-221;2"
    assert bench.ask(":SOUR:VOLT?") == "20"


def test_a_sweep_of_the_other_function_changes_the_source(bench_2450: Bench2450) -> None:
    bench_2450.ask(":SENS:FUNC 'VOLT';:SOUR:SWE:CURR:LIN 1E-5,3E-5,3,0;:INIT;*WAI")
    assert bench_2450.ask(":SOUR:FUNC?") == "CURR"
    assert bench_2450.values(":TRAC:DATA? 1,3") == pytest.approx([0.1, 0.2, 0.3])


def test_a_sweep_that_the_world_has_no_answer_to_ends(bench_2450: Bench2450, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(duration: float) -> Operating:
        raise ModelError("no model holds at this voltage")

    bench_2450.ask(f"{PLAIN};:SOUR:SWE:VOLT:LIN 0,1,3,0")
    monkeypatch.setattr(bench_2450.terminals, "measure", refuse)
    with pytest.raises(ModelError):
        bench_2450.ask(":INIT;*WAI")
    monkeypatch.undo()
    assert bench_2450.ask("*OPC?") == "1"
    assert bench_2450.ask(":INIT;*WAI;*OPC?") == "1"


@pytest.mark.parametrize("function", SOURCES)
def test_the_ranges_of_many_levels_are_those_of_each(function: Function) -> None:
    ends = [full * FULL_SCALE * nearly for full in function.ranges for nearly in (1.0, 1 - 1e-9, 1 + 1e-12, 1 + 1e-9)]
    values = [sign * value for value in (*ends, 0.0, 2 * ends[-1]) for sign in (1, -1)]
    assert function.holding_ranges(values) == [function.holding_range(value) for value in values]
