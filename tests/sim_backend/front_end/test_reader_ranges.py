"""Which range a reader takes, and what happens beyond the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim_backend.front_end.board_errors import BoardErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.front_end.board import BoardFrontEnd

READERS = np.arange(64)


def full_scale_of(board: BoardFrontEnd, current: float, read: str = "read") -> float:
    """Return the full scale a reader takes, from the spread of its converter's noise."""
    currents = np.full(64, current)
    if read == "read":
        found = np.array([board.read(READERS, currents, 0.0, 0.0, 1).current for _ in range(60)])
    else:
        found = board.integrate(READERS, np.tile(currents, (60, 1)), 0.0, 0.0, 1e-4, 1).current
    return float(found.std() / 7.1e-6)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("read", ["read", "integrate"])
@pytest.mark.parametrize(
    ("current", "full_scale"),
    [
        (0.0, 1.25e-3),
        (1.248e-3, 1.25e-3),
        (1.2495e-3, 7.1e-3),
        (7.0e-3, 7.1e-3),
        (7.2e-3, 20e-3),
        (20.1e-3, 40e-3),
        (40.1e-3, 80e-3),
        (79.9e-3, 80e-3),
    ],
)
def test_the_smallest_range_that_holds_the_result(
    board_with: Callable[..., BoardFrontEnd], current: float, full_scale: float, read: str, sign: int
) -> None:
    found = full_scale_of(board_with(converter_noise=7.1e-6), sign * current, read)
    assert found == pytest.approx(full_scale, rel=0.1)


def test_each_line_has_a_range_of_its_own(board_with: Callable[..., BoardFrontEnd]) -> None:
    board = board_with(converter_noise=7.1e-6)
    currents = np.where(READERS < 32, 1e-3, 30e-3)
    found = np.array([board.read(READERS, currents, 0.0, 0.0, 1).current for _ in range(60)])
    spread = found.std(axis=0)
    assert spread[:32].mean() == pytest.approx(7.1e-6 * 1.25e-3, rel=0.1)
    assert spread[32:].mean() == pytest.approx(7.1e-6 * 40e-3, rel=0.1)


def test_ranges_scale_with_the_die(board_with: Callable[..., BoardFrontEnd]) -> None:
    board = board_with(converter_noise=7.1e-6, g_max=20e-6)
    assert BoardErrors().full_scales(20e-6)[0] == pytest.approx(4.24e-6, rel=1e-3)
    assert full_scale_of(board, 4e-6) == pytest.approx(4.24e-6, rel=0.1)


@pytest.mark.parametrize("sign", [1, -1])
def test_beyond_the_largest_range_a_reader_saturates_and_says_so(
    board_with: Callable[..., BoardFrontEnd], sign: int
) -> None:
    current = sign * np.where(READERS == 5, 80.2e-3, 79e-3)
    for reading in (
        board_with().read(READERS, current, 0.0, 0.0, 1),
        board_with().integrate(READERS, current, 0.0, 0.0, 1e-4, 1),
    ):
        assert reading.saturated.tolist() == (READERS == 5).tolist()
        assert reading.current[5] == sign * 80e-3
        np.testing.assert_allclose(reading.current[:5], sign * 79e-3, rtol=1e-7)


def test_the_offset_of_a_full_line_can_saturate(board_with: Callable[..., BoardFrontEnd]) -> None:
    board = board_with(amplifier_offset=3e-6)
    offset = board.read(READERS, np.zeros(64), 1.0, 0.0, 1).current
    saturated = board.read(READERS, np.full(64, 80e-3), 1.0, 0.0, 1).saturated
    assert saturated.tolist() == (offset > 0).tolist()
    assert 0 < saturated.sum() < 64


class TestProducts:
    def test_one_range_holds_all_vectors_of_a_line(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        board = board_with(converter_noise=7.1e-6)
        currents = np.full((600, 64), 1e-3)
        currents[0, 7] = 15e-3
        spread = board.integrate(READERS, currents, 0.0, 0.0, 1e-4, 1).current[1:].std(axis=0)
        assert spread[7] == pytest.approx(7.1e-6 * 20e-3, rel=0.15)
        assert np.delete(spread, 7).mean() == pytest.approx(7.1e-6 * 1.25e-3, rel=0.1)

    def test_peaks_may_reach_twice_the_range(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        board = board_with(converter_noise=7.1e-6)
        currents = np.full((600, 64), 18.7e-3)
        peak = np.where(READERS == 0, 41e-3, 31.6e-3) * np.ones((600, 1))
        spread = board.integrate(READERS, currents, 0.0, 0.0, 1e-4, 1, peak=peak).current.std(axis=0)
        assert spread[0] == pytest.approx(7.1e-6 * 40e-3, rel=0.15)
        assert spread[1:].mean() == pytest.approx(7.1e-6 * 20e-3, rel=0.05)

    def test_a_peak_beyond_twice_the_largest_range_saturates(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        current = np.full((2, 64), 10e-3)
        peak = np.full((2, 64), 100e-3)
        peak[1, 3] = -161e-3
        found = board_with().integrate(READERS, current, 0.0, 0.0, 1e-4, 1, peak=peak)
        assert np.argwhere(found.saturated).tolist() == [[1, 3]]
