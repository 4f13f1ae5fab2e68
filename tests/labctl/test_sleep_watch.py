"""A computer that slept, or whose clock was set, is noticed, and no duration is ever negative."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from labctl.backend import WallClock
from labctl.errors import LinkError
from labctl.sleep_watch import TRIES, WAKING, LapsedError, SleepWatch, Waking, jump_words

HOUR, DAY = 3600.0, 86400.0


class HandWall(WallClock):
    """Clock and calendar, set by hand."""

    def __init__(self) -> None:
        self.time = 5.0
        self.calendar = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
        self.slept = 0.0

    @override
    def now(self) -> float:
        return self.time

    @override
    def utc(self) -> datetime:
        return self.calendar

    @override
    def sleep(self, duration: float) -> None:
        assert duration >= 0
        self.slept += duration
        self.pass_by(duration)

    def pass_by(self, duration: float) -> None:
        self.time += duration
        self.calendar += timedelta(seconds=duration)

    def jump(self, duration: float) -> None:
        self.calendar += timedelta(seconds=duration)


@pytest.mark.parametrize("jump", [HOUR, -HOUR, -DAY, 30.0, -30.0])
def test_a_jump_is_told_once(jump: float) -> None:
    wall = HandWall()
    watch = SleepWatch(wall)
    wall.pass_by(10.0)
    assert watch.jump() == 0.0
    wall.pass_by(10.0)
    wall.jump(jump)
    assert watch.jump() == pytest.approx(jump)
    assert watch.jump() == 0.0
    assert ("set back" in jump_words(jump)) == (jump < 0)
    assert "-" not in jump_words(jump)


@given(st.lists(st.floats(0.0, 1e5), max_size=20), st.floats(-500e-6, 500e-6))
def test_a_calendar_that_is_pulled_right_is_no_jump(waits: list[float], pull: float) -> None:
    wall = HandWall()
    watch = SleepWatch(wall)
    for wait in waits:
        wall.pass_by(wait)
        wall.jump(wait * pull)
        assert watch.jump() == 0.0


def test_a_run_goes_on_by_itself_as_long_as_it_gets_on() -> None:
    wall = HandWall()
    waking = Waking(wall)
    for step in range(100):
        waking.lapsed(LapsedError(9.0), step)
    for _ in range(TRIES - 1):
        waking.lapsed(LapsedError(9.0), 99)
    with pytest.raises(LapsedError):
        waking.lapsed(LapsedError(9.0), 99)


def test_instruments_are_waited_for_only_after_a_lapse_and_not_for_ever() -> None:
    wall = HandWall()
    waking = Waking(wall)
    gone = LinkError("gone")
    with pytest.raises(LinkError, match="gone"):
        waking.wait(gone)
    assert waking.is_first
    waking.lapsed(LapsedError(9.0), 3)
    assert not waking.is_first
    for _ in range(int(WAKING)):
        waking.wait(gone)
    wall.sleep(1.0)
    with pytest.raises(LinkError, match="gone"):
        waking.wait(gone)
    assert WAKING <= wall.slept <= WAKING + 2.0
