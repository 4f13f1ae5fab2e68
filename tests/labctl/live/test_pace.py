from __future__ import annotations

import pytest

from labctl.live.pace import Pace


def test_a_steady_run_has_its_rate() -> None:
    pace = Pace()
    for tick in range(100):
        pace.note(0.1 * tick, 5 * tick)
    assert pace.rate() == pytest.approx(50.0)


def test_only_the_last_seconds_count() -> None:
    pace = Pace()
    for tick in range(300):
        pace.note(0.1 * tick, 1000 * tick if tick < 100 else 99_000 + tick)
    assert pace.rate() == pytest.approx(10.0, rel=0.02)


def test_at_first_nothing_can_be_said() -> None:
    pace = Pace()
    assert pace.rate() is None
    pace.note(0.0, 0)
    assert pace.rate() is None
    pace.note(0.1, 500)
    assert pace.rate() is None


def test_a_run_that_stands_still_has_rate_zero() -> None:
    pace = Pace()
    for tick in range(1000):
        pace.note(0.1 * tick, 7)
    assert pace.rate() == 0.0
