"""What every `SourceMeter` promises, whatever its make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labctl.bench import Bench
from labctl.board_data import Cell
from labctl.errors import EnvelopeError, LabctlError, SettingError
from labctl.instruments import SourceMeter
from labctl.smu_data import PulseTrain, SourceSetup

if TYPE_CHECKING:
    from tests.contract.conftest import SetCell

CELL = Cell(0, 0)
LEVEL = 3000
"""About 1.07 mS on the default die."""


def test_identity_has_four_fields(smu: SourceMeter) -> None:
    identity = smu.identify()
    assert all((identity.vendor, identity.model, identity.serial, identity.firmware))


def test_configuring_returns_what_was_set(smu: SourceMeter) -> None:
    setup = SourceSetup(voltage=0.5, current_limit=1e-3, current_range=1e-3, nplc=0.1)
    done = smu.configure(setup)
    assert done.voltage >= setup.voltage
    assert done.current_limit == pytest.approx(1e-3, rel=1e-3)
    assert done.nplc == pytest.approx(0.1, rel=1e-3)
    assert smu.read_errors() == []


def seen(bench: Bench, cell: Cell) -> float:
    """Return the conductance (S) that the SMU sees at a cell: its row's other cells lie beside it."""
    row = [Cell(cell.row, column) for column in range(bench.die.columns)]
    readings = bench.board.read(row, min(0.2, bench.envelope.read_voltage), 64)
    return float(readings.current.sum()) / readings.voltage


def gentle(bench: Bench, conductance: float) -> float:
    """Return a voltage (V) that changes no cell and stays well below the limit of the current."""
    return min(0.2, bench.envelope.read_voltage, 0.5 * bench.envelope.cell_current / conductance)


def test_a_routed_cell_is_measured(smu: SourceMeter, bench: Bench, set_cell: SetCell) -> None:
    set_cell(CELL, LEVEL)
    conductance = seen(bench, CELL)
    voltage = gentle(bench, conductance)
    with bench.routed(CELL):
        smu.source(voltage)
        reading = smu.measure()
    assert reading.current == pytest.approx(voltage * conductance, rel=0.02)
    assert reading.voltage == pytest.approx(voltage, rel=0.01)
    assert not reading.in_compliance
    assert not reading.overrange


def test_the_cell_that_the_board_selects_is_the_one_seen(smu: SourceMeter, bench: Bench, set_cell: SetCell) -> None:
    other = Cell(min(1, bench.die.rows - 1), min(2, bench.die.columns - 1))
    set_cell(CELL, LEVEL / 10)
    low = set_cell(other, LEVEL / 10)
    voltage = gentle(bench, max(seen(bench, CELL), seen(bench, other)) + bench.die.scale.conductance(LEVEL))

    def currents() -> tuple[float, float]:
        found: list[float] = []
        for cell in (CELL, other):
            with bench.routed(cell):
                smu.source(voltage)
                found.append(smu.measure().current)
        return found[0], found[1]

    before = currents()
    change = voltage * (set_cell(other, LEVEL) - low)
    after = currents()
    assert after[0] == pytest.approx(before[0], abs=0.03 * change)
    assert after[1] - before[1] == pytest.approx(change, rel=0.05)


def test_compliance_comes_with_the_reading(smu: SourceMeter, bench: Bench, set_cell: SetCell) -> None:
    set_cell(CELL, LEVEL)
    conductance = seen(bench, CELL)
    voltage = gentle(bench, conductance)
    limit = voltage / 4 * conductance
    smu.configure(SourceSetup(voltage=0.5, current_limit=limit, current_range=2 * limit))
    with bench.routed(CELL):
        smu.source(voltage)
        reading = smu.measure()
    assert reading.in_compliance
    assert reading.current == pytest.approx(limit, rel=0.02)


