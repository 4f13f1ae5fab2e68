"""Integral nonlinearity of readers and drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim_backend.front_end.curves import SmoothCurves
from sim_backend.front_end.interface import Direction
from sim_backend.front_end.kinds import FrontEndKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.front_end.board import BoardFrontEnd

LINES = np.arange(64)
PLACES = np.linspace(-1, 1, 2001)


def curves(seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    made = SmoothCurves(LINES, seed, FrontEndKind.READER_CURVE)
    return made.at(LINES, PLACES[:, None] * np.ones(64))


def test_curves_reach_one_and_no_more() -> None:
    peaks = np.abs(curves()).max(axis=0)
    assert peaks.max() <= 1
    assert peaks.min() > 0.999


def test_curves_are_0_at_0_and_at_both_ends() -> None:
    assert np.abs(curves()[[0, 1000, 2000]]).max() < 1e-12


def test_curves_are_smooth() -> None:
    found = curves()
    width = PLACES[1] - PLACES[0]
    # Five half waves to full scale bend by (5 pi)^2 at most.
    assert np.abs(np.diff(found, 2, axis=0)).max() / width**2 < 1.01 * (5 * np.pi) ** 2


def test_lines_differ_and_seeds_differ() -> None:
    found = curves()
    assert len({tuple(column) for column in np.round(found.T, 9)}) == 8
    assert not np.allclose(found, curves(2))
    np.testing.assert_array_equal(found, curves())


def test_a_reader_is_off_by_its_curve(board_with: Callable[..., BoardFrontEnd]) -> None:
    board = board_with(converter_inl=1.0, bits=18, seed=1)
    step = 2.5e-3 / 2**18
    current = np.linspace(-1.248e-3, 1.248e-3, 201)[:, None] * np.ones(64)
    found = (board.integrate(LINES, current, 0.0, 0.0, 1e-4, 4096).current - current) / step
    made = SmoothCurves(LINES, 1, FrontEndKind.READER_CURVE)
    np.testing.assert_allclose(found, made.at(LINES, current / 1.25e-3), atol=0.03)


def test_its_size_is_in_steps_of_the_range(board_with: Callable[..., BoardFrontEnd]) -> None:
    board = board_with(converter_inl=2.0, bits=18, seed=1)
    current = np.linspace(0, 79e-3, 201)[:, None] * np.ones(64)
    error = np.abs(board.integrate(LINES, current, 0.0, 0.0, 1e-4, 4096).current - current).max(axis=0)
    np.testing.assert_allclose(error, 2 * 160e-3 / 2**18, rtol=0.03)


class TestDrivers:
    def test_without_errors_they_put_out_what_they_are_told(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        assert board_with().line_voltage(np.array([3, 5]), -0.1).tolist() == [-0.1, -0.1]

    def test_each_line_may_be_told_its_own(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        told = np.array([[0.1, 0.2], [0.3, -0.4]])
        np.testing.assert_array_equal(board_with().line_voltage(np.array([3, 5]), told), told)

    def test_nonlinearity_stays_within_one_step(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        board = board_with(driver_inl=1.0)
        told = np.linspace(-0.5, 0.5, 501)[:, None] * np.ones(64)
        error = np.abs(board.line_voltage(LINES, told) - told) * 2**16
        assert error.max() <= 1 + 1e-9
        assert error.max(axis=0).min() > 0.98
        assert error[[0, 250, 500]].max() < 1e-9

    def test_calibration_makes_the_read_voltage_exact(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        board = board_with(driver_inl=1.0, calibrated=True)
        np.testing.assert_allclose(board.line_voltage(LINES, 0.2), 0.2, rtol=1e-12)
        assert np.abs(board.line_voltage(LINES, 0.1) - 0.1).max() > 0.5 / 2**16

    def test_both_sides_have_drivers(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        board = board_with(driver_inl=1.0, path_gain=5e-4)
        rows, columns = (board.line_voltage(LINES, 0.13, direction) for direction in Direction)
        assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.4

    @pytest.mark.parametrize("calibrated", [True, False])
    def test_gain_error(self, board_with: Callable[..., BoardFrontEnd], calibrated: bool) -> None:
        board = board_with(rows=512, calibrated=calibrated, path_gain=5e-4, path_gain_left=5e-6)
        gain = board.line_voltage(np.arange(512), 0.4) / 0.4 - 1
        # The driver has half of a path's variance; 512 lines tell a spread to 3 %.
        assert np.std(gain) == pytest.approx((5e-6 if calibrated else 5e-4) / np.sqrt(2), rel=0.12)
