from __future__ import annotations

import numpy as np
import pytest

from labctl.errors import ParameterError
from protocols.analysis.branch_symmetry import symmetry

UP = np.arange(1001.0)


def test_a_mirrored_branch_is_symmetric() -> None:
    found = symmetry(UP, 1e-6 * UP**1.1, UP, 1e-6 * UP[::-1] ** 1.1, bins=8)
    assert found is not None
    assert found.asymmetry == pytest.approx(np.zeros(8), abs=1e-3)
    assert found.gap == pytest.approx(0, abs=1e-12)


def test_steps_of_different_size_have_the_asymmetry_of_the_definition() -> None:
    # Up in steps of 1, down in steps of 0.8: (1 - 0.8) / (1 + 0.8).
    pulses = np.arange(1251.0)
    found = symmetry(UP, UP, pulses, 1000 - 0.8 * pulses)
    assert found is not None
    assert found.mean_asymmetry == pytest.approx(1 / 9, rel=1e-6)
    assert found.asymmetry == pytest.approx(np.full(16, 1 / 9), rel=1e-6)
    # At equal numbers of pulses from the bottom: n against 0.8 n, 0.1 of the range in the mean.
    assert found.gap == pytest.approx(0.1, rel=1e-3)


def test_read_noise_hardly_disturbs_it() -> None:
    chance = np.random.default_rng(4)
    noisy = [branch + chance.normal(0, 0.3, 1001) for branch in (UP, UP[::-1])]
    found = symmetry(UP, noisy[0], UP, noisy[1], bins=4)
    assert found is not None
    # A bin's 250 steps are known to about 0.3 sqrt 2 on either branch: 0.0012 at one deviation.
    assert found.asymmetry == pytest.approx(np.zeros(4), abs=0.006)


def test_branches_that_share_no_range_have_no_symmetry() -> None:
    assert symmetry(UP, UP, UP, UP[::-1] + 2000) is None
    assert symmetry(UP[:2], UP[:2], UP, UP[::-1]) is None
    assert symmetry([], [], [], []) is None
    assert symmetry(UP, np.full(1001, np.nan), UP, UP[::-1]) is None
    with pytest.raises(ParameterError):
        symmetry(UP, UP, UP, UP[::-1], bins=0)
