"""What every `ProbeBoard` promises, whatever stands behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.bench import Bench
from labctl.board_data import BoardState, Cell, ComplianceAction, Feature, Pulse, ReadScheme, WriteScheme
from labctl.board_features import Coding, Direction, ProductSetup
from labctl.errors import EnvelopeError, InputError, RefusedError, TrippedError
from labctl.instruments import ProbeBoard

if TYPE_CHECKING:
    from tests.contract.conftest import SetCell

CELL = Cell(0, 0)
LEVEL = 3000
"""From which a cell of any die can go either way."""
UP = Pulse(CELL, 0.9, 80e-9)
DOWN = Pulse(CELL, -0.75, 65e-9)


def test_identity_has_four_fields(board: ProbeBoard) -> None:
    identity = board.identify()
    assert all((identity.vendor, identity.model, identity.serial, identity.firmware))


def test_capabilities_are_possible(board: ProbeBoard) -> None:
    able = board.capabilities()
    assert able.rows >= 1
    assert able.columns >= 1
    assert able.v_min < 0 < able.v_max
    assert 0 < able.width_min < able.width_max
    assert able == board.capabilities()


def test_arming_and_safe_state(board: ProbeBoard) -> None:
    assert board.status().state is BoardState.ARMED
    board.arm(0.0)
    assert board.status().state is BoardState.IDLE
    board.arm(1.0)
    board.make_safe()
    board.make_safe()
    assert board.status().state is BoardState.SAFE
    with pytest.raises(TrippedError):
        board.pulse([UP])
    board.clear()
    assert board.status().state is BoardState.IDLE


def test_nothing_is_put_out_unless_armed(board: ProbeBoard) -> None:
    board.arm(0.0)
    before = board.status().delivered
    with pytest.raises(TrippedError):
        board.pulse([UP])
    assert board.status().delivered == before


def test_pulses_are_counted(board: ProbeBoard, set_cell: SetCell) -> None:
    set_cell(CELL, LEVEL)
    before = board.status()
    receipt = board.pulse([UP, Pulse(CELL, 0.9, 80e-9, 3), DOWN])
    assert receipt.executed == 3
    assert receipt.delivered == before.delivered + 5
    assert receipt.boot == before.boot
    assert board.status().delivered == receipt.delivered


def test_positive_pulses_potentiate_and_negative_ones_depress(board: ProbeBoard, set_cell: SetCell) -> None:
    def conductance() -> float:
        readings = board.read([CELL], 0.2, 64)
        return float(readings.current[0]) / readings.voltage

    set_cell(CELL, LEVEL)
    start = conductance()
    board.pulse([Pulse(CELL, 0.9, 80e-9, 300)])
    raised = conductance()
    board.pulse([Pulse(CELL, -0.75, 65e-9, 150)])
    lowered = conductance()
    assert start < lowered < raised
    assert raised - start == pytest.approx(300 * 357.15e-9, rel=0.15)
    assert raised - lowered == pytest.approx(150 * 357.15e-9, rel=0.15)


def test_positive_read_gives_positive_current(board: ProbeBoard, set_cell: SetCell) -> None:
    set_cell(CELL, LEVEL)
    readings = board.read([CELL], 0.2, 16)
    assert readings.voltage == pytest.approx(0.2, abs=1e-4)
    assert readings.current[0] > 0
    assert not readings.saturated[0]
    assert not readings.in_compliance[0]


def test_cells_keep_their_order_and_place(board: ProbeBoard, set_cell: SetCell) -> None:
    able = board.capabilities()
    target = Cell(min(2, able.rows - 1), min(5, able.columns - 1))
    set_cell(target, LEVEL)
    cells = [Cell(row, column) for row in range(min(4, able.rows)) for column in range(min(7, able.columns))]
    before = board.read(cells, 0.2, 16).current
    board.pulse([Pulse(target, 0.9, 80e-9, 1000)])
    change = board.read(cells, 0.2, 16).current - before
    assert cells[int(np.argmax(change))] == target
    again = board.read(cells[::-1], 0.2, 16).current[::-1] - before
    assert cells[int(np.argmax(again))] == target


def test_pulse_read_pulses_then_reads(board: ProbeBoard, set_cell: SetCell) -> None:
    set_cell(CELL, LEVEL)
    receipt, readings = board.pulse_read([Pulse(CELL, 0.9, 80e-9, 200)] * 3, 0.2, 64)
    assert receipt.executed == 3
    assert np.all(np.diff(readings.current) > 0)


def test_what_the_board_cannot_do_is_refused_before_it_is_asked(board: ProbeBoard) -> None:
    able = board.capabilities()
    before = board.status().delivered
    for wrong in (
        Pulse(Cell(able.rows, 0), 0.9, 80e-9),
        Pulse(Cell(0, -1), 0.9, 80e-9),
        Pulse(CELL, 0.9, able.width_min / 2),
        Pulse(CELL, 0.9, 80e-9, 0),
        Pulse(CELL, 0.9, 80e-9, able.count_max + 1),
    ):
        with pytest.raises(InputError):
            board.pulse([UP, wrong])
    with pytest.raises(InputError):
        board.read([], 0.2, 1)
    with pytest.raises(InputError):
        board.read([CELL], 0.2, able.averages_max + 1)
    assert board.status().delivered == before


def test_the_envelope_is_kept(board: ProbeBoard, bench: Bench) -> None:
    before = board.status().delivered
    for wrong in (
        Pulse(CELL, bench.envelope.voltage * 1.01, 80e-9),
        Pulse(CELL, -bench.envelope.voltage * 1.01, 80e-9),
        Pulse(CELL, float("nan"), 80e-9),
        Pulse(CELL, 0.9, bench.envelope.pulse_width * 1.01),
    ):
        with pytest.raises(EnvelopeError):
            board.pulse([UP, wrong])
        with pytest.raises(EnvelopeError):
            board.pulse_read([wrong], 0.2, 1)
    with pytest.raises(EnvelopeError):
        board.read([CELL], bench.envelope.read_voltage * 1.01, 1)
    with pytest.raises(EnvelopeError):
        board.set_compliance(bench.envelope.line_current * 1.01, ComplianceAction.CLAMP)
    assert board.status().delivered == before


def test_a_run_of_over_five_seconds_is_refused(board: ProbeBoard) -> None:
    before = board.status().delivered
    with pytest.raises(RefusedError, match="RANGE"):
        board.pulse([Pulse(CELL, 0.01, 5e-3, 600)])
    assert board.status().delivered == before


def test_schemes_and_compliance_are_taken(board: ProbeBoard, bench: Bench) -> None:
    for write in WriteScheme:
        for read in ReadScheme:
            board.set_scheme(write, read)
    board.set_compliance(min(0.1, bench.envelope.line_current), ComplianceAction.TRIP)
    assert board.status().state is BoardState.ARMED


def test_keeping_alive_outlasts_the_watchdog(board: ProbeBoard, bench: Bench) -> None:
    bench.wait(board.watchdog)
    bench.wait(board.watchdog)
    assert board.status().state is BoardState.ARMED


def test_a_long_wait_is_spent_disarmed(board: ProbeBoard, bench: Bench) -> None:
    bench.wait(2.5 * board.watchdog)
    assert board.status().state is BoardState.ARMED
    assert not board.status().trips


def having(board: ProbeBoard, feature: Feature) -> None:
    """Skip a test of what this board has not."""
    if feature not in board.capabilities().features:
        pytest.skip(f"this board has no {feature.name}")


@pytest.mark.parametrize("coding", list(Coding))
@pytest.mark.parametrize("direction", list(Direction))
def test_a_product_of_one_input_is_a_read_of_its_cells(board: ProbeBoard, direction: Direction, coding: Coding) -> None:
    """Output k of a product with input i alone is the cell at their crossing, positive at a positive voltage."""
    having(board, Feature.MULTIPLY)
    able = board.capabilities()
    target = Cell(min(2, able.rows - 1), min(5, able.columns - 1))
    board.pulse([Pulse(target, 0.9, 80e-9, 1000)])
    inputs, outputs = direction.sides(able.rows, able.columns)
    on, read_at = (target.row, target.column) if direction is Direction.ROWS_IN else (target.column, target.row)
    vectors = np.zeros((2, inputs))
    vectors[1, on] = 0.2 if coding is Coding.AMPLITUDE else 100e-6
    setup = ProductSetup(coding, direction, slot=100e-6, averages=16, voltage=0.2)
    found = board.multiply(vectors, setup)
    assert found.current.shape == found.saturated.shape == found.in_compliance.shape == (2, outputs)
    assert not found.saturated.any()
    assert not found.in_compliance.any()
    difference = found.current[1] - found.current[0]
    assert int(np.argmax(difference)) == read_at
    readings = board.read([target], 0.2, 16)
    assert difference[read_at] == pytest.approx(float(readings.current[0]), rel=0.02)


def test_products_that_do_not_fit_are_refused_and_not_split(board: ProbeBoard) -> None:
    having(board, Feature.MULTIPLY)
    able = board.capabilities()
    setup = ProductSetup(Coding.AMPLITUDE, averages=1)
    most = setup.direction.vectors_max(able.rows, able.columns)
    assert board.multiply(np.zeros((most, able.rows)), setup).current.shape == (most, able.columns)
    with pytest.raises(InputError):
        board.multiply(np.zeros((most + 1, able.rows)), setup)
    with pytest.raises(InputError):
        board.multiply(np.zeros((1, able.rows + 1)), setup)


def test_the_envelope_bounds_products(board: ProbeBoard, bench: Bench) -> None:
    having(board, Feature.MULTIPLY)
    rows, limit = board.capabilities().rows, bench.envelope.read_voltage
    with pytest.raises(EnvelopeError):
        board.multiply(np.full((1, rows), limit * 1.01), ProductSetup(Coding.AMPLITUDE))
    with pytest.raises(EnvelopeError):
        board.multiply(np.full((1, rows), limit * 0.6), ProductSetup(Coding.AMPLITUDE, floor=limit * 0.5))
    with pytest.raises(EnvelopeError):
        board.multiply(np.zeros((1, rows)), ProductSetup(Coding.WIDTH, voltage=limit * 1.01))


def test_the_temperature_is_that_of_a_room(board: ProbeBoard) -> None:
    having(board, Feature.TEMPERATURE)
    assert 0 < board.temperature() < 70


def test_the_board_passes_its_own_tests(board: ProbeBoard) -> None:
    having(board, Feature.SELF_TEST)
    tests = board.self_test()
    assert tests
    assert [test for test in tests if not test.passed] == []


@pytest.mark.parametrize("direction", list(Direction))
def test_coefficients_that_are_stored_again_are_the_same(board: ProbeBoard, direction: Direction) -> None:
    """What is written is what was read: on a real board nothing changes."""
    having(board, Feature.CALIBRATION)
    able = board.capabilities()
    stored = board.calibration(direction)
    assert stored.gain.shape == stored.offset.shape == (direction.sides(able.rows, able.columns)[1],)
    assert stored.gain == pytest.approx(1.0, abs=0.1)
    last = len(stored.gain) - 1
    assert board.calibration(direction, last).gain[0] == stored.gain[-1]
    assert board.write_calibration(direction, 0, stored.gain, stored.offset) == stored.identity
    with pytest.raises(InputError):
        board.calibration(direction, last + 1)
