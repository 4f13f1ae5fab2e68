"""Sweeps, pulses and the trigger system of the B2900A's panel."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from sim_backend.panels import keysight_b2900_trigger
from sim_backend.panels.keysight_b2900_facts import CONVERSION_OVERHEAD, measure_wait
from sim_backend.panels.keysight_b2900_instrument import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keysight_b2900.conftest import Bench

CONVERSION = 0.1 / 50 + CONVERSION_OVERHEAD
SETTLED = measure_wait(1e-3)
PLAIN = ":SENS:CURR:PROT 1E-3;:SENS:CURR:RANG 1E-3;:SOUR:VOLT:RANG 2"


def staircase(start: float, stop: float, points: int) -> str:
    """Return the commands that set a staircase sweep of so many points up."""
    return f"{PLAIN};:SOUR:VOLT:MODE SWE;:SOUR:VOLT:STAR {start};STOP {stop};POIN {points};:TRIG:COUN {points}"


def test_a_staircase_sweep(bench: Bench) -> None:
    assert bench.code(f"{staircase(-1, 1, 5)};:OUTP 1;:FORM:ELEM:SENS VOLT,CURR") == 0
    assert bench.elapsed(":INIT (@1)") == 0
    assert bench.ask(":STAT:OPER:COND?") == str(128 + 1024)
    # Clients fetch at once: the data are waited for.
    assert bench.values(":FETC:ARR:CURR? (@1)") == pytest.approx([-1e-4, -5e-5, 0, 5e-5, 1e-4])
    assert bench.ask(":STAT:OPER:COND?;:OUTP?;*OPC?;:IDLE1:ALL?") == "1170;1;1;1"
    assert bench.values(":FETC:ARR:SOUR?") == [-1, -0.5, 0, 0.5, 1]
    assert bench.values(":FETC:ARR?")[:4] == [-1, -1e-4, -0.5, -5e-5]
    assert bench.ask(":SYST:ERR:ALL?") == '+0,"No error"'
    times = bench.values(":FETC:ARR:TIME?")
    assert [after - before for before, after in pairwise(times)] == pytest.approx([CONVERSION + SETTLED] * 4)


def test_a_sweep_runs_on_through_compliance(bench: Bench) -> None:
    """Not a trap here, unlike on the 2450: every point is measured, and its status says what it is."""
    bench.ask(f"{staircase(0, 1, 11)};:SENS:CURR:PROT 5.5E-5;:READ?")
    assert bench.values(":FETC:ARR:CURR?") == pytest.approx([0, 1e-5, 2e-5, 3e-5, 4e-5, 5e-5, *[5.5e-5] * 5])
    assert [int(status) & 6 for status in bench.values(":FETC:ARR:STAT?")] == [0] * 6 + [2] * 5
    assert bench.values(":FETC:ARR:VOLT?")[-1] == pytest.approx(0.55)


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        (":SOUR:VOLT:STAR 0;STOP 1;POIN 3", [0, 0.5, 1]),
        (":SOUR:VOLT:STAR 0;STOP 1;STEP 0.25", [0, 0.25, 0.5, 0.75, 1]),
        (":SOUR:VOLT:STAR 0;STOP 1;STEP 0.4", [0, 0.4, 0.8]),
        (":SOUR:VOLT:STAR 1;STOP 0;STEP -0.5", [1, 0.5, 0]),
        (":SOUR:VOLT:CENT 1;SPAN 1;POIN 3", [0.5, 1, 1.5]),
        (":SOUR:VOLT:STAR 0;STOP 1;:SOUR:SWE:POIN 2", [0, 1]),
        (":SOUR:VOLT:STAR 0;STOP 1;POIN 3;:SOUR:SWE:DIR DOWN", [1, 0.5, 0]),
        (":SOUR:VOLT:STAR 0;STOP 1;POIN 3;:SOUR:SWE:STA DOUB", [0, 0.5, 1, 1, 0.5, 0]),
        (":SOUR:VOLT:STAR 0.01;STOP 1;POIN 3;:SOUR:SWE:SPAC LOG", [0.01, 0.1, 1]),
        (":SOUR:VOLT:STAR 0.3;POIN 1", [0.3]),
        (":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 0.1,-0.2;:SOUR:LIST:VOLT:APP 0.3", [0.1, -0.2, 0.3]),
        (":SOUR:VOLT:MODE FIX;:SOUR:VOLT 0.2", [0.2, 0.2]),
        (":SOUR:VOLT:MODE FIX;:SOUR:VOLT 0.2;:SOUR:VOLT:TRIG 0.6", [0.6, 0.6]),
    ],
)
def test_levels_of_runs(bench: Bench, setup: str, expected: list[float]) -> None:
    assert bench.code(f"{PLAIN};:SOUR:VOLT:MODE SWE;{setup};:TRIG:COUN {len(expected)};:READ?") == 0
    assert bench.values(":FETC:ARR:SOUR?") == pytest.approx(expected)
    # Nothing but the run's own settings moved the immediate level, to which the output returns.
    assert bench.terminals.drive_state == (bench.values(":SOUR:VOLT?")[0], 1e-3)


def test_step_and_points_follow_from_one_another(bench: Bench) -> None:
    bench.ask(":SOUR:VOLT:STAR 0;STOP 2;POIN 5")
    assert bench.values(":SOUR:VOLT:STEP?") == [0.5]
    bench.ask(":SOUR:VOLT:STOP 4")
    assert bench.ask(":SOUR:VOLT:POIN?;STEP?;CENT?;SPAN?") == "5;+1.000000E+00;+2.000000E+00;+4.000000E+00"
    assert bench.code(":SOUR:VOLT:STEP -1") == -221
    assert bench.code(":SOUR:VOLT:STEP 0.0001") == -222
    bench.ask(":SOUR:VOLT:POIN 1")
    assert bench.values(":SOUR:VOLT:STEP?") == [0.0]


def test_a_long_list(bench: Bench) -> None:
    values = ",".join(f"{place / 2500:.4f}" for place in range(2500))
    assert bench.code(f":SOUR:LIST:VOLT {values}") == 0
    assert bench.ask(":SOUR:LIST:VOLT:POIN?") == "2500"
    assert bench.code(":SOUR:LIST:VOLT:APP 1") == -223
    assert bench.code(f":SOUR:LIST:VOLT {values},1") == -223
    bench.ask(f"{PLAIN};:SENS:CURR:APER 1E-5;:SENS:WAIT 0;:SOUR:VOLT:MODE LIST;:TRIG:COUN 2500;:READ?")
    assert bench.values(":FETC:ARR:SOUR?") == pytest.approx([place / 2500 for place in range(2500)])


def test_more_triggers_than_points_start_over(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 2)};:TRIG:COUN 5;:READ?")
    assert bench.values(":FETC:ARR:SOUR?") == [0, 1, 0, 1, 0]
    bench.ask(":TRIG:COUN 2;:ARM:COUN 2;:READ?")
    assert bench.values(":FETC:ARR:SOUR?") == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("setup", "code"),
    [
        (":SOUR:VOLT:STAR -1;STOP 1;:SOUR:SWE:SPAC LOG", -221),
        (":SOUR:VOLT:STAR 0;STOP 10;POIN 3;:SOUR:SWE:RANG FIX", -222),
        (":SOUR:VOLT:STAR 0;STOP 100;POIN 3;:SENS:CURR:PROT 1", -221),
        (":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 1,5;:SOUR:SWE:RANG FIX", -222),
    ],
)
def test_sweeps_that_cannot_be(bench: Bench, setup: str, code: int) -> None:
    bench.ask(f"{PLAIN};:SOUR:VOLT:MODE SWE;{setup}")
    assert bench.code(":INIT") == code
    assert bench.ask(":OUTP?;:STAT:OPER:COND?") == "0;1170"


def test_source_ranges_of_a_sweep(bench: Bench) -> None:
    ranges: dict[str, float] = {}
    for mode in ("BEST", "AUTO", "FIX"):
        bench.ask(
            f"{staircase(0.1, 3, 2)};:SOUR:VOLT:RANG 200;:SOUR:SWE:RANG {mode};:SOUR:FUNC:TRIG:CONT 1;:TRIG:COUN 1"
        )
        bench.ask(":READ?")
        ranges[mode] = bench.values(":SOUR:VOLT:RANG?")[0]
    assert ranges == {"BEST": 20.0, "AUTO": 0.2, "FIX": 200.0}


def test_the_last_level_stays_if_asked_to(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 2)};:SOUR:FUNC:TRIG:CONT 1;:READ?")
    assert bench.terminals.drive_state == (1.0, 1e-3)
    bench.ask(":SOUR:FUNC:TRIG:CONT 0;:READ?")
    assert bench.terminals.drive_state == (0.0, 1e-3)
    bench.ask(":OUTP:OFF:AUTO 1;:READ?")
    assert bench.terminals.drive_state is None


def test_time_alone_moves_a_run_on(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 11)};:SENS:WAIT 0;:TRIG:SOUR TIM;TIM 0.1;:OUTP 1")
    bench.clock.sleep(1)
    bench.ask(":INIT")
    for done in (1, 4, 10):
        bench.clock.sleep(1 + 0.1 * (done - 1) + 0.05 - bench.clock.now())
        assert bench.terminals.drive_state == (pytest.approx((done - 1) / 10), 1e-3)
        assert bench.ask(":STAT:OPER:COND?") == "1152"
    bench.clock.sleep(1)
    assert bench.values(":FETC:ARR:TIME?") == pytest.approx([place * 0.1 for place in range(11)])


def test_delays(bench: Bench) -> None:
    bench.ask(
        f"{staircase(0, 1, 3)};:SENS:WAIT 0;:TRIG:TRAN:DEL 0.01;:TRIG:ACQ:DEL 0.03;:ARM:ACQ:DEL 0.5;:OUTP 1;:READ?"
    )
    each = 0.03 + CONVERSION
    assert bench.values(":FETC:ARR:TIME?") == pytest.approx([0.53 + place * each for place in range(3)])
    changes = [moment for moment, voltage in bench.terminals.history if voltage]
    assert changes == pytest.approx([0.51 + each, 0.51 + 2 * each])


def test_acquire_alone_leaves_the_level(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 3)};:SOUR:VOLT 0.4;:TRIG:ACQ:COUN 4;:INIT:ACQ (@1);*WAI")
    assert bench.values(":FETC:ARR:SOUR?") == [0.4] * 4
    bench.ask(":INIT:TRAN")
    assert bench.ask(":STAT:OPER:COND?") == str(1152 + 16)
    bench.ask("*WAI")
    assert bench.values(":FETC:ARR:SOUR?") == [0.4] * 4


def test_counts_of_the_two_actions_differ(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 3)};:TRIG:TRAN:COUN 2;:TRIG:ACQ:COUN 4;:READ?")
    assert bench.values(":FETC:ARR:SOUR?") == [0, 0.5, 0.5, 0.5]


def test_a_timer_of_the_source_alone_sets_the_pace(bench: Bench) -> None:
    """Measurements left to the instrument follow the source's triggers."""
    bench.ask(f"{staircase(0, 1, 3)};:SENS:WAIT 0;:TRIG:TRAN:SOUR TIM;TIM 0.1;:OUTP 1")
    bench.clock.sleep(1)
    bench.ask(":INIT")
    bench.clock.sleep(0.05)
    assert bench.terminals.drive_state == (0.0, 1e-3)
    assert bench.values(":FETC:ARR:TIME?") == pytest.approx([0, 0.1, 0.2])
    assert bench.values(":FETC:ARR:SOUR?") == [0, 0.5, 1]
    bench.ask(":TRIG:TRAN:SOUR BUS;:INIT")
    assert bench.ask(":STAT:OPER:COND?") == str(1152 + 4)


