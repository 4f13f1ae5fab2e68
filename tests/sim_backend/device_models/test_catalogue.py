"""Device names, and what a scale does to a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import BenchFileError, ModelError, UnknownNameError
from labctl.levels import G_MAX, LevelScale
from sim_backend.device_models.base_profile import DeviceProfile
from sim_backend.device_models.catalogue import device_named, model_of, profile_named
from sim_backend.device_models.profile_files import PACKAGED
from sim_backend.device_models.ru_azo import RuAzo
from sim_backend.device_models.vteam import Vteam


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_profiles_carry_their_names_and_have_models(name: str) -> None:
    model = device_named(name, 1e-3)
    assert model.profile.name == name
    assert model.profile.g_max == 1e-3
    assert isinstance(model, RuAzo if name.startswith("ru-azo") else Vteam)
    assert model.variables[0] == "position"


def test_default_device_needs_no_scaling() -> None:
    assert device_named("ru-azo", G_MAX).profile == profile_named("ru-azo")


def test_soft_device_differs_in_its_subthreshold_law_only() -> None:
    hard, soft = profile_named("ru-azo").model_dump(), profile_named("ru-azo-soft").model_dump()
    assert {key for key, value in soft.items() if hard[key] != value} == {"name", "subthreshold"}


@pytest.mark.parametrize("g_max", [20e-6, 200e-6, 5.9e-3])
def test_scaled_device_has_the_levels_of_its_scale(g_max: float) -> None:
    profile, plain = device_named("ru-azo", g_max).profile, profile_named("ru-azo")
    assert profile.g_min == pytest.approx(LevelScale.up_to(g_max).g_min, rel=1e-12)
    # Noise and spread stay the same number of levels.
    step = LevelScale.up_to(g_max).step
    assert profile.noise.spread / step == pytest.approx(107.2e-9 / LevelScale().step, rel=1e-9)
    assert profile.noise.read / step == pytest.approx(27.228e-9 / LevelScale().step, rel=1e-9)
    assert profile.noise.read_slope == plain.noise.read_slope


def test_oxides_keep_their_own_ratio() -> None:
    assert device_named("vteam-tio2", 5.9e-3).profile.g_min == pytest.approx(5.9e-3 / 20)
    assert device_named("vteam-taox", 5.9e-3).profile.g_min == pytest.approx(5.9e-3 / 300, rel=1e-6)


def test_a_path_or_an_ending_is_a_users_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.toml").write_text('base = "ru-azo"\nname = "mine"\n[noise]\nwrite = 0.2\n')
    monkeypatch.chdir(tmp_path)
    for name in ("mine.toml", str(tmp_path / "mine.toml")):
        assert device_named(name, 5.9e-3).profile.noise.write == 0.2
    with pytest.raises(BenchFileError, match=r"cannot read the device profile folder.device"):
        device_named("folder/device", 5.9e-3)


def test_unknown_names_offer_the_known_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'ru-azo'"):
        device_named("ru-aso", 5.9e-3)


@pytest.mark.parametrize("g_max", [0.0, -1e-3, float("nan"), float("inf")])
def test_impossible_scale_is_refused(g_max: float) -> None:
    with pytest.raises(BenchFileError, match="g_max"):
        device_named("ru-azo", g_max)


def test_a_profile_of_no_model_is_refused() -> None:
    plain = {key: getattr(profile_named("ru-azo"), key) for key in DeviceProfile.model_fields}
    with pytest.raises(ModelError, match="no model"):
        model_of(DeviceProfile.model_construct(**plain))
