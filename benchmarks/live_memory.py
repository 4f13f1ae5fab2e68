"""Memory of the live window: over a million records, and over ten thousand redraws.

Run it with `python -m benchmarks.live_memory`. A process of its own writes the records, fifty thousand at a time, with
the fields of `write-verify`; a window, offscreen, follows them, each of its pages shown in turn. Then a second process
opens a window on the whole run: its peak is what attaching costs. The redraws are of the whole window on ten thousand
records, with one more record each time.

"Flat" is: less than 1 MiB more for 1,000 redraws, once the first thousand have filled what is filled once. Up to
`labctl.live.thinning.MOST` records the numbers of every one are kept, 8 bytes a field, and beyond it as many of them;
the slope over the records after that is printed beside what keeping all of them would make.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labctl.live.qt import application, require_qt
from labctl.live.thinning import MOST
from labctl.run_names import run_name
from labctl.store import RunWriter, make_run_folder, write_manifest
from labctl.units import Levels, Seconds, Siemens, Volts

if TYPE_CHECKING:
    from labctl.live.follow import Follower
    from labctl.live.window import LiveWindow

RECORDS, BLOCK, STEP = 1_000_000, 50_000, 100
REDRAWS, REPORT = 10_000, 1000
FEW = 10_000
TURN = 200
"""Redraws after which another page is shown."""


@dataclass(frozen=True, slots=True)
class Written:
    """What `write-verify` records of a level, but for its texts."""

    row: int
    column: int
    level: int
    target: Siemens
    conductance: Siemens
    estimate: Siemens
    error: Levels
    sigma: Levels
    written: bool
    bursts: int
    pulses: int
    samples: int
    width: Seconds
    time: Seconds
    boot: int
    delivered: int
    voltage: Volts


def resident(name: str = "VmRSS") -> float:
    """Return the memory of this process in MiB; NaN where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def feed(folder: Path, first: int, count: int) -> None:
    """Add records to a run."""
    errors = np.random.default_rng(first).normal(0.0, 0.1, count)
    writer = RunWriter(folder, {"record": Written}, power_safe=False)
    if first == 0:
        writer.set_state(datetime.now(UTC), "running")
    for place, error in enumerate(errors.tolist(), first):
        level = place % 16_520
        target = 200e-9 + 357.15e-9 * level
        now = 0.002 * place
        row, column = place // 64 % 64, place % 64
        found = target + 357.15e-9 * error
        writer.add(
            Written(row, column, level, target, found, found, error, 0.1, True, 2, 3, 16, 80e-9, now, 1, place, 0.9)
        )
        if place % STEP == STEP - 1:
            writer.end_step(now)
    writer.close()


def let_feed(folder: Path, first: int, count: int) -> None:
    """Add records in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.live_memory", "feed", str(folder), str(first), str(count)]
    subprocess.run(command, check=True)


def new_run(folder: Path) -> Path:
    """Return the folder of a new run."""
    run = make_run_folder(folder, run_name("write-verify", datetime.now(UTC)))
    write_manifest(run, {"steps": RECORDS // STEP, "parameters": {"tolerance": 0.35}, "protocol": "write-verify"})
    return run


def show_all(window: LiveWindow, follower: Follower) -> None:
    """Let a window take in all records, and draw each of its pages."""
    from PySide6.QtCore import QCoreApplication

    window.refresh()
    while follower.is_behind:
        window.refresh()
    for page in window.pages.pages:
        window.pages.show_page(page)
        window.refresh()
        QCoreApplication.processEvents()  # a page gets its size
        window.grab()


def follow(run: Path) -> None:
    """Print the memory of a window that follows a run to a million records."""
    from labctl.live.follow import Follower
    from labctl.live.window import LiveWindow

    follower = Follower(run, time.perf_counter)
    window = LiveWindow(follower)
    window.show()
    table: list[tuple[int, float]] = []
    for first in range(0, RECORDS, BLOCK):
        let_feed(run, first, BLOCK)
        show_all(window, follower)
        table.append((first + BLOCK, resident()))
        if len(table) % 4 == 1 or first + BLOCK == RECORDS:
            print(f"{first + BLOCK:>12,} records {resident():>8.1f} MiB")
    window.close()
    counts, sizes = [count for count, _ in table], [size for _, size in table]
    begin = next(place for place, count in enumerate(counts) if count > MOST)
    slope = float(np.polyfit(np.array(counts[begin:]), np.array(sizes[begin:]), 1)[0]) * 2**20
    fields = len(Written.__dataclass_fields__)
    print(
        f"slope beyond {MOST:,} records: {slope:.0f} bytes a record; "
        f"8 bytes for each of its {fields} fields are {8 * fields}"
    )


def attach(run: Path) -> None:
    """Print what it takes to open a window on a run of a million records."""
    from labctl.live.follow import Follower
    from labctl.live.window import LiveWindow

    begin, before = time.perf_counter(), resident()
    follower = Follower(run, time.perf_counter)
    window = LiveWindow(follower)
    window.show()
    show_all(window, follower)
    took = time.perf_counter() - begin
    print(
        f"attaching to them: {took:.1f} s; MiB: {before:.0f} before, {resident():.0f} after, "
        f"{resident('VmHWM'):.0f} at most"
    )
    window.close()


def redraw(run: Path) -> None:
    """Print the memory of a window over ten thousand redraws."""
    from labctl.live.follow import Follower
    from labctl.live.window import LiveWindow

    feed(run, 0, FEW)
    follower = Follower(run, time.perf_counter)
    window = LiveWindow(follower)
    window.show()
    window.refresh()
    sizes: list[float] = []
    with closing(RunWriter(run, {"record": Written}, power_safe=False)) as writer:
        for turn in range(REDRAWS + REPORT):
            if turn % TURN == 0:
                window.pages.show_page(list(window.pages.pages)[turn // TURN % len(window.pages.pages)])
            writer.add(Written(1, 2, 3, 1e-6, 1e-6, 1e-6, 0.1, 0.1, True, 2, 3, 16, 80e-9, float(turn), 1, turn, 0.9))
            writer.end_step(float(turn))
            window.refresh()
            window.grab()
            if turn % REPORT == REPORT - 1:
                sizes.append(resident())
                print(f"{turn + 1:>12,} redraws {sizes[-1]:>8.1f} MiB")
    window.close()
    slope = float(np.polyfit(np.arange(len(sizes)), np.array(sizes), 1)[0])
    last = float(np.polyfit(np.arange(len(sizes) // 2), np.array(sizes[-(len(sizes) // 2) :]), 1)[0])
    print(
        f"slope: {slope:.2f} MiB for 1,000 redraws over all of them, {last:.2f} over the second half; flat is below 1"
    )


def main() -> None:
    """Print the tables."""
    words = sys.argv[1:]
    if words[:1] == ["feed"]:
        feed(Path(words[1]), int(words[2]), int(words[3]))
        return
    require_qt()
    _kept_alive = application("offscreen")
    if words[:1] == ["attach"]:
        attach(Path(words[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        run = new_run(Path(folder))
        follow(run)
        subprocess.run([sys.executable, "-m", "benchmarks.live_memory", "attach", str(run)], check=True)
        redraw(new_run(Path(folder)))


if __name__ == "__main__":
    main()
