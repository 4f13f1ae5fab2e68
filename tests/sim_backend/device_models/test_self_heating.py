"""Temperatures of cells that heat themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sim_backend.device_models.catalogue import profile_named
from sim_backend.device_models.interface import Train
from sim_backend.device_models.ru_azo_conduction import Conduction
from sim_backend.device_models.ru_azo_profile import RuAzoProfile
from sim_backend.device_models.self_heating import Heating, mean_share, temperature_rise

TAU = 127.8e-9


@pytest.fixture(scope="module")
def profile() -> RuAzoProfile:
    found = profile_named("ru-azo")
    assert isinstance(found, RuAzoProfile)
    return found


def test_steady_rise_and_time_constant_are_the_published_ones(profile: RuAzoProfile) -> None:
    steady = temperature_rise(profile, 1.0, 1.0)
    assert steady == pytest.approx(52.14, rel=1e-12)
    assert temperature_rise(profile, 1.0, TAU) == pytest.approx(steady * (1 - math.exp(-1)), rel=1e-12)


def test_published_example(profile: RuAzoProfile) -> None:
    # 9.24 mW: 0.48 K steady, 0.22 K after 80 ns.
    assert temperature_rise(profile, 9.24e-3, 1.0) == pytest.approx(0.48, abs=0.005)
    assert temperature_rise(profile, 9.24e-3, 80e-9) == pytest.approx(0.22, abs=0.005)


@pytest.mark.parametrize(
    "train",
    [Train(80e-9), Train(80e-9, 1, 1e-6), Train(80e-9, 2, 160e-9), Train(80e-9, 7, 160e-9), Train(1e-6, 3, 1e-6),
     Train(20e-9, 5, 100e-9)],
)  # fmt: skip
def test_mean_rise_of_a_train_is_that_of_the_differential_equation(train: Train) -> None:
    period = max(train.period, train.width)
    rise, area = 0.0, 0.0
    for _ in range(train.count):
        on = solve_ivp(lambda _, y: [(1 - y[0]) / TAU, y[0]], (0, train.width), [rise, 0.0], rtol=1e-10, atol=1e-18)
        rise, area = on.y[0, -1] * math.exp(-(period - train.width) / TAU), area + on.y[1, -1]
    assert mean_share(train, TAU) == pytest.approx(area / train.time, rel=1e-7)


def test_limits_of_the_mean_rise() -> None:
    assert mean_share(Train(1.0), TAU) == pytest.approx(1, abs=2e-7)
    assert mean_share(Train(1e-7, 10**9, 1e-7), TAU) == pytest.approx(1, abs=1e-6)
    assert mean_share(Train(1e-15), TAU) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("voltage", [0.9, -0.9, 2.27, 5.0])
def test_speed_up_follows_the_power_of_the_cell(profile: RuAzoProfile, voltage: float) -> None:
    conduction = Conduction(profile)
    heating = Heating(profile, conduction)
    position = np.array([0.0, 4_000.0, 9_000.0, LAST_LEVEL, 33_000.0])
    nominal = conduction.conductance(position)
    own = nominal * 1.05
    power = voltage * conduction.law(position, own).current(voltage)
    hot = 298.15 + 0.7 * 52.14 * power
    expected = 0.155923 / 8.617333262e-5 * (1 / 298.15 - 1 / hot)
    found = heating.exponent(heating.per_siemens(voltage), 0.7, own, nominal)
    assert found == pytest.approx(expected, rel=2e-3)
    if abs(voltage) < 1:
        assert found == pytest.approx(expected, rel=1e-5)


LAST_LEVEL = 16_519.0
