"""The table of digital machines, and the claim's arithmetic."""

from __future__ import annotations

import pytest

from protocols.analysis import digital_baselines as db

TABLE = {
    # TOPS/W, pJ an operation, and by what 4.1 TOPS/W is better, worked out by hand from rate and power.
    "haswell": (0.00897, 111.5, 457.3),
    "k80": (0.01867, 53.57, 219.6),
    "tpu-v1": (1.2267, 0.8152, 3.342),
    "a100": (1.56, 0.6410, 2.628),
    "h100": (2.8271, 0.3537, 1.450),
}


@pytest.mark.parametrize("name", db.BASELINE_NAMES)
def test_machines_are_those_of_the_table(name: db.BaselineName) -> None:
    efficiency, energy, ratio = TABLE[name]
    baseline = db.baseline_of(name)
    assert baseline.name == name
    assert baseline.efficiency / 1e12 == pytest.approx(efficiency, rel=1e-3)
    assert baseline.energy_per_op / 1e-12 == pytest.approx(energy, rel=1e-3)
    assert db.claimed_ratio(name) == pytest.approx(ratio, rel=1e-3)


def test_every_machine_has_a_name_of_its_own_and_a_source() -> None:
    assert [each.name for each in db.BASELINES] == list(db.BASELINE_NAMES) == list(TABLE)
    assert all(each.source and each.arithmetic and each.title for each in db.BASELINES)
    assert [each.year for each in db.BASELINES] == sorted(each.year for each in db.BASELINES)


def test_both_claimed_ratios_follow_from_one_efficiency() -> None:
    assert db.claimed_energy_per_op() == pytest.approx(0.2439e-12, rel=1e-3)
    for name, claimed in db.CLAIMED_RATIOS.items():
        assert db.claimed_ratio(name) == pytest.approx(claimed, rel=0.01)


def test_bare_arithmetic_is_nine_times_the_claim_not_hundreds() -> None:
    assert db.arithmetic_per_op() == pytest.approx(2.3e-12)
    assert db.arithmetic_per_op() / db.claimed_energy_per_op() == pytest.approx(9.43, rel=1e-3)
