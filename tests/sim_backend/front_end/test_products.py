"""The gated integrator: noise over a slot, and what it leaves of a 64 x 64 product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim_backend.front_end.board import BoardFrontEnd

READERS = np.arange(64)
SLOT = 100e-6


@pytest.mark.parametrize(("slot", "averages"), [(100e-6, 1), (100e-6, 16), (10e-6, 4)])
@pytest.mark.parametrize(
    ("errors", "density"),
    [
        ({"amplifier_noise": 5.2e-9}, 5.2e-9 * 189e-3),
        ({"driver_noise": 5e-9}, 5e-9 * 27e-3),
        ({"johnson": 1.0}, math.sqrt(4 * 1.380649e-23 * 300 * 20e-3 / 5)),
    ],
)
def test_white_noise_passes_in_half_the_inverse_of_the_slot(
    board_with: Callable[..., BoardFrontEnd],
    check_spread: Callable[[NDArray[np.float64], float], None],
    errors: dict[str, float],
    density: float,
    slot: float,
    averages: int,
) -> None:
    current = np.full((100, 64), 10e-3)
    found = board_with(**errors).integrate(READERS, current, 189e-3, 27e-3, slot, averages).current - current
    check_spread(found, density * math.sqrt(1 / (2 * slot) / averages))


def test_the_converter_converts_once_a_slot(
    board_with: Callable[..., BoardFrontEnd], check_spread: Callable[[NDArray[np.float64], float], None]
) -> None:
    current = np.full((100, 64), 10e-3)
    for slot in (10e-6, 1e-3):
        board = board_with(converter_noise=7.1e-6, bits=18)
        found = board.integrate(READERS, current, 0.0, 0.0, slot, 4).current - current
        step = 40e-3 / 2**18
        check_spread(found, math.hypot(7.1e-6 * 20e-3, step / math.sqrt(12)) / 2)


def test_vectors_together_are_vectors_one_by_one(board_with: Callable[..., BoardFrontEnd]) -> None:
    current = np.random.default_rng(1).uniform(9e-3, 18e-3, (5, 64))
    together, alone = (board_with(converter_noise=7.1e-6, converter_inl=1.0, bits=18) for _ in range(2))
    expected = [alone.integrate(READERS, each, 0.1, 0.01, SLOT, 2).current for each in current]
    np.testing.assert_array_equal(together.integrate(READERS, current, 0.1, 0.01, SLOT, 2).current, expected)


class TestProductOf64x64:
    """Offset mapping, two passes, 0.2 V: figures of the feasibility study of the board for one error alone."""

    def snr(self, board: BoardFrontEnd, averages: int, hanging: float = 189e-3) -> float:
        """Return the SNR (dB) after one gain and offset a column, fitted on the difference of the passes."""
        generator = np.random.default_rng(1)
        middle, half = 2.95e-3, 2.95e-3 * 0.97
        weights = generator.uniform(-1, 1, (64, 64))
        inputs = generator.uniform(-1, 1, (200, 64))
        conductance = middle + half * weights
        passes = [0.2 * np.clip(sign * inputs, 0, None) @ conductance for sign in (1, -1)]
        wanted = passes[0] - passes[1]
        up, down = (board.integrate(READERS, each, hanging, 0.0, SLOT, averages).current for each in passes)
        rest = np.empty_like(wanted)
        for column in READERS:
            fit = np.polyfit((up - down)[:, column], wanted[:, column], 1)
            rest[:, column] = np.polyval(fit, (up - down)[:, column]) - wanted[:, column]
        signal = 0.2 * half * inputs @ weights
        return 10 * math.log10(float((signal**2).sum() / (rest**2).sum()))

    @pytest.mark.parametrize(("averages", "target"), [(1, 77.6), (16, 89.3)])
    def test_converter_noise(self, board_with: Callable[..., BoardFrontEnd], averages: int, target: float) -> None:
        board = board_with(converter_noise=7.1e-6, bits=18)
        assert self.snr(board, averages) == pytest.approx(target, abs=0.5)

    def test_converter_nonlinearity(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        # Averages only make the converter's rounding small: the curve is what is left.
        board = board_with(converter_inl=1.0, bits=18)
        assert self.snr(board, 4096) == pytest.approx(86.6, abs=1.5)

    def test_amplifier_noise_is_no_worse_than_the_study_found(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        """The study has 94.7 dB; a gate of 100 us passes 5 kHz, which makes 96.0 dB."""
        assert self.snr(board_with(amplifier_noise=5.2e-9), 16) == pytest.approx(96.0, abs=0.5)
