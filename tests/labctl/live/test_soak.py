from __future__ import annotations

import gc
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labctl.live.follow import Follower
from labctl.live.window import LiveWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.store import RunWriter

REDRAWS = 2000
MEMORY = Path("/proc/self/statm")


def resident() -> int:
    """Memory of this process in pages, or 0 where the system does not tell."""
    return int(MEMORY.read_text().split()[1]) if MEMORY.exists() else 0


@pytest.mark.usefixtures("qapp")
def test_two_thousand_redraws_lose_no_reference_and_no_memory(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
) -> None:
    """A Qt binding that miscounts references loses some 200 to None a redraw, until the interpreter aborts."""
    folder = new_run(steps=100, parameters={"tolerance": 0.5})
    writer = open_writer(folder)
    writer.set_state(datetime(2026, 11, 21, tzinfo=UTC), "running")
    window = LiveWindow(Follower(folder, lambda: 0.0))
    add_levels(writer, [0.3 * (-1) ** step for step in range(100)])
    window.refresh()
    window.resize(400, 400)
    parts = [*(card.view for card in window.body.traces), *window.body.histograms]

    def redraw(times: int) -> None:
        for turn in range(times):
            window.body.redraw()
            window.body.refresh()
            parts[turn % len(parts)].grab()

    redraw(200)
    gc.collect()
    nones, pages = sys.getrefcount(None), resident()
    redraw(REDRAWS)
    gc.collect()
    assert sys.getrefcount(None) > nones - 100
    assert resident() - pages < 1024, "more than 4 MiB in 2,000 redraws"
    window.close()
