from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import ParameterError
from protocols.analysis.retention_fit import fit_log_time, fit_power_law, loss_time
from sim_backend.device_models.catalogue import device_named
from sim_backend.noise.aging import drifted

TIMES = np.geomspace(1, 1e5, 40)
STEP = 357.15e-9


@given(st.floats(-0.2, 0.2))
@settings(max_examples=40, deadline=None)
def test_a_power_is_found(nu: float) -> None:
    drift = fit_power_law(TIMES, 3e-3 * TIMES**-nu)
    assert drift is not None
    assert drift.value == pytest.approx(nu, abs=1e-9)
    assert drift.start == pytest.approx(3e-3)
    assert drift.expected(1e6)[0] == pytest.approx(3e-3 * 1e6**-nu)


def test_the_twins_drift_is_the_power_that_is_fitted() -> None:
    noise = device_named("ru-azo", 5.9e-3).profile.noise.model_copy(update={"drift_exponent": 0.01, "drift_start": 2.0})
    drift = fit_power_law(TIMES[10:], 1e-3 * drifted(noise, TIMES[10:]), reference=2.0)
    assert drift is not None
    assert drift.value == pytest.approx(0.01)
    assert drift.start == pytest.approx(1e-3)


def test_a_logarithm_is_found() -> None:
    drift = fit_log_time(TIMES, 3e-3 - 2e-6 * np.log(TIMES))
    assert drift is not None
    assert drift.value == pytest.approx(2e-6)
    lost = loss_time(drift, STEP)
    assert lost.expected == pytest.approx(math.exp(STEP / 2e-6))


def test_errors_are_as_large_as_stated_and_nothing_is_found_where_nothing_is() -> None:
    chance = np.random.default_rng(1)
    drifts = [fit_power_law(TIMES, 3e-3 + chance.normal(0, 1e-8, 40), 1e-8) for _ in range(300)]
    found = [drift for drift in drifts if drift is not None]
    pulls = [drift.value / drift.value_sigma for drift in found]
    assert np.std(pulls) == pytest.approx(1, abs=0.17)
    # 5 %: more than 29 of 300 happen with probability 4e-4.
    assert sum(drift.found for drift in found) <= 29
    quiet = next(drift for drift in found if not drift.found)
    lost = loss_time(quiet, STEP)
    assert lost.expected is None
    assert lost.at_least > 1e6
    assert lost.extrapolated == pytest.approx(lost.at_least / 1e5)


def test_the_bound_on_a_loss_holds() -> None:
    # A drift that just shows: the bound is before the true loss in all but some of 200 fits.
    chance = np.random.default_rng(2)
    nu = 2e-7
    truth = (1 - STEP / 3e-3) ** (-1 / nu)
    drifts = [fit_power_law(TIMES, 3e-3 * TIMES**-nu + chance.normal(0, 1e-8, 40), 1e-8) for _ in range(200)]
    bounds = [loss_time(drift, STEP).at_least for drift in drifts if drift is not None]
    assert np.mean([bound <= truth for bound in bounds]) >= 0.93


def test_the_papers_retention_is_the_bound_of_the_facts() -> None:
    # A level of 5.9 mS lost in no less than 7.5 months: nu < about 4e-6.
    month = 365.25 / 12 * 86_400
    drift = fit_power_law(TIMES, 5.9e-3 * TIMES**-4e-6)
    assert drift is not None
    assert loss_time(drift, STEP).expected == pytest.approx(7.5 * month, rel=0.9)


def test_a_rising_conductance_loses_its_level_too() -> None:
    drift = fit_power_law(TIMES, 1e-3 * TIMES**0.01)
    assert drift is not None
    lost = loss_time(drift, 1e-4)
    assert lost.expected == pytest.approx(1.1**100, rel=1e-6)
    assert lost.at_least <= 1.1**100


@pytest.mark.parametrize(
    ("time", "value"),
    [
        ([], []),
        ([1.0, 2.0], [1.0, 1.0]),
        ([5.0] * 4, [1.0] * 4),
        ([0.0, -1.0, 1.0, 2.0], [1.0] * 4),
        ([1.0, 2.0, 3.0], [math.nan] * 3),
    ],
)
def test_too_little_has_no_drift(time: list[float], value: list[float]) -> None:
    assert fit_power_law(time, value) is None
    assert fit_log_time(time, value, 1e-9) is None


def test_what_does_not_drift_at_all_is_kept_for_ever() -> None:
    drift = fit_power_law(TIMES, np.full(40, 1e-3))
    assert drift is not None
    assert not drift.found
    assert loss_time(drift, STEP).at_least > 1e30


def test_what_makes_no_sense_is_refused() -> None:
    drift = fit_power_law(TIMES, 1e-3 * TIMES**-0.1)
    assert drift is not None
    for call in (
        lambda: loss_time(drift, 0.0),
        lambda: drift.expected(0.0),
        lambda: fit_power_law(TIMES, TIMES, sigma=0.0),
        lambda: fit_power_law(TIMES, TIMES, reference=-1.0),
        lambda: fit_power_law(TIMES, TIMES, confidence=1.0),
    ):
        with pytest.raises(ParameterError):
            call()
