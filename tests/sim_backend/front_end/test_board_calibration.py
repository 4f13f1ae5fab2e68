"""Gain, offset and what factory calibration leaves of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim_backend.front_end.interface import Direction
from sim_backend.front_end.make import make_front_end

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim_backend.front_end.board import BoardFrontEnd

LINES = np.arange(512)
ZERO = np.zeros(512)


def path_gains(calibrated: bool, board_with: Callable[..., BoardFrontEnd], voltage: float) -> NDArray[np.float64]:
    """Return the gain errors of many paths from driver to reader; drivers have their nonlinearity."""
    gains: list[NDArray[np.float64]] = []
    for seed in range(8):
        board = board_with(
            calibrated=calibrated, rows=512, columns=512, seed=seed, path_gain=5e-4, path_gain_left=5e-6, driver_inl=1.0
        )
        out = board.line_voltage(LINES, voltage)
        conductance = 3e-3
        found = board.integrate(LINES, out * conductance, 0.0, 0.0, 1e-4, 1).current
        gains.append(found / (voltage * conductance) - 1)
    return np.concatenate(gains)


@pytest.mark.parametrize(("calibrated", "left"), [(True, 5e-6), (False, 5e-4)])
def test_gain_of_a_path_at_the_read_voltage(
    board_with: Callable[..., BoardFrontEnd], calibrated: bool, left: float
) -> None:
    step = 1 / 2**16
    # Where nothing is calibrated, the nonlinearity of the driver adds to its gain error.
    nonlinearity = 0.0 if calibrated else step / 0.2 / math.sqrt(2)
    found = path_gains(calibrated, board_with, 0.2)
    # 512 drivers and 512 readers on 8 boards: 4,096 paths tell a spread to 1.1 %.
    assert np.std(found) == pytest.approx(math.hypot(left, nonlinearity), rel=0.05)


def test_calibration_holds_at_the_read_voltage_only(board_with: Callable[..., BoardFrontEnd]) -> None:
    # One step of the driver is 153 ppm of 0.1 V.
    assert np.std(path_gains(True, board_with, 0.1)) > 50e-6


@pytest.mark.parametrize(("calibrated", "volts"), [(True, 0.3e-6), (False, 3e-6)])
def test_offset_voltage_acts_on_what_hangs_on_the_line(
    board_with: Callable[..., BoardFrontEnd],
    check_spread: Callable[[NDArray[np.float64], float], None],
    calibrated: bool,
    volts: float,
) -> None:
    found: list[NDArray[np.float64]] = []
    for seed in range(8):
        board = board_with(
            calibrated=calibrated, rows=4, columns=512, seed=seed, amplifier_offset=3e-6, amplifier_offset_left=0.3e-6
        )
        found.append(board.read(LINES, ZERO, 189e-3, 0.0, 1).current)
        # It is fixed: a zero read takes it away.
        np.testing.assert_allclose(board.read(LINES, ZERO, 189e-3, 0.0, 1).current, found[-1], rtol=1e-6)
    check_spread(np.concatenate(found), volts * 189e-3)


def test_uncalibrated_coefficients_change_nothing_and_factory_ones_undo_the_gain() -> None:
    none, factory = (make_front_end("board", state, 8, 512, 5.9e-3, 3) for state in ("none", "factory"))
    assert np.all(none.calibrations[0].gain == 1)
    assert np.all(none.calibrations[0].offset == 0)
    assert np.std(factory.calibrations[0].gain - 1) == pytest.approx(5e-4 / math.sqrt(2), rel=0.1)
    assert len(factory.calibrations[1].gain) == 8


@pytest.mark.parametrize("kind", ["ideal", "board"])
@pytest.mark.parametrize("direction", Direction)
def test_changed_coefficients_act_at_once(kind: str, direction: Direction) -> None:
    first, second = (make_front_end("ideal" if kind == "ideal" else "board", "factory", 4, 4, 5.9e-3, 3) for _ in "ab")
    calibration = second.calibrations[direction]
    calibration.gain[2] *= 2
    calibration.offset[2] = 1e-6
    readers, current = np.array([0, 2]), np.full(2, 0.4e-3)
    before = first.read(readers, current, 1e-3, 1e-3, 16, direction).current
    after = second.read(readers, current, 1e-3, 1e-3, 16, direction).current
    gain = first.calibrations[direction].gain[2]
    assert after[0] == before[0]
    assert after[1] == pytest.approx((before[1] * gain - 1e-6) / (2 * gain), rel=1e-12)


def test_the_factory_leaves_5_ppm_in_a_whole_board() -> None:
    board = make_front_end("board", "factory", 64, 64, 5.9e-3, 1)
    rows = np.arange(64)
    out = board.line_voltage(rows, 0.2)
    gains = [
        board.read(rows, np.full(64, voltage) * 5.9e-3, 5.9e-3, 5.9e-3, 4096).current / (0.2 * 5.9e-3) - 1
        for voltage in out
    ]
    # Nonlinearity of the reader (up to 8 ppm of this reading) and the offset (0.3 uV of 0.2 V) come on top of 5 ppm.
    assert 4e-6 < np.std(gains) < math.hypot(5e-6, 8e-6, 1.5e-6)