def test_several_measurements_a_step_on_two_timers(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 3)};:SENS:WAIT 0;:TRIG:SOUR TIM;:TRIG:TRAN:TIM 0.1;:TRIG:ACQ:TIM 0.02;COUN 15;:OUTP 1")
    bench.clock.sleep(1)
    start = bench.clock.now()
    bench.ask(":READ?")
    assert bench.clock.now() - start == pytest.approx(0.28 + CONVERSION, abs=2e-5)
    assert bench.values(":FETC:ARR:SOUR?") == [0] * 5 + [0.5] * 5 + [1] * 5
    assert bench.values(":FETC:ARR:TIME?") == pytest.approx([place * 0.02 for place in range(15)])
    # With the slower measurements the source goes on meanwhile.
    bench.ask(":TRIG:TRAN:TIM 0.02;:TRIG:ACQ:TIM 0.05;COUN 2;:SOUR:FUNC:TRIG:CONT 1;:READ?")
    assert bench.values(":FETC:ARR:SOUR?") == [0, 1]
    assert bench.ask(":STAT:OPER:COND?;:SYST:ERR:COUN?") == "1170;0"


def test_bus_triggers(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 2)};:TRIG:SOUR BUS;:OUTP 1;:INIT")
    assert bench.ask(":STAT:OPER:COND?") == str(1152 + 32)
    bench.clock.sleep(1)
    bench.ask("*TRG")
    bench.clock.sleep(1)
    assert bench.values(":SENS:DATA:LAT?")[-1] == 0
    # An immediate trigger stands for one of any source.
    bench.ask(":TRIG:ALL (@1)")
    assert bench.elapsed("*WAI") == pytest.approx(SETTLED + CONVERSION)
    assert bench.values(":FETC:ARR:SOUR?") == [0, 1]
    assert bench.code("*TRG") == 0
    bench.ask(":TRIG:SOUR AINT;:ARM:SOUR EXT3;:INIT")
    assert bench.ask(":STAT:OPER:COND?") == str(1152 + 64)
    bench.ask(":ARM")
    bench.ask("*WAI")
    assert bench.ask(":STAT:OPER:COND?") == "1170"