def test_a_sweep_goes_through_compliance(smu: SourceMeter, bench: Bench, set_cell: SetCell) -> None:
    set_cell(CELL, LEVEL)
    conductance = seen(bench, CELL)
    voltage = gentle(bench, conductance)
    limit = voltage / 2 * conductance
    smu.configure(SourceSetup(voltage=0.5, current_limit=limit, current_range=limit))
    voltages = [part * voltage for part in (0.0, 0.1, 0.25, 0.75, 0.25, 0.1)]
    with bench.routed(CELL):
        readings = smu.sweep(voltages)
    assert len(readings) == len(voltages)
    assert [reading.in_compliance for reading in readings] == [False, False, False, True, False, False]
    assert readings[1].current == pytest.approx(readings[5].current, rel=0.05)
    times = [reading.time for reading in readings]
    assert times == sorted(times)


def test_pulses_are_measured_or_refused(smu: SourceMeter, bench: Bench, set_cell: SetCell) -> None:
    set_cell(CELL, LEVEL)
    conductance = seen(bench, CELL)
    voltage = gentle(bench, conductance)
    limit = 4 * voltage * conductance
    smu.configure(SourceSetup(voltage=0.5, current_limit=limit, current_range=limit, nplc=0.01))
    train = PulseTrain(level=voltage, width=1e-3, count=3)
    with bench.routed(CELL):
        if not smu.supports_pulses:
            with pytest.raises(SettingError, match="has no pulses"):
                smu.pulse(train)
            return
        readings = smu.pulse(train)
        after = smu.measure()
    assert [reading.voltage for reading in readings] == pytest.approx([voltage] * 3, rel=0.05)
    assert [reading.current for reading in readings] == pytest.approx([voltage * conductance] * 3, rel=0.1)
    assert abs(after.voltage) < voltage / 10
    assert smu.read_errors() == []


def test_pulses_out_of_bounds_are_refused(smu: SourceMeter, bench: Bench) -> None:
    """No cell is routed: what was let through would not be seen by one."""
    smu.configure(SourceSetup(voltage=0.5, current_limit=1e-3, current_range=1e-3, nplc=0.01))
    too_short = (smu.pulse_width_min or 1e-6) / 2
    for train in (PulseTrain(0.1, too_short), PulseTrain(0.1, 1e-3, count=0), PulseTrain(500.0, 1e-3)):
        with pytest.raises(LabctlError):
            smu.pulse(train)
    with pytest.raises(EnvelopeError):
        smu.pulse(PulseTrain(bench.envelope.voltage * 1.01, 1e-3))
    with pytest.raises(EnvelopeError):
        smu.pulse(PulseTrain(0.1, bench.envelope.pulse_width * 1.01))


def test_a_level_beyond_the_range_is_refused(smu: SourceMeter) -> None:
    """No cell is routed: one whose driver let this through would see 1.2 V for as long as it takes."""
    smu.configure(SourceSetup(voltage=0.15, current_limit=1e-3))
    smu.source(0.1)
    with pytest.raises(LabctlError):
        smu.source(1.2)


def test_the_envelope_is_kept(smu: SourceMeter, bench: Bench) -> None:
    with pytest.raises(EnvelopeError):
        smu.configure(SourceSetup(voltage=bench.envelope.voltage * 1.01, current_limit=1e-3))
    with pytest.raises(EnvelopeError):
        smu.configure(SourceSetup(voltage=1.0, current_limit=bench.envelope.cell_current * 1.01))
    with pytest.raises(EnvelopeError):
        smu.source(-bench.envelope.voltage * 1.01)
    with pytest.raises(EnvelopeError):
        smu.sweep([0.1, bench.envelope.voltage * 1.01])


def test_making_safe_is_idempotent_and_works_with_the_output_on(smu: SourceMeter, bench: Bench) -> None:
    with bench.routed(CELL):
        smu.source(0.1)
        smu.make_safe()
        smu.make_safe()
    assert smu.read_errors() == []
    with pytest.raises(LabctlError):
        smu.measure()
