"""Pulses on Ru-azo cells among their levels and at their ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.device_models.ru_azo import RuAzo
from sim_backend.device_models.ru_azo_conduction import LAST
from sim_backend.device_models.self_heating import mean_share

UP, DOWN = (0.90, 80e-9), (-0.75, 65e-9)


def device(name: str = "ru-azo") -> RuAzo:
    model = device_named(name, 5.9e-3)
    assert isinstance(model, RuAzo)
    return model


model = device()


def at(position: object) -> np.ndarray:
    place = np.atleast_1d(np.asarray(position, dtype=np.float64))
    return np.stack((place, np.zeros_like(place), np.zeros_like(place)))


def pulsed(states: np.ndarray, voltage: object, width: float, count: int = 1, cells: RuAzo = model) -> np.ndarray:
    train = Train(width, count, max(2 * width, 1e-6))
    return cells.advance(states, voltage, train, cells.conductance(states), 1.0)  # pyright: ignore[reportArgumentType]


def moved(position: float, voltage: float, width: float, count: int = 1, cells: RuAzo = model) -> float:
    return float(pulsed(at(position), voltage, width, count, cells)[0, 0]) - position


@pytest.mark.parametrize("position", [31.0, 100.0, 8000.5, 16_517.0])
def test_one_pulse_is_one_level_either_way_but_for_its_heat(position: float) -> None:
    assert moved(position, *UP) == pytest.approx(1, abs=0.002)
    assert moved(position + 1, *DOWN) == pytest.approx(-1, abs=0.002)


def test_as_many_pulses_as_there_are_levels_pass_them_all_heat_included() -> None:
    up = pulsed(model.erased(1), *UP, LAST)
    assert up[0, 0] == pytest.approx(LAST, abs=1e-6)
    assert up[1:].tolist() == [[0.0], [0.0]]
    assert pulsed(up, *DOWN, LAST - 40)[0, 0] == pytest.approx(40, abs=1e-3)


def test_rate_constants_follow_from_the_pulses() -> None:
    # Published form with one level a pulse and without heat; 0.2 % is what heat takes.
    assert model.kinetics.kappa_up == pytest.approx(1.2457e7, rel=0.002)
    assert model.kinetics.kappa_down == pytest.approx(1.5061e7, rel=0.002)


@pytest.mark.parametrize(("voltage", "states"), [(1.00, 1.146), (1.22, 1.640), (1.5, 2.320), (2.0, 3.559)])
def test_stronger_pulses_act_as_published(voltage: float, states: float) -> None:
    # Published at 298 K, with the model's own rate constant, at which +0.90 V/80 ns makes 0.9415 states. An erased
    # cell stays cold; the comparison is with the cold pulse.
    assert moved(50, voltage, 80e-9) / moved(50, *UP) == pytest.approx(states / 0.9415, rel=1e-3)


def test_depression_width_and_rate_as_published() -> None:
    assert -moved(5000, -0.75, 60e-9) == pytest.approx(0.7085 / 0.7676, rel=1e-3)


@pytest.mark.parametrize("voltage", [0.0, 0.2, -0.3, 0.45, -0.375, 0.4659, -0.4659])
def test_nothing_at_all_happens_below_the_hard_threshold(voltage: float) -> None:
    assert not model.disturbs(voltage)
    for states in (at(5000.25), np.array([[20_000.0], [26_000.0], [0.3]])):
        assert (pulsed(states, voltage, 1e6) == states).all()


@pytest.mark.parametrize("voltage", [0.466, -0.466])
def test_the_threshold_itself_acts(voltage: float) -> None:
    assert model.disturbs(voltage)
    assert moved(5000, voltage, 1e-6) * voltage > 0


SOFT = [
    (0.45, 80e-9, 0.158, 0.9415), (0.30, 80e-9, 0.050, 0.9415), (0.5, 100e-9, 0.27, 0.9415),
    (-0.375, 65e-9, -0.109, 0.7676), (-0.25, 65e-9, -0.039, 0.7676), (-0.75, 80e-9, -0.9447, 0.7676),
]  # fmt: skip


@pytest.mark.parametrize(("voltage", "width", "published", "unit"), SOFT)
def test_soft_law_disturbs_as_published(voltage: float, width: float, published: float, unit: float) -> None:
    soft = device("ru-azo-soft")
    digit = 10.0 ** -len(str(published).rpartition(".")[2])
    assert moved(100, voltage, width, cells=soft) == pytest.approx(published / unit, abs=digit / unit)
    assert soft.disturbs(voltage)


def test_soft_law_spares_cells_at_small_voltages_unless_they_are_saturated() -> None:
    soft = device("ru-azo-soft")
    assert moved(5000.5, 0.15, 1.0, cells=soft) == moved(5000.5, -0.15, 1.0, cells=soft) == 0.0
    assert moved(5000.5, 0.16, 1e-3, cells=soft) > 0 > moved(5000.5, -0.16, 1e-3, cells=soft)
    assert moved(20_000, 0.15, 1e-4, cells=soft) > 0 > moved(20_000, -0.15, 1e-4, cells=soft)
    assert moved(20_000, -0.15, 10.0, cells=soft) == pytest.approx(LAST - 20_000)  # as far as the base
    assert soft.disturbs(0.1)
    assert not soft.disturbs(0.0)


def test_cells_of_one_call_are_independent_of_one_another() -> None:
    rng = np.random.default_rng(7)
    places = rng.uniform(0, 33_000, 300)
    states = np.stack((places, np.where(places > LAST, places + 50, 0.0), np.where(places > LAST, 0.05, 0.0)))
    voltage = rng.choice([0.9, -0.75, 1.2, 0.3, -0.9, 0.0, -2.0], 300) * rng.uniform(0.98, 1.02, 300)
    train = Train(500e-9, 40, 1e-6)
    own, rate = model.conductance(states) + 50e-9, rng.uniform(0.9, 1.1, 300)
    together = model.advance(states, voltage, train, own, rate)
    for cell in range(300):
        one = slice(cell, cell + 1)
        alone = model.advance(states[:, one], float(voltage[cell]), train, own[one], float(rate[cell]))
        assert together[:, one] == pytest.approx(alone, rel=1e-9, abs=1e-5)


def test_states_are_never_changed_in_place() -> None:
    for position, voltage in ((5000.0, 0.9), (5000.0, 0.1), (20_000.0, -0.75), (5.0, -0.75), (33_000.0, 0.9)):
        states = at(position)
        after = pulsed(states, voltage, 80e-9, 3)
        after[:] = -1
        assert (states == at(position)).all()


def test_a_train_into_the_lower_end_is_met_by_small_steps() -> None:
    def speed(_: float, n: np.ndarray) -> np.ndarray:
        x = np.clip(n / 30, 0, 1)
        return -x * x * (3 - 2 * x)

    expected = solve_ivp(speed, (0, 150), [60.0], rtol=1e-10, atol=1e-12).y[0, -1]
    assert float(pulsed(at(60.0), *DOWN, 150)[0, 0]) == pytest.approx(expected, abs=1e-4)


def test_upper_end_is_never_passed_and_left_again() -> None:
    top = pulsed(at(0.0), 0.9, 1e-3, 100)
    assert 33_030 < top[0, 0] <= model.top
    assert pulsed(top, *DOWN)[0, 0] < top[0, 0]


@pytest.mark.parametrize("rectification", [1.0, 1e4])
@pytest.mark.parametrize("voltage", [0.9, -0.75, 2.27, -2.27, 5.0, -5.0])
def test_a_voltage_that_stays_on_ends_at_an_end(voltage: float, rectification: float) -> None:
    profile = model.profile.model_copy(update={"rectification": rectification})
    cells = RuAzo(profile)  # pyright: ignore[reportArgumentType]
    states = at([0.0, 10.0, 5000.0, 16_519.0, 25_000.0, 33_040.0])
    for time in (1e-3, 0.5, 1.2, 30.0, 1e6):
        end = cells.advance(states, voltage, Train(time), cells.conductance(states), 1.0)[0]
        assert ((end >= 0) & (end <= cells.top)).all()
        if time > 0.1:
            assert (np.abs(end - (cells.top if voltage > 0 else 0.0)) < 1).all()


@pytest.mark.parametrize(
    ("voltage", "width", "count"), [(*UP, 7000), (1.3, 1e-6, 200), (2.0, 300e-9, 200), (2.27, 320e-9, 100)]
)
def test_heat_along_the_way_is_counted(voltage: float, width: float, count: int) -> None:
    # The law of the rate integrated in small steps, with the mean rise that the conductance of each moment gives.
    share = mean_share(Train(width, count, max(2 * width, 1e-6)), 127.8e-9)
    cold = float(model.kinetics.rate(voltage))

    def speed(_: float, n: np.ndarray) -> np.ndarray:
        law = model.law(at(n), model.conductance(at(n)))
        rise = 52.14 * share * voltage * law.current(voltage)
        return cold * np.exp(0.155923 / 8.617333262e-5 * (1 / 298.15 - 1 / (298.15 + rise)))

    start = 9000.0
    end = solve_ivp(speed, (0, width * count), [start], rtol=1e-9, atol=1e-9).y[0, -1]
    assert end < LAST
    assert moved(start, voltage, width, count) == pytest.approx(end - start, rel=2e-5)


voltages = st.sampled_from([0.9, 1.2, 2.2, -0.75, -1.5])
states = st.floats(0, 33_040)
counts = st.integers(1, 30_000)


@settings(deadline=None, max_examples=60)
@given(states, voltages, counts)
def test_positive_voltage_raises_and_negative_lowers_within_the_range(
    position: float, voltage: float, count: int
) -> None:
    end = position + moved(position, voltage, 80e-9, count)
    assert 0 <= end <= 33_040
    assert (end - position) * voltage >= 0


@settings(deadline=None, max_examples=60)
@given(states, voltages, counts, counts)
def test_a_train_cut_in_two_ends_where_the_whole_ends(position: float, voltage: float, one: int, two: int) -> None:
    # Each piece starts cold: the first pulse of a train of 1 us period misses 0.04 % of the heat. And Gauss's 32 points
    # miss some millionths of a long way, as the heat follows a tabulated curve (3,000 random trains: up to 3).
    whole = pulsed(at(position), voltage, 80e-9, one + two)
    pieces = pulsed(pulsed(at(position), voltage, 80e-9, one), voltage, 80e-9, two)
    way = abs(float(whole[0, 0]) - position)
    assert pieces == pytest.approx(whole, rel=1e-7, abs=0.01 + 5e-6 * way)


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 16_000), st.floats(1e-3, 400.0), voltages)
def test_more_is_more(position: float, further: float, voltage: float) -> None:
    low, high = pulsed(at([position, position + further]), voltage, 80e-9, 50)[0]
    assert low < high or (low == high == 0.0)
