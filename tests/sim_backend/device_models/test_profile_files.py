"""Profiles in TOML, their refusals, and profiles in die files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import BenchFileError
from sim_backend.device_models.catalogue import profile_named
from sim_backend.device_models.profile_files import PACKAGED, load_profile, profile_from_json, profile_to_json
from sim_backend.device_models.ru_azo_profile import RuAzoProfile
from sim_backend.device_models.vteam_profile import VteamProfile


def load(folder: Path, text: str) -> RuAzoProfile:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    profile = load_profile(path)
    assert isinstance(profile, RuAzoProfile)
    return profile


def test_what_a_file_leaves_out_is_its_bases(tmp_path: Path) -> None:
    profile = load(tmp_path, 'base = "ru-azo-soft"\nrectification = 100\n[noise]\nread = "30 nS"\n')
    assert (profile.name, profile.subthreshold, profile.rectification) == ("mine", "softplus", 100)
    assert (profile.noise.read, profile.noise.write) == (30e-9, 0.0509)


def test_a_file_without_base_stands_alone(tmp_path: Path) -> None:
    saved = json.loads(profile_to_json(profile_named("vteam-taox")))
    noise = saved.pop("noise")
    lines = [f"{key} = {json.dumps(value)}" for key, value in saved.items()]
    lines += ["[noise]", *(f"{key} = {json.dumps(value)}" for key, value in noise.items())]
    (tmp_path / "oxide.toml").write_text("\n".join(lines))
    profile = load_profile(tmp_path / "oxide.toml")
    assert isinstance(profile, VteamProfile)
    assert profile == profile_named("vteam-taox")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "ru-azo"\nrectificaton = 10', "unknown key 'rectificaton'; did you mean 'rectification'?"),
        ('base = "ru-azo"\n[noise]\nwrit = 0.1', "mine.toml line 3, noise.writ: unknown key 'writ'; did you"),
        ('base = "ru-azo"\nup_voltage = "80 ns"', "line 2, up_voltage: '80 ns' is not a quantity in V; write it like"),
        ('base = "ru-azo"\nup_voltage = 0.9', "line 2, up_voltage: 0.9 is not a quantity in V"),
        ('base = "ru-azo"\nthermal_resistance = "52 K"', "'52 K' is not a quantity in K/W; write it like '1.5 K/W'"),
        ('base = "ru-azo"\nactivation_energy = "0,1 eV"', "'0,1 eV' is not a quantity in eV"),
        ('base = "ru-azo"\nrectification = 0.5', "line 2, rectification: must be greater than or equal to 1, not 0.5"),
        ('base = "ru-azo"\nrectification = "10"', "line 2, rectification: must be a valid number, not '10'"),
        ('base = "ru-azo"\ng_min = "7 mS"', "mine.toml: g_floor <= g_min < g_max must hold"),
        ('base = "ru-azo"\nup_voltage = "0.4 V"', "both write voltages must lie beyond kinetic_voltage"),
        ('base = "ru-azo"\nhard_threshold = "0.8 V"', "both write voltages must reach hard_threshold"),
        ('base = "ru-azo"\n[noise]\nread = "-1 nS"', "line 3, noise.read: must be greater than or equal to 0"),
        ('base = "ru-azo"\n[noise]\nread_slope = nan', "line 3, noise.read_slope: must be a finite number"),
        ('base = "ru-azo"\nnoise = 3', "line 2, noise: this must be a table, not 3"),
        ('base = "ru-azzo"', "line 1, base: there is no packaged profile 'ru-azzo'; did you mean 'ru-azo'?"),
        ("base = 7", "line 1, base: there is no packaged profile 7; there are: ru-azo"),
        ('base = "ru-azo"\nmodel = "vteam"', "line 2, model: 'vteam' is not the model of the base 'ru-azo'"),
        ('name = "x"', "mine.toml, model: must be 'ru-azo' or 'vteam'; this key is missing"),
        ('model = "vteem"', "mine.toml line 1, model: must be 'ru-azo' or 'vteam'; not 'vteem'"),
        ('model = "vteam"\ng_min = "1 uS"', "this key is missing"),
        ("base = ", "mine.toml is not TOML"),
        ("x = " + "9" * 5000, "mine.toml"),
        ("x = " + "[" * 5000, "mine.toml"),
    ],
)  # fmt: skip
def test_a_wrong_profile_is_refused_in_one_line_that_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BenchFileError) as refusal:
        load(tmp_path, text)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    for path in (tmp_path / "missing.toml", tmp_path, tmp_path / "latin.toml", tmp_path / "nul\0.toml"):
        with pytest.raises(BenchFileError, match="device profile"):
            load_profile(path)


@pytest.mark.parametrize("name", PACKAGED)
@pytest.mark.parametrize("g_max", [5.9e-3, 1.0 / 3.0, 19.7e-6])
def test_a_saved_profile_comes_back_to_the_last_bit(name: str, g_max: float) -> None:
    profile = profile_named(name).scaled(g_max)
    again = profile_from_json(profile_to_json(profile))
    assert type(again) is type(profile)
    assert again == profile


@given(st.floats(1e-12, 1e-3), st.floats(1e-15, 1e3), st.floats(0, 1e6))
def test_any_numbers_come_back_to_the_last_bit(read: float, width: float, resistance: float) -> None:
    profile = profile_named("ru-azo")
    noise = profile.noise.model_copy(update={"read": read})
    changed = profile.model_copy(update={"noise": noise, "up_width": width, "thermal_resistance": resistance})
    assert profile_from_json(profile_to_json(changed)) == changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"model": "vteam"}, "unknown key"),
        ({"model": None}, "must be 'ru-azo' or 'vteam'"),
        ({"g_max": 5.9e-3}, "not a quantity in S"),
        ({"g_max": "100 nS"}, "g_floor <= g_min < g_max must hold"),
        ({"base": "ru-azo"}, "unknown key 'base'"),
    ],
)
def test_a_saved_profile_that_was_changed_is_refused(change: dict[str, object], message: str) -> None:
    data = json.loads(profile_to_json(profile_named("ru-azo"))) | change
    with pytest.raises(BenchFileError, match=message):
        profile_from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"model": "ru-azo"}', "[" * 100_000])
def test_what_is_no_saved_profile_is_refused(text: str) -> None:
    with pytest.raises(BenchFileError, match="saved device profile"):
        profile_from_json(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('conduction_voltage = "1 mV"', "conduction_voltage"),
        ("kinetic_exponent = 1e6", "kinetic_exponent"),
        ("[noise]\nrate_spread = 1000", "rate_spread"),
        ('[noise]\nflicker_shortest = "1 ps"', "flicker_shortest"),
        ('[noise]\nflicker_longest = "1e10 s"', "flicker_longest"),
    ],
)
def test_numbers_that_would_end_in_overflow_are_refused(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(BenchFileError, match=key) as caught:
        load(tmp_path, f'base = "ru-azo"\n{text}\n')
    assert "\n" not in str(caught.value)
