"""Pulses of source-measure units: what the terminals see, what is read, and what is refused before a byte leaves."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.errors import EnvelopeError, LinkError, RefusedError, SettingError
from labctl.smu_data import PulseTrain, SourceSetup
from sim_backend.smu_terminals import Operating

if TYPE_CHECKING:
    from tests.drivers.on_panels.conftest import Wired

CELL = Cell(0, 0)
PULSERS = ("keithley-2600", "keysight-b2900")
SETUP = SourceSetup(0.5, 1e-3, 1e-3, nplc=0.01)
LATENCY = 15e-6
"""By how much a pulse may differ from what was asked for (s): the trigger latency of a 2600B's first one."""


@pytest.fixture(params=PULSERS)
def pulser(make_wired: Any, request: pytest.FixtureRequest) -> Wired:
    """An instrument that has pulses, configured, with a resistor of 1 kOhm on its terminals."""
    wired: Wired = make_wired(request.param)
    wired.bring_up()
    wired.smu.configure(SETUP)
    return wired


def watch(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Return when (s) the terminals see which level (V); what is measured is a resistor's."""
    seen: list[tuple[float, float]] = []
    drive = wired.terminals.drive

    def driven(volts: float, limit: float) -> None:
        seen.append((wired.bench.clock.now(), volts))
        drive(volts, limit)

    def resistor(duration: float) -> Operating:
        assert duration > 0
        current = wired.levels[-1] / 1e3
        if abs(current) > 1e-3:
            return Operating(1.0 if current > 0 else -1.0, 1e-3 if current > 0 else -1e-3, in_compliance=True)
        return Operating(wired.levels[-1], current, in_compliance=False)

    monkeypatch.setattr(wired.terminals, "drive", driven)
    monkeypatch.setattr(wired.terminals, "measure", resistor)
    return seen


@pytest.mark.parametrize("base", [0.0, 0.05, -0.1])
@pytest.mark.parametrize(("level", "width", "count"), [(0.4, 1e-3, 3), (-0.3, 5e-3, 1), (0.2, 1.2e-3, 12)])
def test_a_train_is_put_out_as_asked(
    pulser: Wired, monkeypatch: pytest.MonkeyPatch, level: float, width: float, count: int, base: float
) -> None:
    with pulser.bench.routed(CELL):
        seen = watch(pulser, monkeypatch)
        readings = pulser.smu.pulse(PulseTrain(level, width, count, base, rest=2e-3))
        near = [
            (begin, end - begin) for (begin, volts), (end, _) in itertools.pairwise(seen) if abs(volts - level) < 0.01
        ]
        after = seen[-1][1]
    assert [duration for _, duration in near] == pytest.approx([width] * count, abs=LATENCY)
    periods = [later[0] - earlier[0] for earlier, later in itertools.pairwise(near)]
    assert periods == pytest.approx([width + 2e-3] * (count - 1), abs=LATENCY)
    others = {round(volts, 2) for _, volts in seen} - {round(level, 2)}
    assert others == {round(base, 2), 0.0}
    assert after == pytest.approx(0.0, abs=1e-3)
    assert [reading.current for reading in readings] == pytest.approx([level / 1e3] * count, rel=0.02)
    assert [reading.voltage for reading in readings] == pytest.approx([level] * count, rel=0.02)
    assert not any(reading.in_compliance or reading.overrange for reading in readings)
    assert readings[0].time == 0.0
    assert pulser.smu.read_errors() == []
    pulser.assert_off()


def test_the_shortest_pulse_is_the_one_that_is_declared(pulser: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    shortest = pulser.smu.pulse_width_min
    assert shortest is not None
    assert pulser.smu.supports_pulses
    pulser.smu.configure(SourceSetup(0.5, 1e-3, 1e-3, nplc=0.001))
    with pulser.bench.routed(CELL):
        seen = watch(pulser, monkeypatch)
        pulser.smu.pulse(PulseTrain(0.4, shortest, 2))
        with pulser.refused(SettingError, "pulse width", "out of range"):
            pulser.smu.pulse(PulseTrain(0.4, shortest * 0.99, 2))
    widths = [end - begin for (begin, volts), (end, _) in itertools.pairwise(seen) if volts > 0.39]
    assert widths == pytest.approx([shortest] * 2, abs=LATENCY)


def test_compliance_in_a_pulse_is_told(pulser: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    pulser.smu.configure(SourceSetup(1.3, 1e-3, 1e-3, nplc=0.01))
    with pulser.bench.routed(CELL):
        watch(pulser, monkeypatch)
        readings = pulser.smu.pulse(PulseTrain(1.2, 1e-3, 2)) + pulser.smu.pulse(PulseTrain(0.5, 1e-3, 2))
    assert [reading.in_compliance for reading in readings] == [True, True, False, False]
    assert readings[0].current == pytest.approx(1e-3, rel=0.02)


def test_what_follows_a_train_is_as_it_was_before(pulser: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    with pulser.bench.routed(CELL):
        watch(pulser, monkeypatch)
        pulser.smu.pulse(PulseTrain(0.4, 1e-3, 2))
        assert pulser.smu.measure().voltage == pytest.approx(0.0, abs=2e-3)
        pulser.smu.source(0.1)
        assert pulser.smu.measure().current == pytest.approx(1e-4, rel=0.02)
        swept = pulser.smu.sweep([0.1, -0.2, 0.3])
        assert [reading.voltage for reading in swept] == pytest.approx([0.1, -0.2, 0.3], abs=3e-3)
        assert len(pulser.smu.pulse(PulseTrain(-0.4, 1e-3, 3))) == 3


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (PulseTrain(0.4, float("nan")), "pulse width"),
        (PulseTrain(0.4, 1e9), "pulse width"),
        (PulseTrain(0.4, 1e-3, rest=0.0), "rest"),
        (PulseTrain(0.4, 1e-3, count=0), "1 to 2500 pulses"),
        (PulseTrain(0.4, 1e-3, count=2501), "1 to 2500 pulses"),
        (PulseTrain(500.0, 1e-3), "source range"),
        (PulseTrain(0.4, 1e-3, base=-500.0), "source range"),
        (PulseTrain(float("nan"), 1e-3), "source range"),
    ],
)
def test_a_train_that_cannot_be_is_refused_before_a_byte_leaves(pulser: Wired, train: PulseTrain, words: str) -> None:
    with pulser.bench.routed(CELL):
        heard: list[bytes] = []
        pulser.meddler.commands = lambda data: (heard.append(data), data)[1]
        with pulser.refused(SettingError, words):
            pulser.smu.pulse(train)
        assert heard == []


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        (SourceSetup(0.5, 1e-3, None, nplc=0.01), "fixed measure range"),
        (SourceSetup(0.5, 1e-3, 1e-3, nplc=1.0), "1 power line cycles takes up to"),
    ],
)
def test_a_configuration_that_cannot_measure_in_a_pulse_is_told(pulser: Wired, setup: SourceSetup, words: str) -> None:
    pulser.smu.configure(setup)
    with pulser.bench.routed(CELL), pulser.refused(SettingError, words):
        pulser.smu.pulse(PulseTrain(0.4, 1e-3))


