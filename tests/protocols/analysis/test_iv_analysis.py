from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.iv_analysis import (
    change_threshold,
    chord_conductances,
    loop_areas,
    loop_threshold,
    on_off_ratio,
    rectification_ratio,
)

V = np.linspace(-0.5, 0.5, 21)


@given(st.floats(1, 1e6))
def test_the_rectification_ratio_is_that_of_the_currents(ratio: float) -> None:
    current = np.where(V > 0, 1e-3 * V, 1e-3 * V / ratio)
    found = rectification_ratio(V, current, 0.35)
    assert found is not None
    assert found.value == pytest.approx(ratio, rel=1e-6)
    assert found.at_least == pytest.approx(ratio, rel=1e-6)


def test_a_reverse_current_lost_in_the_noise_gives_a_bound() -> None:
    current = np.where(V > 0, 1e-3 * V, 1e-9 * V)
    found = rectification_ratio(V, current, 0.5, noise=1e-9)
    assert found is not None
    assert found.value is None
    assert found.at_least == pytest.approx(5e-4 / 2.5e-9, rel=1e-3)
    assert rectification_ratio(V, current, 0.6) is None
    assert rectification_ratio([], [], 0.1) is None


def test_between_two_points_the_current_is_interpolated() -> None:
    found = rectification_ratio(V, 2 * V + V * np.abs(V), 0.33)
    assert found is not None
    assert found.value == pytest.approx(1.0)


def test_on_and_off_are_compared_by_their_means() -> None:
    found = on_off_ratio([5.9e-3, 5.9e-3, math.nan], [199e-9, 201e-9], noise=1e-9)
    assert found is not None
    assert found.value == pytest.approx(29_500)
    assert 29_000 < found.at_least < 29_500
    assert on_off_ratio([1.0], [math.nan]) is None
    lost = on_off_ratio([1.0], [0.0])
    assert lost is not None
    assert (lost.value, lost.at_least) == (None, math.inf)


def test_a_parallelogram_has_its_area() -> None:
    # Set lobe: out at 1 mS up to 1 V, back at 3 mS: half of 2 mS x 1 V^2. Reset lobe the other way round.
    found = loop_areas([0, 1, 1, 0, -1, -1, 0], [0, 1e-3, 3e-3, 0, -3e-3, -1e-3, 0])
    assert found is not None
    assert found.positive == pytest.approx(1e-3)
    assert found.negative == pytest.approx(-1e-3)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=30))
def test_a_curve_without_memory_has_no_area(voltages: list[float]) -> None:
    v = np.array([0.0, *voltages, 0.0])
    found = loop_areas(v, 1e-3 * v)
    if found is not None:
        assert found.positive == pytest.approx(0, abs=1e-15)
        assert found.negative == pytest.approx(0, abs=1e-15)


def test_a_loop_that_does_not_close_has_no_area() -> None:
    assert loop_areas([0, 1, 2, 3], [0, 1, 2, 3]) is None
    assert loop_areas([0, 1, 0], [0, 1, 0]) is None
    assert loop_areas([0, 0, 0, 0], [0, 1, 2, 0]) is None


def test_a_hard_threshold_lies_between_two_voltages() -> None:
    voltage = np.arange(0.2, 1.0, 0.02)
    chance = np.random.default_rng(1)
    change = np.where(voltage > 0.466, 10.0, 0.0) + chance.normal(0, 0.5, len(voltage))
    for sign in (1, -1):
        found = change_threshold(sign * voltage, sign * change, 0.5)
        assert found is not None
        assert found.below == pytest.approx(0.46)
        assert found.above == pytest.approx(0.48)
        assert 0.46 <= found.value <= 0.48
        assert found.change == pytest.approx(10, abs=2)


def test_a_threshold_found_by_chance_is_rare() -> None:
    # Three deviations, two-sided, at the largest voltage: 0.27 %; more than 9 of 1,000 happen with probability 1e-3.
    chance = np.random.default_rng(2)
    found = [change_threshold(np.arange(1.0, 20.0), chance.normal(0, 1, 19), 1.0) for _ in range(1000)]
    assert sum(threshold is not None for threshold in found) <= 9


def test_repeats_of_one_voltage_are_averaged() -> None:
    chance = np.random.default_rng(3)
    voltage = np.repeat([0.3, 0.4, 0.5], 100)
    change = np.where(voltage == 0.5, 1.0, 0.0) + chance.normal(0, 1, 300)
    found = change_threshold(voltage, change, 1.0)
    assert found is not None
    assert (found.below, found.above) == (0.4, 0.5)


def test_the_criterion_decides_in_a_soft_law() -> None:
    voltage = np.linspace(0.1, 0.9, 9)
    change = np.exp(voltage / 0.1)
    found = change_threshold(voltage, change, 0.0, criterion=math.exp(4.5))
    assert found is not None
    assert (found.below, found.above) == pytest.approx((0.4, 0.5))
    first = change_threshold(voltage, change, 0.0)
    assert first is not None
    assert (first.below, first.above) == pytest.approx((0, 0.1))


def test_a_loop_shows_where_the_state_begins_to_change() -> None:
    out = np.arange(0.0, 0.9, 0.05)
    state = np.where(out > 0.47, 2e-3, 1e-3)
    loop = np.concatenate([out, out[::-1]])
    current = 0.344 * np.sinh(loop / 0.344) * np.concatenate([state, np.full(len(out), 2e-3)])
    found = loop_threshold(loop[: len(out) + 1], current[: len(out) + 1], 1e-6, bend=0.344)
    assert found is None, "nothing changes at the last step: the largest voltage shows no threshold"
    rising = np.where(out > 0.47, 1e-3 * (1 + (out - 0.45)), 1e-3)
    found = loop_threshold(loop, 0.344 * np.sinh(loop / 0.344) * np.append(rising, rising), 1e-7, bend=0.344)
    assert found is not None
    assert (found.below, found.above) == pytest.approx((0.45, 0.5))
    places, chords = chord_conductances(out, 0.344 * np.sinh(out / 0.344) * 1e-3, 0.344)
    assert len(places) == len(out) - 1
    assert chords == pytest.approx(np.full(len(places), 1e-3))
    assert loop_threshold([0.0, 0.1], [0.0, 0.1], 1.0) is None


def test_what_makes_no_sense_is_refused() -> None:
    for call in (
        lambda: rectification_ratio(V, V, 0.0),
        lambda: rectification_ratio(V, V, 0.5, noise=-1.0),
        lambda: change_threshold([1.0, -1.0], [1.0, 1.0], 0.1),
        lambda: change_threshold([1.0], [1.0], math.nan),
        lambda: loop_areas([0, 1], [0]),
    ):
        with pytest.raises(ParameterError):
            call()
    assert change_threshold([], [], 0.1) is None
