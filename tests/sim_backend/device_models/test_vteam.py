"""VTEAM cells: thresholds, movement against direct integration, conduction, noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from sim_backend.device_models.catalogue import device_named, profile_named
from sim_backend.device_models.interface import Train
from sim_backend.device_models.vteam import LAST, Vteam
from sim_backend.device_models.vteam_profile import VteamProfile

Array = np.ndarray
NAMES = ["vteam-tio2", "vteam-taox"]


def device(name: str, **changes: object) -> Vteam:
    profile = profile_named(name)
    assert isinstance(profile, VteamProfile)
    return Vteam(profile.model_copy(update=changes))


def pulsed(model: Vteam, states: Array, voltage: float | Array, train: Train) -> Array:
    return model.advance(states, voltage, train, model.conductance(states), 1.0)


def test_names_lead_to_the_model() -> None:
    for name in NAMES:
        model = device_named(name, 1e-3)
        assert isinstance(model, Vteam)
        assert model.top == 16_519


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("window", ["none", "biolek"])
@pytest.mark.parametrize(("voltage", "start"), [(0.9, 300.0), (1.2, 9000.0), (-0.75, 16_000.0), (-1.1, 4000.0)])
def test_a_train_is_the_differential_equation(name: str, window: str, voltage: float, start: float) -> None:
    model = device(name, window=window)
    p = model.profile
    assert isinstance(p, VteamProfile)
    up = voltage > 0
    threshold, speed, exponent = (
        (p.set_voltage, p.set_speed, p.set_exponent) if up else (p.reset_voltage, p.reset_speed, p.reset_exponent)
    )

    def change(_: float, w: Array) -> Array:
        done = w if up else 1 - w
        window_now = 1.0 if window == "none" else 1 - done ** (2 * p.window_power)
        return np.sign(voltage) * speed / p.thickness * (voltage / threshold - 1) ** exponent * window_now

    train = Train(100e-9, 900)
    end = solve_ivp(change, (0, train.time), [start / LAST], rtol=1e-10, atol=1e-12).y[0, -1] * LAST
    found = pulsed(model, np.array([[start]]), voltage, train)
    assert found[0, 0] == pytest.approx(np.clip(end, 0, LAST), rel=1e-7, abs=1e-4)
    assert found[0, 0] != start


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("voltage", [0.0, 0.2, 0.45, -0.2, -0.375, 0.5])
def test_nothing_happens_between_the_thresholds(name: str, voltage: float) -> None:
    model = device(name)
    states = np.array([[0.0, 5000.25, 16_519.0]])
    assert not model.disturbs(voltage)
    after = pulsed(model, states, voltage, Train(1e6))
    assert (after == states).all()
    after[:] = -1
    assert states[0, 1] == 5000.25


@pytest.mark.parametrize("name", NAMES)
def test_beyond_the_thresholds_cells_are_disturbed(name: str) -> None:
    model = device(name)
    for voltage in (0.51, -0.51):
        assert model.disturbs(voltage)
        moved = pulsed(model, np.array([[5000.0]]), voltage, Train(1.0))[0, 0] - 5000.0
        assert moved * voltage > 0


@pytest.mark.parametrize("name", NAMES)
def test_potentiation_saturates_and_is_not_symmetric(name: str) -> None:
    model = device(name)
    states = model.erased(1)
    conductances: list[float] = []
    for _ in range(60):
        states = pulsed(model, states, 0.9, Train(80e-9, 2000))
        conductances.append(float(model.conductance(states)[0]))
    steps = np.diff(conductances)
    assert (steps > 0).all()
    assert steps[-1] < 0.2 * steps.max()
    middle = np.array([[0.9 * LAST]])
    rise = pulsed(model, middle, 0.9, Train(80e-9))[0, 0] - middle[0, 0]
    fall = middle[0, 0] - pulsed(model, middle, -0.75, Train(65e-9))[0, 0]
    assert abs(rise - fall) / (rise + fall) > 0.1


def test_resistance_is_linear_or_exponential_in_the_state() -> None:
    tio2, taox = device("vteam-tio2"), device("vteam-taox")
    states = np.array([[0.0, LAST / 2, float(LAST)]])
    assert tio2.conductance(states) == pytest.approx([1 / 1000, 1 / 525, 1 / 50])
    ends = taox.conductance(states)
    assert ends[[0, 2]] == pytest.approx([1 / 300e3, 1e-3], rel=1e-7)
    assert ends[1] == pytest.approx(np.sqrt(ends[0] * ends[2]))
    assert taox.highest_conductance == pytest.approx(ends[2])


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(st.floats(0, LAST), st.floats(-2, 2).filter(lambda v: abs(v) > 1e-6))
def test_law_is_odd_invertible_and_bounded(name: str, position: float, voltage: float) -> None:
    model = device(name)
    states = np.array([[position]])
    own = model.conductance(states)
    law = model.law(states, own)
    assert law.current(0.2)[0] == pytest.approx(0.2 * own[0], rel=1e-12)
    assert law.current(-voltage)[0] == -law.current(voltage)[0]
    assert law.voltage(law.current(voltage))[0] == pytest.approx(voltage, rel=1e-9)
    assert abs(law.current(voltage)[0]) <= model.current_bound(float(own[0]), voltage) * (1 + 1e-12)


@pytest.mark.parametrize("name", NAMES)
@settings(deadline=None)
@given(st.floats(0, LAST), st.sampled_from([0.9, 1.3, -0.75, -1.3]), st.integers(1, 20_000), st.integers(1, 20_000))
def test_pieces_of_a_train_and_their_noise_add_up(
    name: str, position: float, voltage: float, one: int, two: int
) -> None:
    model = device(name)
    start = np.array([[position]])
    middle = pulsed(model, start, voltage, Train(80e-9, one))
    end = pulsed(model, middle, voltage, Train(80e-9, two))
    assert end == pytest.approx(pulsed(model, start, voltage, Train(80e-9, one + two)), abs=1e-3)
    power = 2 * model._vteam.window_power
    done = [s[0, 0] / LAST if voltage > 0 else 1 - s[0, 0] / LAST for s in (middle, end)]
    if min(1 - d for d in done) < 1e-6:
        return  # at the very end nothing is left of anything
    together = (1 - done[1] ** power) / (1 - done[0] ** power)
    whole = model.write_variance(start, end)[0]
    pieces = model.write_variance(start, middle)[0] * together**2 + model.write_variance(middle, end)[0]
    assert pieces == pytest.approx(whole, rel=1e-5, abs=1e-6)


def test_noise_of_a_small_step_is_that_of_the_profile() -> None:
    model = device("vteam-tio2", window="none")
    assert model.write_variance(np.array([[4000.0]]), np.array([[4001.0]]))[0] == pytest.approx(0.3**2)
    assert model.write_variance(np.array([[4000.0]]), np.array([[4000.0]]))[0] == 0


def test_cells_of_mixed_voltages_are_independent() -> None:
    model = device("vteam-taox")
    states = np.array([[100.0, 8000.0, 16_000.0, 5000.0]])
    voltage = np.array([0.9, -0.75, -1.2, 0.3])
    together = pulsed(model, states, voltage, Train(80e-9, 50))
    for cell in range(4):
        alone = pulsed(model, states[:, cell : cell + 1], float(voltage[cell]), Train(80e-9, 50))
        assert together[0, cell] == pytest.approx(alone[0, 0], rel=1e-12)
