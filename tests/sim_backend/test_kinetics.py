"""Rates, thresholds, and trains integrated in one step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.devices import RU_AZO
from sim_backend.ru_azo import RuAzo

model = RuAzo(RU_AZO)
kinetics = model.kinetics

# Measured pulse train of the Ru-azo film, +0.90 V up and -0.75 V down, digitised to about 0.06 mS in the published
# compact model's repository (2026): pulse, conductance in mS.
CURVE_A = np.array(
    [(0, -0.037), (3037, 1.029), (5154, 1.826), (7087, 2.553), (8559, 3.080), (10308, 3.713), (11964, 4.346),
     (13529, 4.850), (15278, 5.494), (16474, 5.858), (17762, 5.494), (19695, 4.756), (21444, 4.147), (22916, 3.596),
     (24481, 3.022), (26322, 2.401), (27978, 1.768), (29543, 1.170), (31475, 0.526), (33040, -0.060)]
)  # fmt: skip


def after(state: float, voltage: float, time: float) -> float:
    return float(kinetics.advance(np.array([state]), voltage, time)[0])


@pytest.mark.parametrize("state", [31.0, 100.0, 8000.5, 16_519.0, 30_000.0])
def test_one_pulse_is_one_level_either_way(state: float) -> None:
    assert after(state, 0.90, 80e-9) - state == pytest.approx(1, abs=1e-9)
    assert after(state + 1, -0.75, 65e-9) - state == pytest.approx(0, abs=1e-9)


def test_rate_constants_follow_from_the_pulses() -> None:
    assert kinetics.kappa_up == pytest.approx(1.2457e7, rel=1e-4)
    assert kinetics.kappa_down == pytest.approx(1.5061e7, rel=1e-4)


@pytest.mark.parametrize(("voltage", "states"), [(1.00, 1.146), (1.22, 1.640), (1.5, 2.320), (2.0, 3.559)])
def test_stronger_pulses_act_as_published(voltage: float, states: float) -> None:
    # Published with the model's own rate constant, at which +0.90 V/80 ns makes 0.9415 states.
    assert after(5000, voltage, 80e-9) - 5000 == pytest.approx(states / 0.9415, rel=1e-3)


def test_depression_width_and_rate_as_published() -> None:
    assert 5000 - after(5000, -0.75, 60e-9) == pytest.approx(0.7085 / 0.7676, rel=1e-3)


@pytest.mark.parametrize("voltage", [0.0, 0.2, -0.3, 0.45, -0.375, 0.4659, -0.4659])
def test_nothing_at_all_happens_below_the_threshold(voltage: float) -> None:
    assert after(5000.25, voltage, 1e6) == 5000.25


@pytest.mark.parametrize("voltage", [0.466, -0.466])
def test_the_threshold_itself_acts(voltage: float) -> None:
    assert (after(5000, voltage, 1e-6) - 5000) * voltage > 0


def test_full_ramp_up_and_down_has_the_measured_slopes() -> None:
    count = np.arange(0, 16_520, 20.0)
    up = model.conduction.conductance(kinetics.advance(np.zeros(1), 0.90, count * 80e-9))
    top = kinetics.advance(np.zeros(1), 0.90, 16_520 * 80e-9)
    down = model.conduction.conductance(kinetics.advance(top, -0.75, count * 65e-9))
    rise, fall = (np.polyfit(count, branch, 1)[0] for branch in (up, down))
    assert rise == pytest.approx(361.1e-9, rel=0.02)
    assert fall == pytest.approx(-360.3e-9, rel=0.02)
    assert -fall / rise == pytest.approx(0.998, abs=0.01)


def test_measured_curve_is_met_within_its_digitising_error() -> None:
    pulse, measured = CURVE_A[:, 0], CURVE_A[:, 1]
    top = kinetics.advance(np.zeros(1), 0.90, 16_520 * 80e-9)
    state = np.where(
        pulse <= 16_520,
        kinetics.advance(np.zeros(1), 0.90, pulse * 80e-9),
        kinetics.advance(top, -0.75, np.maximum(pulse - 16_520, 0) * 65e-9),
    )
    error = model.conduction.conductance(state) * 1e3 - measured
    assert np.sqrt(np.mean(error**2)) <= 0.06


voltages = st.floats(0.47, 2.0) | st.floats(-2.0, -0.47)
states = st.floats(0, 33_040)
times = st.floats(0, 1e-3)


@settings(deadline=None)
@given(states, voltages, times)
def test_positive_voltage_raises_and_negative_lowers_within_the_range(
    state: float, voltage: float, time: float
) -> None:
    end = after(state, voltage, time)
    assert 0 <= end <= 33_040
    assert (end - state) * voltage >= 0


@settings(deadline=None)
@given(states, voltages, times, times)
def test_a_train_cut_in_two_ends_where_the_whole_ends(state: float, voltage: float, one: float, two: float) -> None:
    assert after(after(state, voltage, one), voltage, two) == pytest.approx(after(state, voltage, one + two), abs=1e-6)


@settings(deadline=None)
@given(st.lists(st.tuples(states, voltages, times), min_size=2, max_size=8))
def test_cells_do_not_depend_on_their_order(cells: list[tuple[float, float, float]]) -> None:
    state, voltage, time = np.array(cells).T
    order = np.argsort(np.sin(state * 7 + voltage))
    together = kinetics.advance(state, voltage, time)
    assert np.array_equal(kinetics.advance(state[order], voltage[order], time[order]), together[order])
    alone = [after(*cell) for cell in cells]
    assert together == pytest.approx(alone, rel=1e-12, abs=1e-12)


def test_a_pulse_by_pulse_train_into_the_lower_end_is_met() -> None:
    # Euler's method in steps of 1/50 pulse, with the speed of the model's own description.
    state = 60.0
    for _ in range(150 * 50):
        x = min(state / 30, 1.0)
        state -= x * x * (3 - 2 * x) / 50
    assert after(60.0, -0.75, 150 * 65e-9) == pytest.approx(state, abs=2e-3)
