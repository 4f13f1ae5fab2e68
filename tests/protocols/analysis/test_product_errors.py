"""Signal-to-noise ratio, effective bits, straight lines of columns."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.analysis.product_errors import effective_bits, fit_columns, snr_db


def test_the_ratio_is_that_of_powers() -> None:
    assert snr_db(np.array([3.0, 4.0]), np.array([3.0, 4.5])) == pytest.approx(20.0)
    assert snr_db(np.array([3j, 4.0]), np.array([3j, 4.0 + 0.5j])) == pytest.approx(20.0)


def test_it_is_finite_where_there_is_no_error_or_no_signal() -> None:
    assert snr_db(np.array([1.0]), np.array([1.0])) == 400
    assert snr_db(np.array([0.0]), np.array([1.0])) == -400


def test_published_ratios_have_their_published_bits() -> None:
    assert effective_bits(73.0) == pytest.approx(11.83, abs=0.005)
    assert effective_bits(84.4) == pytest.approx(13.7, abs=0.05)


def test_uniform_weights_lose_what_the_formula_says() -> None:
    chance = np.random.default_rng(1)
    weights, vectors = chance.uniform(-1, 1, (64, 64)), chance.uniform(-1, 1, (500, 64))
    off = weights + chance.normal(0, 1.07 * 2 / 16519, weights.shape)
    assert snr_db(vectors @ weights, vectors @ off) == pytest.approx(73.57 - 20 * np.log10(1.07), abs=0.3)


def test_a_fit_finds_gain_and_offset_of_each_column() -> None:
    chance = np.random.default_rng(2)
    ideal = chance.normal(size=(40, 5))
    gain, offset = np.array([0.9, 1.0, 1.1, 2.0, 0.5]), np.array([0.1, -0.2, 0.0, 3.0, 1.0])
    fit = fit_columns(ideal, gain * ideal + offset)
    np.testing.assert_allclose(fit.gain, gain)
    np.testing.assert_allclose(fit.offset, offset, atol=1e-12)
    np.testing.assert_allclose(fit.corrected(gain * ideal + offset), ideal, atol=1e-12)


def test_a_column_that_should_carry_the_same_always_keeps_its_gain() -> None:
    fit = fit_columns(np.ones((6, 1)), np.full((6, 1), 1.5))
    assert (fit.gain[0], fit.offset[0]) == (1.0, 0.5)
