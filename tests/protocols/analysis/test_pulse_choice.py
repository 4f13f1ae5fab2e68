from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import ParameterError
from labctl.levels import LevelScale
from protocols.analysis.pulse_choice import (
    AmplitudeLaw,
    Doubts,
    WidthLimits,
    choose_height,
    choose_width,
    learn_rate,
    write_scatter,
)
from protocols.analysis.travel_time import TravelTime, Way, learn_travel_time
from sim_backend.device_models.catalogue import device_named
from sim_backend.device_models.interface import Train
from sim_backend.die import Die
from sim_backend.validation.pulses import all_cells, noise_of

UP = TravelTime.steady(1 / 80e-9)
PUBLISHED = Doubts(write=0.0509, write_rise=0.0758)
level = st.floats(0, 16_519)


@given(level, level)
def test_a_width_is_whole_nanoseconds_and_misses_by_less_than_half_of_one(start: float, target: float) -> None:
    pulse = choose_width(start, target, 0.9 if target >= start else -0.9, UP)
    whole = pulse.width * 1e9
    assert whole == pytest.approx(round(whole), abs=1e-4)
    assert pulse.width == 0 or 20e-9 - 1e-15 <= pulse.width <= 10e-3
    # 80 ns a level: half a nanosecond is 1/160 of one. Below 20 ns, a cell is left alone or gets 20 ns.
    close = 0.5 / 80 if abs(target - start) >= 0.25 else 10 / 80
    assert abs(pulse.misses) <= close + 1e-6
    assert start + pulse.moves - target == pytest.approx(pulse.misses, abs=1e-6)


def test_a_board_with_other_limits_is_obeyed() -> None:
    limits = WidthLimits(100e-9, 1e-6)
    assert limits.nearest(49e-9) == 0
    assert limits.nearest(51e-9) == pytest.approx(100e-9)
    assert limits.nearest(1.0) == pytest.approx(1e-6)
    pulse = choose_width(0, 100, 0.9, UP, limits=limits)
    assert (pulse.moves, pulse.misses) == pytest.approx((12.5, -87.5))
    assert pulse.error == pytest.approx(87.5)


@given(st.integers(20, 10_000_000), st.floats(0, 1))
def test_no_width_is_above_the_limit_by_its_last_bit(most: int, width: float) -> None:
    limit = most / 1e9
    assert WidthLimits(20e-9, limit).nearest(width) <= limit
    assert WidthLimits(20e-9, limit).nearest(1.0) == limit


def test_the_published_scatter_adds_up_to_the_published_sums() -> None:
    # 8.9 % of a step: 16,519 steps scatter by 11.5 levels.
    assert write_scatter(0, 16_519, 0.0890) == pytest.approx(11.44, abs=0.01)
    assert write_scatter(0, 16_519, 0.0509, 0.0758) == pytest.approx(11.74, abs=0.05)
    assert write_scatter(16_519, 0, 0.0509, 0.0758) == write_scatter(0, 16_519, 0.0509, 0.0758)


@given(level, level, level)
def test_the_scatter_of_a_way_is_that_of_its_parts(first: float, second: float, third: float) -> None:
    low, middle, high = sorted((first, second, third))
    parts = write_scatter(low, middle, 0.05, 0.08) ** 2 + write_scatter(middle, high, 0.05, 0.08) ** 2
    assert write_scatter(low, high, 0.05, 0.08) ** 2 == pytest.approx(parts, abs=1e-9)


def test_every_doubt_adds_to_the_error() -> None:
    pulse = choose_width(0, 1000, 0.9, UP, Doubts(start=3.0, rate=0.004, write=0.1))
    assert pulse.write_sigma == pytest.approx(0.1 * math.sqrt(1000), rel=1e-6)
    assert pulse.sigma == pytest.approx(math.sqrt(10 + 16 + 9), rel=1e-4)


def test_the_law_gives_the_published_responses() -> None:
    # Changes of the published model's state by 80 ns pulses: 1.00 V 1.146, 1.22 V 1.640, 1.5 V 2.320, 0.45 V 0.158,
    # of 0.9415 at 0.90 V; 65 ns: -0.375 V 0.109 of 0.7676 at -0.75 V.
    law = AmplitudeLaw()
    for amplitude, moved in ((1.0, 1.146), (1.22, 1.640), (1.5, 2.320), (2.0, 3.559), (0.45, 0.158), (0.3, 0.050)):
        assert law.relative(amplitude) == pytest.approx(moved / 0.9415, rel=0.02)
    assert law.relative(-0.375) == pytest.approx(0.109 / 0.7676, rel=0.02)
    assert (law.relative(0.9), law.relative(-0.75)) == (1, 1)


