"""The measured pulse trains of the film, the return shelf and the overdrive that removes it.

One pulse is one count, and measured conductances are compared with the model's at the reference read voltage.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.device_models.return_shelf import Shelf
from sim_backend.device_models.ru_azo import RuAzo
from sim_backend.device_models.ru_azo_conduction import LAST
from sim_backend.device_models.ru_azo_profile import RuAzoProfile

Array = np.ndarray

UP, DOWN = (0.90, Train(80e-9, 1, 1e-6)), (-0.75, Train(65e-9, 1, 1e-6))


@pytest.fixture(scope="module")
def model() -> RuAzo:
    found = device_named("ru-azo", 5.9e-3)
    assert isinstance(found, RuAzo)
    return found


def measured(name: str) -> tuple[Array, Array]:
    text = files("sim_backend.device_models").joinpath(f"data/ru_azo_curve_{name}.csv").read_text("utf-8")
    rows = [line.split(",") for line in text.splitlines() if line[0].isdigit()]
    points = np.array(rows, dtype=np.float64)
    return points[:, 0], points[:, 1]


def pulsed(model: RuAzo, states: Array, pulse: tuple[float, Train], count: float) -> Array:
    if count < 1:
        return states
    voltage, one = pulse
    return model.advance(states, voltage, Train(one.width, int(count), one.period), model.conductance(states), 1.0)


def train(model: RuAzo, pulses: Array, turn: int) -> Array:
    """Conductances (mS) of one cell after each number of pulses, potentiating ones up to `turn`."""
    found: list[float] = []
    states, given = model.erased(1), 0.0
    for pulse in pulses:
        if given < turn:
            states = pulsed(model, states, UP, min(pulse, turn) - given)
        states = pulsed(model, states, DOWN, pulse - max(given, turn))
        given = pulse
        found.append(float(model.conductance(states)[0]) * 1e3)
    return np.array(found)


def test_curve_a_is_met_within_its_digitising_error(model: RuAzo) -> None:
    pulse, conductance = measured("a")
    assert len(pulse) == 20
    error = train(model, pulse, 16_520) - conductance
    assert np.sqrt(np.mean(error**2)) <= 0.06


def test_curve_b_with_saturation_and_shelf_is_met(model: RuAzo) -> None:
    pulse, conductance = measured("b")
    assert len(pulse) == 30
    found = train(model, pulse, 26_000)
    assert np.sqrt(np.mean((found - conductance) ** 2)) <= 0.15
    assert found.max() == pytest.approx(7.13, rel=0.03)
    assert found[pulse == 34_152][0] == pytest.approx(6.025, abs=0.1)
    # All of the shelf is there: nowhere is it further away than twice the digitising error.
    assert np.abs(found - conductance).max() < 0.12


def test_ramps_have_the_measured_slopes_and_are_straight(model: RuAzo) -> None:
    count = np.arange(0, 16_520, 40.0)
    up = train(model, count, 16_520)
    down = train(model, count + 16_520, 16_520)
    line = np.polyfit(count, up, 1)
    fall = np.polyfit(count, down, 1)[0]
    assert line[0] * 1e6 == pytest.approx(361.1, rel=0.02)
    assert fall * 1e6 == pytest.approx(-360.3, rel=0.02)
    assert -fall / line[0] == pytest.approx(0.998, abs=0.01)
    assert np.abs(up - np.polyval(line, count)).max() / 5.9 <= 0.011
    assert (np.diff(up) > 0).all()
    assert (np.diff(down) < 0).all()


def test_peak_is_remembered_above_the_base_and_forgotten_there(model: RuAzo) -> None:
    top = pulsed(model, model.erased(1), UP, 20_000)
    assert top[0, 0] == top[1, 0] == pytest.approx(20_000, rel=2e-3)
    back = pulsed(model, top, DOWN, 100)
    assert LAST < back[0, 0] < top[0, 0] == back[1, 0]
    again = pulsed(model, back, UP, 5)
    assert (again[1] == top[1]).all()
    home = pulsed(model, top, DOWN, 12_000)
    assert home[0, 0] < LAST
    assert home[1:].tolist() == [[0.0], [0.0]]


def test_overdrive_removes_the_shelf(model: RuAzo) -> None:
    counts = {}
    for voltage in (0.90, 0.93, 1.22):
        states = model.erased(1)
        while states[0, 0] < 26_000:
            step = max(1.0, (26_000 - states[0, 0]) / 4)
            states = pulsed(model, states, (voltage, UP[1]), step)
        assert (states[2, 0] > 0) == (voltage > 0.90)
        counts[voltage] = 0
        while states[0, 0] > 15_000:
            states = pulsed(model, states, DOWN, 50)
            counts[voltage] += 50
    # The shelf costs more than 4,000 pulses; half an overdrive leaves less than half of that.
    assert counts[1.22] < counts[0.93] < counts[0.90]
    assert counts[1.22] + 4_000 < counts[0.90]
    assert counts[0.93] - counts[1.22] < 2_000


def test_overdrive_is_latched_only_by_saturated_cells_and_cleared_at_the_lower_base(model: RuAzo) -> None:
    low = pulsed(model, model.erased(1), (1.22, UP[1]), 100)
    assert low[2, 0] == 0
    high = pulsed(model, np.array([[16_510.0], [0.0], [0.0]]), (1.22, UP[1]), 100)
    assert high[2, 0] == pytest.approx(0.32 / (0.90 - 0.466409))
    held = pulsed(model, high, DOWN, 2_000)
    assert 0.714488 * LAST < held[0, 0] < LAST
    assert held[2, 0] == high[2, 0]
    assert pulsed(model, held, DOWN, 4_000)[2, 0] == 0
    # A weaker pulse later on does not lower what is remembered.
    assert pulsed(model, high, UP, 10)[2, 0] == high[2, 0]


@pytest.mark.parametrize(("peak", "overdrive", "count"), [(26_000, 0.0, 3_000), (26_000, 0.0, 9_500),
                                                          (17_000, 0.0, 400), (24_000, 0.05, 9_000),
                                                          (30_000, 0.5, 14_000)])  # fmt: skip
def test_the_way_over_the_shelf_is_that_of_small_steps(model: RuAzo, peak: float, overdrive: float, count: int) -> None:
    profile = model.profile
    assert isinstance(profile, RuAzoProfile)
    shelf = Shelf(profile)
    base = float(shelf.base(np.array([overdrive]))[0])

    def speed(_: float, n: Array) -> Array:
        if n[0] <= base:
            return -np.ones(1)
        return -shelf.speed(n[:, None], np.array([peak]), np.array([overdrive]))[:, 0]

    end = solve_ivp(speed, (0, count), [peak], rtol=1e-9, atol=1e-8, max_step=20).y[0, -1]
    states = np.array([[peak], [peak], [overdrive]], dtype=np.float64)
    assert pulsed(model, states, DOWN, count)[0, 0] == pytest.approx(end, abs=0.02)


@settings(deadline=None, max_examples=40)
@given(st.floats(16_520, 33_000), st.floats(0, 0.2), st.integers(1, 9_000), st.integers(1, 9_000))
def test_pieces_of_a_way_over_the_shelf_are_the_whole_way(
    model: RuAzo, peak: float, overdrive: float, one: int, two: int
) -> None:
    states = np.array([[peak], [peak], [overdrive]])
    pieces = pulsed(model, pulsed(model, states, DOWN, one), DOWN, two)
    assert pieces == pytest.approx(pulsed(model, states, DOWN, one + two), abs=0.01)


def test_a_cell_just_above_the_last_level_hardly_notices_the_shelf(model: RuAzo) -> None:
    # A write that overshoots the last level by a few comes back a level a pulse.
    states = np.array([[LAST + 5.0], [LAST + 5.0], [0.0]])
    assert float((states - pulsed(model, states, DOWN, 1))[0, 0]) == pytest.approx(1, abs=0.01)
