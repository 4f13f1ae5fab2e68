"""The 2600B's panel as a host sees it: transcripts, defaults, what it refuses, what its terminals do."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.links import TakesManyHosts, link_to
from sim_backend.panels.keithley_2600 import Keithley2600Panel
from sim_backend.panels.keithley_2600_surroundings import Options
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.keithley_2600.conftest import Bench2600

TRANSCRIPTS: list[tuple[bytes, list[bytes]]] = [
    (b"*IDN?\n", [b"Keithley Instruments, Model 2636B, 4400001, 3.4.0\n"]),
    (b"print(localnode.model)\n", [b"2636B\n"]),
    (b"print(localnode.linefreq)\n", [b"5.00000e+01\n"]),
    (b"print(errorqueue.next())\n", [b"0.00000e+00\tQueue Is Empty\t0.00000e+00\t1.00000e+00\n"]),
    (b"print(errorqueue.count)\n", [b"0.00000e+00\n"]),
    (b"print(4)\n", [b"4.00000e+00\n"]),
    (b'print(1, "a", true, nil, -2.5e-10)\n', [b"1.00000e+00\ta\ttrue\tnil\t-2.50000e-10\n"]),
    (b"print()\n", [b"\n"]),
    (b"format.asciiprecision = 10 print(3.14159265) printnumber(3.14159265)\n", [b"3.141592650e+00\n"] * 2),
    (b"format.asciiprecision = 1 print(5)\n", [b"5e+00\n"]),
    (b"printnumber(1, 2)\n", [b"1.00000e+00, 2.00000e+00\n"]),
    (b"format.data = format.REAL32 printnumber(1.23)\n", [b"#0\xa4\x70\x9d\x3f\n"]),
    (b"format.data = format.REAL32 format.byteorder = format.BIGENDIAN printnumber(1.23)\n", [b"#0\x3f\x9d\x70\xa4\n"]),
    (b"format.data = format.REAL64 printnumber(3.14159265)\n", [b"#0\xf1\xd4\xc8S\xfb!\t@\n"]),
    (b"format.data = format.REAL64 print(1)\n", [b"1.00000e+00\n"]),
    (b"*RST\n", []),
    (b"*OPC?\r\n", [b"1\n"]),
    (b"*IDN?;*OPC?\n", [b"Keithley Instruments, Model 2636B, 4400001, 3.4.0\n", b"1\n"]),
    (b"for i = 1, 2 do print(i) end\n", [b"1.00000e+00\n", b"2.00000e+00\n"]),
    (b"waitcomplete() print([[1]])\n", [b"1\n"]),
    (b"\n\r\n   \n-- only a comment\n", []),
]


@pytest.mark.parametrize(("sent", "replies"), TRANSCRIPTS)
def test_a_reset_instrument_answers_byte_for_byte(used_bench: Bench2600, sent: bytes, replies: list[bytes]) -> None:
    assert used_bench.panel.receive(sent) == replies
    assert used_bench.errors() == []


def test_the_first_event_is_the_power_up(bench: Bench2600) -> None:
    assert bench.send("*ESR?", "*ESR?") == [b"128\n", b"0\n"]


@given(cuts=st.lists(st.integers(0, 60), max_size=5))
def test_the_byte_stream_may_be_cut_anywhere(one_bench: Bench2600, cuts: list[int]) -> None:
    stream = b'x = 2\nprint(x, "a")\r\n*OPC?\nprint(x + 1)\n'
    panel, found = one_bench.panel, list[bytes]()
    panel.receive(b"*RST\n")
    places = sorted({0, len(stream), *(cut % len(stream) for cut in cuts)})
    for begin, end in itertools.pairwise(places):
        found += panel.receive(stream[begin:end])
    assert found == [b"2.00000e+00\ta\n", b"1\n", b"3.00000e+00\n"]


def test_the_mark_of_the_links_end_ends_a_message(bench: Bench2600) -> None:
    assert bench.panel.receive(b"*OPC?", end=True) == [b"1\n"]
    assert bench.panel.receive(b"*OPC?\n", end=True) == [b"1\n"]


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("x = = 3", -285, "TSP Syntax error at line 1: unexpected symbol near `='"),
        (":SOUR:VOLT 1", -285, "TSP Syntax error at line 1: unexpected symbol near `:'"),
        ("*FOO?", -285, "TSP Syntax error at line 1: unexpected symbol near `*'"),
        ("smub.x.y = 1", -286, "TSP Runtime error at line 1: attempt to index field `x' (a nil value)"),
        ("smuc.reset()", -286, "TSP Runtime error at line 1: attempt to index global `smuc' (a nil value)"),
        ("nothing()", -286, "TSP Runtime error at line 1: attempt to call global `nothing' (a nil value)"),
        ('error("boom")', -286, "TSP Runtime error at line 1: boom"),
        ("smua.source.limiti = 2", 1101, "Parameter too big"),
        ("smua.source.limiti = 50e-12", 1102, "Parameter too small"),
        ("smua.source.limiti = -1e-3", 1102, "Parameter too small"),
        ("smua.source.limiti = 'much'", -104, "Data type error"),
        ("smua.source.limiti = {}", -104, "Data type error"),
        ("smua.source.limiti = 0/0", -104, "Data type error"),
        ("smua.source.limitv = 0.01", 1102, "Parameter too small"),
        ("smua.source.levelv = 203", 1101, "Parameter too big"),
        ("smua.source.levelv = -203", 1102, "Parameter too small"),
        ("smua.source.rangev = 2 smua.source.levelv = 3", 5005, "SMU A: Value too big for range"),
        (
            "smub.source.limiti = 1 smub.source.levelv = 50",
            5007,
            "SMU B: Operation would exceed safe operating area of the instrument",
        ),
        ("smua.source.func = 2", -224, "Illegal parameter value"),
        ("smua.measure.nplc = 26", 1101, "Parameter too big"),
        ("smua.measure.nplc = 1e-4", 1102, "Parameter too small"),
        ("format.data = 4", 1406, "Invalid data format"),
        ("format.byteorder = 2", 1404, "Invalid byte order"),
        ("format.asciiprecision = 17", 1405, "Invalid ASCII precision"),
        ("smua.trigger.source.action = 1 smua.trigger.initiate()", 5059, None),
        ("smua.trigger.measure.action = 1 smua.trigger.initiate()", 5060, None),
        ("printbuffer(1, 2)", 1400, "Expected at least 3 parameters"),
        ("printbuffer(1, 2, {})", 1401, "Parameter 3 is invalid"),
        ("userstring.get('x')", -292, "Referenced name does not exist"),
        ("delay()", -109, "Missing parameter"),
        ("delay(-1)", 1102, "Parameter too small"),
    ],
)
def test_what_cannot_be_is_an_error_of_its_number_and_text(
    used_bench: Bench2600, line: str, code: int, text: str | None
) -> None:
    found = used_bench.error(line)
    assert found is not None
    assert found[0] == code
    assert text is None or found[1] == text


@pytest.mark.parametrize(
    ("attribute", "good", "bad"),
    [
        ("smua.source.limiti", 2e-3, 9),
        ("smua.source.limitv", 3, 300),
        ("smua.source.levelv", 0.5, 999),
        ("smua.source.leveli", 1e-6, -2),
        ("smua.source.rangev", 20, 300),
        ("smua.measure.nplc", 0.1, 0),
        ("smua.measure.count", 3, 0),
        ("smua.source.offmode", 2, 3),
        ("smua.sense", 1, 2),
        ("format.asciiprecision", 8, 0),
        ("smua.trigger.count", 5, -1),
        ("trigger.timer[1].delay", 0.1, -1),
        ("trigger.blender[2].stimulus[3]", 7, -7),
        ("status.request_enable", 4, -4),
    ],
)
def test_a_refused_value_leaves_the_attribute_as_it_was(
    used_bench: Bench2600, attribute: str, good: float, bad: float
) -> None:
    assert used_bench.error(f"{attribute} = {good}") is None
    assert used_bench.print(attribute) == [pytest.approx(good)]
    assert used_bench.error(f"{attribute} = {bad}") is not None
    assert used_bench.print(attribute) == [pytest.approx(good)]


DEFAULTS = {
    "smua.source.func": 1, "smua.source.levelv": 0, "smua.source.leveli": 0, "smua.source.limiti": 0.1,
    "smua.source.limitv": 20, "smua.source.limitp": 0, "smua.source.autorangev": 1, "smua.source.output": 0,
    "smua.source.offmode": 0, "smua.source.offfunc": 1, "smua.source.offlimiti": 1e-3, "smua.source.offlimitv": 40,
    "smua.source.delay": 0, "smua.measure.nplc": 1, "smua.measure.autorangei": 1, "smua.measure.lowrangei": 1e-10,
    "smua.measure.lowrangev": 0.2, "smua.measure.delay": -1, "smua.measure.autozero": 2, "smua.measure.count": 1,
    "smua.sense": 0, "smua.trigger.endsweep.action": 0, "smua.nvbuffer1.appendmode": 0,
    "format.asciiprecision": 6, "format.data": 1, "format.byteorder": 1,
}  # fmt: skip


def test_the_defaults_are_those_of_the_manual_and_reset_brings_them_back(bench: Bench2600) -> None:
    assert {name: bench.print(name)[0] for name in DEFAULTS} == pytest.approx(DEFAULTS)
    bench.send(
        "smua.source.limiti = 1e-6 smua.source.levelv = 1 smua.source.output = 1 smua.measure.nplc = 5",
        "smua.source.offmode = 2 smua.measure.lowrangei = 1e-6 format.data = 3 format.byteorder = 0 smua.sense = 1",
        "reset()",
    )
    assert {name: bench.print(name)[0] for name in DEFAULTS} == pytest.approx(DEFAULTS)


@pytest.mark.parametrize(
    ("model", "current", "voltage"), [("2636B", 0.1, 20), ("2611B", 0.1, 20), ("2602B", 1.0, 40), ("2601B", 1.0, 40)]
)
def test_the_default_limit_is_a_thousand_times_that_of_a_2450(
    make_bench: Callable[..., Bench2600], model: str, current: float, voltage: float
) -> None:
    bench = make_bench(Options(model=model))
    assert bench.print("smua.source.limiti, smua.source.limitv") == [current, voltage]
    bench.send("smua.source.levelv = 1 smua.source.output = smua.OUTPUT_ON")
    assert bench.terminals.state == (1.0, current)


def test_models_with_one_channel_have_no_other(make_bench: Callable[..., Bench2600]) -> None:
    assert make_bench(Options(model="2611B")).ask("print(smub)") == "nil"


def test_a_voltage_is_sourced_and_a_current_measured(bench: Bench2600) -> None:
    bench.send("smua.source.limiti = 1e-3 smua.source.levelv = 0.5 smua.source.output = 1")
    assert bench.terminals.state == (0.5, 1e-3)
    assert bench.print("smua.measure.iv()") == [5e-5, 0.5]
    assert bench.print("smua.measure.r()") == [pytest.approx(1e4)]
    assert bench.print("smua.measure.p()") == [pytest.approx(2.5e-5)]
    bench.send("smua.source.output = 0")
    assert bench.terminals.state == (0.0, 1e-3)


def test_a_current_is_sourced_and_a_voltage_measured(bench: Bench2600) -> None:
    bench.send("smua.source.func = smua.OUTPUT_DCAMPS smua.source.leveli = 1e-4 smua.source.limitv = 5")
    bench.send("smua.source.output = 1")
    assert bench.print("smua.measure.v()") == [pytest.approx(1.0)]
    assert bench.ask("print(smua.source.compliance)") == "false"
    bench.terminals.resistance = 1e6
    assert bench.print("smua.measure.v(), status.measurement.instrument.smua.condition") == [5.0, 1.0]
    assert bench.ask("print(smua.source.compliance)") == "true"


def test_compliance_is_seen_in_the_attribute_the_condition_and_the_status_of_a_reading(bench: Bench2600) -> None:
    bench.send("smua.source.limiti = 1e-5 smua.source.levelv = 1 smua.source.output = 1 smua.nvbuffer1.clear()")
    assert bench.print("smua.measure.i(smua.nvbuffer1), status.measurement.instrument.smua.condition") == [
        1e-5,
        2 + 256,
    ]
    assert bench.ask("print(smua.source.compliance)") == "true"
    assert int(bench.print("smua.nvbuffer1.statuses[1]")[0]) & 0x40
    bench.send("smua.source.limiti = 1e-3")
    assert bench.print("smua.measure.i(), status.measurement.instrument.smua.condition") == [1e-4, 256]
    bench.send("smua.measure.i(smua.nvbuffer1)")
    assert not int(bench.print("smua.nvbuffer1.statuses[1]")[0]) & 0x40


@pytest.mark.parametrize("sign", [1, -1])
def test_a_reading_beyond_a_fixed_range_overflows_with_its_sign(bench: Bench2600, sign: int) -> None:
    bench.send(f"smua.source.limiti = 1e-3 smua.source.levelv = {sign} smua.measure.rangei = 1e-6")
    bench.send("smua.source.output = 1")
    assert bench.ask("print(smua.measure.i())") == f"{sign * 9.91e37:.5e}"
    assert bench.print("status.measurement.instrument.smua.condition") == [128]
    bench.send("smua.measure.autorangei = 1")
    assert bench.print("smua.measure.i(), smua.measure.rangei") == [sign * 1e-4, 1e-4]


def test_the_off_modes_release_hold_or_limit_the_terminals(bench: Bench2600) -> None:
    states: dict[str, tuple[float, float] | None] = {}
    for mode in ("NORMAL", "ZERO", "HIGH_Z"):
        bench.send("reset() smua.source.limiti = 1e-6 smua.source.levelv = 1")
        bench.send(f"smua.source.offmode = smua.OUTPUT_{mode} smua.source.output = 1 smua.source.output = 0")
        states[mode] = bench.terminals.state
    assert states == {"NORMAL": (0.0, 1e-3), "ZERO": (0.0, 1e-6), "HIGH_Z": None}


def test_output_2_opens_the_relay(bench: Bench2600) -> None:
    bench.send("smua.source.output = 1 smua.source.output = smua.OUTPUT_HIGH_Z")
    assert bench.terminals.state is None
    assert bench.print("smua.source.output, smua.source.offmode") == [0, 2]


def test_the_limit_is_in_force_before_the_output_is_on(bench: Bench2600) -> None:
    bench.terminals.states.clear()
    bench.send("smua.source.limiti = 1e-6 smua.source.levelv = 1 smua.source.output = 1")
    assert all(state is not None and (not state[0] or state == (1.0, 1e-6)) for state in bench.terminals.states)


def test_the_interlock_keeps_high_voltages_off(make_bench: Callable[..., Bench2600]) -> None:
    bench = make_bench(Options(interlock=False))
    assert bench.error("smua.source.levelv = 50", "smua.source.output = 1") == (802, "Output blocked by interlock")
    assert bench.print("smua.source.output") == [0]
    assert bench.error("smua.source.levelv = 30", "smua.source.output = 1") == (802, "Output blocked by interlock")
    assert bench.error("smua.source.levelv = 20", "smua.source.output = 1") is None


def test_a_power_limit_lowers_the_current_limit(bench: Bench2600) -> None:
    bench.send("smua.source.limiti = 0.1 smua.source.limitp = 1e-3 smua.source.levelv = 10 smua.source.output = 1")
    assert bench.terminals.state == (10.0, pytest.approx(1e-4))


def test_channel_b_has_open_terminals(bench: Bench2600) -> None:
    bench.send("smub.source.levelv = 1 smub.source.output = 1")
    assert bench.print("smub.measure.iv()") == [0, 1]
    bench.send("smub.source.func = 0 smub.source.leveli = 1e-6 smub.source.limitv = 3")
    assert bench.print("smub.measure.v()") == [3]
    assert bench.ask("print(smub.source.compliance, smua.source.compliance)") == "true\tfalse"


def test_a_reading_takes_its_time(bench: Bench2600) -> None:
    bench.send("smua.measure.rangei = 1e-3 smua.measure.autozero = 0 smua.measure.delay = 0 smua.source.output = 1")
    bench.send("smua.measure.nplc = 1")
    slow = bench.elapsed("smua.measure.i()")
    bench.send("smua.measure.nplc = 0.1")
    assert slow - bench.elapsed("smua.measure.i()") == pytest.approx(0.018)
    assert bench.elapsed("delay(2.5)") == pytest.approx(2.5, abs=2e-3)
    assert bench.terminals.durations[-2:] == pytest.approx([0.02, 0.002])


def test_timer_and_delay_agree(bench: Bench2600) -> None:
    assert float(bench.ask("timer.reset() delay(0.25) print(timer.measure.t())")) == pytest.approx(0.25, abs=1e-3)
    assert float(bench.ask("timer.reset() while timer.measure.t() < 0.1 do end print(timer.measure.t())")) >= 0.1


def test_errors_set_the_status_byte_and_are_read_once(bench: Bench2600) -> None:
    bench.send("*CLS", "smua.source.limiti = 99")
    assert bench.panel.status_byte() == 4
    assert bench.ask("*STB?") == "4"
    assert bench.ask("*ESR?") == "8"
    assert bench.ask("print(errorqueue.next())") == "1.10100e+03\tParameter too big\t2.00000e+01\t1.00000e+00"
    assert bench.ask("*STB?") == "0"


def test_a_summary_reaches_the_status_byte(bench: Bench2600) -> None:
    bench.send(
        "status.measurement.instrument.smua.enable = status.measurement.instrument.smua.ILMT",
        "status.measurement.instrument.enable = status.measurement.instrument.SMUA",
        "status.measurement.enable = status.measurement.INSTRUMENT_SUMMARY",
        "status.request_enable = status.MSB",
        "smua.source.limiti = 1e-6 smua.source.levelv = 1 smua.source.output = 1",
    )
    assert bench.panel.status_byte() == 0
    bench.send("smua.measure.i()")
    assert bench.panel.status_byte() == 1 + 64
    assert bench.print("status.measurement.instrument.smua.event") == [2]


def test_the_error_queue_overflows_at_its_end(bench: Bench2600) -> None:
    for _ in range(120):
        bench.send("smua.source.limiti = 99")
    found = bench.errors()
    assert found[0][0] == 1101
    assert found[-1] == (-350, "Queue overflow")
    assert len(found) == 100


def test_prompts_tell_how_it_went(bench: Bench2600) -> None:
    bench.send("localnode.prompts = 1")
    assert bench.send("x = 1") == [b"TSP>\n"]
    assert bench.send("smua.source.limiti = 99") == [b"TSP?\n"]
    assert bench.send("errorqueue.clear()") == [b"TSP>\n"]
    assert bench.send("loadscript a", "print(1)", "endscript") == [b">>>>\n", b">>>>\n", b"TSP>\n"]
    assert bench.send("localnode.showerrors = 1 x = nil + 1")[0].startswith(b"-286, TSP Runtime error")


def test_a_line_that_does_not_fit_is_not_obeyed(bench: Bench2600) -> None:
    bench.send("x = 1 " + " " * 70_000 + "x = 2")
    assert bench.errors() == [(-363, "Input buffer over-run")]
    assert bench.ask("print(x)") == "nil"


def test_several_hosts_have_an_input_buffer_each(bench: Bench2600) -> None:
    assert isinstance(bench.panel, TakesManyHosts)
    first, second = list[bytes](), list[bytes]()
    one, other = link_to(bench.panel, first.append), link_to(bench.panel, second.append)
    one.receive(b"print(", False)
    other.receive(b"print(2)\n", False)
    one.receive(b"1)\n", False)
    assert (first, second) == ([b"1.00000e+00\n"], [b"2.00000e+00\n"])


def test_a_power_cycle_forgets_settings_scripts_and_readings(bench: Bench2600) -> None:
    bench.send("x = 1 smua.source.limiti = 1e-6 smua.measure.i(smua.nvbuffer1)")
    bench.panel.power_cycle()
    assert bench.ask("print(x, smua.source.limiti, smua.nvbuffer1.n)") == "nil\t1.00000e-01\t0.00000e+00"
    assert bench.terminals.state == (0.0, 1e-3)


def test_real_instruments_err_within_their_data_sheet(make_bench: Callable[..., Bench2600]) -> None:
    bench = make_bench(real=True)
    bench.send("smua.source.rangev = 2 smua.source.limiti = 1e-3 smua.measure.rangei = 1e-4 smua.source.levelv = 1")
    bench.send("smua.source.output = 1 format.data = format.REAL64 smua.nvbuffer1.appendmode = 1")
    (block,) = bench.send("for n = 1, 50 do smua.measure.i(smua.nvbuffer1) end printbuffer(1, 50, smua.nvbuffer1)")
    readings = struct.unpack("<50d", block[2:-1])
    assert len(set(readings)) > 1
    # Gain and offset of the 100 uA measure range, and of the 2 V source range through the resistor.
    assert all(abs(value - 1e-4) < 0.02e-2 * 1e-4 + 25e-9 + 0.02e-2 * 1e-4 + 600e-6 / 1e4 + 5e-9 for value in readings)
    assert max(readings) - min(readings) < 10e-9


def test_channel_a_sees_the_cell_of_the_world() -> None:
    die = Die.fresh("d", 4, 4, device_named("ru-azo", 5.9e-3), seed=0)
    panel = Keithley2600Panel(World(die, VirtualClock(), has_board=False), "smu")
    panel.receive(b"smua.source.limiti = 1e-3 smua.source.levelv = 0.1 smua.source.output = 1\n")
    panel.receive(b"smua.measure.nplc = 10\n")
    (reply,) = panel.receive(b"print(smua.measure.i())\n")
    true = float(die.law(np.array([0])).current(0.1)[0])
    assert float(reply) == pytest.approx(true, rel=0.05)
    assert panel.receive(b"smub.source.levelv = 0.1 smub.source.output = 1 print(smub.measure.i())\n") == [
        b"0.00000e+00\n"
    ]
