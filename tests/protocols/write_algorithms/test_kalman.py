from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.levels import LEVELS
from protocols.write_algorithms.interface import Prior
from protocols.write_algorithms.kalman import SLOWEST, Kalman

PRIOR = Prior(potentiation=1 / 80e-9, depression=1 / 65e-9, gain_spread=0.3, write_noise=0.1)
WIDTH_MIN = 20e-9


def at(state: float, variance: float = 0.01) -> Kalman:
    cell = Kalman(PRIOR)
    cell.locate(state, variance)
    return cell


def gone(cell: Kalman, time: float, sign: float) -> float:
    """Return by how much the state should move."""
    other = at(0.0)
    other.recall(cell.memory())
    other.predict(time, sign)
    return abs(other.state - cell.state)


def time_of(distance: float) -> float:
    """Return the prior's pulse time (s)."""
    return abs(distance) / PRIOR.gain(distance)


def test_a_pulse_predicts_in_the_right_direction() -> None:
    cell = at(100.0)
    cell.predict(time_of(50.0), +1.0)
    assert cell.state == pytest.approx(150.0)
    cell.predict(time_of(-30.0), -1.0)
    assert cell.state == pytest.approx(120.0)


def test_an_unknown_gain_makes_a_far_state_unsure() -> None:
    cell = at(0.0)
    cell.predict(time_of(1000.0), +1.0)
    assert cell.sigma == pytest.approx(300.0, rel=0.03)


@given(st.floats(min_value=0.7, max_value=1.5), st.sampled_from([1.0, -1.0]))
def test_the_gain_is_learned_from_one_burst(factor: float, sign: float) -> None:
    cell = at(8000.0)
    time = time_of(sign * 2000.0)
    cell.predict(time, sign)
    cell.update(8000.0 + sign * 2000.0 * factor, 0.05)
    cell.locate(8000.0, 0.01)
    assert gone(cell, time, sign) == pytest.approx(2000.0 * factor, rel=0.03)


def test_a_slope_that_varies_over_the_range_is_learned_from_long_moves_in_any_order() -> None:
    chance = np.random.default_rng(2)
    cell, state = at(0.0), 0.0
    misses: list[float] = []
    for target in chance.integers(100, LEVELS - 100, 400).astype(float):
        for _ in range(20):
            shot = cell.aim(target, WIDTH_MIN)
            if abs(shot.distance) < 20:
                break
            sign = math.copysign(1.0, shot.distance)
            before, state = state, _bent(state, shot.time * sign)
            cell.predict(shot.time, sign)
            if not shot.is_probe and abs(shot.distance) > 1000:
                misses.append((state - cell.state) / abs(state - before))
            cell.update(state + chance.normal(0, 0.1), 0.01)
    assert np.std(misses[-150:]) < 1.5e-3
    assert np.std(misses[:4]) > 3e-3


def _bent(state: float, time: float) -> float:
    """Return where a cell goes whose slope varies by 7 % over its range."""
    steps = np.full(2000, time / 2000)
    for step in steps.tolist():
        z = state / LEVELS
        state += step * (PRIOR.potentiation if time > 0 else PRIOR.depression) * (0.96 + 0.28 * z * (1 - z))
    return state


@pytest.mark.parametrize(("spread", "bias"), [(0.1, 0.08), (0.2, 0.15)])
def test_estimates_are_as_good_as_they_say(spread: float, bias: float) -> None:
    # A way is the inverse of a slowness: while that is a wild guess, the first estimates lean to one side by a little.
    chance = np.random.default_rng(1)
    prior = Prior(PRIOR.potentiation, PRIOR.depression, spread, PRIOR.write_noise)
    errors: list[float] = []
    for _ in range(2000):
        true = 500.0
        cell = Kalman(prior)
        cell.locate(true + chance.normal(0, 0.2), 0.04)
        gain = (1 + spread * max(chance.normal(), -3.0)) / 80e-9
        for _ in range(3):
            time = 100e-9
            true += gain * time + 0.1 * math.sqrt(gain * time) * chance.normal()
            cell.predict(time, 1.0)
            cell.update(true + chance.normal(0, 0.1), 0.01)
        errors.append((cell.state - true) / cell.sigma)
    assert np.std(errors) == pytest.approx(1.0, abs=0.08)
    assert np.mean(errors) == pytest.approx(0.0, abs=bias)


