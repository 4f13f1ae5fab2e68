"""Energies of products: against circuits worked out by hand, and against noise drawn at random."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.analysis import product_energy as pe

FINITE = st.floats(1e-9, 1e3)


def ohmic(conductance: np.ndarray, floor: float) -> pe.LineCurrents:
    """Return lines of resistors as they are measured at 0.2 V, each alone and the others at the floor."""
    lines = conductance.sum(axis=1)
    idle = floor * lines.sum()
    return pe.line_currents(np.array([0.2]), floor, (idle + (0.2 - floor) * lines)[None], idle)


def test_ohmic_lines_take_the_sum_of_their_cells_powers() -> None:
    rng = np.random.default_rng(0)
    conductance = rng.uniform(1e-6, 1e-3, (5, 4))
    driven = pe.DrivenLines(rng.uniform(0.05, 0.2, (7, 5)), rng.uniform(0, 1, (7, 5)))
    expected = [
        sum(
            g * (s * v**2 + (1 - s) * 0.003**2)
            for v, s, line in zip(voltage, share, conductance, strict=True)
            for g in line
        )
        for voltage, share in zip(driven.voltage, driven.share, strict=True)
    ]
    lines = ohmic(conductance, 0.003)
    assert driven.power(lines) == pytest.approx(expected, rel=1e-12)
    currents = ((driven.share * (driven.voltage - 0.003)) @ conductance).sum(axis=1)
    assert driven.excess(lines) == pytest.approx(currents, rel=1e-12)
    assert lines.conductance() == pytest.approx(conductance.sum(axis=1), rel=1e-12)


@pytest.mark.parametrize("floor", [0.0, 0.02])
def test_bent_lines_are_measured_at_some_voltages_and_known_at_all(floor: float) -> None:
    scale, slope = 0.344, np.array([1e-3, 2e-4, 0.0])
    levels = floor + np.linspace(0.025, 0.2, 8)
    at_floor = np.sinh(floor / scale) * slope
    idle = 3e-6 if floor == 0 else at_floor.sum()
    alone = idle + np.sinh(levels / scale)[:, None] * slope - at_floor
    lines = pe.line_currents(levels, floor, alone, idle)
    voltage = np.random.default_rng(1).uniform(floor, levels[-1], (50, 3))
    taken = pe.DrivenLines(voltage, np.ones_like(voltage)).power(lines)
    expected = (voltage * np.sinh(voltage / scale) * slope).sum(axis=1)
    # Straight between levels: less than 0.1 % of the power at full height.
    assert taken == pytest.approx(expected, abs=1e-3 * 0.2 * math.sinh(0.2 / scale) * slope.sum())


def test_a_line_that_seems_to_feed_back_takes_nothing() -> None:
    lines = pe.line_currents(np.array([0.2]), 0.0, np.array([[-1e-9, 1e-6]]), 0.0)
    assert lines.conductance() == pytest.approx([0.0, 5e-6], rel=1e-12)
    assert lines.rest.tolist() == [0.0, 0.0]


def test_loading_is_what_all_lines_carry_over_what_each_does_alone() -> None:
    assert pe.loading(np.array([2.0, 2.0]), np.array([1.0, 2.0])) == 0.75
    assert pe.loading(np.zeros(3), np.ones(3)) == 1.0
    assert pe.loading(np.ones(3), -np.ones(3)) == 0.0


def test_operations_count_two_a_weight() -> None:
    assert pe.operations(64, 64, 1) == 8192


@pytest.mark.parametrize(("merit", "energy"), [(165.0, 32e-9), (175.0, 3.2e-9), (185.0, 0.32e-9)])
def test_64_conversions_of_75_db(merit: float, energy: float) -> None:
    assert 64 * pe.conversion_energy(75.0, merit) == pytest.approx(energy, rel=0.02)


def test_the_thermal_floor_is_2_nj_at_73_db() -> None:
    # As much as 4.1 TOPS/W allow for a product of 64 x 64.
    energy = pe.thermal_energy(64, 64, 73.0, 300.0)
    assert energy == pytest.approx(2.03e-9, rel=0.01)
    assert pe.operations(64, 64, 1) / energy == pytest.approx(4.04e12, rel=0.01)


def test_thermal_snr_of_the_paper_s_array() -> None:
    assert pe.thermal_snr(5.93e-3 / 2, 0.1, 80e-9, 300.0) == pytest.approx(75.0, abs=0.1)


def test_thermal_snr_is_that_of_noise_drawn_at_random() -> None:
    rng = np.random.default_rng(3)
    size, vectors, time, volts, kelvin = 64, 400, 80e-9, 0.1, 300.0
    weights, inputs = rng.uniform(-1, 1, (size, size)), rng.uniform(-1, 1, (vectors, size))
    middle = 3e-3  # weights from -1 to 1 stand on conductances from 0 to twice this
    conductance = middle * (1 + weights)
    ideal = volts * inputs @ (middle * weights)
    # Johnson noise of all cells of a column, in the bandwidth 1 / (2 t).
    deviation = np.sqrt(4 * pe.BOLTZMANN * kelvin * conductance.sum(axis=0) / (2 * time))
    noise = rng.standard_normal(ideal.shape) * deviation
    found = 10 * math.log10(np.square(ideal).sum() / np.square(noise).sum())
    assert pe.thermal_snr(middle, volts, time, kelvin) == pytest.approx(found, abs=0.2)
    # And the array that has it takes what the floor says: the power is that of the inputs' squares.
    taken = (np.square(volts * inputs) @ conductance).sum(axis=1).mean() * time
    assert pe.thermal_energy(size, size, found, kelvin) == pytest.approx(taken, rel=0.05)


@given(FINITE, FINITE, FINITE, FINITE, st.integers(1, 64), st.integers(1, 16))
def test_parts_are_positive_and_add_up(
    power: float, dac: float, adc: float, tia: float, lines: int, slots: int
) -> None:
    work = pe.Work(lines, 2 * lines, 2.0, slots, 1e-4, 3e-5, power, power / 2, 1e-3)
    found = pe.product_energy(work, pe.Costs(dac, adc, tia, 0.9, 1e-12))
    assert found.array == pytest.approx(2 * power * (slots * 1e-4 + 1.5e-5))
    assert found.dac == pytest.approx(2 * lines * dac)
    assert found.adc == pytest.approx(4 * lines * slots * adc)
    assert found.tia == pytest.approx(2 * (2 * lines * tia * (slots * 1e-4 + 3e-5) + 0.9e-3 * slots * 1e-4))
    assert found.control == pytest.approx(6 * lines * 1e-12)
    assert found.system == pytest.approx(found.array + found.dac + found.adc + found.tia + found.control)
