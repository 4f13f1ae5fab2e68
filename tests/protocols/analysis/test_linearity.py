from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.linearity import best_line, exponential_form, fit_update, integral_nonlinearity, steps
from sim_backend.device_models.catalogue import device_named
from sim_backend.validation.measured import measured_curve
from sim_backend.validation.staircase import climb

G_MIN, STEP = 200e-9, 357.15e-9


def branch(nu: float, points: int, first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
    """The definition as it stands in the literature, for nu not near 0."""
    pulses = np.linspace(0, 16519, points)
    a = 16519 / nu
    b = (last - first) / (1 - math.exp(-nu))
    return pulses, first + b * (1 - np.exp(-pulses / a))


@given(st.floats(-25, 25).filter(lambda nu: abs(nu) > 1e-3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_nonlinearity_of_either_branch_is_found(nu: float, falling: bool) -> None:
    ends = (5.9e-3, G_MIN) if falling else (G_MIN, 5.9e-3)
    pulses, conductance = branch(nu, 200, *ends)
    fit = fit_update(pulses, conductance)
    assert fit is not None
    assert fit.nu == pytest.approx(nu, rel=1e-4, abs=1e-5)
    assert (fit.first, fit.last) == pytest.approx(ends, abs=1e-7)


@given(st.floats(-1e-3, 1e-3))
@settings(max_examples=30, deadline=None)
def test_the_form_has_no_seam_at_a_straight_line(nu: float) -> None:
    share = np.linspace(0, 1, 11)
    assert exponential_form(share, nu) == pytest.approx(share + nu * share * (1 - share) / 2, abs=1e-6)


def test_the_error_of_the_nonlinearity_is_as_large_as_stated() -> None:
    # 200 fits: the deviation of their pulls is within 1 +- 0.2 at four standard errors.
    chance = np.random.default_rng(1)
    pulses, clean = branch(0.05, 64, G_MIN, 5.9e-3)
    fits = [fit_update(pulses, clean + chance.normal(0, 2e-6, 64)) for _ in range(200)]
    pulls = [(fit.nu - 0.05) / fit.nu_sigma for fit in fits if fit is not None]
    assert len(pulls) == 200
    assert np.mean(pulls) == pytest.approx(0, abs=0.28)
    assert np.std(pulls) == pytest.approx(1, abs=0.2)


def test_the_line_has_the_slope_and_its_error_is_as_large_as_stated() -> None:
    chance = np.random.default_rng(2)
    pulses = np.arange(50.0)
    lines = [best_line(pulses, G_MIN + STEP * pulses + chance.normal(0, 1e-7, 50)) for _ in range(400)]
    pulls = [(line.slope - STEP) / line.slope_sigma for line in lines if line is not None]
    assert np.std(pulls) == pytest.approx(1, abs=0.18)
    assert np.mean(pulls) == pytest.approx(0, abs=0.25)


def test_a_parabola_has_its_known_nonlinearity() -> None:
    # x^2 on 0..1 lies 1/6 from its best line x - 1/6 at either end, 1/12 below it in the middle.
    x = np.linspace(0, 1, 2001)
    assert integral_nonlinearity(x, x**2) == pytest.approx(1 / 6, rel=1e-3)


def test_steps_are_compared_with_the_nominal_one_whatever_the_points_distance() -> None:
    found = steps([0, 1, 3, 4], [0.0, 1.1e-6, 3.1e-6, 3.0e-6], 1e-6)
    assert found is not None
    assert (found.dnl_min, found.dnl_max) == pytest.approx((-1.1, 0.1))
    assert (found.backward, found.backward_for_sure) == (1, 1)
    unsure = steps([0, 1, 3, 4], [0.0, 1.1e-6, 3.1e-6, 3.0e-6], 1e-6, read_sigma=1e-7)
    assert unsure is not None
    assert (unsure.backward, unsure.backward_for_sure) == (1, 0)
    falling = steps([0, 1, 2], [3e-6, 2e-6, 1e-6], -1e-6)
    assert falling is not None
    assert (falling.backward, falling.dnl_rms) == (0, pytest.approx(0))


def test_the_twins_staircase_is_as_straight_as_its_own_validation_finds_it() -> None:
    found = climb(device_named("ru-azo", 5.9e-3), 513)
    up, down = fit_update(found.pulses, found.up), fit_update(found.pulses, found.down)
    rise, fall = best_line(found.pulses, found.up), best_line(found.pulses, found.down)
    assert up is not None
    assert down is not None
    assert rise is not None
    assert fall is not None
    # The validation holds the ends fixed; with free ends the nu differs by some hundredths.
    assert up.nu == pytest.approx(found.nonlinearity_up, abs=0.1)
    assert down.nu == pytest.approx(found.nonlinearity_down, abs=0.1)
    assert rise.slope == pytest.approx(361e-9, rel=0.02)
    assert fall.slope == pytest.approx(-360e-9, rel=0.02)


def test_the_measured_curve_has_its_published_slopes_and_no_nonlinearity_to_speak_of() -> None:
    curve = measured_curve("A")
    falling = curve.index >= curve.index[np.argmax(curve.conductance)]
    for part, slope in ((curve.rising, 361.1e-9), (falling, -360.3e-9)):
        line = best_line(curve.index[part], curve.conductance[part])
        fit = fit_update(curve.index[part], curve.conductance[part])
        assert line is not None
        assert fit is not None
        assert line.slope == pytest.approx(slope, rel=0.005)
        assert abs(fit.nu) <= 0.1


@pytest.mark.parametrize(
    ("pulses", "conductance"),
    [
        ([], []),
        ([1.0, 2.0], [1.0, 2.0]),
        ([1.0] * 6, [1.0] * 6),
        ([math.nan] * 6, range(6)),
        (range(6), [math.nan] * 6),
    ],
)
def test_too_few_points_have_no_line(pulses: list[float], conductance: list[float]) -> None:
    assert best_line(list(pulses), list(conductance)) is None
    assert integral_nonlinearity(list(pulses), list(conductance)) is None
    assert fit_update(list(pulses), list(conductance)) is None


def test_a_cell_that_does_not_move_has_no_nonlinearity() -> None:
    assert fit_update(range(10), [1e-3] * 10) is None
    assert integral_nonlinearity(range(10), [1e-3] * 10) is None


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ParameterError):
        steps([0, 1], [0.0, 1.0], 0.0)
    with pytest.raises(ParameterError):
        best_line([0, 1, 2], [0.0, 1.0])
    assert steps([0, 0], [0.0, 1.0], 1.0) is None
