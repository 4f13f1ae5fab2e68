"""Levels of a source-measure unit that write: they end by themselves, in time, or are refused with what would do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest

from labctl.errors import EnvelopeError, InputError
from labctl.forwarding import ForwardingSourceMeter
from labctl.instruments import Instrument, SourceMeter
from labctl.limits import Envelope
from labctl.smu_data import PulseTrain, Reading, SourceSetup
from labctl.timed import TimedSourceMeter, point_time

ENVELOPE = Envelope(1.3, 0.25, 15e-3, 0.25, 10e-3, 1e9)
QUICK = SourceSetup(1.3, 1e-3, current_range=1e-3, nplc=0.01)


class Heard(ForwardingSourceMeter):
    """Notes what reaches the instrument."""

    def __init__(self) -> None:
        self.name, self.asked = "smu", list[Any]()

    def configure(self, setup: SourceSetup) -> SourceSetup:
        return setup

    def source(self, voltage: float) -> None:
        self.asked.append(voltage)

    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        self.asked.append((list(voltages), delay))
        return [Reading(voltage, 0.0, 0.0) for voltage in voltages]

    def pulse(self, train: PulseTrain) -> list[Reading]:
        self.asked.append(train)
        return []


class Timed(TimedSourceMeter):
    """The layer on an instrument that notes what it hears."""

    def __init__(self, heard: Heard) -> None:
        Instrument.__init__(self)
        self.name, self._smu, self._envelope, self._setup = "smu", heard, ENVELOPE, None


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def smu(heard: Heard) -> SourceMeter:
    timed = Timed(heard)
    timed.configure(QUICK)
    return timed


@pytest.mark.parametrize("voltage", [0.0, 0.25, -0.25])
def test_a_level_that_reads_may_stand(smu: SourceMeter, heard: Heard, voltage: float) -> None:
    smu.source(voltage)
    assert heard.asked == [voltage]


@pytest.mark.parametrize("voltage", [0.2500001, -0.2500001, 1.3])
def test_a_level_that_writes_may_not(smu: SourceMeter, heard: Heard, voltage: float) -> None:
    with pytest.raises(EnvelopeError, match="sweep to it, or pulse"):
        smu.source(voltage)
    with pytest.raises(EnvelopeError, match="base level"):
        smu.pulse(PulseTrain(0.1, 1e-3, base=voltage))
    assert heard.asked == []


def test_a_sweep_is_as_it_was_asked_for_and_ends_where_nothing_writes(smu: SourceMeter, heard: Heard) -> None:
    assert [reading.voltage for reading in smu.sweep([0.1, 1.3, 0.2])] == [0.1, 1.3, 0.2]
    assert [reading.voltage for reading in smu.sweep([0.1, -1.3])] == [0.1, -1.3]
    assert heard.asked == [([0.1, 1.3, 0.2], 0.0), ([0.1, -1.3, 0.0], 0.0)]


def test_an_instrument_that_this_computer_steps_sweeps_no_level_that_writes(smu: SourceMeter, heard: Heard) -> None:
    smu.sweeps_by_itself = False
    with pytest.raises(EnvelopeError, match=r"a level of its sweep of -900 mV writes .* use the probe board"):
        smu.sweep([0.1, 0.3, -0.9, 0.0])
    assert heard.asked == []
    smu.sweep([0.1, -0.25])
    assert heard.asked == [([0.1, -0.25], 0.0)]


def test_a_sweep_that_reads_only_may_take_its_time(heard: Heard) -> None:
    smu = Timed(heard)
    smu.sweep([0.1, 0.25, -0.25], 3600.0)
    smu.configure(SourceSetup(0.25, 1e-3, nplc=10.0))
    smu.sweep([0.1, 0.25, -0.25], 3600.0)
    assert len(heard.asked) == 2


@pytest.mark.parametrize(
    ("levels", "delay", "nplc", "words"),
    [
        ([0.1, 0.9], 0.0, 0.1, "a point at 900 mV may last 18 ms .*up to 10 ms; lower nplc to 0.03 or less"),
        ([0.1, -0.9], 2.9e-3, 0.01, "lower nplc and delay"),
        ([0.9, 0.9], 0.0, 0.01, "2 points in a row at 900 mV may last 14.4 ms .*or have fewer of them"),
        ([-1.0, -1.0, 0.0], 0.0, 0.01, "2 points in a row"),
    ],
)
def test_a_point_that_lasts_too_long(
    smu: SourceMeter, heard: Heard, levels: list[float], delay: float, nplc: float, words: str
) -> None:
    smu.configure(SourceSetup(1.3, 1e-3, current_range=1e-3, nplc=nplc))
    with pytest.raises(EnvelopeError, match=words):
        smu.sweep(levels, delay)
    assert heard.asked == []


def test_what_the_message_says_would_do_does(smu: SourceMeter, heard: Heard) -> None:
    smu.configure(SourceSetup(1.3, 1e-3, current_range=1e-3, nplc=0.03))
    smu.sweep([0.1, 0.9, 1.0, 0.9])
    assert len(heard.asked) == 1


def test_a_measure_range_that_changes_by_itself_has_no_bound(smu: SourceMeter, heard: Heard) -> None:
    smu.configure(SourceSetup(1.3, 1e-3, nplc=0.01))
    with pytest.raises(EnvelopeError, match="configure current_range"):
        smu.sweep([0.9])
    assert heard.asked == []


@pytest.mark.parametrize("delay", [math.nan, math.inf, -1e-9])
def test_a_delay_that_is_none(smu: SourceMeter, heard: Heard, delay: float) -> None:
    with pytest.raises(InputError, match="a delay is"):
        smu.sweep([0.1], delay)
    assert heard.asked == []


def test_nothing_is_swept_before_it_is_known_how_long_it_takes(heard: Heard) -> None:
    with pytest.raises(InputError, match="must be configured"):
        Timed(heard).sweep([0.9])


def test_points_of_default_pulses_fit() -> None:
    assert point_time(0.01, 0.0) == pytest.approx(7.2e-3)
