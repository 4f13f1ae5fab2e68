"""Device names and profiles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from labctl.errors import BenchFileError, UnknownNameError
from labctl.levels import LevelScale
from sim_backend.devices import RU_AZO, device_named


def test_default_device_is_the_published_one() -> None:
    assert device_named("ru-azo", 5.9e-3) == RU_AZO


@pytest.mark.parametrize("g_max", [20e-6, 200e-6, 5.9e-3])
def test_scaled_device_has_the_levels_of_its_scale(g_max: float) -> None:
    device = device_named("ru-azo", g_max)
    assert device.g_max == g_max
    assert device.g_min == pytest.approx(LevelScale.up_to(g_max).g_min, rel=1e-12)
    # Noise and spread stay the same number of levels.
    step = LevelScale.up_to(g_max).step
    assert device.spread / step == pytest.approx(107.2e-9 / LevelScale().step, rel=1e-9)
    assert device.read_noise / step == pytest.approx(27.228e-9 / LevelScale().step, rel=1e-9)
    assert device.read_noise_slope == RU_AZO.read_noise_slope


@pytest.mark.parametrize("name", ["ru-azo-soft", "vteam-tio2", "vteam-taox", "my_device.toml", "folder/device"])
def test_devices_of_other_versions_are_refused_by_saying_so(name: str) -> None:
    with pytest.raises(BenchFileError, match="only 'ru-azo'"):
        device_named(name, 5.9e-3)


def test_unknown_names_offer_the_known_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ru-azo'"):
        device_named("ru-aso", 5.9e-3)


@pytest.mark.parametrize("g_max", [0.0, -1e-3, float("nan"), float("inf")])
def test_impossible_scale_is_refused(g_max: float) -> None:
    with pytest.raises(BenchFileError):
        device_named("ru-azo", g_max)


@pytest.mark.parametrize(
    "change",
    [{"g_floor": 0.0}, {"g_min": 6e-3}, {"spread": float("nan")}, {"up_voltage": 0.4}, {"down_voltage": 0.75}],
)
def test_impossible_profiles_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(BenchFileError):
        replace(RU_AZO, **change)
