"""The Keysight B2900 driver on the virtual front panel, through pyvisa: a resistor on channel 1."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import pytest
import pyvisa
from pyvisa.resources import MessageBasedResource

from drivers.keysight_b2900 import KeysightB2900, KeysightB2900Settings
from labctl.errors import EquipmentError, SettingError, TrippedError
from labctl.smu_data import OffMode, SourceSetup
from sim_backend.clock import VirtualClock
from sim_backend.panels.keysight_b2900 import KeysightB2900Panel
from sim_backend.visa_library import TwinVisaLibrary
from sim_backend.world import Operating

if TYPE_CHECKING:
    from labctl.backend import Backend
    from sim_backend.world import World
    from tests.conftest import ServePanels

SOCKET = "TCPIP0::bench::5025::SOCKET"
USB = "USB0::0x0957::0x8E18::MY51143745::0::INSTR"
SETUP = SourceSetup(voltage=2.0, current_limit=1e-3)


class Resistor:
    """Terminals with a resistor on them."""

    def __init__(self) -> None:
        self.resistance = 10e3
        self.driven: tuple[float, float] | None = None

    def drive(self, voltage: float, limit: float) -> None:
        self.driven = voltage, limit

    def release(self) -> None:
        self.driven = None

    def settle(self, duration: float) -> None:
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


class Bench:
    """A world with a resistor in it, a B2912A on it, and a backend that opens it by pyvisa."""

    has_real_instruments = False

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.terminals = Resistor()
        self.panel = KeysightB2900Panel(cast("World", self), "smu")
        self._manager = pyvisa.ResourceManager(TwinVisaLibrary({SOCKET: self.panel, USB: self.panel}))

    def smu(self, name: str) -> Resistor:
        assert name == "smu"
        return self.terminals

    def open_visa(self, resource_name: str, **settings: Any) -> MessageBasedResource:
        resource = self._manager.open_resource(resource_name, **settings)
        assert isinstance(resource, MessageBasedResource)
        return resource

    def driver(self, address: str = SOCKET, channel: int = 1) -> KeysightB2900:
        entry = KeysightB2900Settings(driver="keysight-b2900", address=address, channel=channel)
        return KeysightB2900.open(cast("Backend", self), "smu", entry)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(params=[SOCKET, USB])
def smu(bench: Bench, request: pytest.FixtureRequest) -> KeysightB2900:
    """The driver on a raw socket, where nothing marks the end of a message, and on USB, where END does."""
    return bench.driver(request.param)


@pytest.fixture
def on(smu: KeysightB2900) -> KeysightB2900:
    """The driver, configured, output on."""
    smu.configure(SETUP)
    smu.output_on()
    return smu


def test_it_knows_its_panel(smu: KeysightB2900) -> None:
    identity = smu.identify()
    assert any(model in identity.model for model in smu.models)


def test_every_setting_is_taken(smu: KeysightB2900) -> None:
    setup = SourceSetup(0.5, 50e-6, 1e-4, nplc=0.1, four_wire=True, off_mode=OffMode.HIGH_IMPEDANCE)
    done = smu.configure(setup)
    assert done == SourceSetup(2.0, 50e-6, 1e-4, nplc=0.1, four_wire=True, off_mode=OffMode.HIGH_IMPEDANCE)
    assert smu.read_errors() == []


@pytest.mark.parametrize("off_mode", [OffMode.NORMAL, OffMode.HIGH_IMPEDANCE, OffMode.ZERO])
def test_every_off_mode_is_taken(smu: KeysightB2900, off_mode: OffMode) -> None:
    assert smu.configure(SourceSetup(1.0, 1e-3, off_mode=off_mode)).off_mode is off_mode


def test_a_resistor_is_measured(on: KeysightB2900) -> None:
    for level in (0.5, -1.5, 2.0, 0.0):
        on.source(level)
        reading = on.measure()
        assert reading.voltage == pytest.approx(level, abs=1e-6)
        assert reading.current == pytest.approx(level / 10e3, abs=1e-9)
        assert not reading.in_compliance
        assert not reading.overrange


def test_time_counts_from_the_first_reading(on: KeysightB2900, bench: Bench) -> None:
    bench.clock.sleep(5.0)
    assert on.measure().time == 0.0
    bench.clock.sleep(2.0)
    assert on.measure().time == pytest.approx(2.0, abs=0.2)


def test_a_sweep_between_two_readings_does_not_set_their_time_back(on: KeysightB2900, bench: Bench) -> None:
    on.measure()
    begun = bench.clock.now()
    bench.clock.sleep(5.0)
    on.sweep([0.1, 0.2])
    assert on.measure().time == pytest.approx(bench.clock.now() - begun, abs=0.2)


def test_compliance_is_told(smu: KeysightB2900) -> None:
    smu.configure(SourceSetup(2.0, 50e-6))
    smu.output_on()
    smu.source(2.0)
    reading = smu.measure()
    assert reading.in_compliance
    assert reading.current == pytest.approx(50e-6, rel=1e-3)
    assert reading.voltage == pytest.approx(0.5, rel=1e-3)


def test_a_current_beyond_the_fixed_range_is_no_number(smu: KeysightB2900) -> None:
    smu.configure(SourceSetup(2.0, 1e-3, current_range=1e-5))
    smu.output_on()
    smu.source(-1.0)
    reading = smu.measure()
    assert reading.overrange or reading.in_compliance
    assert math.isnan(reading.current) or abs(reading.current) <= 1.05e-5 * 1.05


def test_a_sweep_goes_through_compliance_and_ends_at_zero(smu: KeysightB2900, bench: Bench) -> None:
    smu.configure(SourceSetup(2.0, 50e-6, current_range=1e-4))
    smu.output_on()
    levels = [0.0, 0.2, -0.2, 2.0, 0.3]
    readings = smu.sweep(levels, delay=0.01)
    assert [reading.in_compliance for reading in readings] == [False, False, False, True, False]
    assert [reading.current for reading in readings] == pytest.approx([0.0, 2e-5, -2e-5, 5e-5, 3e-5], abs=1e-8)
    times = [reading.time for reading in readings]
    assert times[0] == 0.0
    assert all(later - earlier >= 0.01 for earlier, later in pairwise(times))
    assert bench.terminals.driven is not None
    assert bench.terminals.driven[0] == 0.0
    smu.source(0.1)
    assert smu.measure().current == pytest.approx(1e-5, abs=1e-8)
    assert smu.read_errors() == []


def test_a_sweep_as_long_as_the_instrument_holds(on: KeysightB2900) -> None:
    levels = [2.0 * math.sin(index) for index in range(2500)]
    readings = on.sweep(levels)
    assert [reading.voltage for reading in readings] == pytest.approx(levels, abs=2e-6)


def test_trap_nothing_switches_the_output_on(smu: KeysightB2900, bench: Bench) -> None:
    smu.configure(SETUP)
    with pytest.raises(SettingError, match="switch it on before"):
        smu.sweep([0.1, 0.2])
    with pytest.raises(TrippedError, match="output was off"):
        smu.measure()
    other = bench.open_visa(SOCKET, read_termination="\n", write_termination="\n")
    other.write(":INIT (@1)")
    assert other.query(":OUTP1?") == "0"


def test_trap_a_clamped_integration_time_is_told(smu: KeysightB2900) -> None:
    # The instrument takes any number of power line cycles, sets the nearest it has, and tells no error. One of both is
    # out of range, the first on a 50 Hz line, the second on a 60 Hz one.
    refusals: list[str] = []
    for cycles in (119.0, 4.1e-4):
        try:
            smu.configure(SourceSetup(1.0, 1e-3, nplc=cycles))
        except SettingError as error:
            refusals.append(str(error))
    assert len(refusals) == 1
    assert "integration time was set to" in refusals[0]


def test_make_safe_ends_everything_twice(on: KeysightB2900, bench: Bench) -> None:
    on.source(1.0)
    on.make_safe()
    on.make_safe()
    assert bench.terminals.driven is None or bench.terminals.driven[0] == 0.0
    assert on.read_errors() == []
    with pytest.raises(EquipmentError):
        on.measure()
    on.configure(SETUP)
    on.output_on()
    on.output_off()


def test_make_safe_ends_a_sweep_under_way(on: KeysightB2900, bench: Bench) -> None:
    other = bench.open_visa(SOCKET, read_termination="\n", write_termination="\n")
    for line in (
        ":SOUR1:LIST:VOLT 1,1,1",
        ":SOUR1:VOLT:MODE LIST",
        ":TRIG1:COUN 3",
        ":TRIG1:ACQ:DEL 100",
        ":INIT (@1)",
    ):
        other.write(line)
    before = bench.clock.now()
    on.make_safe()
    assert bench.clock.now() - before < 10.0
    assert other.query(":OUTP1?") == "0"


def test_a_power_cycle_is_seen(on: KeysightB2900, bench: Bench) -> None:
    bench.panel.power_cycle()
    with pytest.raises(EquipmentError):
        on.measure()
    with pytest.raises(SettingError, match="current limit"):
        on.output_on()


def test_the_second_channel_has_open_terminals(bench: Bench) -> None:
    smu = bench.driver(channel=2)
    smu.configure(SETUP)
    smu.output_on()
    smu.source(1.0)
    reading = smu.measure()
    assert reading.voltage == pytest.approx(1.0, abs=1e-6)
    assert abs(reading.current) < 1e-9
    assert len(smu.sweep([0.0, 1.0])) == 2
    assert bench.terminals.driven is None or bench.terminals.driven[0] == 0.0
    smu.make_safe()


def test_a_level_that_somebody_turned_is_told(on: KeysightB2900, bench: Bench) -> None:
    on.source(0.1)
    bench.open_visa(SOCKET, read_termination="\n", write_termination="\n").write(":SOUR1:VOLT 0.3")
    with pytest.raises(EquipmentError, match=r"but the source was set to 0\.1 V"):
        on.measure()


class SocketBackend:
    """What the driver uses of the backend of a bench: pyvisa-py and its real sockets."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self._manager = pyvisa.ResourceManager("@py")

    def open_visa(self, resource_name: str, **settings: Any) -> MessageBasedResource:
        resource = self._manager.open_resource(resource_name, **settings)
        assert isinstance(resource, MessageBasedResource)
        return resource


def test_it_works_over_a_real_socket(bench: Bench, served_panels: ServePanels) -> None:
    address = served_panels({"smu": bench.panel})["smu"].visa
    entry = KeysightB2900Settings(driver="keysight-b2900", address=address)
    smu = KeysightB2900.open(cast("Backend", SocketBackend(bench.clock)), "smu", entry)
    smu.configure(SETUP)
    smu.output_on()
    smu.source(0.5)
    assert smu.measure().current == pytest.approx(5e-5, abs=1e-9)
    levels = [math.cos(index) for index in range(400)]  # 16 kB, in which every byte value occurs
    assert [reading.current for reading in smu.sweep(levels)] == pytest.approx([v / 10e3 for v in levels], abs=1e-9)
    smu.make_safe()
    smu.close()
