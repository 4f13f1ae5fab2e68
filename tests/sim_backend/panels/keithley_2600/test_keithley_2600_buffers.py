"""Reading buffers, sweeps, triggers and scripts of the 2600B's panel."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keithley_2600_surroundings import Options

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keithley_2600.conftest import Bench2600

READY = "smua.source.limiti = 1e-3 smua.measure.nplc = 0.1 smua.measure.rangei = 1e-3 smua.source.output = 1"


def test_a_buffer_prints_readings_and_source_values_in_turn(bench: Bench2600) -> None:
    bench.send(READY, "smua.nvbuffer1.collectsourcevalues = 1 smua.nvbuffer1.appendmode = 1")
    bench.send("for v = 1, 3 do smua.source.levelv = v smua.measure.i(smua.nvbuffer1) end")
    assert bench.ask("printbuffer(1, smua.nvbuffer1.n, smua.nvbuffer1.readings, smua.nvbuffer1.sourcevalues)") == (
        "1.00000e-04, 1.00000e+00, 2.00000e-04, 2.00000e+00, 3.00000e-04, 3.00000e+00"
    )
    assert bench.ask("printbuffer(2, 3, smua.nvbuffer1)") == "2.00000e-04, 3.00000e-04"
    assert bench.print("smua.nvbuffer1[2], smua.nvbuffer1.readings[3], smua.nvbuffer1.n") == [2e-4, 3e-4, 3]


def test_an_index_that_does_not_exist_prints_not_a_number_and_is_an_error(bench: Bench2600) -> None:
    bench.send(READY, "smua.measure.i(smua.nvbuffer1)")
    assert bench.ask("printbuffer(1, 2, smua.nvbuffer1)") == "0.00000e+00, 9.91000e+37"
    assert bench.errors() == [(4900, "Reading buffer index 2 is invalid")]


@pytest.mark.parametrize(("data", "order", "code"), [(2, 1, "<4f"), (2, 0, ">4f"), (3, 1, "<4d"), (3, 0, ">4d")])
def test_a_block_has_no_length_and_may_hold_a_newline(bench: Bench2600, data: int, order: int, code: str) -> None:
    bench.send(READY, f"smua.nvbuffer1.appendmode = 1 format.data = {data} format.byteorder = {order}")
    bench.send("for v = 0, 3 do smua.source.levelv = v smua.measure.v(smua.nvbuffer1) end")
    assert bench.send("printbuffer(1, 4, smua.nvbuffer1)") == [b"#0" + struct.pack(code, 0, 1, 2, 3) + b"\n"]
    newline = struct.unpack("<f", b"\n\n\n\n")[0]
    assert bench.send(f"format.byteorder = 1 format.data = 2 printnumber({newline!r})") == [b"#0\n\n\n\n\n"]


def test_without_append_mode_the_next_measurement_replaces_what_there_was(bench: Bench2600) -> None:
    bench.send(READY, "smua.measure.count = 5 smua.measure.iv(smua.nvbuffer1, smua.nvbuffer2)")
    assert bench.print("smua.nvbuffer1.n, smua.nvbuffer2.n") == [5, 5]
    bench.send("smua.measure.count = 2 smua.measure.i(smua.nvbuffer1) smua.nvbuffer2.appendmode = 1")
    bench.send("smua.measure.v(smua.nvbuffer2)")
    assert bench.print("smua.nvbuffer1.n, smua.nvbuffer2.n") == [2, 7]


def test_what_a_buffer_collects_changes_only_while_it_is_empty(bench: Bench2600) -> None:
    bench.send(READY, "smua.measure.i(smua.nvbuffer1)")
    found = bench.error("smua.nvbuffer1.collecttimestamps = 1")
    assert found == (5032, "SMU A: Cannot change this setting unless buffer is cleared")
    assert bench.ask("print(smua.nvbuffer1.timestamps[1], smua.nvbuffer1.sourcevalues[1])") == "nil\tnil"
    bench.send("smua.nvbuffer1.clear() smua.nvbuffer1.collecttimestamps = 1 smua.measure.count = 2")
    bench.send("smua.measure.interval = 0.5 smua.measure.i(smua.nvbuffer1)")
    first, second = bench.print("smua.nvbuffer1.timestamps[1], smua.nvbuffer1.timestamps[2]")
    assert (first, second) == (0, pytest.approx(0.5, abs=5e-3))


def test_scripts_make_buffers_and_lose_them(bench: Bench2600) -> None:
    bench.send(READY, "mine = smua.makebuffer(2) mine.appendmode = 1")
    bench.send("for n = 1, 3 do smua.measure.v(mine) end")
    assert bench.print("mine.n, mine.capacity") == [2, 2]
    assert bench.error("mine = nil", "for n = 1, 120 do other = smua.makebuffer(10) end") is None
    bench.send("all = {} for n = 1, 102 do all[n] = smua.makebuffer(10) end")
    assert {code for code, _ in bench.errors()} == {-225}
    assert bench.error("all = nil", "other = smua.makebuffer(1900000)") is None


def test_a_linear_sweep_runs_beside_the_conversation(bench: Bench2600) -> None:
    bench.send(
        READY,
        "smua.trigger.source.linearv(0, 1, 5) smua.trigger.source.action = smua.ENABLE",
        "smua.trigger.measure.iv(smua.nvbuffer1, smua.nvbuffer2) smua.trigger.measure.action = smua.ENABLE",
        "smua.trigger.count = 5 smua.nvbuffer1.clear() smua.nvbuffer2.clear()",
        "smua.trigger.initiate()",
    )
    assert bench.print("status.operation.sweeping.condition") == [2]
    assert bench.error("waitcomplete()") is None
    assert bench.print("status.operation.sweeping.condition") == [0]
    assert bench.ask("printbuffer(1, 5, smua.nvbuffer2, smua.nvbuffer1)") == (
        "0.00000e+00, 0.00000e+00, 2.50000e-01, 2.50000e-05, 5.00000e-01, 5.00000e-05, "
        "7.50000e-01, 7.50000e-05, 1.00000e+00, 1.00000e-04"
    )
    # At the end of a sweep the source goes back to its programmed level, unless it is told to hold.
    assert bench.terminals.state == (0.0, 1e-3)


def test_a_host_that_polls_sees_the_end_of_a_sweep(bench: Bench2600) -> None:
    bench.send(READY, "smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1 smua.trigger.count = 20")
    bench.send("smua.trigger.initiate()", "*OPC")
    assert bench.ask("*ESR?") == "128"
    polls = 0
    while bench.print("status.operation.sweeping.condition") != [0]:
        polls += 1
        assert polls < 1000
    assert bench.print("smua.nvbuffer1.n") == [20]
    assert bench.ask("*ESR?") == "1"


def test_list_and_logarithmic_sweeps_and_hold(bench: Bench2600) -> None:
    bench.send(READY, "smua.trigger.source.action = 1 smua.trigger.measure.action = 1 smua.trigger.count = 3")
    bench.send("smua.trigger.measure.v(smua.nvbuffer1) smua.trigger.endsweep.action = smua.SOURCE_HOLD")
    bench.send("smua.trigger.source.listv({0.1, -0.2, 0.3}) smua.trigger.initiate() waitcomplete()")
    assert bench.ask("printbuffer(1, 3, smua.nvbuffer1)") == "1.00000e-01, -2.00000e-01, 3.00000e-01"
    assert bench.terminals.state == (0.3, 1e-3)
    bench.send("smua.trigger.source.logv(0.01, 1, 3, 0) smua.trigger.initiate() waitcomplete()")
    assert bench.ask("printbuffer(1, 3, smua.nvbuffer1)") == "1.00000e-02, 1.00000e-01, 1.00000e+00"
    assert bench.errors() == []


def test_events_join_sweep_timer_blender_and_trg(bench: Bench2600) -> None:
    bench.send(
        READY,
        "smua.trigger.source.listv({0.1, 0.2}) smua.trigger.source.action = 1 smua.trigger.count = 2",
        "smua.trigger.measure.v(smua.nvbuffer1) smua.trigger.measure.action = 1",
        "smua.trigger.arm.stimulus = trigger.EVENT_ID",
        "trigger.blender[1].orenable = true trigger.blender[1].stimulus[1] = smua.trigger.ARMED_EVENT_ID",
        "trigger.blender[1].stimulus[2] = smua.trigger.PULSE_COMPLETE_EVENT_ID",
        "trigger.timer[1].stimulus = trigger.blender[1].EVENT_ID trigger.timer[1].delay = 0.5",
        "smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID",
        "smua.trigger.measure.stimulus = smua.trigger.SOURCE_COMPLETE_EVENT_ID",
        "smua.trigger.initiate()",
        "delay(5)",
    )
    assert bench.print("smua.nvbuffer1.n, status.operation.sweeping.condition") == [0, 2]
    before = bench.clock.now()
    bench.send("*TRG", "waitcomplete()")
    assert bench.ask("printbuffer(1, 2, smua.nvbuffer1)") == "1.00000e-01, 2.00000e-01"
    assert bench.clock.now() - before == pytest.approx(1.0, abs=0.05)
    assert bench.errors() == []


def test_pulses_need_a_fixed_source_range(bench: Bench2600) -> None:
    lines = [
        READY,
        "smua.trigger.source.listv({1, 2}) smua.trigger.source.action = 1 smua.trigger.count = 2",
        "smua.trigger.measure.v(smua.nvbuffer1) smua.trigger.measure.action = 1",
        "smua.trigger.endpulse.action = smua.SOURCE_IDLE",
        "smua.trigger.initiate()",
    ]
    found = bench.error(*lines)
    assert found == (5028, "SMU A: Cannot perform requested operation while source autorange is enabled")
    bench.terminals.states.clear()
    assert bench.error("smua.source.rangev = 20 smua.trigger.initiate() waitcomplete()") is None
    assert [state[0] for state in bench.terminals.states if state][:4] == [0.0, 1.0, 0.0, 2.0]


def test_a_sweep_goes_on_at_compliance(bench: Bench2600) -> None:
    bench.send(READY, "smua.source.limiti = 5e-5 SweepVLinMeasureI(smua, 0, 1, 0.001, 5)")
    assert bench.ask("printbuffer(1, 5, smua.nvbuffer1)") == (
        "0.00000e+00, 2.50000e-05, 5.00000e-05, 5.00000e-05, 5.00000e-05"
    )
    statuses = [int(float(text)) & 0x40 for text in bench.ask("printbuffer(1, 5, smua.nvbuffer1.statuses)").split(",")]
    assert statuses == [0, 0, 0, 64, 64]


def test_factory_scripts_sweep_and_pulse(bench: Bench2600) -> None:
    bench.send("smua.source.limiti = 1e-3 smua.source.limitv = 5 smua.measure.nplc = 0.01")
    bench.send("SweepIListMeasureV(smua, {1e-5, 2e-5}, 0.01, 2)")
    assert bench.ask("printbuffer(1, 2, smua.nvbuffer1, smua.nvbuffer1.sourcevalues)") == (
        "1.00000e-01, 1.00000e-05, 2.00000e-01, 2.00000e-05"
    )
    bench.send("smua.nvbuffer1.clear() smua.nvbuffer2.clear() smua.source.func = 1 smua.source.output = 1")
    configured = "ConfigPulseVMeasureI(smua, 0, 1, 1e-3, 5e-3, 20e-3, 3, smua.nvbuffer2, 1)"
    assert bench.ask(f"print({configured})") == "true\tPulse 1 configured."
    assert bench.ask("print(InitiatePulseTest(1))") == "true\tNo Errors"
    assert bench.ask("printbuffer(1, 3, smua.nvbuffer2)") == "1.00000e-04, 1.00000e-04, 1.00000e-04"
    assert bench.ask("print(InitiatePulseTest(2))") == "false\tPulse test is not configured"
    assert bench.errors() == []


def test_scripts_are_loaded_run_and_named(bench: Bench2600) -> None:
    assert bench.send("loadandrunscript\r", "for i = 1, 2 do\r", "print(i)\r", "end\r", "endscript\r") == [
        b"1.00000e+00\n", b"2.00000e+00\n",
    ]  # fmt: skip
    assert bench.send("loadscript mine", "print('hello')", "endscript", "mine()", "mine.run()") == [b"hello\n"] * 2
    assert bench.send("script.anonymous.run()") == [b"1.00000e+00\n", b"2.00000e+00\n"]
    assert bench.error("loadandrunscript", "x = 1", "y = nil + 1", "endscript") == (
        -286,
        "TSP Runtime error at line 2: attempt to perform arithmetic on a nil value",
    )
    assert bench.error("loadscript bad", "x = 1", "end end", "endscript") == (
        -285,
        "TSP Syntax error at line 2: `<eof>' expected near `end'",
    )
    assert bench.error("loadscript smua", "endscript") == (-282, "Illegal program name")
    bench.send("loadscript half", "print(1)")
    bench.panel.connect()
    assert bench.send("print(2)") == [b"2.00000e+00\n"]


def test_an_endless_sweep_ends_with_the_hosts_patience(make_bench: Callable[..., Bench2600]) -> None:
    bench = make_bench(Options(patience=2.0))
    bench.send(READY, "smua.trigger.measure.i(smua.nvbuffer1) smua.trigger.measure.action = 1 smua.trigger.count = 0")
    assert bench.error("smua.trigger.initiate()", "waitcomplete()") == (
        -286,
        "TSP Runtime error at line 1: script aborted",
    )
    bench.send("smua.abort()")
    assert bench.print("status.operation.sweeping.condition") == [0]


def test_a_loop_of_events_ends(bench: Bench2600) -> None:
    bench.send("trigger.timer[1].stimulus = trigger.timer[1].EVENT_ID trigger.timer[1].delay = 1e-6")
    bench.send("trigger.timer[1].passthrough = true trigger.timer[1].count = 0")
    bench.send("trigger.timer[1].stimulus = trigger.EVENT_ID", "*TRG", "delay(100)")
    assert bench.print("1") == [1]


def test_printing_what_is_not_there_gives_one_error_a_place_and_no_more_than_the_queue_holds(bench: Bench2600) -> None:
    printed = bench.ask("printbuffer(1, 4e5, smua.nvbuffer1, smua.nvbuffer2)").split(", ")
    assert printed == ["9.91000e+37"] * 800_000
    errors = bench.errors()
    assert [code for code, _ in errors] == [4900] * 99 + [-350]