def test_pulses_do_not_switch_the_output_on(pulser: Wired) -> None:
    with pulser.refused(SettingError, "switch it on before"):
        pulser.smu.pulse(PulseTrain(0.4, 1e-3))
    pulser.assert_off()


def test_pulses_that_never_come_are_made_safe_and_told(pulser: Wired) -> None:
    """A lost start: nothing is said about it."""
    start = b":INIT" if pulser.driver == "keysight-b2900" else b"smua.trigger.initiate()"
    pulser.meddler.commands = lambda data: b"" if data.startswith(start) else data
    # A B2900 whose trigger system is idle calls itself done, and has no readings.
    kind, words = (LinkError, "FETC") if pulser.driver == "keysight-b2900" else (RefusedError, "stopped after 0 of 2")
    with pulser.refused(kind, words), pulser.bench.routed(CELL):
        pulser.smu.pulse(PulseTrain(0.4, 1e-3, 2))
    assert pulser.bench.bring_down() == []
    pulser.assert_off()


@pytest.mark.parametrize("driver", ["keithley-2450", "keithley-2400"])
def test_an_instrument_without_pulses_refuses_before_a_byte_leaves(make_wired: Any, driver: str) -> None:
    wired: Wired = make_wired(driver)
    wired.bring_up()
    assert not wired.smu.supports_pulses
    with wired.bench.routed(CELL):
        heard: list[bytes] = []
        wired.meddler.commands = lambda data: (heard.append(data), data)[1]
        with wired.refused(SettingError, "has no pulses", "0.4 V", "0.001 s"):
            wired.smu.pulse(PulseTrain(0.4, 1e-3))
        assert heard == []


def test_the_envelope_is_kept_and_the_facts_pass_it(pulser: Wired) -> None:
    smu, envelope = pulser.bench.smu, pulser.bench.envelope
    assert smu.pulse_width_min == pulser.smu.pulse_width_min
    assert smu.supports_pulses
    pulser.bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
    with pulser.bench.routed(CELL, others_may_change=True):
        for train in (
            PulseTrain(envelope.voltage * 1.01, 1e-3),
            PulseTrain(0.1, 1e-3, base=-envelope.voltage * 1.01),
            PulseTrain(0.1, envelope.pulse_width * 1.01),
        ):
            with pytest.raises(EnvelopeError):
                smu.pulse(train)
        assert len(smu.pulse(PulseTrain(0.4, 1e-3, 2))) == 2
