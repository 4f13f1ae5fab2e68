"""The heart beats from inside the virtual clock, also while a beat waits for a board that does not answer."""

from __future__ import annotations

from typing import Any, cast

import pytest

from labctl.heartbeat import Heartbeat
from sim_backend.clock import VirtualClock


class SilentBoard:
    """A board whose watchdog cannot be restarted in time: each try waits longer than a beat lasts."""

    watchdog = 1.0

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.asked = 0

    def keep_alive(self) -> None:
        self.asked += 1
        self._clock.sleep(0.6)


@pytest.mark.timeout(20)
def test_a_beat_during_a_beat_holds_up_nothing() -> None:
    clock = VirtualClock()
    board = SilentBoard(clock)
    heart = Heartbeat(clock, [cast("Any", board)])
    heart.start()
    with heart.busy(5.0):
        clock.sleep(5.0)
    heart.stop()
    assert 2 <= board.asked <= 20
    assert heart.lapse < 1.0
