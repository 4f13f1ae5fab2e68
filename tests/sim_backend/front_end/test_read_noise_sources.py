"""Each noise of a read, alone and together, against its formula."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sim_backend.front_end.board import unsettled
from sim_backend.front_end.board_errors import BoardErrors

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim_backend.front_end.board import BoardFrontEnd

READERS = np.arange(64)
CURRENT = 0.59e-3
HANGING = 189e-3
DRIVEN = 2.95e-3
FULL_SCALE = 1.25e-3
STEP = 2 * FULL_SCALE / 2**18
BANDWIDTH = 100e3
AMPLIFIER = 5.2e-9 * math.sqrt(BANDWIDTH) * HANGING
DRIVER = 5e-9 * math.sqrt(BANDWIDTH) * DRIVEN
CONVERTER = 7.1e-6 * FULL_SCALE
JOHNSON = math.sqrt(4 * 1.380649e-23 * 300 * FULL_SCALE / 5 * BANDWIDTH)


def errors_of_reads(
    board: BoardFrontEnd, samples: int = 1, driver: int | None = None, repeats: int = 100, hanging: float = HANGING
) -> NDArray[np.float64]:
    current = np.full(64, CURRENT)
    rows = [
        board.read(READERS, current, hanging, DRIVEN, samples, driver=driver).current
        - CURRENT * (1 - unsettled(samples))
        for _ in range(repeats)
    ]
    return np.array(rows)


@pytest.mark.parametrize("samples", [1, 16, 879])
@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ({"amplifier_noise": 5.2e-9}, AMPLIFIER),
        ({"driver_noise": 5e-9}, DRIVER),
        ({"converter_noise": 7.1e-6}, CONVERTER),
        ({"johnson": 1.0}, JOHNSON),
    ],
)
def test_each_noise_alone_is_its_formula_and_averages(
    board_with: Callable[..., BoardFrontEnd],
    check_spread: Callable[[NDArray[np.float64], float], None],
    errors: dict[str, float],
    expected: float,
    samples: int,
) -> None:
    check_spread(errors_of_reads(board_with(**errors), samples), expected / math.sqrt(samples))


def test_together_they_add_in_power(
    board_with: Callable[..., BoardFrontEnd], check_spread: Callable[[NDArray[np.float64], float], None]
) -> None:
    standard = BoardErrors()
    board = board_with(
        amplifier_noise=standard.amplifier_noise,
        driver_noise=standard.driver_noise,
        converter_noise=standard.converter_noise,
        johnson=standard.johnson,
        bits=standard.bits,
    )
    hanging = 3e-3
    amplifier = AMPLIFIER * hanging / HANGING
    expected = math.hypot(amplifier, DRIVER, CONVERTER, JOHNSON, STEP / math.sqrt(12))
    check_spread(errors_of_reads(board, hanging=hanging), expected)


def test_the_noise_of_a_shared_driver_is_the_same_for_all_readers(
    board_with: Callable[..., BoardFrontEnd], check_spread: Callable[[NDArray[np.float64], float], None]
) -> None:
    found = errors_of_reads(board_with(driver_noise=5e-9), samples=4, driver=3, repeats=2000)
    np.testing.assert_allclose(found, found[:, :1] * np.ones(64), atol=1e-5 * DRIVER)
    check_spread(found[:, 0], DRIVER / 2)


def test_drivers_have_noise_of_their_own(board_with: Callable[..., BoardFrontEnd]) -> None:
    board = board_with(driver_noise=5e-9)
    first, second = (errors_of_reads(board, driver=driver, repeats=2000)[:, 0] for driver in (3, 4))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1


def test_what_does_not_hang_on_the_line_is_not_amplified(board_with: Callable[..., BoardFrontEnd]) -> None:
    board = board_with(amplifier_noise=5.2e-9, amplifier_offset=3e-6)
    assert np.abs(errors_of_reads(board, hanging=0.0)).max() < 1e-15


def test_readers_are_independent_of_one_another(board_with: Callable[..., BoardFrontEnd]) -> None:
    found = errors_of_reads(board_with(converter_noise=7.1e-6), repeats=2000)
    correlation = np.asarray(np.corrcoef(found.T))
    others = correlation[np.triu_indices(64, 1)]
    assert np.abs(others).max() < 0.12
    assert np.sqrt(np.mean(others**2)) == pytest.approx(1 / math.sqrt(2000), rel=0.1)


class TestRounding:
    def test_one_sample_is_a_code_of_the_converter(
        self, board_with: Callable[..., BoardFrontEnd], check_spread: Callable[[NDArray[np.float64], float], None]
    ) -> None:
        board = board_with(bits=18)
        current = np.random.default_rng(1).uniform(-1.2e-3, 1.2e-3, (50, 64))
        found = np.array([board.read(READERS, each, 0.0, 0.0, 1).current for each in current])
        np.testing.assert_allclose(found / STEP, np.rint(found / STEP), atol=1e-6)
        assert np.abs(found - current).max() <= STEP * (0.5 + 1e-6) + 1e-8 * FULL_SCALE
        check_spread(found - current, STEP / math.sqrt(12))

    def test_the_mean_of_dithered_samples_is_finer(
        self, board_with: Callable[..., BoardFrontEnd], check_spread: Callable[[NDArray[np.float64], float], None]
    ) -> None:
        found = errors_of_reads(board_with(bits=18, converter_noise=7.1e-6), samples=16)
        codes = (found + CURRENT * (1 - unsettled(16))) / STEP * 16
        np.testing.assert_allclose(codes, np.rint(codes), atol=1e-5)
        assert np.any(np.abs(codes % 16) > 0.5)
        check_spread(found, math.hypot(CONVERTER, STEP / math.sqrt(12)) / 4)

    def test_roundings_average(
        self, board_with: Callable[..., BoardFrontEnd], check_spread: Callable[[NDArray[np.float64], float], None]
    ) -> None:
        found = errors_of_reads(board_with(bits=18), samples=64, repeats=300)
        check_spread(found, STEP / math.sqrt(12 * 64))

    def test_the_formula_is_that_of_samples_rounded_one_by_one(self) -> None:
        """Noise of nearly one step decorrelates the roundings: the premise of the mean's formula."""
        generator = np.random.default_rng(1)
        sample = 0.37 + CONVERTER / STEP * generator.standard_normal((20_000, 16))
        spread = float(np.std(np.rint(sample).mean(axis=1)))
        assert spread == pytest.approx(math.hypot(CONVERTER / STEP, 1 / math.sqrt(12)) / 4, rel=0.02)


class TestSettling:
    def test_after_30_us_nothing_that_counts_is_missing(self) -> None:
        assert unsettled(1) == pytest.approx(math.exp(-2 * math.pi * 100e3 * 30e-6))
        assert unsettled(1) < 1e-8

    def test_later_samples_miss_less(self) -> None:
        moments = 30e-6 + 5e-6 * np.arange(3)
        assert unsettled(3) == pytest.approx(np.exp(-2 * np.pi * 100e3 * moments).mean())

    def test_a_read_misses_it(self, board_with: Callable[..., BoardFrontEnd]) -> None:
        found = board_with().read(READERS, np.full(64, CURRENT), 0.0, 0.0, 1).current
        np.testing.assert_allclose(found / CURRENT - 1, -unsettled(1), rtol=1e-5)
