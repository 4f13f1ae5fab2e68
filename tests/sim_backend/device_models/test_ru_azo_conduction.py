"""Conductance of the levels and above them, and the I-V curve of Ru-azo cells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from labctl.levels import G_MAX, G_MIN, LEVELS
from sim_backend.device_models.catalogue import profile_named
from sim_backend.device_models.ru_azo import RuAzo
from sim_backend.device_models.ru_azo_conduction import LAST, TOP, potentiation_curve
from sim_backend.device_models.ru_azo_profile import RuAzoProfile


def ru_azo(**changes: float) -> RuAzo:
    profile = profile_named("ru-azo")
    assert isinstance(profile, RuAzoProfile)
    return RuAzo(profile.model_copy(update=changes))


model = ru_azo()
levels = np.arange(LEVELS, dtype=np.float64)


def at(position: object) -> np.ndarray:
    """States of cells in these positions that remember nothing."""
    place = np.atleast_1d(np.asarray(position, dtype=np.float64))
    return np.stack((place, np.zeros_like(place), np.zeros_like(place)))


def nominal(position: object) -> np.ndarray:
    return model.conductance(at(position))


def test_there_are_16520_levels_and_each_conducts_more_than_the_one_before() -> None:
    assert (np.diff(nominal(levels)) > 0).all()


def test_conductance_rises_up_to_the_top_and_not_beyond_its_largest() -> None:
    table = nominal(np.arange(TOP + 1))
    assert (np.diff(table) >= 0).all()
    assert (np.diff(table[:30_000]) > 0).all()
    assert table[-1] == model.highest_conductance
    assert table[-1] == pytest.approx(7.13e-3, rel=0.03)  # the peak of measured curve B


def test_saturation_has_no_kink_where_it_begins() -> None:
    table = nominal(np.arange(LAST - 2, LAST + 4))
    steps = np.diff(table)
    assert np.abs(np.diff(steps)).max() < 1e-3 * steps[0]


def test_range_is_the_published_one() -> None:
    assert nominal(0)[0] == pytest.approx(G_MIN, rel=1e-12)
    assert nominal(LAST)[0] == pytest.approx(G_MAX, rel=1e-12)


def test_mean_step_is_one_level() -> None:
    assert np.diff(nominal(levels)).mean() == pytest.approx(357.15e-9, rel=1e-4)


def test_update_nonlinearity_is_small() -> None:
    # G = B (1 - exp(-P/A)) + Gmin, nu = Pmax/A; P and G normalised.
    p = levels / levels[-1]
    g = (nominal(levels) - G_MIN) / (G_MAX - G_MIN)
    fit = least_squares(lambda nu: (1 - np.exp(-p * nu[0])) / (1 - np.exp(-nu[0])) - g, [0.05])
    assert abs(float(fit.x[0])) <= 0.1


def test_curve_passes_through_the_published_points() -> None:
    for state, f in ((0, 0.0004), (8746, 0.5467), (16034, 1.0004)):
        assert potentiation_curve()[state] == pytest.approx(f, abs=1e-12)


@pytest.mark.parametrize(("voltage", "ratio"), [(0.05, 1.003), (0.1, 1.014), (0.2, 1.056), (0.5, 1.381)])
def test_conduction_rises_with_voltage_as_published(voltage: float, ratio: float) -> None:
    # Published for a normalised conduction of 1, reached near state 16,030.
    law = model.law(at(16_030), nominal(16_030))
    assert law.current(voltage)[0] / voltage / (law.current(1e-6)[0] / 1e-6) == pytest.approx(ratio, rel=1e-3)


def test_current_at_the_reference_voltage_is_the_cells_own_conductance_times_voltage() -> None:
    own = nominal(levels[::97]) * 1.01
    assert model.law(at(levels[::97]), own).current(0.2) == pytest.approx(0.2 * own, rel=1e-12)


def test_reverse_current_is_smaller_by_the_rectification() -> None:
    for ratio in (1.0, 30.0, 1e4):
        cells = ru_azo(rectification=ratio)
        law = cells.law(at([100, 9000]), cells.conductance(at([100, 9000])))
        assert law.current(-0.3) == pytest.approx(-law.current(0.3) / ratio, rel=1e-12)
        assert law.current(np.array([-0.3, 0.3])) == pytest.approx([law.current(-0.3)[0], law.current(0.3)[1]])


@settings(deadline=None)
@given(st.floats(0, TOP), st.floats(-2, 2).filter(lambda v: abs(v) > 1e-9))
def test_voltage_inverts_current_slope_is_its_derivative_and_bound_holds(position: float, voltage: float) -> None:
    conductance = nominal(position)
    law = model.law(at(position), conductance)
    current = float(law.current(voltage)[0])
    assert law.voltage(current)[0] == pytest.approx(voltage, rel=1e-9)
    tiny = abs(voltage) * 1e-5
    difference = float((law.current(voltage + tiny) - law.current(voltage - tiny))[0])
    assert law.slope(voltage)[0] == pytest.approx(difference / (2 * tiny), rel=1e-6)
    assert abs(current) <= model.current_bound(float(conductance[0]), voltage) * (1 + 1e-12)


def test_laws_take_arrays_that_broadcast() -> None:
    states = np.zeros((3, 4, 5))
    states[0] = np.linspace(0, 16_000, 20).reshape(4, 5)
    law = model.law(states, model.conductance(states))
    voltage = np.linspace(-0.2, 0.2, 5)
    assert law.current(voltage).shape == law.slope(voltage).shape == (4, 5)
    assert law.voltage(law.current(voltage)) == pytest.approx(np.broadcast_to(voltage, (4, 5)), abs=1e-12)


def test_scaled_profile_scales_every_current() -> None:
    factor = 20e-6 / G_MAX
    small = RuAzo(model.profile.scaled(20e-6))  # pyright: ignore[reportArgumentType]
    places = at(levels[::97])
    assert small.conductance(places) == pytest.approx(model.conductance(places) * factor, rel=1e-12)
    currents = [m.law(places, m.conductance(places)).current(0.5) for m in (model, small)]
    assert currents[1] == pytest.approx(currents[0] * factor, rel=1e-12)