def test_what_never_ends_is_waited_for_only_so_long(make_bench: Callable[..., Bench]) -> None:
    for setup in (":TRIG:SOUR BUS", ":TRIG:COUN INF", ":TRIG:COUN 2147483647", ":ARM:COUN 100000;:TRIG:COUN 100000"):
        bench = make_bench(Options(patience=0.5))
        assert bench.code(f"{PLAIN};{setup};:OUTP 1;:INIT") == 0
        # Data are fetched from it while it runs.
        bench.clock.sleep(0.1)
        assert bench.elapsed(":FETC:ARR:CURR?") == 0
        assert bench.elapsed(":IDLE:ACQ?") == pytest.approx(0.5)
        assert bench.ask(":STAT:OPER:COND?;:OUTP?") == "1170;1"
    assert bench.ask(":ARM:ACQ:COUN?;:TRIG:ACQ:COUN?") == "100000;100000"
    bench.ask(":TRIG:COUN INF")
    assert bench.ask(":TRIG:TRAN:COUN?") == "2147483647"


def test_a_day_passes_beside_an_endless_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keysight_b2900_trigger, "MOST_READINGS", 1000)
    bench.ask(":SENS2:CURR:RANG 1E-6;:SENS2:CURR:APER 8E-6;:SENS2:WAIT 0;:TRIG2:COUN INF;:OUTP2 1;:INIT (@2)")
    bench.clock.sleep(86_400)
    bench.ask(":FORM:ELEM:SENS TIME;:ABOR (@2)")
    times = bench.values(":FETC:ARR? (@2)")
    steps = [after - before for before, after in pairwise(times)]
    assert steps[:990] == pytest.approx([18e-6] * 990, abs=1.1e-6)
    assert times[-1] == pytest.approx(86_400, rel=1e-2)
    assert len(times) < 20_000


