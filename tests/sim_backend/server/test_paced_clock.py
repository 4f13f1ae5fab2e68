"""The clock of a served twin against a wall clock that stands still until somebody waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from labctl.backend import WallClock
from sim_backend.server.paced_clock import TOLERANCE, PacedClock, WatchClock, WorkClock


class Wall(WallClock):
    """A wall clock that passes when told to."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def sleep(self, duration: float) -> None:
        self.time += duration


@pytest.fixture
def wall() -> Wall:
    return Wall()


def guard(action: Callable[[], None]) -> Callable[[], None]:
    """Return what is due; a bad sector ends there."""

    def due() -> None:
        with suppress(OSError):
            action()

    return due


@pytest.fixture
def watch(wall: Wall) -> WatchClock:
    return WatchClock(wall, guard)


@pytest.fixture
def clock(wall: Wall, watch: WatchClock) -> PacedClock:
    return PacedClock(7.0, wall, watch, guard, wall.sleep)


def test_an_operation_takes_its_time_on_the_wall(clock: PacedClock, wall: Wall) -> None:
    clock.sleep(0.25)
    assert clock.now() == pytest.approx(7.25)
    assert wall.time == pytest.approx(1000.25)


def test_time_passes_while_nobody_works(clock: PacedClock, wall: Wall) -> None:
    wall.time += 3.0
    assert clock.now() == 7.0
    clock.catch_up()
    assert clock.now() == pytest.approx(10.0)


def test_computing_is_part_of_the_operation(clock: PacedClock, wall: Wall) -> None:
    wall.time += 0.1
    clock.sleep(0.25)
    assert wall.time == pytest.approx(1000.25)
    assert clock.now() == pytest.approx(7.25)


def test_what_computing_takes_beyond_that_does_not_count(clock: PacedClock, wall: Wall) -> None:
    bites: list[float] = []
    clock.every(1.0, lambda: bites.append(clock.now()))
    clock.sleep(0.25)
    wall.time += 30.0
    clock.finish_operation()
    clock.catch_up()
    assert bites == []
    assert clock.now() == pytest.approx(7.25)


def test_small_delays_do_not_add_up(clock: PacedClock, wall: Wall) -> None:
    for _ in range(1000):
        clock.sleep(1e-3)
        wall.time += TOLERANCE / 2
        clock.finish_operation()
        clock.catch_up()
    assert clock.now() - 7.0 == pytest.approx(wall.time - 1000.0)


def test_timers_fall_due_at_their_own_time_while_nobody_works(clock: PacedClock, wall: Wall) -> None:
    times: list[float] = []
    clock.every(0.4, lambda: times.append(clock.now()))
    assert clock.until_due() == pytest.approx(0.4)
    wall.time += 1.0
    assert clock.until_due() == 0.0
    clock.catch_up()
    assert times == pytest.approx([7.4, 7.8])


def test_what_is_begun_during_a_wait_does_not_shorten_it(wall: Wall, watch: WatchClock) -> None:
    lasted: list[float] = []

    def idle(duration: float) -> None:
        wall.sleep(min(duration, 0.05))
        if not lasted:
            clock.catch_up()
            start = clock.now()
            lasted.append(0.0)
            clock.sleep(0.1)
            lasted[0] = clock.now() - start

    clock = PacedClock(0.0, wall, watch, guard, idle)
    clock.sleep(0.3)
    assert lasted == [pytest.approx(0.1)]
    assert clock.now() == pytest.approx(0.3)
    assert wall.time == pytest.approx(1000.3)


def test_a_wait_ends_when_nothing_is_waited_for_any_more(wall: Wall, watch: WatchClock) -> None:
    def idle(duration: float) -> None:
        wall.sleep(min(duration, 0.5))
        clock.paced = False

    clock = PacedClock(0.0, wall, watch, guard, idle)
    due: list[float] = []
    clock.every(60.0, lambda: due.append(clock.now()))
    clock.sleep(3600.0)
    assert wall.time == pytest.approx(1000.5)
    assert clock.now() == 3600.0
    assert len(due) == 60


def test_a_clock_of_work_takes_no_time_and_has_its_watch_on_the_wall(
    clock: PacedClock, wall: Wall, watch: WatchClock
) -> None:
    work = WorkClock(5.0, watch, guard)
    work.sleep(100.0)
    assert work.now() == 105.0
    assert wall.time == 1000.0
    assert work.watch is watch
    assert clock.watch is watch


def test_the_watch_goes_with_the_wall_whatever_computing_takes(clock: PacedClock, wall: Wall) -> None:
    bites: list[float] = []
    clock.watch.every(1.0, lambda: bites.append(wall.time))
    clock.sleep(0.25)
    wall.time += 0.5
    clock.finish_operation()
    assert clock.watch.until_due(0.0) == pytest.approx(0.25)
    wall.time += 0.25
    clock.watch.fire(0.0, wall.time)
    assert bites == [1001.0]
    assert clock.watch.until_due(0.0) == pytest.approx(1.0)


def test_what_is_due_on_the_watch_before_a_time_is_left_to_others(watch: WatchClock, wall: Wall) -> None:
    """Bytes that a host sent before then are being obeyed: they may keep it from happening."""
    bites: list[str] = []
    early = watch.every(1.0, lambda: bites.append("early"))
    watch.every(2.0, lambda: bites.append("late"))
    wall.time += 2.5
    assert watch.until_due(1001.5) == 0.0
    assert watch.until_due(1002.0) is None
    watch.fire(1001.5, wall.time)
    assert bites == ["late"]
    early.cancel()
    watch.fire(0.0, wall.time)
    assert bites == ["late"]


def test_nothing_lasts_on_the_watch(watch: WatchClock) -> None:
    with pytest.raises(NotImplementedError):
        watch.sleep(1.0)


def test_what_fails_when_it_is_due_is_nothing_to_the_operation_under_way(clock: PacedClock, watch: WatchClock) -> None:
    def fail() -> None:
        tried.append(1)
        raise OSError

    for one in (clock, WorkClock(0.0, watch, guard)):
        tried: list[int] = []
        one.every(0.1, fail)
        one.sleep(0.55)
        assert len(tried) == 5


def test_who_works_longer_than_the_operation_lasts_hears_what_was_said_meanwhile(wall: Wall, watch: WatchClock) -> None:
    """Else nobody would be heard until all is worked out, the panic button included."""
    looked: list[float] = []
    clock = PacedClock(7.0, wall, watch, guard, looked.append)
    wall.time += 1.0
    clock.sleep(0.0)
    clock.sleep(0.25)
    assert looked == [0.0, 0.0]
    assert clock.now() == pytest.approx(7.25)
