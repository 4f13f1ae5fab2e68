"""The Keithley 2600B driver on its virtual panel, through pyvisa's own resource classes."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, cast

import pytest
import pyvisa

from drivers.keithley_2600 import Keithley2600
from drivers.tsp import TspLink
from labctl.errors import LinkError, RefusedError, SettingError, TrippedError
from labctl.smu_data import OffMode, SourceSetup
from sim_backend.clock import VirtualClock
from sim_backend.panels.keithley_2600 import Keithley2600Panel
from sim_backend.visa_library import TwinVisaLibrary
from sim_backend.world import Operating

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drivers.scpi import Channel
    from sim_backend.world import World

ADDRESS = "TCPIP0::bench::5025::SOCKET"


class Resistor:
    """Terminals with a resistor on them, and a note of what they were told."""

    def __init__(self) -> None:
        self.resistance = 10e3
        self.driven: tuple[float, float] | None = None
        self.limits: list[float] = []
        self.levels: list[float] = []

    def drive(self, voltage: float, limit: float) -> None:
        self.driven = voltage, limit
        self.limits.append(limit)
        self.levels.append(voltage)

    def release(self) -> None:
        self.driven = None

    def settle(self) -> None:
        pass

    def measure(self, duration: float) -> Operating:
        if self.driven is None:
            return Operating(0.0, 0.0, in_compliance=False)
        voltage, limit = self.driven
        current = voltage / self.resistance
        if abs(current) <= limit:
            return Operating(voltage, current, in_compliance=False)
        held = math.copysign(limit, voltage)
        return Operating(held * self.resistance, held, in_compliance=True)


class ResistorWorld:
    """What the panel uses of a world."""

    has_real_instruments = False

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.terminals = Resistor()

    def smu(self, name: str) -> Resistor:
        assert name == "smu"
        return self.terminals


class Bench:
    """A 2636B with a resistor on channel a."""

    def __init__(self) -> None:
        self.world = ResistorWorld()
        self.load = self.world.terminals
        self.panel = Keithley2600Panel(cast("World", self.world), "smu")
        self._manager = pyvisa.ResourceManager(TwinVisaLibrary({ADDRESS: self.panel}))

    def connect(self) -> Channel:
        resource = self._manager.open_resource(ADDRESS, read_termination="\n", write_termination="\n", timeout=500)
        return cast("Channel", resource)

    def driver(self, smu: str = "smua") -> Keithley2600:
        return Keithley2600(TspLink(self.connect, "smu", ADDRESS, smu), self.world.clock)

    def close(self) -> None:
        self._manager.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture
def smu(bench: Bench) -> Keithley2600:
    return bench.driver()


def test_identify(smu: Keithley2600) -> None:
    assert smu.identify().model in smu.models


def test_configure_reads_back_what_was_asked_and_leaves_no_error(smu: Keithley2600, bench: Bench) -> None:
    done = smu.configure(SourceSetup(0.5, 1e-4, 1e-4, nplc=0.1, four_wire=True, off_mode=OffMode.HIGH_IMPEDANCE))
    assert done == SourceSetup(2.0, 1e-4, 1e-4, 0.1, True, OffMode.HIGH_IMPEDANCE)
    assert smu.read_errors() == []


@pytest.mark.parametrize("off_mode", [OffMode.NORMAL, OffMode.ZERO, OffMode.HIGH_IMPEDANCE])
def test_every_off_mode(smu: Keithley2600, off_mode: OffMode) -> None:
    assert smu.configure(SourceSetup(0.5, 1e-4, off_mode=off_mode)).off_mode is off_mode


def test_the_default_limit_never_reaches_the_terminals(smu: Keithley2600, bench: Bench) -> None:
    smu.configure(SourceSetup(0.5, 50e-6, 100e-6))
    bench.load.limits.clear()
    smu.output_on()
    smu.source(0.2)
    assert bench.load.limits
    assert max(bench.load.limits) <= 50e-6 * 1.01


def test_a_resistor_is_measured(smu: Keithley2600, bench: Bench) -> None:
    smu.configure(SourceSetup(0.5, 1e-3))
    smu.output_on()
    for voltage in (0.2, -0.4, 0.0):
        smu.source(voltage)
        reading = smu.measure()
        assert reading.voltage == pytest.approx(voltage, abs=1e-3)
        assert reading.current == pytest.approx(voltage / bench.load.resistance, rel=1e-2, abs=1e-7)
        assert not reading.in_compliance
        assert not reading.overrange


def test_times_ascend_from_zero(smu: Keithley2600, bench: Bench) -> None:
    smu.configure(SourceSetup(0.5, 1e-3, 1e-4))
    smu.output_on()
    first = smu.measure()
    bench.world.clock.sleep(1.0)
    second = smu.measure()
    assert first.time == 0.0
    assert 1.0 <= second.time < 1.2


def test_compliance_comes_with_the_reading(smu: Keithley2600, bench: Bench) -> None:
    bench.load.resistance = 1e3
    smu.configure(SourceSetup(0.5, 50e-6, 100e-6))
    smu.output_on()
    smu.source(0.2)
    reading = smu.measure()
    assert reading.in_compliance
    assert reading.current == pytest.approx(50e-6, rel=0.02)
    assert reading.voltage == pytest.approx(0.05, rel=0.05)
    smu.source(0.01)
    assert not smu.measure().in_compliance


def test_a_current_beyond_a_fixed_range_is_no_number(smu: Keithley2600, bench: Bench) -> None:
    bench.load.resistance = 1e3
    smu.configure(SourceSetup(0.5, 1e-3, 1e-6))
    smu.output_on()
    for voltage in (0.2, -0.2):
        smu.source(voltage)
        reading = smu.measure()
        assert reading.overrange == math.isnan(reading.current)
        assert reading.overrange or reading.in_compliance


@pytest.mark.parametrize("delay", [0.0, 0.05])
def test_a_sweep_goes_through_compliance(smu: Keithley2600, bench: Bench, delay: float) -> None:
    bench.load.resistance = 1e3
    levels = [0.0, 0.02, 0.05, 0.15, 0.05, -0.15, -0.02]
    smu.configure(SourceSetup(0.5, 1e-4, 1e-4))
    smu.output_on()
    readings = smu.sweep(levels, delay)
    assert [reading.in_compliance for reading in readings] == [False, False, False, True, False, True, False]
    for level, reading in zip(levels, readings, strict=True):
        if not reading.in_compliance:
            assert reading.current == pytest.approx(level / 1e3, rel=1e-2, abs=1e-7)
            assert reading.voltage == pytest.approx(level, abs=1e-3)
    times = [reading.time for reading in readings]
    assert times[0] == 0.0
    assert times == sorted(times)
    assert all(later - earlier >= delay for earlier, later in itertools.pairwise(times))
    assert smu.read_errors() == []


def test_after_a_sweep_the_output_is_on_at_zero_and_can_be_used(smu: Keithley2600, bench: Bench) -> None:
    smu.configure(SourceSetup(0.5, 1e-3))
    smu.output_on()
    smu.source(0.3)
    smu.sweep([0.1, 0.2])
    assert bench.load.driven is not None
    assert bench.load.driven[0] == 0.0
    smu.source(0.2)
    assert smu.measure().voltage == pytest.approx(0.2, abs=1e-3)


def test_a_long_sweep(smu: Keithley2600, bench: Bench) -> None:
    levels = [index / 1000 for index in range(500)]
    smu.configure(SourceSetup(0.5, 1e-3, nplc=0.01))
    smu.output_on()
    readings = smu.sweep(levels)
    assert [reading.voltage for reading in readings] == pytest.approx(levels, abs=2e-3)


def test_no_reading_without_output(smu: Keithley2600) -> None:
    smu.configure(SourceSetup(0.5, 1e-3))
    with pytest.raises(TrippedError, match="output was off"):
        smu.measure()
    smu.output_on()
    smu.measure()
    smu.output_off()
    with pytest.raises(TrippedError, match="output was off"):
        smu.measure()


def test_a_limit_that_the_instrument_has_not_is_refused_and_the_output_off(smu: Keithley2600, bench: Bench) -> None:
    with pytest.raises((RefusedError, SettingError)):
        smu.configure(SourceSetup(0.5, 3.0))
    assert bench.load.driven is None or bench.load.driven[0] == 0.0
    with pytest.raises(SettingError, match="until a limit is set"):
        smu.output_on()


def test_channel_b_has_open_terminals(bench: Bench) -> None:
    smu = bench.driver("smub")
    smu.configure(SourceSetup(0.5, 1e-3))
    smu.output_on()
    smu.source(0.3)
    reading = smu.measure()
    assert abs(reading.current) < 1e-8
    assert bench.load.levels == [] or max(map(abs, bench.load.levels)) == 0.0


def test_make_safe_from_output_on_and_again(smu: Keithley2600, bench: Bench) -> None:
    smu.configure(SourceSetup(0.5, 1e-3))
    smu.output_on()
    smu.source(0.4)
    smu.make_safe()
    smu.make_safe()
    assert bench.load.driven is None or bench.load.driven[0] == 0.0
    assert smu.read_errors() == []
    with pytest.raises(TrippedError):
        smu.measure()


def test_make_safe_ends_a_sweep(smu: Keithley2600, bench: Bench) -> None:
    smu.configure(SourceSetup(0.5, 1e-3))
    smu.output_on()
    link = smu.link
    link.write("smuX.trigger.source.listv({0.1, 0.2, 0.3})")
    link.write("smuX.trigger.source.action = smuX.ENABLE")
    link.write("smuX.source.delay = 100")
    link.write("smuX.trigger.count = 3")
    link.write("smuX.trigger.initiate()")
    bench.world.clock.sleep(150.0)
    smu.make_safe()
    bench.load.levels.clear()
    bench.world.clock.sleep(500.0)
    assert [level for level in bench.load.levels if level] == []
    assert bench.load.driven is None or bench.load.driven[0] == 0.0
    assert smu.read_errors() == []


@pytest.mark.parametrize(
    "left",
    [
        b"smua.source.lev",
        b"loadscript half\nsmua.source.output = 1\n",
        b"loadandrunscript\nsmua.source.levelv = 0.5\nsmua.source.output = 1\n",
        b"loadscript half\nsmua.source.outp",
        b"localnode.prompts = 1\n",
        b"localnode.showerrors = 1\nnonsense(\n",
        b"print(1)\nprint(2)\n",
        b"while true do delay(1) end\n",
        b"loadandrunscript\nfor i = 1, 100 do smua.measure.i() end\nendscript\n",
        b"format.data = format.REAL32\nformat.byteorder = 0\nformat.asciiprecision = 3\nprintnumber(1)\n",
        b"smua.source.func = smua.OUTPUT_DCAMPS\nsmua.source.leveli = 1e-3\nsmua.source.output = 1\n",
    ],
)
def test_any_state_that_a_killed_process_leaves(smu: Keithley2600, bench: Bench, left: bytes) -> None:
    channel = bench.connect()
    channel.write_raw(left)
    identity = smu.identify()
    assert identity.model in smu.models
    smu.make_safe()
    assert bench.load.driven is None or bench.load.driven[0] == 0.0
    assert smu.configure(SourceSetup(0.5, 1e-3)).current_limit == pytest.approx(1e-3)
    assert smu.read_errors() == []


def test_a_query_that_is_not_answered_spoils_nothing_that_follows(smu: Keithley2600) -> None:
    smu.configure(SourceSetup(0.5, 1e-3))
    with pytest.raises(LinkError, match="no answer"):
        smu.link.query("smuX.nothing.at.all")
    assert "attempt to index" in smu.read_errors()[0]
    smu.output_on()
    smu.source(0.2)
    assert smu.measure().voltage == pytest.approx(0.2, abs=1e-3)


def test_a_power_cycle_is_seen_before_the_output_is_on(smu: Keithley2600, bench: Bench) -> None:
    smu.configure(SourceSetup(0.5, 1e-3))
    bench.panel.power_cycle()
    with pytest.raises(SettingError, match=r"current limit was set to 0\.001 A, but reads back as"):
        smu.output_on()
