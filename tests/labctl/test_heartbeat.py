"""The heart beats as long as the protocol lives, and knows when it has missed beats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from labctl.errors import EquipmentError
from labctl.heartbeat import IDLE_LIMIT, SILENCE_MAX, Heartbeat
from labctl.instruments import ProbeBoard
from labctl.sleep_watch import LapsedError


class HandClock:
    """A clock that is set by hand; its timers go off when they are told to."""

    def __init__(self) -> None:
        self.time = 100.0
        self.period = 0.0
        self.action: Callable[[], None] | None = None

    def now(self) -> float:
        return self.time

    def sleep(self, duration: float) -> None:
        self.time += duration

    def every(self, period: float, action: Callable[[], None]) -> HandClock:
        self.period, self.action = period, action
        return self

    def cancel(self) -> None:
        self.action = None

    def pass_by(self, duration: float) -> None:
        """Let time pass, and beat as a thread of its own would."""
        end = self.time + duration
        while self.time < end and self.action is not None:
            self.time += min(self.period, end - self.time)
            self.action()


class CountingBoard:
    """A board that counts what keeps its watchdog quiet."""

    watchdog = 1.0

    def __init__(self) -> None:
        self.kept = 0
        self.trouble: Exception | None = None

    def keep_alive(self) -> None:
        self.kept += 1
        if self.trouble is not None:
            raise self.trouble


class Rig:
    """A heartbeat with one board and a listener."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.board = CountingBoard()
        self.beats = 0
        self.heart = Heartbeat(self.clock, [cast(ProbeBoard, self.board)])
        self.heart.on_beat = self.hear
        self.heart.start()

    def hear(self) -> None:
        self.beats += 1


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_it_beats_four_times_a_watchdog(rig: Rig) -> None:
    rig.clock.pass_by(5.0)
    assert rig.beats == rig.board.kept == 20


def test_a_protocol_that_does_nothing_is_given_up(rig: Rig) -> None:
    rig.clock.pass_by(IDLE_LIMIT + 3.0)
    assert rig.beats == IDLE_LIMIT * 4
    with rig.heart.busy():
        pass  # three seconds of silence are borne with
    rig.clock.pass_by(IDLE_LIMIT + SILENCE_MAX + 1.0)
    with pytest.raises(EquipmentError, match="left its instruments alone") as refused, rig.heart.busy():
        pass
    assert not isinstance(refused.value, LapsedError)


def test_operations_are_signs_of_life(rig: Rig) -> None:
    for _ in range(100):
        with rig.heart.busy():
            rig.clock.pass_by(1.0)
    assert rig.beats == 400


def test_a_long_operation_is_no_hung_run_until_it_should_be_over(rig: Rig) -> None:
    with rig.heart.busy(60.0):
        rig.clock.pass_by(60.0)
        assert rig.beats == 240
        rig.clock.pass_by(100.0)
        assert rig.beats == 240
    rig.clock.pass_by(1.0)
    assert rig.beats == 244


def test_an_operation_that_is_over_early_leaves_no_credit(rig: Rig) -> None:
    with rig.heart.busy(1000.0):
        rig.clock.pass_by(1.0)
    rig.clock.pass_by(100.0)
    assert rig.beats == 4 + IDLE_LIMIT * 4


def test_a_wait_is_beaten_through_and_a_disarmed_board_left_alone(rig: Rig) -> None:
    with rig.heart.waiting(disarmed=True):
        rig.clock.pass_by(100.0)
    assert (rig.beats, rig.board.kept) == (400, 0)
    with rig.heart.waiting(disarmed=False):
        rig.clock.pass_by(100.0)
    assert (rig.beats, rig.board.kept) == (800, 400)


def test_a_process_that_was_stopped_asks_for_nothing_more(rig: Rig) -> None:
    rig.clock.pass_by(1.0)
    rig.clock.time += SILENCE_MAX + 1.0
    assert rig.heart.lapse == pytest.approx(SILENCE_MAX + 1.0)
    with pytest.raises(LapsedError, match=r"did not run for 5\.0 s"), rig.heart.busy():
        pytest.fail("the operation must not begin")
    rig.clock.pass_by(1.0)  # the heart itself went on first
    with pytest.raises(LapsedError), rig.heart.busy():
        pytest.fail("the operation must not begin")
    rig.heart.stop()
    assert rig.heart.lapse > SILENCE_MAX
    rig.heart.start()
    with rig.heart.busy():
        assert rig.heart.lapse == 0.0


def test_a_lapse_right_before_the_end_is_known(rig: Rig) -> None:
    rig.clock.time += 7.0
    rig.heart.stop()
    assert rig.heart.lapse == pytest.approx(7.0)


def test_nobody_is_taken_for_dead_where_nobody_listens(rig: Rig) -> None:
    rig.heart.on_beat = None
    rig.clock.time += 1000.0
    with rig.heart.busy():
        pass


@pytest.mark.parametrize("trouble", [EquipmentError("silent"), RuntimeError("a bug of a driver")])
def test_trouble_with_a_board_does_not_stop_the_heart(rig: Rig, trouble: Exception) -> None:
    rig.board.trouble = trouble
    rig.clock.pass_by(2.0)
    assert rig.beats == 8


def test_it_stops(rig: Rig) -> None:
    rig.heart.stop()
    clock: Any = rig.clock
    assert clock.action is None
