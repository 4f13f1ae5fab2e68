"""Gains and offsets of column readers, from made-up currents whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from protocols.analysis.column_equalising import (
    Transfers,
    bend,
    column_gains,
    column_offsets,
    rise,
    start,
    true_meter_currents,
)

Array = NDArray[np.float64]
POINTS, COLUMNS = 6, 40
VOLTAGE, V0 = 0.2, 0.343826


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """A made-up board and meter: what they really are."""

    gain: Array
    offset: Array
    amplifier: Array
    drivers: Array
    meter_gain: float
    meter_offset: float
    meter_voltage: float


def made_up(seed: int, noise: float = 2.5e-9, offset: float = 0.0, wires: float = 0.0) -> tuple[Transfers, Board]:
    """Return currents of sinh cells at rising conductances, one row a point; `wires` drops in proportion to current."""
    rng = np.random.default_rng(seed)
    gain = 1 + 3.5e-4 * rng.normal(size=COLUMNS)
    truth = Board(
        gain / gain.mean(), offset * rng.normal(size=COLUMNS), 3e-6 * rng.normal(size=COLUMNS),
        3e-4 * rng.normal(size=(POINTS, 1)), 1.3e-4, 2e-8, 6e-5,
    )  # fmt: skip
    conductance = np.linspace(0.3, 1, POINTS)[:, None] * 4.8e-3 * (1 + 1e-3 * rng.normal(size=(POINTS, COLUMNS)))
    bends = VOLTAGE / V0

    def law(voltage: Array | float) -> Array:
        return conductance * VOLTAGE * np.sinh(np.asarray(voltage) / V0) / np.sinh(bends)

    def read(voltage: Array | float, slope: Array, scatter: float) -> Array:
        dropped = 1 - wires * np.arange(COLUMNS) / COLUMNS * conductance
        true = law(voltage) * dropped + truth.amplifier * (slope + load)
        return truth.gain * true + truth.offset + scatter * rng.normal(size=true.shape)

    load = np.full((POINTS, COLUMNS), 1.3e-5)
    at_zero = conductance * bends / np.sinh(bends)
    applied = VOLTAGE * (1 + truth.drivers)
    meter = law(VOLTAGE + truth.meter_voltage) * (1 + truth.meter_gain) + truth.meter_offset
    transfers = Transfers(
        board=read(applied, conductance * bends / np.tanh(bends), noise),
        half=read(applied / 2, conductance, noise),
        zero=read(0.0, at_zero, noise / 10),
        meter=meter + noise * rng.normal(size=meter.shape),
        meter_zero=law(truth.meter_voltage) + truth.meter_offset + 2 * noise * rng.normal(size=meter.shape),
        load=load,
        voltage=np.full(POINTS, VOLTAGE),
        row=np.arange(POINTS),
        found_zero=truth.amplifier * 1.3e-5 + truth.offset + noise / 10 * rng.normal(size=COLUMNS),
        found_load=np.full(COLUMNS, 1.3e-5),
    )
    return transfers, truth


def test_exact_currents_give_exact_gains() -> None:
    transfers, truth = made_up(1, noise=0.0)
    gains = column_gains(transfers)
    # What is left is of second order: what offsets add, 4e-5 at most, times what the bend is wrong by, some 2e-3.
    assert np.abs(gains.gain - truth.gain).max() < 1e-7
    assert gains.sigma < 1e-7
    assert bend(transfers) == pytest.approx(VOLTAGE / V0, rel=1e-3)


def test_stated_uncertainty_covers_the_errors() -> None:
    errors: list[Array] = []
    for seed in range(20):
        transfers, truth = made_up(seed)
        gains = column_gains(transfers)
        errors.append((gains.gain - truth.gain) / gains.sigma)
    every = np.concatenate(errors)
    assert np.std(every) == pytest.approx(1.0, abs=0.1)
    assert np.mean(np.abs(every) < 2) == pytest.approx(0.954, abs=0.025)


def test_the_meters_errors_do_not_matter_to_the_columns_and_show_in_the_agreement() -> None:
    transfers, truth = made_up(3, noise=0.0)
    worse = replace(transfers, meter=transfers.meter * 1.001)
    assert column_gains(worse).gain == pytest.approx(column_gains(transfers).gain, abs=1e-9)
    steep = float(rise(bend(transfers))[0])
    expected = (1 + steep * truth.drivers[:, 0]) / (1 + truth.meter_gain)
    assert column_gains(transfers).agreement == pytest.approx(expected, abs=1e-6)


def test_the_meters_offsets_are_told_apart_by_cells_of_different_conductance() -> None:
    transfers, truth = made_up(4, noise=0.0)
    without = transfers.meter - truth.meter_offset
    shift = float(rise(bend(transfers))[0]) * truth.meter_voltage / VOLTAGE
    assert true_meter_currents(transfers) == pytest.approx(without * (1 - shift), rel=2e-6)


def test_an_offset_current_is_told_from_an_amplifiers_offset_voltage() -> None:
    transfers, truth = made_up(5, offset=2e-9)
    offsets = column_offsets(transfers)
    assert np.std((offsets.current - truth.offset) / offsets.current_sigma) == pytest.approx(1.0, abs=0.3)
    assert offsets.voltage == pytest.approx(truth.amplifier, abs=5e-7)
    assert offsets.current_sigma < 5e-10


def test_one_load_does_not_tell_them_apart_and_the_zero_is_taken_out_all_the_same() -> None:
    transfers, truth = made_up(6, noise=0.0)
    last = slice(POINTS - 1, POINTS)
    own = (transfers.board[-1] - transfers.zero[-1]) / VOLTAGE * start(bend(transfers))[-1]
    alone = Transfers(
        transfers.board[last], transfers.half[last], transfers.zero[last], transfers.meter[last],
        transfers.meter_zero[last], transfers.load[last], transfers.voltage[last], transfers.row[last],
        transfers.zero[-1], transfers.load[-1] + own,
    )  # fmt: skip
    offsets = column_offsets(alone)
    assert not offsets.current.any()
    assert np.isnan(offsets.current_sigma)
    assert column_gains(alone).gain == pytest.approx(truth.gain, abs=1e-7)
    assert np.isnan(column_gains(alone).sigma)


def test_drops_along_lines_show_as_gains_that_depend_on_the_current() -> None:
    straight, dropping = made_up(7)[0], made_up(7, wires=5.0)[0]
    assert column_gains(straight).dependence < 3e-5
    # 5 ohm at the last column: 4.8 mS x 5 ohm = 2.4 % at the end of a line that begins without, uniform between.
    assert column_gains(dropping).dependence == pytest.approx(0.024 / np.sqrt(12), rel=0.1)


def test_a_stuck_cell_costs_a_point_and_a_dead_column_its_gain() -> None:
    transfers, truth = made_up(8)
    board, meter = transfers.board.copy(), transfers.meter.copy()
    board[2, 3] = meter[2, 3] = 1e-6
    meter[:, 5] = np.nan
    gains = column_gains(replace(transfers, board=board, meter=meter))
    known = np.delete(np.arange(COLUMNS), 5)
    relative = truth.gain[known] / truth.gain[known].mean()
    assert np.isnan(gains.gain[5])
    assert np.abs(gains.gain[known] - relative).max() < 5 * gains.sigma


def test_nothing_measured_gives_no_gain() -> None:
    transfers, _ = made_up(9)
    gains = column_gains(replace(transfers, meter=np.full_like(transfers.meter, np.nan)))
    assert np.isnan(gains.gain).all()
    assert np.isnan(gains.spread)


def test_ohmic_cells_have_no_bend() -> None:
    assert rise(np.array([0.0])) == start(np.array([0.0])) == 1.0
    assert rise(np.array([1e-6]))[0] == pytest.approx(1.0)
