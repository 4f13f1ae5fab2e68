"""Signed weights on conductances, and currents back to signed products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.analysis.weight_mapping import ConductanceRange, MappingName, mapping_of

NAMES: tuple[MappingName, ...] = ("offset", "differential", "reference")


@given(
    name=st.sampled_from(NAMES),
    rows=st.integers(1, 9),
    columns=st.integers(2, 9),
    scale=st.floats(0.1, 1),
    headroom=st.floats(0.1, 1),
    seed=st.integers(0, 99),
)
def test_an_ideal_array_gives_the_ideal_product(
    name: MappingName, rows: int, columns: int, scale: float, headroom: float, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    mapping = mapping_of(name, ConductanceRange(200e-9, 5.9e-3, scale, headroom))
    weights = chance.uniform(-1, 1, (rows, mapping.outputs(columns)))
    vectors = chance.uniform(-1, 1, (5, rows))
    targets = mapping.targets(weights, columns)
    assert targets.shape == (rows, columns)
    drive = 0.2 * vectors
    np.testing.assert_allclose(mapping.products(drive @ targets, drive, 0.2), vectors @ weights, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_targets_stay_within_the_range(name: MappingName) -> None:
    mapping = mapping_of(name, ConductanceRange(1e-6, 5e-3, headroom=0.8))
    weights = np.array([[-1.0] * mapping.outputs(8), [1.0] * mapping.outputs(8)])
    targets = mapping.targets(weights, 8)
    assert targets.min() == pytest.approx(0.8e-6)
    assert targets.max() == pytest.approx(4e-3)


def test_a_scale_leaves_a_margin_at_both_ends() -> None:
    span = ConductanceRange(0.0, 1.0, scale=0.9)
    assert (span.middle - span.amplitude, span.middle + span.amplitude) == pytest.approx((0.05, 0.95))


@pytest.mark.parametrize(
    ("name", "columns", "outputs"), [("offset", 7, 7), ("differential", 7, 3), ("reference", 7, 6)]
)
def test_each_mapping_has_its_number_of_outputs(name: MappingName, columns: int, outputs: int) -> None:
    assert mapping_of(name, ConductanceRange(0.0, 1.0)).outputs(columns) == outputs


def test_pairs_stand_side_by_side() -> None:
    targets = mapping_of("differential", ConductanceRange(1.0, 3.0)).targets(np.array([[0.5, -1.0]]), 5)
    np.testing.assert_allclose(targets, [[2.0, 1.0, 1.0, 3.0, 1.0]])
