from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import UnitError
from labctl.units import UNITS, format_quantity, parse_count, parse_number, parse_quantity, parse_yes_no

SCALES = {"": 0, "p": -12, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9}
"""Written out again: the SI brochure's powers of ten, not the table under test."""


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("0.9 V", "V", 0.9),
        ("80 ns", "s", 80e-9),
        ("80ns", "s", 80e-9),
        ("-0.75 V", "V", -0.75),
        ("5.9 mS", "S", 5.9e-3),
        ("1e-3 V", "V", 1e-3),
        (".5 V", "V", 0.5),
        ("0.5 ohm", "ohm", 0.5),
        ("12 kohm", "ohm", 12e3),
        ("3 MHz", "Hz", 3e6),
        ("250 mA", "A", 0.25),
    ],
)
def test_quantity_is_read(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == value


@pytest.mark.parametrize(
    "text",
    ["1,5 V", "nan V", "inf V", "1_000 V", "0.9", "0.9 A", "0.9 v", "0.9  V", " 0.9 V", "0.9 V ", "V", "", "0.9 µV",
     "0x1 V", "1e999 V", "0.9 KV", "--1 V", "1 V V", "\u0661 V", "0.9 m V", "0.9\tV"],
)  # fmt: skip
def test_what_is_no_voltage_is_refused(text: str) -> None:
    with pytest.raises(UnitError, match="V"):
        parse_quantity(text, "V")


@pytest.mark.parametrize("value", [0.9, 1, True, None, ["0.9 V"]])
def test_bare_values_are_refused(value: object) -> None:
    with pytest.raises(UnitError):
        parse_quantity(value, "V")


@given(
    number=st.decimals(min_value=-1000, max_value=1000, allow_nan=False, places=4),
    prefix=st.sampled_from(sorted(SCALES)),
    unit=st.sampled_from(UNITS),
    space=st.sampled_from(["", " "]),
)
def test_prefix_scales_exactly(number: object, prefix: str, unit: str, space: str) -> None:
    assert parse_quantity(f"{number}{space}{prefix}{unit}", unit) == float(f"{number}e{SCALES[prefix]}")


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    for unit in UNITS:
        try:
            assert math.isfinite(parse_quantity(text, unit))
        except UnitError:
            continue


@given(st.floats(min_value=1e-14, max_value=1e11), st.sampled_from(["V", "A", "S", "s"]))
def test_printing_keeps_four_digits(value: float, unit: str) -> None:
    shown = format_quantity(value, unit)
    number, _, symbol = shown.rpartition(" ")
    scale = SCALES.get(symbol.removesuffix(unit))
    if scale is not None:
        assert float(number) * 10**scale == pytest.approx(value, rel=5e-4)


def test_printing_uses_the_field_s_words() -> None:
    assert format_quantity(357.18e-9, "S") == "357.2 nS"
    assert format_quantity(80e-9, "s") == "80 ns"
    assert format_quantity(0.123456, "levels") == "0.1235 levels"


@pytest.mark.parametrize("text", ["1.5", "-1", "+1", "1e3", "", "1_0", " 1", "\u0661", True, 1.0, "9" * 19])
def test_what_is_no_count_is_refused(text: object) -> None:
    with pytest.raises(UnitError):
        parse_count(text)


def test_plain_values() -> None:
    assert parse_count("16") == 16
    assert parse_count(64) == 64
    assert parse_number("0.5") == 0.5
    assert parse_yes_no("yes") is True
    assert parse_yes_no("no") is False
    for wrong in ("nan", "1e999", "0.5 level", ""):
        with pytest.raises(UnitError):
            parse_number(wrong)
    for wrong in ("Yes", "true", "1", True):
        with pytest.raises(UnitError):
            parse_yes_no(wrong)