def test_a_surprise_is_believed_and_gains_are_doubted_again() -> None:
    cell = at(100.0)
    cell.update(5000.0, 0.01)
    assert cell.state == 5000.0
    cell.predict(time_of(1000.0), 1.0)
    assert cell.sigma > 100.0


@pytest.mark.parametrize("factor", [0.01, 0.1, 5.0, 10.0, 100.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_gain_that_is_far_off_is_measured_from_the_move(factor: float, sign: float) -> None:
    cell = at(8000.0)
    time = time_of(sign * 64.0)
    cell.predict(time, sign)
    cell.update(8000.0 + sign * 64.0 * factor, 0.01)
    assert cell.state == pytest.approx(8000.0 + sign * 64.0 * factor, abs=0.1)
    cell.locate(8000.0, 0.01)
    assert gone(cell, time, sign) == pytest.approx(64.0 * factor, rel=0.05)


def learned(sign: float, state: float = 8000.0) -> Kalman:
    """Return a cell whose gain of `sign` is what the prior says, and known."""
    cell = at(state - sign * 200.0)
    cell.predict(time_of(sign * 200.0), sign)
    cell.update(state, 0.01)
    assert not cell.aim(state + sign * 150.0, WIDTH_MIN).is_probe
    return cell


def test_a_guessed_gain_is_probed_first() -> None:
    shot = at(8000.0).aim(16000.0, WIDTH_MIN)
    assert shot.is_probe
    assert shot.distance == 64.0
    assert shot.closest == 0.0


def test_a_standstill_is_told_and_leaves_a_learned_gain_alone() -> None:
    cell = learned(-1.0)
    time = time_of(-5.0)
    for _ in range(3):
        cell.predict(time, -1.0)
        assert not cell.update(8000.0, 0.01)
    assert gone(cell, time, -1.0) == pytest.approx(5.0, rel=0.01)
    assert cell.state == pytest.approx(8000.0, abs=0.1)


def test_a_move_as_expected_is_no_standstill() -> None:
    cell = learned(-1.0)
    cell.predict(time_of(-5.0), -1.0)
    assert cell.update(7995.1, 0.01)
    assert cell.update(7995.0, 0.01)


def test_what_is_learned_near_an_end_does_not_hold_away_from_it() -> None:
    cell = learned(-1.0, state=20.0)
    time = time_of(-10.0)
    cell.aim(10.0, WIDTH_MIN)
    cell.predict(time, -1.0)
    cell.update(18.0, 0.01)
    assert gone(cell, time, -1.0) < 3.0
    cell.predict(time_of(1000.0), 1.0)
    cell.update(1018.0, 0.01)
    cell.aim(1008.0, WIDTH_MIN)
    assert gone(cell, time, -1.0) == pytest.approx(10.0, rel=0.02)


def test_pulses_at_the_end_of_the_range_do_not_grow_without_bound() -> None:
    cell = learned(-1.0, state=20.0)
    for left in (10.0, 6.0, 4.0, 3.0, 2.0, 1.5, 1.2, 1.1, 1.05, 1.04, 1.04):
        shot = cell.aim(-1.0, WIDTH_MIN)
        cell.predict(shot.time, -1.0)
        cell.update(left, 1e-4)
    assert cell.aim(cell.state - 1.0, WIDTH_MIN).time <= 1.05 * time_of(-1.0) * SLOWEST


def test_readings_have_a_floor() -> None:
    cell = at(100.0)
    for _ in range(1000):
        cell.update(100.0, 0.01, floor=1e-3)
    assert cell.sigma == pytest.approx(1e-3**0.5)


def test_a_gain_never_turns_around() -> None:
    cell = at(100.0)
    for _ in range(50):
        cell.predict(80e-9, 1.0)
        cell.update(100.0, 0.01)
    assert 0 < gone(cell, 80e-9, 1.0) < 1
