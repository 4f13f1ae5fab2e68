"""Size of the write noise: what a train leaves does not depend on how it is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.device_models.rails import slowing
from sim_backend.device_models.return_shelf import Shelf
from sim_backend.device_models.ru_azo import RuAzo
from sim_backend.device_models.ru_azo_conduction import LAST
from sim_backend.device_models.ru_azo_profile import RuAzoProfile

Array = np.ndarray


def device() -> tuple[RuAzo, RuAzoProfile]:
    model = device_named("ru-azo", 5.9e-3)
    assert isinstance(model, RuAzo)
    assert isinstance(model.profile, RuAzoProfile)
    return model, model.profile


model, profile = device()


def at(position: float, peak: float = 0.0, overdrive: float = 0.0) -> Array:
    return np.array([[position], [peak], [overdrive]])


def variance(before: float, after: float, peak: float = 0.0, overdrive: float = 0.0) -> float:
    return float(model.write_variance(at(before, peak, overdrive), at(after, peak, overdrive))[0])


@pytest.mark.parametrize("position", [100.0, 4000.0, 8000.0, 12_000.0, 16_000.0])
def test_a_one_level_step_has_the_published_noise(position: float) -> None:
    g = (model.conductance(at(position)) - 200e-9) / (5.9e-3 - 200e-9)
    for after in (position + 1, position - 1):
        assert np.sqrt(variance(position, after)) == pytest.approx(0.0509 + 0.0758 * float(g[0]), rel=1e-3)


def test_accumulated_noise_of_long_trains() -> None:
    # Independent steps of 8.9 % on average: 0.9 levels after 100, 2.8 after 1000, 11.5 after 16,520.
    assert np.sqrt(variance(0, 16_519)) == pytest.approx(11.5, rel=0.03)
    assert np.sqrt(variance(7760, 8760)) == pytest.approx(2.8, rel=0.03)


@settings(deadline=None)
@given(st.floats(30, 32_990), st.floats(30, 32_990), st.floats(0, 1))
def test_variances_of_the_pieces_add_up(a: float, b: float, part: float) -> None:
    # Upwards everywhere; downwards among the levels, where no shelf draws cells together.
    if b < a:
        a, b = min(a, float(LAST)), min(b, float(LAST))
    middle = a + (b - a) * part
    assert variance(a, middle) + variance(middle, b) == pytest.approx(variance(a, b), rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(st.floats(-12, 1), st.floats(0, 1), st.booleans())
def test_pieces_add_up_at_the_ends_once_drawn_together(log_distance: float, part: float, upper: bool) -> None:
    margin = 50.0 if upper else 30.0
    last = margin * np.exp(log_distance)
    middle = last + (200.0 - last) * part
    places = [200.0, middle, last]
    a, b, c = [33_040 - d if upper else d for d in places]
    together = slowing(np.array([last]), margin)[0] / slowing(np.array([middle]), margin)[0]
    assert variance(a, b) * together**2 + variance(b, c) == pytest.approx(variance(a, c), rel=1e-6)


@settings(deadline=None, max_examples=50)
@given(st.floats(17_000, 33_000), st.floats(0, 0.2), st.floats(0, 1), st.floats(0, 1))
def test_pieces_add_up_on_the_shelf_once_drawn_together(peak: float, overdrive: float, one: float, two: float) -> None:
    lowest = 10_000.0
    b = peak - (peak - lowest) * min(one, two)
    c = peak - (peak - lowest) * max(one, two)
    speeds = shelf_speed(b, peak, overdrive), shelf_speed(c, peak, overdrive)
    whole = variance(peak, c, peak, overdrive)
    first = variance(peak, b, peak, overdrive) * (speeds[1] / speeds[0]) ** 2
    assert first + variance(b, c, peak, overdrive) == pytest.approx(whole, rel=1e-4, abs=1e-9)


def shelf_speed(position: float, peak: float, overdrive: float) -> float:
    shelf = Shelf(profile)
    if position <= shelf.base(np.array([overdrive]))[0]:
        return 1.0
    return float(shelf.speed(np.array([[position]]), np.array([peak]), np.array([overdrive]))[0, 0])


def test_a_long_train_scatters_like_many_short_ones() -> None:
    # From saturation over the shelf into the levels: pulse groups with noise of each, against the variance of all.
    rng = np.random.default_rng(11)
    cells, groups, pulses = 1500, 120, 80
    start = np.repeat(at(20_000, 20_000), cells, axis=1)
    states = start
    for _ in range(groups):
        after = model.advance(states, -0.75, Train(65e-9, pulses, 1e-6), model.conductance(states), 1.0)
        after[0] += np.sqrt(model.write_variance(states, after)) * rng.standard_normal(cells)
        states = after
    whole = model.advance(at(20_000, 20_000), -0.75, Train(65e-9, pulses * groups, 1e-6), np.array([6.9e-3]), 1.0)
    expected = float(model.write_variance(at(20_000, 20_000), whole)[0])
    assert whole[0, 0] < LAST - 1000
    assert states[0].var() == pytest.approx(expected, rel=0.15)  # 4 standard errors of 1500 cells
    assert states[0].mean() == pytest.approx(whole[0, 0], abs=1.5)


@pytest.mark.parametrize(("before", "after"), [(5000.0, 5000.0), (0.0, 0.0), (33_040.0, 33_040.0)])
def test_what_the_law_does_not_move_has_no_noise(before: float, after: float) -> None:
    assert variance(before, after) == 0.0
