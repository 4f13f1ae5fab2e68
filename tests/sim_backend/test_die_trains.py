"""What pulses and trains do to the cells of a die, however they are cut, and what they do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from labctl.errors import ModelError
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.noise.kinds import Noise

RU_AZO = device_named("ru-azo", 5.9e-3)
UP = Train(80e-9)
COLD = 10e-6
"""Period (s) of pulses between which the heat goes."""
WRITE_NOISE = Noise(**{field: field == "write" for field in Noise.__dataclass_fields__})
"""Write noise alone."""


def die_with(noise: Noise, rows: int = 128, columns: int = 128, seed: int = 0) -> Die:
    return Die.fresh("test", rows, columns, RU_AZO, seed, noise)


def everywhere(die: Die) -> NDArray[np.int64]:
    return np.arange(die.state.size)


def test_below_the_threshold_nothing_changes_and_nothing_is_counted() -> None:
    die = die_with(Noise(), 8, 8)
    die.state[:] = 5000.5
    assert not die.expose(everywhere(die), 0.4659, Train(1.0, 7))
    assert not die.expose(everywhere(die), np.full(64, -0.4659), Train(1.0, 7))
    assert not die.pulse_all(0.4659, UP)
    assert np.all(die.state == 5000.5)
    assert not die.write_count.any()
    assert not die.written_at.any()


def test_each_cell_sees_its_own_voltage() -> None:
    die, other = (die_with(Noise(), 8, 8) for _ in range(2))
    for one in (die, other):
        one.state[:] = 5000
        one.time = 3.0
    cells = everywhere(die)
    voltage = np.choose(cells % 3, [0.90, 0.45, -0.75])
    assert die.expose(cells, voltage, Train(80e-9, 2))
    assert other.expose(cells[cells % 3 == 0], 0.90, Train(80e-9, 2))
    assert other.expose(cells[cells % 3 == 2], -0.75, Train(80e-9, 2))
    for name, array in die.arrays().items():
        assert array == pytest.approx(other.arrays()[name], rel=1e-12), name
    assert die.write_count.reshape(-1)[:3].tolist() == [2, 0, 2]
    assert die.written_at.reshape(-1)[:3].tolist() == [3.0, 0.0, 3.0]


@pytest.mark.parametrize("voltage", [5.01, -6.0, math.nan, math.inf, np.array([0.9, -5.5]), np.array([math.nan, 0.9])])
def test_voltages_beyond_the_model_are_refused_and_change_nothing(voltage: float | NDArray[np.float64]) -> None:
    die = die_with(Noise(), 1, 2)
    die.state[:] = 5000
    with pytest.raises(ModelError, match="ru-azo"):
        die.expose(everywhere(die), voltage, UP)
    if isinstance(voltage, float):
        with pytest.raises(ModelError, match="ru-azo"):
            die.pulse_all(voltage, UP)
    assert np.all(die.state == 5000)
    assert not die.write_count.any()


def test_noise_moves_no_cell_that_the_law_does_not_move() -> None:
    die = die_with(Noise())
    die.expose(everywhere(die), -0.75, Train(1e-3))
    assert not die.state.any()  # erased cells stay erased


def trained(start: float, voltage: float, train: Train, times: int, cells: int = 128) -> NDArray[np.float64]:
    """Return the states of cells after a train, some times over."""
    die = die_with(Noise(), cells, cells, seed=times)
    die.state[:] = start
    for _ in range(times):
        die.expose(everywhere(die), voltage, train)
    return die.state.ravel()


@pytest.mark.parametrize(
    ("start", "voltage", "width", "pulses"),
    [
        (250.0, -0.75, 65e-9, 400),  # far into the lower end
        (33_025.0, 0.90, 80e-9, 30),  # far into the upper end
    ],
)
def test_cutting_a_train_into_an_end_changes_no_statistics(
    start: float, voltage: float, width: float, pulses: int
) -> None:
    whole = trained(start, voltage, Train(width, pulses, COLD), 1, 64)
    many = trained(start, voltage, Train(width, 1, COLD), pulses, 64)
    # Standard errors for 4,096 cells: 1.6 % of a standard deviation in the mean, 1.1 % of it in itself.
    assert abs(whole.mean() - many.mean()) < 5 * 0.022 * whole.std()
    assert many.std() == pytest.approx(whole.std(), rel=5 * 0.0156)
    assert stats.ks_2samp(whole, many).pvalue > 0.01


@pytest.mark.parametrize(("start", "voltage", "width"), [(3000.0, 0.90, 80e-9), (12_000.0, -0.75, 65e-9)])
@pytest.mark.parametrize("pulses", [1, 100, 5000])
def test_a_train_is_as_its_pulses(start: float, voltage: float, width: float, pulses: int) -> None:
    """Mean and variance within 3 sigma of what the model says (chi-square bound), for 4,096 cells, both ways."""
    before = RU_AZO.erased(1)
    before[0] = start
    after = RU_AZO.advance(before, voltage, Train(width, pulses, COLD), RU_AZO.conductance(before), 1.0)
    variance = float(RU_AZO.write_variance(before, after)[0])
    for one_train in (True, False):
        die = die_with(WRITE_NOISE, 64, 64, seed=pulses)
        die.state[:] = start
        if one_train:
            die.expose(everywhere(die), voltage, Train(width, pulses, COLD))
        else:
            for _ in range(pulses):
                die.pulse_all(voltage, Train(width, 1, COLD))
        assert np.all(die.write_count == pulses)
        spread = die.state - after[0]
        assert abs(spread.mean()) < 3 * math.sqrt(variance / 4096)
        assert abs(spread.var() / variance - 1) < 3 * math.sqrt(2 / 4096)


def test_erasing_in_one_train_leaves_no_cell_scattered() -> None:
    states = trained(16_519.0, -0.75, Train(65e-9, 17_000), 1)
    assert states.max() < 0.2 * 30


def test_states_stay_in_range() -> None:
    # From the very end a short piece of a pulse moves a cell by about two standard deviations of its noise.
    for start, voltage in ((10.0, -0.75), (33_030.0, 0.90), (0.0, 0.90), (33_040.0, -0.75)):
        for time, pieces in ((30e-9, 20), (1e-9, 1)):
            states = trained(start, voltage, Train(time / pieces), pieces, 16)
            assert states.min() >= 0
            assert states.max() <= 33_040
