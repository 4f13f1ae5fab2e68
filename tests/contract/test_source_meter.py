"""What every `SourceMeter` promises, whatever its make."""

from __future__ import annotations

import pytest

from labctl.bench import Bench
from labctl.errors import EnvelopeError, LabctlError
from labctl.instruments import Cell, Pulse, SourceMeter, SourceSetup

CELL = Cell(0, 0)


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


def test_a_routed_cell_is_measured(smu: SourceMeter, bench: Bench) -> None:
    bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 3000)])
    by_board = bench.board.read([CELL], 0.2, 64)
    with bench.routed(CELL):
        smu.source(0.2)
        reading = smu.measure()
    assert reading.current == pytest.approx(float(by_board.current[0]), rel=0.02)
    assert reading.voltage == pytest.approx(0.2, rel=0.01)
    assert not reading.in_compliance
    assert not reading.overrange


def test_the_cell_that_the_board_selects_is_the_one_seen(smu: SourceMeter, bench: Bench) -> None:
    other = Cell(1, 2)
    bench.board.pulse([Pulse(other, 0.9, 80e-9, 3000)])

    def current(cell: Cell) -> float:
        with bench.routed(cell):
            smu.source(0.2)
            return smu.measure().current

    assert current(other) > 50 * abs(current(CELL))


def test_compliance_comes_with_the_reading(smu: SourceMeter, bench: Bench) -> None:
    bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 3000)])
    smu.configure(SourceSetup(voltage=0.5, current_limit=50e-6, current_range=100e-6))
    with bench.routed(CELL):
        smu.source(0.2)
        reading = smu.measure()
    assert reading.in_compliance
    assert reading.current == pytest.approx(50e-6, rel=0.02)


def test_a_sweep_goes_through_compliance(smu: SourceMeter, bench: Bench) -> None:
    bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 3000)])
    smu.configure(SourceSetup(voltage=0.5, current_limit=100e-6, current_range=100e-6))
    voltages = [0.0, 0.02, 0.05, 0.15, 0.05, 0.02]
    with bench.routed(CELL):
        readings = smu.sweep(voltages)
    assert len(readings) == len(voltages)
    assert [reading.in_compliance for reading in readings] == [False, False, False, True, False, False]
    assert readings[1].current == pytest.approx(readings[5].current, rel=0.05)
    times = [reading.time for reading in readings]
    assert times == sorted(times)


def test_a_level_beyond_the_range_is_refused(smu: SourceMeter, bench: Bench) -> None:
    smu.configure(SourceSetup(voltage=0.15, current_limit=1e-3))
    with bench.routed(CELL), pytest.raises(LabctlError):
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
