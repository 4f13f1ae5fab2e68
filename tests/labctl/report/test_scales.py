"""What stands at an axis."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.figure import Axis, Band, Bars, Curve, Map, Panel, curve, histogram
from labctl.report.scales import extent, has_values, is_whole, power_and_unit, scale_of, value_scale


@pytest.mark.parametrize(
    ("largest", "unit", "expected"),
    [
        (5.9e-3, "S", (-3, "mS")),
        (80e-9, "s", (-9, "ns")),
        (0.9, "V", (-3, "mV")),
        (1e-6, "A", (-6, "µA")),
        (2.5e6, "ohm", (6, "MΩ")),
        (1e-30, "A", (-18, "aA")),
        (0.0, "V", (0, "V")),
        (16519.0, "levels", (0, "levels")),
        (73.0, "dB", (0, "dB")),
        (1e9, "dB", (0, "dB")),
        (3e-9, "", (-9, "10⁻⁹")),
        (3e-13, "S^2/Hz", (-15, "10⁻¹⁵ S²/Hz")),
        (3e-3, "V/Hz", (-3, "mV/Hz")),
        (25.0, "degC", (0, "°C")),
    ],
)
def test_prefixes(largest: float, unit: str, expected: tuple[int, str]) -> None:
    assert power_and_unit(largest, unit) == expected


@given(st.floats(1e-17, 1e14), st.sampled_from(["V", "A", "S", "s", "Hz", "J", "W", "K", "ohm"]))
def test_a_prefixed_number_has_one_to_three_digits(value: float, unit: str) -> None:
    power, _ = power_and_unit(value, unit)
    assert 0.999999 <= value / 10.0**power < 1000


def test_the_axis_shows_what_is_asked_with_room_on_both_sides() -> None:
    scale = scale_of(Axis("conductance", "S"), [curve([0], [1e-3]), curve([0], [5e-3])], "y")
    assert scale.label == "conductance (mS)"
    assert 0.8 < scale.low < 1
    assert 5 < scale.high < 5.2
    assert scale.apply(np.array([2e-3, math.nan, math.inf])).tolist()[0] == pytest.approx(2)
    assert np.isnan(scale.apply(np.array([2e-3, math.nan, math.inf]))).tolist() == [False, True, True]


def test_a_logarithmic_axis_leaves_out_what_it_cannot_show() -> None:
    scale = scale_of(Axis("time", "s", log=True), [curve([0, -1, 1e-9, math.nan, 1e-3], [1] * 5)], "x")
    assert 0 < scale.low < 1e-9
    assert scale.high > 1e-3
    assert np.isnan(scale.apply(np.array([0.0, -1.0, 1.0]))).tolist() == [True, True, False]
    assert [scale.tick(value) for value in (1e-9, 2e-6, 1e-2, 100.0, 0.0)] == ["1 ns", "2 µs", "10 ms", "100 s", ""]


def test_a_logarithmic_axis_without_prefixes_has_powers_of_ten() -> None:
    scale = scale_of(Axis("density", "S^2/Hz", log=True), [curve([1], [1e-20]), curve([1], [1e-10])], "y")
    assert scale.label == "density (S²/Hz)"
    assert [scale.tick(value) for value in (0.01, 1.0, 1e-20, 2e-20)] == ["0.01", "1", "10⁻²⁰", "2·10⁻²⁰"]


def test_bars_stand_on_the_axis_and_are_seen() -> None:
    bars = Bars(np.array([0.0, 1, 2]), np.array([1.0, 100]))
    assert scale_of(Axis("levels"), [bars], "y").low == 0
    assert scale_of(Axis("levels", log=True), [bars], "y").low <= 0.5


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf], [0.0], [3e-3, 3e-3], [-1.0]])
def test_an_axis_has_two_ends_whatever_there_is(values: list[float], log: bool) -> None:
    scale = scale_of(Axis("", "V", log), [curve(values, values)], "x")
    assert scale.low < scale.high
    assert math.isfinite(scale.low)
    assert math.isfinite(scale.high)


def test_error_bars_have_room() -> None:
    assert extent([curve([1], [5.0], error=[2.0])], "y", log=False) == (3.0, 7.0)


def test_colours_of_compared_maps_mean_the_same_and_a_diverging_one_has_0_in_its_middle() -> None:
    def panel(values: list[list[float]], diverging: bool) -> Panel:
        return Panel("", Axis("column"), Axis("row"), (Map(np.array(values), "error", "S", diverging),))

    one, other = panel([[1e-3, math.nan]], False), panel([[3e-3, 2e-3]], False)
    first = one.marks[0]
    assert isinstance(first, Map)
    scale = value_scale([one, other], first)
    assert (scale.low, scale.high, scale.label) == (1.0, 3.0, "error (mS)")
    diverging = panel([[-1e-3, 4e-3]], True)
    mark = diverging.marks[0]
    assert isinstance(mark, Map)
    assert (value_scale([diverging], mark).low, value_scale([diverging], mark).high) == (-4.0, 4.0)
    nothing = Map(np.full((2, 2), math.nan), "error")
    assert value_scale([], nothing).low < value_scale([], nothing).high


NAN = np.full(2, np.nan)


@pytest.mark.parametrize(
    ("mark", "there"),
    [
        (curve([1, 2], [np.nan, 3]), True),
        (curve([1, 2], NAN), False),
        (curve([], []), False),
        (histogram([]), False),
        (histogram([1.0]), True),
        (Band(np.arange(2.0), NAN, NAN), False),
        (Map(np.array([[np.nan, 1.0]]), "g"), True),
        (Map(NAN[np.newaxis], "g"), False),
    ],
)
def test_a_mark_without_a_number_shows_nothing(mark: Curve | Band | Bars | Map, there: bool) -> None:
    assert has_values((mark,)) is there


def test_counts_and_lines_are_whole() -> None:
    bars = Bars(np.arange(4.0) - 0.5, np.array([1.0, 0.0, 7.0]))
    assert (is_whole((bars,), "x"), is_whole((bars,), "y")) == (True, True)
    assert not is_whole((histogram([0.1, 0.2, 0.35]),), "x")
    assert is_whole((Map(np.ones((2, 2)), "g"),), "x")
    assert not is_whole((curve([1, 2], [0.5, 1.0]),), "y")


def test_a_map_of_a_part_lies_where_the_part_does() -> None:
    part = (Map(np.ones((2, 4)), "g", first=(10, 30)),)
    assert extent(part, "x", log=False) == (29.5, 33.5)
    assert extent(part, "y", log=False) == (9.5, 11.5)
