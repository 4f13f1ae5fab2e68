"""The Keithley 2400 driver on the twin's panel, through pyvisa, on GPIB and on a serial line."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest
import pyvisa
from pyvisa.resources import MessageBasedResource

from drivers.keithley_2400 import Keithley2400
from drivers.keithley_2400_link import Keithley2400Entry
from labctl.errors import LabctlError, LinkError, RefusedError, SettingError, TrippedError
from labctl.smu_data import OffMode, SourceSetup
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panels.keithley_2400 import Keithley2400Panel
from sim_backend.visa_library import TwinVisaLibrary
from sim_backend.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.backend import Backend

ADDRESSES = ("GPIB0::24::INSTR", "ASRL/dev/ttyUSB0::INSTR")
SETUP = SourceSetup(0.5, 1e-3, current_range=1e-3, nplc=0.1)


class Twin:
    """A backend with one panel on a world without a board: it sees cell (0, 0)."""

    def __init__(self, address: str) -> None:
        self.clock = VirtualClock()
        die = Die.fresh("die", 2, 2, device_named("ru-azo", 5.9e-3), seed=5)
        self.world = World(die, self.clock, has_board=False)
        self.panel = Keithley2400Panel(self.world, "smu")
        self.address = address
        self._manager = pyvisa.ResourceManager(cast("Any", TwinVisaLibrary({address: self.panel})))

    def open_visa(self, resource_name: str, **settings: Any) -> MessageBasedResource:
        """Open another channel to the panel."""
        resource = self._manager.open_resource(resource_name, **settings)
        assert isinstance(resource, MessageBasedResource)
        return resource

    def driver(self) -> Keithley2400:
        """Open the driver on it."""
        entry = Keithley2400Entry(driver="keithley-2400", address=self.address)
        return Keithley2400.open(cast("Backend", self), "smu", entry)

    def stranger(self) -> MessageBasedResource:
        """Return a channel of somebody else."""
        return self.open_visa(self.address, read_termination="\n", write_termination="\n")

    def close(self) -> None:
        self._manager.close()


@pytest.fixture(params=ADDRESSES)
def twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    with closing(Twin(request.param)) as twin:
        yield twin


@pytest.fixture
def smu(twin: Twin) -> Keithley2400:
    return twin.driver()


@pytest.fixture
def ready(smu: Keithley2400) -> Keithley2400:
    smu.configure(SETUP)
    smu.output_on()
    return smu


def test_it_is_a_2400(smu: Keithley2400) -> None:
    identity = smu.identify()
    assert any(model in identity.model for model in smu.models)
    assert smu.read_errors() == []


@pytest.mark.parametrize("off_mode", list(OffMode))
@pytest.mark.parametrize("four_wire", [False, True])
def test_every_setting_is_taken(smu: Keithley2400, off_mode: OffMode, four_wire: bool) -> None:
    for voltage, full in ((0.2, 0.21), (2.1, 2.1), (19.5, 21.0)):
        for limit, current_range, measured in (
            (2e-9, 1e-6, 1.05e-6),
            (50e-6, None, None),
            (1e-3, 1e-4, 1.05e-4),
            (1e-4, 1e-2, 1.05e-4),
            (0.5, 1.0, 1.05),
        ):
            setup = SourceSetup(voltage, limit, current_range, 0.5, four_wire, off_mode)
            assert smu.configure(setup) == SourceSetup(full, limit, measured, 0.5, four_wire, off_mode)


def test_the_200_v_range_forbids_the_1_a_range_in_the_instruments_words(smu: Keithley2400) -> None:
    with pytest.raises(RefusedError, match="refuses its configuration"):
        smu.configure(SourceSetup(200.0, 1.0))
    assert smu.configure(SourceSetup(200.0, 0.1)).voltage == 210.0


def test_readings_in_text_and_binary_agree(ready: Keithley2400) -> None:
    levels = [0.1 + index * 0.001 for index in range(40)]
    swept = ready.sweep(levels)
    for level, reading in zip(levels, swept, strict=True):
        assert reading.voltage == pytest.approx(level, abs=1e-3)
        assert not reading.in_compliance
    ready.source(levels[-1])
    single = ready.measure()
    assert single.current == pytest.approx(swept[-1].current, rel=0.05, abs=1e-7)


def test_a_sweep_takes_no_longer_than_its_readings(twin: Twin, ready: Keithley2400) -> None:
    begun = twin.clock.now()
    readings = ready.sweep([0.05] * 30)
    point = readings[-1].time / 29
    assert twin.clock.now() - begun < 30 * point + 0.2


def test_the_output_is_at_zero_after_a_sweep(twin: Twin, ready: Keithley2400) -> None:
    ready.sweep([0.1, 0.2, 0.3])
    assert ready.measure().voltage == pytest.approx(0.0, abs=2e-3)
    assert ready.read_errors() == []


def test_compliance_and_range_compliance_come_with_the_readings(smu: Keithley2400) -> None:
    for limit, current_range in ((2e-8, 1e-6), (1e-3, 1e-6)):
        smu.configure(SourceSetup(2.0, limit, current_range, nplc=0.1))
        smu.output_on()
        low, high = smu.sweep([0.0, 1.0])
        assert not low.in_compliance
        held = abs(high.current) >= 0.99 * min(limit, 1.05e-6)
        assert high.in_compliance is held
        smu.output_off()


def test_meas_by_somebody_else_resets_the_limit_and_is_found(twin: Twin, ready: Keithley2400) -> None:
    ready.output_off()
    stranger = twin.stranger()
    stranger.query(":MEAS:CURR?")
    assert float(stranger.query(":SENS:CURR:PROT?")) == pytest.approx(1.05e-4)
    with pytest.raises(SettingError, match=r"current limit was set to 0\.001 A, but reads back as 0\.000105 A"):
        ready.output_on()
    ready.make_safe()
    assert stranger.query(":OUTP?").strip() == "0"


def test_a_measurement_without_output_is_told(twin: Twin, ready: Keithley2400) -> None:
    twin.stranger().write(":OUTP 0")
    with pytest.raises(TrippedError, match="803"):
        ready.measure()
    assert ready.read_errors() == []


def test_somebody_elses_settings_are_gone_after_a_configuration(twin: Twin, smu: Keithley2400) -> None:
    stranger = twin.stranger()
    for line in (
        ":FORM:SREG HEX",
        ":FORM:ELEM TIME",
        ":FORM:BORD SWAP",
        ":SOUR:FUNC CURR",
        ":SENS:AVER:COUN 10",
        ":SENS:AVER 1",
        ":TRAC:POIN 10",
        ":TRAC:FEED SENS",
        ":TRAC:FEED:CONT NEXT",
        ":TRIG:COUN 7",
        ":NOT:A:COMMAND",
    ):
        stranger.write(line)
    smu.configure(SETUP)
    smu.output_on()
    smu.source(0.1)
    assert smu.measure().voltage == pytest.approx(0.1, abs=2e-3)
    assert len(smu.sweep([0.1, 0.2])) == 2
    assert smu.read_errors() == []


@pytest.mark.parametrize(
    "left",
    [
        ":SOUR:VOLT 0.3;:OUTP 1\n",
        ":OUTP 1;:TRIG:COUN 20;:INIT\n",
        ":SOUR:VOLT:MODE LIST;:OUTP 1\n",
        ":OUTP 1;:READ?\n",
        ":OUTP 1\n:SOUR:VOLT 0.",
    ],
)
def test_it_is_made_safe_whatever_a_killed_process_left(twin: Twin, smu: Keithley2400, left: str) -> None:
    twin.stranger().write_raw(left.encode())
    smu.make_safe()
    smu.make_safe()
    assert twin.stranger().query(":OUTP?").strip() == "0"


def test_a_link_that_broke_off_in_a_reading_is_cleared_and_goes_on(twin: Twin, ready: Keithley2400) -> None:
    ready.source(0.1)
    before = ready.measure()
    ready.link.garbled("a test", "nothing")  # from here on the link knows that it is out of step
    assert ready.measure().time > before.time
    assert ready.read_errors() == []


def test_a_power_cycle_under_way_is_an_error_not_a_number(twin: Twin, ready: Keithley2400) -> None:
    twin.panel.power_cycle()
    with pytest.raises(LabctlError):
        ready.measure()
    with pytest.raises((SettingError, LinkError)):
        ready.output_on()
