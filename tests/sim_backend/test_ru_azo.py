"""Size of the write noise: what a train leaves does not depend on how it is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.devices import RU_AZO
from sim_backend.rails import slowing
from sim_backend.ru_azo import RuAzo

model = RuAzo(RU_AZO)


def variance(before: float, after: float) -> float:
    return float(model.write_variance(np.array([before]), np.array([after]))[0])


@pytest.mark.parametrize("state", [100.0, 4000.0, 8000.0, 12_000.0, 16_000.0])
def test_a_one_level_step_has_the_published_noise(state: float) -> None:
    g = (model.conduction.conductance(np.array([state])) - 200e-9) / (5.9e-3 - 200e-9)
    for after in (state + 1, state - 1):
        assert np.sqrt(variance(state, after)) == pytest.approx(0.0509 + 0.0758 * float(g[0]), rel=1e-3)


def test_accumulated_noise_of_long_trains() -> None:
    # Independent steps of 8.9 % on average: 0.9 levels after 100, 2.8 after 1000, 11.5 after 16,520.
    assert np.sqrt(variance(0, 16_519)) == pytest.approx(11.5, rel=0.03)
    assert np.sqrt(variance(7760, 8760)) == pytest.approx(2.8, rel=0.03)


@settings(deadline=None)
@given(st.floats(30, 32_990), st.floats(30, 32_990), st.floats(0, 1))
def test_variances_of_the_pieces_add_up(a: float, b: float, part: float) -> None:
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


@pytest.mark.parametrize(("before", "after"), [(5000.0, 5000.0), (0.0, 0.0), (33_040.0, 33_040.0)])
def test_what_the_law_does_not_move_has_no_noise(before: float, after: float) -> None:
    assert variance(before, after) == 0.0
