"""The table of single reads, in a reduced size, and that its verdict can be no."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from sim_backend.device_models.catalogue import profile_named
from sim_backend.validation.read_table import CASES, read_table

if TYPE_CHECKING:
    from sim_backend.device_models.base_profile import DeviceProfile
    from sim_backend.validation.rows import Row


@pytest.fixture(scope="module")
def profile() -> DeviceProfile:
    return profile_named("ru-azo")


@pytest.fixture(scope="module")
def rows(profile: DeviceProfile) -> list[Row]:
    return read_table(profile, trials=6400)


def test_every_figure_of_the_study_is_met(rows: list[Row]) -> None:
    assert [row.name for row in rows if not row.passed] == []


def test_there_are_seven_rows_a_case_with_names_of_their_own(rows: list[Row]) -> None:
    assert len({row.name for row in rows}) == 7 * len(CASES) == len(rows)


def test_the_scheme_makes_the_difference(rows: list[Row]) -> None:
    total = {row.name: row.value for row in rows if row.name.endswith("mid, total")}
    ground, reverse = (value for name, value in total.items() if "ground, full" in name or "rectification 1e4" in name)
    assert ground / reverse == pytest.approx(4.36 / 0.29, rel=0.1)


def test_a_noisier_device_is_told(profile: DeviceProfile) -> None:
    noisier = profile.model_copy(update={"noise": profile.noise.model_copy(update={"read": 2 * profile.noise.read})})
    failed = [row.name for row in read_table(noisier, trials=1280) if not row.passed]
    assert sum("mid, cell" in name for name in failed) == len(CASES)
    assert not any("amplifier" in name for name in failed)


def test_a_die_of_microsiemens_shows_the_thermal_noise_of_larger_feedback_resistors(profile: DeviceProfile) -> None:
    """At 5 uS the least range is 1.06 uA: 4.72 megohm make 0.309 levels, beside 0.283 of all the rest."""
    found = {row.name: row for row in read_table(profile.scaled(5e-6), trials=6400)}
    total = found["read, ground, erased die: mid, total"]
    assert total.value == pytest.approx(math.hypot(0.283, 0.309), rel=0.03)
    assert not total.passed


def test_the_same_seed_gives_the_same_table(profile: DeviceProfile) -> None:
    assert read_table(profile, trials=640, seed=3) == read_table(profile, trials=640, seed=3)
    assert read_table(profile, trials=640, seed=3) != read_table(profile, trials=640, seed=4)
