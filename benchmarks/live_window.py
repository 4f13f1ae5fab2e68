"""The live window offscreen, with software rendering: frames a second, and how soon a record is on screen.

Run it with `python -m benchmarks.live_window`. A frame is what the window does to bring a view up to date, and a forced
paint of it. Scenes: a trace of 16,520 points that grows by 140 a frame beside a 64 x 64 map whose cells change; 64
traces of 2,000 points that all change; and a window in Qt's loop while steps become durable at moments that have
nothing to do with its clock. The last line is the memory that 10,000 frames of the first scene have added.
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

from labctl.levels import LEVELS
from labctl.live.qt import application, require_qt
from labctl.records import Column
from labctl.run_names import run_name
from labctl.store import RunWriter, make_run_folder, write_manifest
from labctl.units import Siemens

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.live.follow import Table

FRAMES, FRESH = 100, 140
LINES = 64
TRACES, POINTS = 64, 2000
ARRIVALS = 60
SOAK = 10_000
SIZE = 1000, 600


@dataclass(frozen=True, slots=True)
class CellRecord:
    """A record that names a cell."""

    row: int
    column: int
    conductance: Siemens


COLUMNS = (Column("row", "int", ""), Column("column", "int", ""), Column("conductance", "float", "S"))


def table_of(count: int, cells: int) -> Table:
    """Return a table of `count` records that go round over `cells` cells."""
    from labctl.live.follow import Table
    from labctl.live.growing import GrowingColumn

    table = Table(COLUMNS, numbers={column.name: GrowingColumn() for column in COLUMNS})
    add(table, count, cells)
    return table


def add(table: Table, count: int, cells: int) -> None:
    """Add `count` records to a table."""
    steps = np.arange(table.step.values.size, table.step.values.size + count)
    noise = np.random.default_rng(count).normal(0.0, 5e-5, count)
    table.step.extend((steps + 1.0).tolist())
    table.numbers["row"].extend((steps % cells // LINES).tolist())
    table.numbers["column"].extend((steps % cells % LINES).tolist())
    table.numbers["conductance"].extend((1e-3 + 3e-7 * (steps % LEVELS) + noise).tolist())


def per_frame(frame: Callable[[], None], frames: int = FRAMES) -> tuple[float, float]:
    """Return the median and the 99th percentile of the wall time of a frame in ms."""
    frame()
    times: list[float] = []
    for _ in range(frames):
        begin = time.perf_counter()
        frame()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times), float(np.percentile(times, 99))


def trace_and_map() -> Callable[[], None]:
    """Return what draws a frame of the first scene."""
    from labctl.live.cell_maps import CellMaps, colour_span, quantities
    from labctl.live.map_view import MapView
    from labctl.live.theme import LIGHT
    from labctl.live.trace_view import TraceView
    from labctl.live.traces import Panel

    table = table_of(LEVELS, LINES * LINES)
    trace, chart = TraceView(Panel("record", ("conductance",), "S"), table, None), MapView()
    maps, quantity = CellMaps(table, LINES, LINES), quantities(COLUMNS)[0]
    for view in (trace, chart):
        view.apply(LIGHT)
        view.resize(*SIZE)
    place = LEVELS

    def frame() -> None:
        nonlocal place
        place = place + FRESH if place + FRESH <= LEVELS else LEVELS - FRAMES * FRESH
        table.show_until(place)
        trace.redraw(LEVELS)
        maps.refresh()
        values = maps.values(quantity)
        chart.redraw(values, quantity, colour_span(values, quantity))
        trace.grab()
        chart.grab()

    return frame


def many_traces() -> Callable[[], None]:
    """Return what draws a frame of the second scene."""
    from labctl.live.cell_view import CellView
    from labctl.live.theme import LIGHT

    view = CellView()
    view.apply(LIGHT)
    view.name_axes("step", "conductance", "S")
    view.resize(*SIZE)
    generator = np.random.default_rng(0)
    x = np.arange(float(POINTS))
    walks = generator.normal(0.0, 1e-6, (TRACES, POINTS)).cumsum(axis=1) + 1e-4 * np.arange(TRACES)[:, np.newaxis]

    def frame() -> None:
        walks[:] = np.roll(walks, 7, axis=1)
        view.redraw([(x, walk) for walk in walks])
        view.grab()

    return frame


def arrivals(folder: Path) -> list[float]:
    """Return how long (ms) each of some steps took from being durable to being painted, in Qt's own loop."""
    from labctl.live.follow import Follower
    from labctl.live.window import LiveWindow

    app = application("offscreen")
    run = make_run_folder(folder, run_name("read-map", datetime.now(UTC)))
    write_manifest(run, {"steps": LEVELS})
    writer = RunWriter(run, {"record": CellRecord}, power_safe=False)
    writer.set_state(datetime.now(UTC), "running")
    for step in range(LEVELS - ARRIVALS):
        writer.add(CellRecord(step // LINES % LINES, step % LINES, 1e-3 + 1e-7 * step))
        if step % 100 == 99:
            writer.end_step(0.01 * step)
    window = LiveWindow(Follower(run, time.perf_counter))
    window.show()
    window.start()
    generator = np.random.default_rng(1)
    found: list[float] = []
    for step in range(ARRIVALS):
        until = time.perf_counter() + generator.uniform(0.02, 0.1)
        while time.perf_counter() < until:
            app.processEvents()
        writer.add(CellRecord(step, 0, 2e-3))
        writer.end_step(200.0 + step)
        begin = time.perf_counter()
        while window.body.traces[0].view.drawn < writer.steps:
            app.processEvents()
        window.body.traces[0].view.grab()
        found.append(1e3 * (time.perf_counter() - begin))
    window.close()
    writer.close()
    return found


def resident() -> float:
    """Return the memory of this process in MiB; NaN where the system does not tell."""
    file = Path("/proc/self/statm")
    return int(file.read_text().split()[1]) / 256 if file.exists() else float("nan")


def main() -> None:
    """Print the table."""
    require_qt()
    _kept_alive = application("offscreen")
    print(f"{'scene':<48}{'ms':>8}{'p99':>8}{'frames/s':>10}{'asked':>8}")
    scene = trace_and_map()
    for name, frame, asked in (
        (f"{LEVELS:,} points and a {LINES} x {LINES} map", scene, 60),
        (f"{TRACES} traces of {POINTS:,} points", many_traces(), 30),
    ):
        median, worst = per_frame(frame)
        print(f"{name:<48}{median:>8.2f}{worst:>8.2f}{1e3 / median:>10.0f}{asked:>8}")
    with tempfile.TemporaryDirectory() as folder:
        found = arrivals(Path(folder))
    print(
        f"\nfrom durable to painted: median {statistics.median(found):.0f} ms, largest {max(found):.0f} ms; asked: 100"
    )
    per_frame(scene, 200)
    before = resident()
    per_frame(scene, SOAK)
    print(f"memory that {SOAK:,} frames of the first scene added: {resident() - before:.1f} MiB")


if __name__ == "__main__":
    main()
