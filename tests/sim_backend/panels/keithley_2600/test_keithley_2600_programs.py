"""What public TSP programs for the 2600 family do with it: the maker's examples and drivers, and those of laboratories.

Each sequence is the one such a program sends, with other numbers; what a real instrument accepts, the panel accepts.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from sim_backend.panels.keithley_2600_lua import Bounds
from sim_backend.panels.keithley_2600_surroundings import Options
from sim_backend.panels.keithley_2600_sweep import LAYER_TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keithley_2600.conftest import Bench2600


def test_a_software_trigger_starts_a_list_sweep_of_a_node(bench: Bench2600) -> None:
    bench.send(
        "smu = node[1].smua",
        "smu.nvbuffer1.clear() smu.nvbuffer1.appendmode = 1 smu.nvbuffer2.clear() smu.nvbuffer2.appendmode = 1",
        "smu.source.func = smu.OUTPUT_DCVOLTS smu.source.rangev = 5 smu.source.limiti = 0.01",
        "smu.trigger.source.action = smu.ENABLE smu.trigger.source.listv({0, 5}) smu.trigger.source.limiti = 0.01",
        "smu.trigger.measure.action = smu.ENABLE smu.trigger.measure.iv(smu.nvbuffer1, smu.nvbuffer2)",
        "smu.trigger.endpulse.action = smu.SOURCE_HOLD smu.trigger.endsweep.action = smu.SOURCE_IDLE",
        "smu.trigger.count = 7 smu.trigger.arm.stimulus = trigger.EVENT_ID smu.trigger.source.stimulus = 0",
        "smu.source.output = smu.OUTPUT_ON smu.trigger.initiate()",
    )
    assert bench.print("node[1].smua.nvbuffer1.n") == [0]
    bench.send("*TRG", "waitcomplete()")
    voltages = [float(text) for text in bench.ask("printbuffer(1, 7, smua.nvbuffer2)").split(", ")]
    assert voltages == [0, 5, 0, 5, 0, 5, 0]
    assert bench.errors() == []


def test_the_node_of_a_lone_instrument_is_the_instrument(bench: Bench2600) -> None:
    assert bench.ask("print(node[1].model, node[1].smua == smua, node[2])") == "2636B\ttrue\tnil"
    bench.send("node[1].setglobal('x', 3) node[1].prompts = 0")
    assert bench.print("x, node[1].getglobal('x'), node[1].smua.source.limiti") == [3, 3, 0.1]
    assert bench.error("node[2].smua.reset()") == (
        -286,
        "TSP Runtime error at line 1: attempt to index field `?' (a nil value)",
    )


@pytest.mark.parametrize(
    ("configure", "values"),
    [
        ("ConfigPulseVMeasureISweepLin(smua, 0, 1, 3, 1e-3, 2e-3, 5e-3, 3, smua.nvbuffer1, 2)", [1e-4, 2e-4, 3e-4]),
        ("ConfigPulseVMeasureISweepLog(smua, 0, 1, 4, 1e-3, 2e-3, 5e-3, 3, smua.nvbuffer1, 2)", [1e-4, 2e-4, 4e-4]),
        ("ConfigPulseIMeasureVSweepLin(smua, 0, 1e-5, 3e-5, 5, 2e-3, 5e-3, 3, smua.nvbuffer1, 2)", [0.1, 0.2, 0.3]),
        ("ConfigPulseIMeasureVSweepLog(smua, 0, 1e-5, 4e-5, 5, 2e-3, 5e-3, 3, smua.nvbuffer1, 2)", [0.1, 0.2, 0.4]),
    ],
)
def test_factory_scripts_sweep_pulses(bench: Bench2600, configure: str, values: list[float]) -> None:
    bench.send("smua.measure.nplc = 0.01 smua.source.output = 1")
    assert bench.ask(f"print({configure})") == "true\tPulse 2 configured."
    assert bench.ask("f = QueryPulseConfig(2) print(f.tag, f.points, table.getn(f.sourcevalues))") == (
        "2.00000e+00\t3.00000e+00\t3.00000e+00"
    )
    assert bench.ask("print(InitiatePulseTest(2))") == "true\tNo Errors"
    found = [float(text) for text in bench.ask("printbuffer(1, 3, smua.nvbuffer1)").split(", ")]
    assert found == pytest.approx(values)
    assert bench.errors() == []


def test_two_pulse_trains_are_started_with_the_rules_of_the_manual(bench: Bench2600) -> None:
    bench.send("smua.measure.nplc = 0.001 smub.measure.nplc = 0.001 smua.source.output = 1 smub.source.output = 1")
    bench.send("ConfigPulseVMeasureI(smua, 0, 1, 0.01, 200e-6, 1e-3, 2, smua.nvbuffer1, 1)")
    bench.send("ConfigPulseVMeasureI(smub, 0, 1, 0.01, 240e-6, 1e-3, 2, smub.nvbuffer1, 2)")
    assert bench.ask("print(InitiatePulseTestDual(2, 1))").startswith("false")
    bench.send("ConfigPulseVMeasureI(smub, 0, 1, 0.01, 250e-6, 1e-3, 2, nil, 2)")
    assert bench.ask("print(InitiatePulseTestDual(2, 1))") == "true\tNo Errors"
    assert bench.print("smua.nvbuffer1.n, smub.nvbuffer1.n") == [2, 0]


def test_a_waveform_is_a_list_of_a_table_timed_by_a_timer(bench: Bench2600) -> None:
    bench.send(
        "points = 12 values = {} for i = 1, points do values[i] = math.sin(2 * math.pi * i / 12) end",
        "smua.source.rangev = 2 smua.measure.rangei = 1e-3 smua.measure.nplc = 0.001 smua.source.limiti = 1e-3",
        "smua.measure.autozero = smua.AUTOZERO_ONCE smua.nvbuffer1.clear() smua.nvbuffer1.collecttimestamps = 1",
        "trigger.timer[1].delay = 1 / 600 trigger.timer[1].passthrough = true",
        "trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID trigger.timer[1].count = points - 1",
        "smua.trigger.source.listv(values) smua.trigger.source.limiti = smua.LIMIT_AUTO",
        "smua.trigger.measure.action = smua.ASYNC smua.trigger.measure.i(smua.nvbuffer1)",
        "smua.trigger.count = points smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID",
        "smua.trigger.source.action = smua.ENABLE smua.source.output = 1 smua.trigger.initiate() waitcomplete()",
    )
    times = [float(text) for text in bench.ask("printbuffer(1, 12, smua.nvbuffer1.timestamps)").split(", ")]
    steps = [after - before for before, after in itertools.pairwise(times)]
    assert steps == pytest.approx([1 / 600] * 11, abs=LAYER_TIME + 2e-6)
    assert bench.errors() == []


def test_a_service_request_at_the_end_of_a_sweep(bench: Bench2600) -> None:
    bench.send(
        "status.reset() status.request_enable = status.OSB",
        "status.operation.enable = status.operation.SWE",
        "status.operation.sweeping.enable = status.operation.sweeping.SMUA",
        "status.operation.sweeping.ptr = 0 status.operation.sweeping.ntr = status.operation.sweeping.SMUA",
        "smua.trigger.source.linearv(0, 1, 3) smua.trigger.source.action = 1 smua.trigger.count = 3",
        "smua.trigger.measure.v(smua.nvbuffer1) smua.trigger.measure.action = 1 smua.source.output = 1",
    )
    bench.send("smua.trigger.initiate()")
    assert bench.panel.status_byte() & 0x40 == 0
    bench.clock.sleep(1.0)
    assert bench.panel.status_byte() & 0xC0 == 0xC0
    assert bench.print("status.operation.sweeping.event") == [2]
    assert bench.errors() == []


def test_every_register_set_has_its_five_registers(bench: Bench2600) -> None:
    sets = [
        "operation", "operation.calibrating", "operation.measuring", "operation.remote", "operation.sweeping",
        "operation.trigger_overrun", "operation.user", "operation.instrument", "operation.instrument.smua",
        "operation.instrument.smub.trigger_overrun", "operation.instrument.trigger_timer.trigger_overrun",
        "questionable", "questionable.calibration", "questionable.unstable_output", "questionable.over_temperature",
        "questionable.instrument", "questionable.instrument.smub", "system", "system5", "measurement",
    ]  # fmt: skip
    for name in sets:
        assert len(bench.print(", ".join(f"status.{name}.{part}" for part in REGISTERS))) == len(REGISTERS), name
    assert bench.print("status.operation.sweeping.ptr, status.operation.remote.condition") == [6, 0]
    assert bench.send("localnode.prompts = 1") == [b"TSP>\n"]
    assert bench.send("print(status.operation.remote.condition) localnode.prompts = 0") == [b"2.04800e+03\n"]
    bench.send("status.operation.user.condition = status.operation.user.BIT3 status.operation.user.enable = 8")
    assert bench.print("status.operation.condition, status.operation.user.event") == [4096 + 16384, 8]
    assert bench.errors() == []


REGISTERS = ("condition", "event", "enable", "ptr", "ntr")


def test_a_trigger_that_comes_too_early_is_an_overrun(bench: Bench2600) -> None:
    asked = "localnode.status.operation.instrument.smua.trigger_overrun.condition"
    assert bench.print(asked) == [0]
    bench.send("smua.trigger.source.set() smua.trigger.source.set()")
    assert bench.print(f"{asked}, node[1].smua == localnode.smua and 1 or 0") == [4, 1]
    bench.send("trigger.timer[1].stimulus = trigger.EVENT_ID trigger.timer[1].delay = 1e-4", "*TRG", "*TRG")
    assert bench.print("status.operation.instrument.trigger_timer.trigger_overrun.condition") == [2]
    bench.send("trigger.timer[1].clear() reset()")
    assert bench.print(f"{asked}, status.operation.instrument.trigger_timer.trigger_overrun.condition") == [0, 0]


def test_statistics_of_a_buffer_are_those_of_its_readings(bench: Bench2600) -> None:
    bench.send("smua.source.rangev = 20 smua.source.output = 1 smua.nvbuffer1.collectsourcevalues = 1")
    bench.send("smua.nvbuffer1.appendmode = 1")
    assert bench.ask("s = smua.buffer.getstats(smua.nvbuffer1) print(s.n, s.mean, s.min)") == "0.00000e+00\tnil\tnil"
    bench.send("for v = 1, 3 do smua.source.levelv = v smua.measure.v(smua.nvbuffer1) end")
    bench.send("s = smua.buffer.getstats(smua.nvbuffer1)")
    assert bench.print("s.n, s.mean, s.stddev, s.min.reading, s.max.reading, s.max.sourcevalue") == [3, 2, 1, 1, 3, 3]
    assert bench.ask("print(s.max.measurefunction, s.min.sourceoutputstate, s.min.timestamp)") == "Voltage\tOn\tnil"
    assert bench.error("smua.buffer.getstats()") == (-109, "Missing parameter")
    assert bench.error("smua.buffer.getstats({})") == (-104, "Data type error")


def test_a_window_overwrites_its_oldest_readings(bench: Bench2600) -> None:
    bench.send("b = smua.makebuffer(10) b.fillmode = smua.FILL_WINDOW b.fillcount = 3 b.appendmode = 1")
    bench.send("smua.source.rangev = 20 smua.source.output = 1")
    bench.send("for v = 1, 5 do smua.source.levelv = v smua.measure.v(b) end")
    assert bench.ask("printbuffer(1, b.n, b)") == "4.00000e+00, 5.00000e+00, 3.00000e+00"
    assert bench.print("b.n, b.next, smua.buffer.getstats(b).n") == [3, 3, 5]
    bench.send("smua.buffer.recalculatestats(b)")
    assert bench.print("smua.buffer.getstats(b).n, smua.buffer.getstats(b).mean") == [3, 4]


def test_time_is_counted_in_powers_of_two(bench: Bench2600) -> None:
    bench.send("smua.nvbuffer1.timestampresolution = 0.001")
    assert bench.print("smua.nvbuffer1.timestampresolution") == [1.024e-3]
    bench.send("smua.nvbuffer1.timestampresolution = 1e-6 smua.measure.v(smua.nvbuffer1)")
    assert bench.print("smua.nvbuffer1.timestampresolution") == [1e-6]
    assert bench.error("smua.nvbuffer1.timestampresolution = 1") == (
        5032,
        "SMU A: Cannot change this setting unless buffer is cleared",
    )


def test_scripts_are_made_listed_deleted_and_restored_by_name(bench: Bench2600) -> None:
    bench.send("loadscript first", "print(1)", "endscript", 's = script.new("print(2)", "second") s() second.run()')
    assert bench.send("first()", "second()") == [b"1.00000e+00\n", b"2.00000e+00\n"]
    assert bench.ask("n = '' for name in script.user.catalog() do n = n .. name .. ' ' end print(n)") == "first second "
    assert bench.send("first.list()") == [b"loadscript\n", b"print(1)\n", b"endscript\n"]
    assert bench.ask("first.autorun = 'yes' print(first.autorun, second.source)") == "yes\tprint(2)"
    assert bench.send("script.user.scripts.second()") == [b"2.00000e+00\n"]
    bench.send("second = nil", "script.restore('second')")
    assert bench.send("second()") == [b"2.00000e+00\n"]
    bench.send("script.delete('second')")
    assert bench.ask("print(second, script.user.scripts.second)") == "nil\tnil"
    bench.send("loadscript", "print(3)", "endscript")
    assert bench.send("script.run()", "script.anonymous.run()") == [b"3.00000e+00\n"] * 2
    assert bench.error("script.delete('second')") == (-292, "Referenced name does not exist")
    assert bench.error("script.new('print(', 'x')") is not None


def test_exit_ends_a_script_without_an_error(bench: Bench2600) -> None:
    assert bench.send("print(1) pcall(exit) print(2)") == [b"1.00000e+00\n"]
    assert bench.send("print(3)") == [b"3.00000e+00\n"]
    assert bench.errors() == []


def test_questions_to_the_operator_are_answered_with_their_default(bench: Bench2600) -> None:
    assert bench.print('display.prompt("+0.0000E+0", " V", "Enter the level", 1, -40, 40)') == [1]
    assert bench.print('display.inputvalue("+0.00", 0.5, -1, 1)') == [0.5]
    assert bench.ask('print(display.menu("Channel", "smua smub"))') == "smua"
    assert bench.ask("print(display.waitkey() == display.KEY_ENTER)") == "true"
    bench.send('display.clear() display.setcursor(1, 1) display.settext("hello")')
    assert bench.ask("print(display.gettext(), display.screen == display.USER)") == "hello\ttrue"
    bench.send("display.sendkey(75)")
    assert bench.ask("print(display.getlastkey() == display.KEY_EXIT)") == "true"
    bench.send("display.smua.limit.func = display.LIMIT_P display.trigger.clear() display.loadmenu.add('a', 'b()')")
    assert bench.errors() == []


def test_digital_lines_trigger_though_nothing_is_connected(bench: Bench2600) -> None:
    bench.send("digio.trigger[1].clear() digio.trigger[1].mode = digio.TRIG_FALLING digio.trigger[1].pulsewidth = 1e-4")
    bench.send("digio.trigger[2].stimulus = smua.trigger.ARMED_EVENT_ID digio.trigger[2].assert()")
    assert bench.ask("print(digio.trigger[1].wait(0.5), digio.trigger[14].overrun)") == "false\tfalse"
    bench.send("digio.trigger[1].reset()")
    assert bench.print("digio.trigger[1].mode, digio.trigger[1].pulsewidth") == [0, 1e-5]
    assert bench.errors() == []


def test_what_laboratories_set_once_is_known(bench: Bench2600) -> None:
    lines = [
        "smua.measure.highcrangedelayfactor = 2", "smua.measure.rel.enabler = 0", "smua.contact.speed = 1",
        "print(smua.contact.check())", "print(smua.cal.state)", "setup.recall(0)", "setup.save(2)",
        "setup.poweron = 0", "settime(1)", "print(gettimezone())", "print(meminfo())", "eventlog.clear()",
        "localnode.passwordmode = 0", "print(bit.getfield(13, 2, 3), bit.setfield(15, 2, 3, 5))",
        "smua.savebuffer(smua.nvbuffer1)", "savebuffer(smua.nvbuffer1)", "table.setn({}, 3)",
        "t = {3, 1, 2} table.sort(t) table.foreach(t, function(k, v) end)", "collectgarbage(0)", "print(gcinfo())",
        "function f(...) return arg.n end print(f(1, 2, 3))", 'for w in string.gfind("a b", "%a") do print(w) end',
        "print(math.mod(7, 4))", 'print(string.format("%s %d %.3e", 1, 2, 3))', "if not smua.nvbuffer1[1] then end",
    ]  # fmt: skip
    for line in lines:
        bench.send(line)
        assert bench.errors() == [], line


def test_resistance_and_power_have_an_offset_of_their_own(bench: Bench2600) -> None:
    bench.send(
        "smua.source.levelv = 1 smua.source.output = 1 smua.measure.rel.levelr = 1e3 smua.measure.rel.enabler = 1"
    )
    assert bench.print("smua.measure.r(), smua.measure.p()") == pytest.approx([9e3, 1e-4])


def test_the_measure_delay_comes_before_the_first_reading_only(bench: Bench2600) -> None:
    bench.send("smua.measure.nplc = 0.01 smua.measure.delay = 0.1 smua.measure.count = 5 smua.measure.v()")
    assert bench.elapsed("smua.measure.v()") == pytest.approx(0.1, abs=5e-3)
    bench.send("smua.measure.count = 1")
    assert bench.elapsed("smua.measure.v()") == pytest.approx(0.1, abs=5e-3)


@pytest.mark.parametrize(("lines", "delay"), [("rangev = 20", 110e-6), ("func = 0 smua.source.rangei = 1e-6", 2e-3)])
def test_the_automatic_source_delay_is_the_settling_time_of_the_range(
    bench: Bench2600, lines: str, delay: float
) -> None:
    measure = "smua.measure.v() smua.source.levelv = 0.1 smua.source.leveli = 1e-7"
    bench.send(f"smua.source.{lines} smua.measure.nplc = 0.001 smua.measure.delay = 0 smua.source.output = 1", measure)
    without = bench.elapsed("smua.source.levelv = 1 smua.source.leveli = 5e-7 smua.measure.v()")
    bench.send("smua.source.delay = smua.DELAY_AUTO")
    taken = bench.elapsed("smua.source.levelv = 0.5 smua.source.leveli = 1e-7 smua.measure.v()")
    assert taken - without == pytest.approx(delay, abs=25e-6)


def test_auto_range_leaves_a_range_at_its_name(bench: Bench2600) -> None:
    bench.terminals.resistance = 1e3
    bench.send("smua.source.rangev = 2 smua.source.output = 1 smua.source.levelv = 1.01 smua.measure.i()")
    assert bench.print("smua.measure.rangei") == [1e-2]
    bench.send("smua.measure.rangei = 1e-3")
    assert bench.print("smua.measure.i()") == [1.01e-3]


@pytest.mark.parametrize(
    "line",
    [
        "while true do pcall(exit) end",
        "getmetatable(script).__index = function() while true do end end script.new('x = 1', 'a')",
        "setmetatable(script.user.scripts, {__newindex = function() while true do end end}) script.new('x = 1', 'a')",
        "script.new('while true do end', 'loop') loop()",
        "function script.user.catalog() while true do end end script.user.catalog()",
        "getmetatable(node[1]).__index = function() while true do end end x = node[1].model",
        "for i = 1, 1e6 do script.new('x = 1', 'n' .. i) end",
        "x = string.rep('a', 8000000) for i = 1, 1e6 do x = string.lower(x) end",
        "for i = 1, 1e6 do s = smua.buffer.getstats(smua.nvbuffer1) end",
    ],
)
def test_no_script_about_scripts_hangs_the_panel(make_bench: Callable[..., Bench2600], line: str) -> None:
    bench = make_bench(Options(bounds=Bounds(instructions=500_000, seconds=2.0)))
    bench.send(line, "errorqueue.clear()")
    assert bench.send("*OPC?") == [b"1\n"]
    assert bench.ask("*IDN?").startswith("Keithley")


OPEN = "Output blocked by interlock"


@pytest.mark.parametrize(
    ("model", "lines", "blocked"),
    [
        ("2636B", ["smua.source.rangev = 20"], False),
        ("2636B", ["smua.source.rangev = 200"], True),
        ("2636B", ["smua.source.levelv = 21"], True),
        ("2636B", ["smua.source.func = 0", "smua.source.limitv = 20"], False),
        ("2636B", ["smua.source.func = 0", "smua.source.limitv = 21"], True),
        ("2636B", ["smua.source.outputenableaction = smua.OE_OUTPUT_OFF"], True),
        ("2601B", ["smua.source.levelv = 40"], False),
        ("2601B", ["smua.source.outputenableaction = 1"], True),
    ],
)
def test_the_open_line_blocks_what_the_manual_says(
    make_bench: Callable[..., Bench2600], model: str, lines: list[str], blocked: bool
) -> None:
    bench = make_bench(Options(model=model, interlock=False))
    assert bench.error(*lines, "smua.source.output = 1") == ((802, OPEN) if blocked else None)
    assert bench.print("smua.source.output") == [0 if blocked else 1]


def test_the_action_of_the_line_is_kept_and_reset(make_bench: Callable[..., Bench2600], bench: Bench2600) -> None:
    bench.send("smua.source.outputenableaction = smua.OE_OUTPUT_OFF smua.source.output = 1")
    assert bench.print("smua.source.outputenableaction, smua.source.output") == [1, 1]
    bench.send("reset()")
    assert bench.print("smua.source.outputenableaction") == [0]
    assert bench.error("smua.source.outputenableaction = 2") == (-224, "Illegal parameter value")
    opened = make_bench(Options(interlock=False))
    opened.send("smua.source.output = 1 smua.source.outputenableaction = 1")
    assert opened.print("smua.source.output") == [0]
    for line in ("smua.source.rangev = 200", "smua.source.levelv = 30"):
        opened.send("reset() smua.source.output = 1")
        assert opened.error(line) == (802, OPEN)
        assert opened.print("smua.source.levelv, smua.source.output") == [0, 1]


@pytest.mark.parametrize(("model", "name"), [("2636B", "INTERLOCK"), ("2604B", "OUTPUT_ENABLE")])
def test_the_line_is_a_bit_of_the_measurement_status(
    make_bench: Callable[..., Bench2600], model: str, name: str
) -> None:
    asked = f"status.measurement.condition, status.measurement.{name}"
    assert make_bench(Options(model=model)).print(asked) == [2048, 2048]
    opened = make_bench(Options(model=model, interlock=False))
    assert opened.print(asked) == [0, 2048]
    assert opened.print("status.questionable.condition") == [1024 if name == "INTERLOCK" else 0]