@given(st.floats(0.1, 40), st.booleans())
@settings(deadline=None)
def test_a_height_leads_to_the_target_or_is_the_highest(distance: float, down: bool) -> None:
    sign = -1.0 if down else 1.0
    pulse = choose_height(8000, 8000 + sign * distance, 1e-6, UP, 1.3, step=152.588e-6)
    steps = pulse.amplitude / 152.588e-6
    assert steps == pytest.approx(round(steps), abs=1e-6)
    assert abs(pulse.amplitude) <= 1.3
    if abs(pulse.amplitude) < 1.2995 and pulse.width:
        # A step of 153 uV changes the rate by 0.2 % at most; the least pulse moves 0.55 levels down, and is put out
        # where that is nearer than none.
        assert abs(pulse.misses) <= max(2e-3 * distance, 0.28)
    elif pulse.width:
        assert abs(pulse.moves) <= distance + 1e-3


def test_a_target_that_is_nearly_reached_needs_no_pulse() -> None:
    assert choose_height(0, 0.001, 1e-6, UP, 1.3).width == 0
    assert choose_width(0, 0.1, 0.9, UP).width == 0
    assert choose_width(5, 5, 0.9, UP).width == 0


def test_a_rate_is_learned_and_its_error_is_as_stated() -> None:
    chance = np.random.default_rng(3)
    widths = np.repeat([80e-9, 800e-9, 8e-6], 10)
    pulls: list[float] = []
    for _ in range(400):
        moved = (
            widths * 12.5e6 + 0.09 * np.sqrt(widths * 12.5e6) * chance.normal(size=30) + 0.2 * chance.normal(size=30)
        )
        found = learn_rate(moved, widths, 0.2 / math.sqrt(2), 0.09)
        assert found is not None
        pulls.append((found.rate / 12.5e6 - 1) / found.sigma)
    assert np.mean(pulls) == pytest.approx(0, abs=0.2)
    assert np.std(pulls) == pytest.approx(1, abs=0.15)


def test_rates_of_cells_that_stand_still_are_not_learned() -> None:
    assert learn_rate([], [], 0.1, 0.1) is None
    assert learn_rate([0.0, -0.1], [1e-6, 1e-6], 0.1, 0.1) is None
    assert learn_rate([1.0, math.nan], [0.0, 1.0], 0.1, 0.1) is None
    exact = learn_rate([1.0, 2.0], [1e-6, 2e-6], 0.0, 0.0)
    assert exact is not None
    assert (exact.rate, exact.sigma) == (pytest.approx(1e6), 0)


def test_what_makes_no_sense_is_refused() -> None:
    for call in (
        lambda: choose_width(0, 10, -0.9, UP),
        lambda: choose_width(0, math.nan, 0.9, UP),
        lambda: choose_width(0, 10, 0.0, UP),
        lambda: choose_height(0, 10, 0.0, UP, 1.3),
        lambda: choose_height(0, 10, 1e-6, UP, 0.2),
        lambda: write_scatter(0, 1, 0.1, last=0),
    ):
        with pytest.raises(ParameterError):
            call()


def test_one_pulse_a_level_on_the_twin_errs_as_predicted_and_a_second_one_mends_it() -> None:
    die = Die("one step", 1, 1, device_named("ru-azo", 5.9e-3), 5, noise_of("write"))
    cell, scale = all_cells(die), LevelScale()

    def level_of() -> float:
        return scale.level(float(die.conductance()[0, 0]))

    def sweep(amplitude: float, width: float, end: float) -> Way:
        times, levels = [0.0], [level_of()]
        while (end - levels[-1]) * amplitude > 0:
            die.expose(cell, amplitude, Train(width, 1, 2 * width))
            times.append(times[-1] + width)
            levels.append(level_of())
        return Way(tuple(times), tuple(levels))

    sweeps = [(sweep(0.9, 5.12e-6, 16_400), sweep(-0.75, 4.16e-6, 100)) for _ in range(8)]
    up, down = (learn_travel_time(ways) for ways in zip(*sweeps, strict=True))
    assert up is not None
    assert down is not None
    errors, promised = np.empty((400, 3)), np.empty(400)
    for number, target in enumerate(np.random.default_rng(1).uniform(0, 16_519, 400).tolist()):
        for attempt in range(3):
            start = level_of()
            rising = target > start
            pulse = choose_width(start, target, 0.9 if rising else -0.75, up if rising else down, PUBLISHED)
            if pulse.width:
                die.expose(cell, pulse.amplitude, Train(pulse.width, 1, 2 * pulse.width + 1e-6))
            errors[number, attempt] = level_of() - target
            if not attempt:
                promised[number] = pulse.error
    rms = np.sqrt((errors**2).mean(axis=0))
    # 400 errors: their rms is known to 3.5 %.
    assert rms[0] == pytest.approx(6.6, abs=0.9)
    assert rms[0] == pytest.approx(float(np.sqrt((promised**2).mean())), rel=0.15)
    within = (np.abs(errors) <= 0.5).mean(axis=0)
    assert within[1] >= 0.93
    assert within[2] >= 0.995