def test_what_is_refused_while_a_run_lasts(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 11)};:TRIG:TIM 1;SOUR TIM;:INIT")
    for message in (":READ?", ":MEAS?", ":INIT", ":INIT:ACQ", ":SENS:DATA:ACQ", ":READ:ARR? (@1,2)"):
        assert bench.code(message) == -213
    for message in (
        ":SOUR:VOLT:STOP 1",
        ":SENS:CURR:NPLC 1",
        ":TRIG:SOUR AINT",
        ":SOUR:LIST:VOLT 1",
        ":SENS:FUNC 'RES'",
    ):
        assert bench.code(message) == -221
    for message in (":SENS:CURR:PROT 2E-3", "*IDN?", ":STAT:OPER?", ":SOUR2:VOLT 1;:MEAS? (@2)", ":TRIG:ACQ:COUN?"):
        assert bench.code(message) == 0
    assert bench.ask(":OUTP2?") == "1"


@pytest.mark.parametrize(
    ("message", "output"),
    [(":ABOR", "1"), (":ABOR:ALL (@1)", "1"), (":ABOR:ACQ", "1"), (":OUTP OFF", "0"), ("*RST", "0")],
)
def test_a_run_can_be_ended(bench: Bench, message: str, output: str) -> None:
    bench.ask(f"{staircase(0, 1, 11)};:TRIG:TIM 0.1;SOUR TIM;:INIT")
    bench.clock.sleep(0.5)
    bench.ask("*CLS;*OPC")
    assert bench.ask("*ESR?") == "0"
    bench.ask(message)
    assert bench.ask(":OUTP?;*ESR?;:SYST:ERR:COUN?;:STAT:OPER:COND?") == f"{output};1;0;1170"
    state = bench.terminals.drive_state
    bench.clock.sleep(10)
    assert bench.terminals.drive_state == state


