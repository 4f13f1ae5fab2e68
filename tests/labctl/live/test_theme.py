from __future__ import annotations

import numpy as np
import pytest

from labctl.live.colours import SHADES, shades
from labctl.live.theme import DARK, LIGHT, Theme


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_traces_stand_out(theme: Theme) -> None:
    for ground in (theme.ground, theme.card):
        assert contrast(theme.text, ground) >= 7
        assert contrast(theme.quiet, ground) >= 4.5
    for colour in theme.traces:
        assert contrast(colour, theme.card) >= 3
    for colour in theme.tones.values():
        assert contrast(colour, theme.card) >= 4.5
    assert contrast(theme.reference, theme.card) >= 1.8
    assert contrast(theme.reference, theme.traces[0]) >= 1.8


def simulated(colour: str, matrix: tuple[tuple[float, float, float], ...]) -> tuple[float, ...]:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return tuple(sum(weight * part for weight, part in zip(row, linear, strict=True)) for row in matrix)


# Machado, Oliveira, Fernandes, IEEE TVCG 15 (2009) 1291, severity 1.0, on linear RGB.
DEUTERANOPIA = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
PROTANOPIA = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))


@pytest.mark.parametrize("vision", [DEUTERANOPIA, PROTANOPIA], ids=["deuteranopia", "protanopia"])
@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_first_traces_are_told_apart_by_the_colour_blind(
    theme: Theme, vision: tuple[tuple[float, float, float], ...]
) -> None:
    first, second, third = (simulated(colour, vision) for colour in theme.traces[:3])
    for one, other in ((first, second), (first, third), (second, third)):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.1


def lightness(kind: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """CIE 1976 L* of every colour of a map, as luminance."""
    names = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in shades(kind).tolist()]
    return np.array([116 * luminance(name) ** (1 / 3) - 16 for name in names])


@pytest.mark.parametrize("kind", ["number", "yes or no"])
def test_more_is_lighter_on_every_map_of_numbers(kind: str) -> None:
    """Who sees no colour at all still sees the order."""
    rises = np.diff(lightness(kind))
    assert rises.size == SHADES - 1
    assert rises.min() > -0.3
    assert lightness(kind)[-1] - lightness(kind)[0] > 60


def test_zero_is_the_lightest_of_a_map_of_errors() -> None:
    middle = SHADES // 2
    light = lightness("signed")
    assert abs(int(light.argmax()) - middle) <= 2
    assert np.all(np.diff(light[: middle - 2]) > -0.3)
    assert np.all(np.diff(light[middle + 2 :]) < 0.3)


@pytest.mark.parametrize("vision", [DEUTERANOPIA, PROTANOPIA], ids=["deuteranopia", "protanopia"])
def test_the_two_sides_of_an_error_are_told_apart_by_the_colour_blind(
    vision: tuple[tuple[float, float, float], ...],
) -> None:
    colours = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in shades("signed").tolist()]
    for place in range(1, SHADES // 3):
        low, high = simulated(colours[place], vision), simulated(colours[-1 - place], vision)
        assert sum((a - b) ** 2 for a, b in zip(low, high, strict=True)) ** 0.5 > 0.15
