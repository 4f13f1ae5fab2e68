"""The live line: ms of CPU a frame at 16,520 points, ours against pyqtgraph's defaults, offscreen, in one run.

Run it with `python -m benchmarks.live_line`. Both draw the same trace on 1000 x 600 pixels while 140 points are added
a frame. The defaults are `plot()` and `setData()` with autorange; ours is `labctl.live.line`. The last rows are the
parts of our window at 1200 x 800, all of them together included.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS, LevelScale
from labctl.live.qt import application, require_qt
from labctl.records import Column
from labctl.run_names import run_name
from labctl.store import RunWriter, make_run_folder, write_manifest
from labctl.units import Levels, Siemens

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

FRAMES = 60
FRESH = 140
"""Points added a frame."""
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Level:
    """A record as a write-verify run has it."""

    level: int
    target: Siemens
    conductance: Siemens
    error: Levels


def per_frame(widget: QWidget, draw: Callable[[int], None]) -> float:
    """Return the median CPU time of a frame in ms: `draw` with the number of points there are, then a forced paint."""
    times: list[float] = []
    draw(LEVELS - FRAMES * FRESH)
    widget.grab()
    for frame in range(FRAMES):
        begin = time.process_time()
        draw(LEVELS - (FRAMES - 1 - frame) * FRESH)
        widget.grab()
        times.append(time.process_time() - begin)
    return 1e3 * statistics.median(times)


def defaults(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return ms a frame of pyqtgraph as it comes."""
    from pyqtgraph import PlotWidget

    widget = PlotWidget()
    widget.resize(1000, 600)
    curve = widget.getPlotItem().plot()
    return per_frame(widget, lambda count: curve.setData(x[:count], y[:count]))


def ours(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return ms a frame of our view of a field with this trace."""
    from labctl.live.follow import Table
    from labctl.live.growing import GrowingColumn
    from labctl.live.theme import LIGHT
    from labctl.live.trace_view import TraceView
    from labctl.live.traces import Panel

    table = Table((Column("trace", "float", "S"),), numbers={"trace": GrowingColumn()})
    view = TraceView(Panel("record", ("trace",), "S"), table, None)
    view.apply(LIGHT)
    view.resize(1000, 600)

    def draw(count: int) -> None:
        have = table.step.values.size
        table.step.extend(x[have:count].tolist())
        table.numbers["trace"].extend(y[have:count].tolist())
        view.redraw(LEVELS)

    return per_frame(view, draw)


def window(folder: Path, errors: NDArray[np.float64]) -> list[tuple[str, float]]:
    """Return ms a frame of the parts of our window while it follows a run in `folder`."""
    from labctl.live.follow import Follower
    from labctl.live.window import LiveWindow

    scale = LevelScale()
    folder = make_run_folder(folder, run_name("write-verify", datetime.now(UTC)))
    write_manifest(folder, {"steps": LEVELS, "parameters": {"tolerance": 0.5}})
    writer = RunWriter(folder, {"record": Level}, power_safe=False)
    writer.set_state(datetime.now(UTC), "running")

    def write(count: int) -> None:
        for level in range(writer.steps, count):
            error = float(errors[level])
            writer.add(Level(level, scale.conductance(level), scale.conductance(level + error), error))
            writer.end_step(0.01 * level)

    write(LEVELS - FRAMES * FRESH)
    follower = Follower(folder, time.perf_counter)
    shown = LiveWindow(follower)
    shown.refresh()
    shown.grab()
    spent: dict[str, list[float]] = {"the look at the store": [], "the whole window": []}
    parts: dict[str, tuple[QWidget, Callable[[], None]]] = {
        "conductance and target": (shown.body.traces[0].view, lambda: shown.body.traces[0].view.redraw(LEVELS)),
        "error": (shown.body.traces[1].view, lambda: shown.body.traces[1].view.redraw(LEVELS)),
        "distribution": (shown.body.histograms[0], shown.body.histograms[0].redraw),
    }
    for frame in range(FRAMES):
        write(LEVELS - (FRAMES - 1 - frame) * FRESH)
        begin = time.process_time()
        follower.poll()
        looked = time.process_time()
        shown.body.redraw()
        shown.body.refresh()
        shown.header.refresh()
        shown.ending.refresh()
        shown.grab()
        spent["the look at the store"].append(looked - begin)
        spent["the whole window"].append(time.process_time() - begin)
        for name, (widget, redraw) in parts.items():
            begin = time.process_time()
            redraw()
            widget.grab()
            spent.setdefault(name, []).append(time.process_time() - begin)
    shown.close()
    writer.close()
    return [(name, 1e3 * statistics.median(times)) for name, times in spent.items()]


def main() -> None:
    """Print the table."""
    require_qt()
    _kept_alive = application("offscreen")
    generator = np.random.default_rng(0)
    scale = LevelScale()
    steps = np.arange(1.0, LEVELS + 1)
    errors = np.clip(generator.normal(0.0, 0.2, LEVELS), -0.5, 0.5)
    traces = {"conductance": scale.g_min + scale.step * (steps - 1 + errors), "noise": errors}
    print(f"{LEVELS:,} points, {FRESH} added a frame, 1000 x 600 pixels: ms of CPU a frame, median of {REPEATS} runs")
    print(f"{'trace':<14}{'pyqtgraph':>11}{'labctl':>9}{'ratio':>8}")
    for name, values in traces.items():
        pairs = [(defaults(steps, values), ours(steps, values)) for _ in range(REPEATS)]
        theirs, mine = (statistics.median(column) for column in zip(*pairs, strict=True))
        print(f"{name:<14}{theirs:>11.2f}{mine:>9.2f}{theirs / mine:>7.1f}x")
    print("\nour window, 1200 x 800 pixels")
    with tempfile.TemporaryDirectory() as folder:
        for name, spent in window(Path(folder), errors):
            print(f"{name:<25}{spent:>9.2f}")


if __name__ == "__main__":
    main()