def test_two_channels_run_at_the_same_time(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 3)};:SOUR2:VOLT:MODE LIST;:SOUR2:LIST:VOLT 3,4;:TRIG2:COUN 2;:TRIG2:SOUR TIM;TIM 0.1")
    bench.ask(":OUTP 1;:OUTP2 1;:INIT (@1,2)")
    assert bench.ask(":STAT:OPER:COND?") == "0"
    assert bench.elapsed("*WAI") == pytest.approx(0.1 + 80e-6 + CONVERSION, rel=0.2)
    assert bench.values(":FETC:ARR:SOUR? (@2)") == [3, 4]
    assert bench.values(":FETC:ARR:SOUR? (@1)") == [0, 0.5, 1]


def test_a_pulse_train(bench: Bench) -> None:
    setup = ":SOUR:FUNC:SHAP PULS;:SOUR:PULS:DEL 1E-3;WIDT 2E-3;:SENS:CURR:APER 1E-4;:TRIG:ACQ:DEL 2E-3"
    bench.ask(f"{PLAIN};{setup};:TRIG:SOUR TIM;TIM 0.01;COUN 2;:SOUR:VOLT 0.1")
    bench.ask(":SOUR:VOLT:MODE LIST;:SOUR:LIST:VOLT 0.5,-0.5;:OUTP 1")
    bench.clock.sleep(1)
    start = bench.clock.now()
    bench.terminals.history.clear()
    bench.ask(":READ?")
    history = [(moment - start, voltage) for moment, voltage in bench.terminals.history]
    expected = [(1e-3, 0.5), (3e-3, 0.1), (11e-3, -0.5), (13e-3, 0.1)]
    assert history[:4] == [(pytest.approx(moment), voltage) for moment, voltage in expected]
    # Measured within the pulse, at the acquire delay after each trigger.
    assert bench.values(":FETC:ARR:CURR?") == pytest.approx([5e-5, -5e-5])
    assert bench.values(":FETC:ARR:TIME?") == pytest.approx([2e-3, 12e-3])


