"""What is predicted of cells and lines bounds what the twin's cells and lines carry, and refuses in one line."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.bench_file import CONDUCTION_VOLTAGE
from labctl.board_data import Cell, CellReadings, Pulse, ReadScheme, WriteScheme
from labctl.board_features import Coding, Direction, ProductSetup
from labctl.current_prediction import CurrentPrediction, ohmic_voltage
from labctl.errors import EnvelopeError
from labctl.levels import G_MAX
from labctl.limits import Envelope
from sim_backend.device_models.catalogue import device_named

ENVELOPE = Envelope(
    voltage=1.3, read_voltage=0.25, cell_current=15e-3, line_current=0.25, pulse_width=10e-3, pulses_per_cell=1e9
)
CELL = Cell(3, 2)
OTHER = Cell(4, 5)
UP = Pulse(CELL, 0.9, 80e-9)
PRODUCT = ProductSetup(Coding.AMPLITUDE)


def predicting(rows: int = 64, columns: int = 64, top: float = G_MAX, **limits: float) -> CurrentPrediction:
    return CurrentPrediction((rows, columns), top, CONDUCTION_VOLTAGE, replace(ENVELOPE, **limits))


def readings(*conductances: float, voltage: float = 0.2, held: bool = False) -> CellReadings:
    flags = np.full(len(conductances), held)
    return CellReadings(voltage, voltage * np.array(conductances), flags, flags)


def learn_all(prediction: CurrentPrediction, conductance: np.ndarray) -> None:
    cells = [Cell(row, column) for row in range(conductance.shape[0]) for column in range(conductance.shape[1])]
    prediction.learn(cells, readings(*conductance.ravel().tolist()), ReadScheme.GROUND)


# --- the law ---


def test_the_default_law_is_the_published_films() -> None:
    """Published chords: 4.723 mS at 0.2 V, 6.177 mS at 0.5 V, 11.41 mS at 0.9 V, the last level a little less bent."""
    for voltage, chord in ((0.9, 11.41e-3), (-0.5, 6.177e-3)):
        predicted = 4.723e-3 * ohmic_voltage(voltage, CONDUCTION_VOLTAGE)
        assert 1.0 <= predicted / (abs(voltage) * chord) < 1.025


@given(st.floats(0, 5), st.floats(0, 5), st.floats(1e-3, 1e3))
def test_more_voltage_never_means_less_current(one: float, other: float, conduction_voltage: float) -> None:
    low, high = sorted((ohmic_voltage(one, conduction_voltage), ohmic_voltage(other, conduction_voltage)))
    assert low <= high
    assert (one <= other) == (ohmic_voltage(one, conduction_voltage) <= ohmic_voltage(other, conduction_voltage)) or (
        low == high
    )
    assert ohmic_voltage(one, conduction_voltage) >= one * (1 - 1e-9)


@pytest.mark.parametrize("device", ["ru-azo", "ru-azo-soft", "vteam-taox", "vteam-tio2"])
@given(level=st.floats(0, 16_519), read=st.floats(0.02, 0.25), voltage=st.floats(-1.3, 1.3))
def test_the_prediction_from_a_read_bounds_the_current_of_every_packaged_device(
    device: str, level: float, read: float, voltage: float
) -> None:
    model = device_named(device, G_MAX)
    states = model.erased(1)
    states[0, 0] = level
    law = model.law(states, model.conductance(states))
    prediction = predicting(8, 8)
    found = float(np.asarray(law.current(read)).ravel()[0]) / read
    prediction.learn([CELL], readings(found, voltage=read), ReadScheme.GROUND)
    current = abs(float(np.asarray(law.current(voltage)).ravel()[0]))
    assert current <= prediction.conductance(CELL) * ohmic_voltage(voltage, CONDUCTION_VOLTAGE) * (1 + 1e-9)


# --- cells and lines ---


def test_a_cell_that_was_not_read_is_taken_at_the_worst() -> None:
    with pytest.raises(EnvelopeError) as caught:
        predicting().check_pulses([Pulse(CELL, 1.22, 80e-9)], WriteScheme.THIRD)
    message = str(caught.value)
    assert "row 3, column 2" in message
    assert "would carry 33.31 mA" in message
    assert "has not been read" in message
    assert "cell_current up to 15 mA" in message
    assert "read the cell first" in message
    assert "\n" not in message


def test_a_cell_that_was_read_is_taken_at_what_it_showed() -> None:
    prediction = predicting()
    prediction.learn([CELL], readings(1e-3), ReadScheme.GROUND)
    prediction.check_pulses([Pulse(CELL, 1.22, 80e-9)], WriteScheme.THIRD)
    prediction.learn([CELL], readings(2.9e-3), ReadScheme.GROUND)
    with pytest.raises(EnvelopeError, match="its last reading"):
        prediction.check_pulses([Pulse(CELL, 1.22, 80e-9)], WriteScheme.THIRD)
    prediction.check_pulses([Pulse(CELL, -0.75, 65e-9)], WriteScheme.THIRD)


def test_a_train_that_may_raise_a_cell_is_judged_by_where_it_may_end() -> None:
    prediction = predicting()
    prediction.learn([CELL], readings(1e-4), ReadScheme.GROUND)
    prediction.check_pulses([Pulse(CELL, 1.22, 80e-9)], WriteScheme.THIRD)
    known = prediction.conductance(CELL)
    assert 1e-4 < known < 2e-4
    with pytest.raises(EnvelopeError, match="cell_current"):
        prediction.check_pulses([UP, Pulse(CELL, 1.22, 80e-9, 20_000)], WriteScheme.THIRD)
    assert prediction.conductance(CELL) == pytest.approx(known), "what was refused was not put out"
    prediction.check_pulses([Pulse(CELL, -0.75, 80e-9, 20_000)], WriteScheme.THIRD)
    assert prediction.conductance(CELL) == pytest.approx(known), "depression raises no cell"


@pytest.mark.parametrize(("rows", "columns", "name"), [(4, 128, "row 3"), (128, 4, "column 2")])
def test_half_selected_cells_count_for_their_line(rows: int, columns: int, name: str) -> None:
    prediction = predicting(rows, columns)
    with pytest.raises(EnvelopeError, match=rf"{name} would carry .* 128 of its 128 cells not read yet") as caught:
        prediction.check_pulses([UP], WriteScheme.HALF)
    assert "line_current up to 250 mA" in str(caught.value)
    learn_all(prediction, np.full((rows, columns), 1e-5))
    prediction.check_pulses([UP], WriteScheme.HALF)


def test_the_third_scheme_loads_the_other_lines_too() -> None:
    """Row 5 conducts well, and stands at a third of the voltage although the pulse is elsewhere."""
    conductance = np.full((64, 64), 1e-6)
    conductance[5] = 7e-3
    prediction = predicting(cell_current=0.1, line_current=0.14)
    learn_all(prediction, conductance)
    with pytest.raises(EnvelopeError, match="row 5 would carry"):
        prediction.check_pulses([UP], WriteScheme.THIRD)


def test_a_half_selected_cell_must_bear_its_share() -> None:
    conductance = np.full((4, 4), 1e-6)
    conductance[3, 0] = 10e-3
    prediction = predicting(4, 4, cell_current=4e-3)
    learn_all(prediction, conductance)
    prediction.check_pulses([UP], WriteScheme.THIRD)
    with pytest.raises(EnvelopeError, match="the cell at row 3, column 0 would carry"):
        prediction.check_pulses([UP], WriteScheme.HALF)


def test_a_read_drives_the_whole_row_and_the_reverse_scheme_every_row() -> None:
    prediction = predicting(4, 64, line_current=0.05)
    conductance = np.full((4, 64), 1e-6)
    conductance[1] = G_MAX
    learn_all(prediction, conductance)
    prediction.check_read([CELL, Cell(0, 0)], 0.2, ReadScheme.GROUND)
    with pytest.raises(EnvelopeError, match=r"row 1 would carry 75\.5"):
        prediction.check_read([Cell(1, 3)], 0.2, ReadScheme.GROUND)
    with pytest.raises(EnvelopeError, match="row 1 would carry"):
        prediction.check_read([Cell(0, 3)], 0.2, ReadScheme.REVERSE)


@pytest.mark.parametrize("coding", list(Coding))
@pytest.mark.parametrize("direction", list(Direction))
def test_a_product_loads_inputs_and_outputs(coding: Coding, direction: Direction) -> None:
    prediction = predicting(64, 64, line_current=0.06)
    learn_all(prediction, np.full((64, 64), 4e-3))
    setup = ProductSetup(coding, direction, voltage=0.24)
    inside = np.zeros((2, 64))
    inside[1, :62] = 0.24
    names = ("row", "column") if direction is Direction.ROWS_IN else ("column", "row")
    with pytest.raises(EnvelopeError, match=f"{names[0]} 0 would carry 62"):
        prediction.check_product(inside, setup)
    spread = np.tile([0.12, 0.2], (1, 32)) if coding is Coding.AMPLITUDE else np.ones((1, 64))
    low = ProductSetup(coding, direction, voltage=0.2)
    conductance = np.full((64, 64), 1e-6)
    (conductance if direction is Direction.COLUMNS_IN else conductance.T)[9] = 9e-3
    learn_all(prediction, conductance)
    with pytest.raises(EnvelopeError, match=f"{names[1]} 9 would carry"):
        prediction.check_product(spread, low)


def test_currents_of_either_sign_do_not_add_up_on_a_products_output() -> None:
    prediction = predicting(64, 64, line_current=0.06)
    conductance = np.full((64, 64), 1e-6)
    conductance[:, 9] = 8e-3
    learn_all(prediction, conductance)
    mixed = np.tile([0.2, -0.2], (1, 32))
    prediction.check_product(mixed, PRODUCT)
    with pytest.raises(EnvelopeError, match="column 9"):
        prediction.check_product(np.abs(mixed), PRODUCT)


def test_an_smus_own_limit_holds_what_its_terminals_carry() -> None:
    prediction = predicting()
    prediction.check_level(CELL, 1.3, ReadScheme.GROUND, 15e-3)
    with pytest.raises(EnvelopeError, match=r"a level of 1\.3 V: the cell at row 3"):
        prediction.check_level(CELL, 1.3, ReadScheme.GROUND, 0.1)
    prediction.check_level(CELL, 0.2, ReadScheme.REVERSE, 15e-3)
    with pytest.raises(EnvelopeError, match="row 0"):
        prediction.check_level(CELL, 0.9, ReadScheme.REVERSE, 15e-3)


# --- what a read tells ---


@pytest.mark.parametrize(
    ("found", "scheme"),
    [
        (readings(1e-5, held=True), ReadScheme.GROUND),
        (readings(1e-5, voltage=-0.2), ReadScheme.GROUND),
        (readings(1e-5, voltage=0.001), ReadScheme.GROUND),
        (readings(math.nan), ReadScheme.GROUND),
        (readings(1e-5), ReadScheme.REVERSE),
    ],
    ids=["held back", "blocked", "in the noise", "none", "others taken off"],
)
def test_what_shows_too_little_lowers_nothing(found: CellReadings, scheme: ReadScheme) -> None:
    prediction = predicting()
    prediction.learn([CELL], found, scheme)
    assert prediction.conductance(CELL) == G_MAX


def test_a_reading_above_the_highest_level_is_believed() -> None:
    prediction = predicting()
    prediction.learn([CELL], readings(7.13e-3), ReadScheme.REVERSE)
    assert prediction.conductance(CELL) == pytest.approx(7.13e-3)
    with pytest.raises(EnvelopeError):
        prediction.check_pulses([UP], WriteScheme.THIRD)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.floats(0, 8e-3)), max_size=30))
def test_sums_follow_what_is_learned(learned: list[tuple[int, int, float]]) -> None:
    prediction = predicting(5, 6)
    for row, column, conductance in learned:
        prediction.learn([Cell(row, column)], readings(conductance), ReadScheme.GROUND)
    kept = prediction._conductance
    assert prediction._row_sums == pytest.approx(kept.sum(axis=1).tolist(), rel=1e-9, abs=1e-12)
    assert prediction._column_sums == pytest.approx(kept.sum(axis=0).tolist(), rel=1e-9, abs=1e-12)
    assert prediction._largest >= kept.max() * (1 - 1e-9)
    assert prediction._widest >= max(kept.sum(axis=0).max(), kept.sum(axis=1).max()) * (1 - 1e-9)


# --- what stands today must go on ---


def test_the_packaged_bench_is_refused_nothing_that_it_does() -> None:
    """Nothing read yet: both schemes, reads and products at 0.2 V, on 64 x 64 cells that may all be at the top."""
    prediction = predicting()
    for scheme in WriteScheme:
        prediction.check_pulses([UP, Pulse(CELL, -0.75, 65e-9), Pulse(CELL, 0.9, 80e-9, 20_000)], scheme)
    for read in ReadScheme:
        prediction.check_read([CELL], 0.25, read)
    for coding in Coding:
        for direction in Direction:
            setup = ProductSetup(coding, direction, floor=3e-3, voltage=0.2)
            prediction.check_product(np.full((28, 64), 0.2 if coding is Coding.AMPLITUDE else 1e-4), setup)
