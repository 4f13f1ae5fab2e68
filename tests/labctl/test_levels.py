from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import ParameterError
from labctl.levels import LEVELS, LevelScale, parse_levels


def test_one_level_is_357_nanosiemens() -> None:
    scale = LevelScale()
    assert scale.step == pytest.approx(357.15e-9, rel=1e-4)
    assert scale.conductance(0) == pytest.approx(200e-9)
    assert scale.conductance(LEVELS - 1) == pytest.approx(5.9e-3)


@given(st.floats(min_value=-10, max_value=20_000), st.floats(min_value=1e-6, max_value=1e-2))
def test_level_and_conductance_are_inverse(level: float, g_max: float) -> None:
    scale = LevelScale.up_to(g_max)
    assert scale.level(scale.conductance(level)) == pytest.approx(level, abs=1e-6)


def test_words_for_levels() -> None:
    assert parse_levels("all") == tuple(range(16_520))
    assert parse_levels("3") == (0, 8260, 16_519)
    assert parse_levels("1") == (0,)
    assert parse_levels("5:8") == (5, 6, 7, 8)
    assert parse_levels("8:5") == (8, 7, 6, 5)
    assert parse_levels("0:16519:8000") == (0, 8000, 16_000)
    assert parse_levels("3,7,9") == (3, 7, 9)
    assert parse_levels("7,") == (7,)
    assert len(parse_levels("500")) == 500


@pytest.mark.parametrize(
    "text",
    ["", "some", "0", "16521", "0:16520", "16520,", "1,2,16520", "-1", "1:2:0", "1:2:3:4", "1.5", "a,b", "1,,2",
     "99999999999999999999:0", "0:99999999999999", None, 5],
)  # fmt: skip
def test_what_names_no_levels_is_refused(text: object) -> None:
    with pytest.raises(ParameterError, match="level"):
        parse_levels(text)


@given(st.text(alphabet="0123456789:,al -", max_size=14))
def test_any_text_names_existing_levels_or_is_refused(text: str) -> None:
    try:
        levels = parse_levels(text)
    except ParameterError:
        return
    assert levels
    assert all(0 <= level < LEVELS for level in levels)