@pytest.mark.parametrize(("delay", "current"), [(0.0, 1e-5), (2e-3, 5e-5), (5e-3, 1e-5)])
def test_a_pulse_is_measured_when_the_delay_says(bench: Bench, delay: float, current: float) -> None:
    setup = f":SOUR:FUNC PULS;:SOUR:PULS:DEL 1E-3;WIDT 2E-3;:SENS:CURR:APER 1E-4;:TRIG:ACQ:DEL {delay}"
    bench.ask(f"{PLAIN};{setup};:SOUR:VOLT 0.1;:SOUR:VOLT:TRIG 0.5;:OUTP 1;:SENS:WAIT 0;:READ?")
    assert bench.values(":FETC:CURR?") == pytest.approx([current])


def test_a_conversion_that_ends_with_the_pulse_is_in_it(bench: Bench) -> None:
    """The pulse is as long as it was set to, and the next one begins on the timer."""
    bench.ask(f"{PLAIN};:SOUR:FUNC PULS;:SOUR:PULS:WIDT 3E-4;:SENS:CURR:APER 1E-4;:TRIG:ACQ:DEL 2E-4;:OUTP 1")
    bench.ask(":SOUR:VOLT:TRIG 0.5;:TRIG:SOUR TIM;TIM 5E-4;COUN 400;:FORM:ELEM:SENS CURR")
    bench.clock.sleep(1)
    bench.terminals.history.clear()
    assert bench.values(":READ:ARR?") == pytest.approx([5e-5] * 400)
    edges = [moment for moment, _ in bench.terminals.history[:800]]
    widths = [after - before for before, after in zip(edges[::2], edges[1::2], strict=True)]
    assert widths == pytest.approx([3e-4] * 400)
    assert [after - before for before, after in pairwise(edges[::2])] == pytest.approx([5e-4] * 399)


def test_pulses_without_a_timer_have_the_base_between_them(bench: Bench) -> None:
    bench.ask(f"{PLAIN};:SOUR:FUNC PULS;:SOUR:VOLT:TRIG 0.5;:SENS:CURR:APER 1E-5;:TRIG:COUN 3;:OUTP 1")
    bench.clock.sleep(1)
    bench.terminals.history.clear()
    bench.ask(":READ?")
    assert [voltage for _, voltage in bench.terminals.history[:6]] == [0.5, 0.0] * 3
    times = [moment for moment, _ in bench.terminals.history[:6]]
    assert all(after > before for before, after in pairwise(times))


def test_automatic_ranging_of_a_pulse_takes_the_compliance_s_range(bench: Bench) -> None:
    """A measurement range cannot change within a pulse: the last one's would show an overflow here."""
    bench.ask(":SENS:CURR:PROT 1E-2;:SOUR:VOLT 0.001;:OUTP 1;:MEAS?;:SENS:CURR:APER 1E-5;:TRIG:ACQ:DEL 2E-5")
    bench.ask(":SOUR:FUNC PULS;:SOUR:VOLT:TRIG 10;:READ?")
    assert bench.values(":FETC:CURR?") == pytest.approx([1e-3])
    assert bench.values(":SENS:CURR:RANG?") == [1e-2]


def test_protection_ends_a_run(bench: Bench) -> None:
    bench.ask(f"{staircase(0, 1, 11)};:SENS:CURR:PROT 5.5E-5;:OUTP:PROT 1;:READ?")
    assert bench.ask(":OUTP?;:STAT:OPER:COND?;:STAT:QUES:COND?") == "0;1170;4"
    assert bench.terminals.drive_state is None
    assert len(bench.values(":FETC:ARR:CURR?")) == 7
