from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.cell_filter import SLOWEST, CellFilter, Prior, probability_within

PRIOR = Prior(potentiation=1 / 80e-9, depression=1 / 65e-9, gain_spread=0.3, write_noise=0.1)


def test_a_pulse_predicts_in_the_right_direction() -> None:
    cell = CellFilter(PRIOR, 100.0, 0.01)
    cell.predict(cell.pulse_time(50.0), +1.0)
    assert cell.state == pytest.approx(150.0)
    cell.predict(cell.pulse_time(-30.0), -1.0)
    assert cell.state == pytest.approx(120.0)


def test_an_unknown_gain_makes_a_far_state_unsure() -> None:
    cell = CellFilter(PRIOR, 0.0, 0.01)
    cell.predict(cell.pulse_time(1000.0), +1.0)
    assert cell.sigma == pytest.approx(300.0, rel=0.01)


@given(st.floats(min_value=0.6, max_value=1.6), st.sampled_from([1.0, -1.0]))
def test_the_gain_is_learned_from_one_burst(factor: float, sign: float) -> None:
    cell = CellFilter(PRIOR, 8000.0, 0.01)
    time = cell.pulse_time(sign * 2000.0)
    cell.predict(time, sign)
    cell.update(8000.0 + sign * 2000.0 * factor, 0.05)
    assert cell.moves(time, sign) == pytest.approx(2000.0 * factor, rel=0.01)


def test_estimates_are_as_good_as_they_say() -> None:
    chance = np.random.default_rng(1)
    errors: list[float] = []
    for _ in range(2000):
        true = 500.0
        cell = CellFilter(PRIOR, true + chance.normal(0, 0.2), 0.04)
        gain = (1 + 0.3 * chance.normal()) / 80e-9
        for _ in range(3):
            time = 100e-9
            true += gain * time + 0.1 * math.sqrt(gain * time) * chance.normal()
            cell.predict(time, 1.0)
            cell.update(true + chance.normal(0, 0.1), 0.01)
        errors.append((cell.state - true) / cell.sigma)
    assert np.std(errors) == pytest.approx(1.0, abs=0.08)
    assert np.mean(errors) == pytest.approx(0.0, abs=0.08)


def test_a_surprise_is_believed_and_gains_are_doubted_again() -> None:
    cell = CellFilter(PRIOR, 100.0, 0.01)
    cell.update(5000.0, 0.01)
    assert cell.state == 5000.0
    cell.predict(cell.pulse_time(1000.0), 1.0)
    assert cell.sigma > 100.0


@pytest.mark.parametrize("factor", [0.01, 0.1, 5.0, 10.0, 100.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_gain_that_is_far_off_is_measured_from_the_move(factor: float, sign: float) -> None:
    cell = CellFilter(PRIOR, 8000.0, 0.01)
    time = cell.pulse_time(sign * 64.0)
    cell.predict(time, sign)
    cell.update(8000.0 + sign * 64.0 * factor, 0.01)
    assert cell.moves(time, sign) == pytest.approx(64.0 * factor, rel=0.05)
    assert cell.state == pytest.approx(8000.0 + sign * 64.0 * factor, abs=0.1)


def learned(sign: float, state: float = 8000.0) -> CellFilter:
    """Return a cell whose gain of `sign` is what the prior says, and known."""
    cell = CellFilter(PRIOR, state - sign * 200.0, 0.01)
    cell.predict(cell.pulse_time(sign * 200.0), sign)
    cell.update(state, 0.01)
    assert cell.has_learned(sign)
    return cell


def test_a_standstill_is_told_and_leaves_a_learned_gain_alone() -> None:
    cell = learned(-1.0)
    time = cell.pulse_time(-5.0)
    for _ in range(3):
        cell.predict(time, -1.0)
        assert not cell.update(8000.0, 0.01)
    assert cell.moves(time, -1.0) == pytest.approx(5.0, rel=0.01)
    assert cell.state == pytest.approx(8000.0, abs=0.1)


def test_a_move_as_expected_is_no_standstill() -> None:
    cell = learned(-1.0)
    cell.predict(cell.pulse_time(-5.0), -1.0)
    assert cell.update(7995.1, 0.01)
    assert cell.update(7995.0, 0.01)


def test_what_is_learned_near_an_end_does_not_hold_away_from_it() -> None:
    cell = learned(-1.0, state=20.0)
    time = cell.pulse_time(-10.0)
    cell.prepare(-10.0)
    cell.predict(time, -1.0)
    cell.update(18.0, 0.01)
    assert cell.moves(time, -1.0) < 3.0
    cell.predict(cell.pulse_time(1000.0), 1.0)
    cell.update(1018.0, 0.01)
    cell.prepare(-10.0)
    assert cell.moves(time, -1.0) == pytest.approx(10.0, rel=0.02)


def test_pulses_at_the_end_of_the_range_do_not_grow_without_bound() -> None:
    cell = learned(-1.0, state=20.0)
    time = cell.pulse_time(-1.0)
    for left in (10.0, 6.0, 4.0, 3.0, 2.0, 1.5, 1.2, 1.1, 1.05, 1.04, 1.04):
        cell.prepare(left - 20.0)
        cell.predict(cell.pulse_time(-left - 1.0), -1.0)
        cell.update(left, 1e-4)
    assert cell.pulse_time(-1.0) <= 1.05 * time / SLOWEST


def test_readings_have_a_floor() -> None:
    cell = CellFilter(PRIOR, 100.0, 0.01)
    for _ in range(1000):
        cell.update(100.0, 0.01, floor=1e-3)
    assert cell.sigma == pytest.approx(1e-3**0.5)


def test_a_gain_never_turns_around() -> None:
    cell = CellFilter(PRIOR, 100.0, 0.01)
    for _ in range(50):
        cell.predict(80e-9, 1.0)
        cell.update(100.0, 0.01)
    assert 0 < cell.moves(80e-9, 1.0) < 1


@pytest.mark.parametrize(("error", "sigma", "expected"), [(0.0, 0.5, 0.6827), (0.0, 0.25, 0.9545), (0.5, 0.1, 0.5)])
def test_probability_of_a_normal_error(error: float, sigma: float, expected: float) -> None:
    assert probability_within(error, sigma, 0.5) == pytest.approx(expected, abs=1e-4)
    assert probability_within(-error, sigma, 0.5) == pytest.approx(expected, abs=1e-4)
