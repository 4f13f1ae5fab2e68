from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.sinh_fit import fit_sinh

V = np.linspace(-0.5, 0.5, 41)


def law(conductance: float, bend: float) -> np.ndarray:
    return conductance * bend * np.sinh(V / bend)


@given(st.floats(1e-8, 1e-2), st.floats(0.05, 2.0), st.booleans())
@settings(deadline=None)
def test_the_law_is_found(conductance: float, bend: float, reversed_: bool) -> None:
    sign = -1 if reversed_ else 1
    fit = fit_sinh(V, sign * law(conductance, bend))
    assert fit is not None
    assert fit.bend == pytest.approx(bend, rel=1e-5)
    assert fit.conductance == pytest.approx(sign * conductance, rel=1e-5)


@pytest.mark.parametrize(("sigma", "tolerance"), [(1e-6, 0.004), (5e-5, 0.2)])
def test_errors_are_as_large_as_stated(sigma: float, tolerance: float) -> None:
    chance = np.random.default_rng(1)
    fits = [fit_sinh(V, law(4e-3, 0.344) + chance.normal(0, sigma, 41)) for _ in range(60)]
    found = [fit for fit in fits if fit is not None and fit.bend is not None]
    assert len(found) == 60
    bends = np.array([fit.bend for fit in found])
    assert np.abs(bends / 0.344 - 1).max() < tolerance
    # 60 pulls with 39 degrees of freedom: deviation 1.03 +- 0.1.
    pulls = (bends - 0.344) / [fit.bend_sigma for fit in found]
    others = np.array([(fit.conductance - 4e-3) / fit.conductance_sigma for fit in found])
    assert np.std(others) == pytest.approx(1.03, abs=0.4)
    assert np.std(pulls) == pytest.approx(1.03, abs=0.4)
    assert np.mean([fit.bend_least <= 0.344 for fit in found]) >= 0.88


def test_a_straight_line_has_no_bend_but_a_bound() -> None:
    # One-sided two deviations: 2.3 % false; more than 6 of 60 happen with probability 4e-4.
    chance = np.random.default_rng(2)
    fits = [fit_sinh(V, 1e-3 * V + chance.normal(0, 1e-6, 41)) for _ in range(60)]
    assert sum(fit is None or fit.bend is not None for fit in fits) <= 6
    assert all(fit is not None and fit.bend_least > 1.0 for fit in fits)
    straight = fit_sinh(V, 1e-3 * V)
    assert straight is not None
    assert straight.current([0.2])[0] == pytest.approx(2e-4)


def test_wild_points_do_not_sway_the_fit() -> None:
    current = law(1e-3, 0.344) + np.random.default_rng(3).normal(0, 1e-7, 41)
    current[[3, 20]] += [3e-4, -1e-4]
    fit = fit_sinh(V, current)
    assert fit is not None
    assert fit.bend == pytest.approx(0.344, rel=2e-3)
    assert fit.current([0.3])[0] == pytest.approx(1e-3 * 0.344 * math.sinh(0.3 / 0.344), rel=2e-3)


def test_points_of_unequal_worth_are_weighted() -> None:
    chance = np.random.default_rng(4)
    sigma = 1e-9 + 0.01 * np.abs(law(1e-3, 0.1))
    fits = [fit_sinh(V, law(1e-3, 0.1) + sigma * chance.normal(size=41), sigma) for _ in range(50)]
    bends = [fit.bend or 0 for fit in fits if fit is not None]
    assert np.std(bends) < 0.001
    assert np.mean(bends) == pytest.approx(0.1, rel=0.003)


@pytest.mark.parametrize(
    ("voltage", "current"),
    [([], []), ([1.0] * 5, [1.0] * 5), ([0.1, 0.2, 0.3, 0.4], [1.0] * 4), (V, 0 * V), (V, math.nan * V)],
)
def test_too_little_has_no_fit(voltage: list[float], current: list[float]) -> None:
    assert fit_sinh(voltage, current) is None


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ParameterError):
        fit_sinh(V, V, 0 * V)
    with pytest.raises(ParameterError):
        fit_sinh(V, V[1:])
