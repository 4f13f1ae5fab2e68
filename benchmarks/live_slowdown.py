"""By how much a window slows a run down.

Run it with `python -m benchmarks.live_slowdown [RUNS]`; it needs Xvfb and Linux. A window follows a run of
`write-verify` from its beginning; every half second it is halted, or let go on again, so that stretches with and
without a window alternate in one process, and what else the computer does falls on both alike. Compared is the time of
a step, in neighbouring stretches: wall time, processor time of the run's main thread, and its own time, that is wall
time without what it waited for a processor that others had. On a computer with a core for run and window each, the own
time is the wall time; waiting for the disk and for the reader of the store is in it. A ratio is the median over the
pairs, with its standard error by resampling. `log` is the largest size of SQLite's write-ahead log: a reader that kept
it from being written back would let it grow without end.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from benchmarks.live_screen import screen
from labctl.run_reader import RunReader
from labctl.store import DATABASE

if TYPE_CHECKING:
    from typing import IO

    from benchmarks.live_screen import Screen

RUNS, STRETCH, ASKED = 2, 0.5, 0.02
WAIT, RESAMPLED = 0.02, 2000


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run is.

    Args:
        steps: how many are done.
        times: wall time, processor time and time waited for a processor (s), from any start.
        log: size (bytes) of the write-ahead log.
    """

    steps: int
    times: tuple[float, float, float]
    log: int


def moment(process: int, folder: Path) -> Moment:
    """Return where a run is.

    Raises:
        OSError, ValueError: if it is over.
    """
    with closing(RunReader(folder)) as reader:
        steps = reader.steps()
    ran, waited, _ = Path(f"/proc/{process}/schedstat").read_text().split()
    times = time.perf_counter(), int(ran) / 1e9, int(waited) / 1e9
    return Moment(steps, times, (folder / f"{DATABASE}-wal").stat().st_size)


def cost(begin: Moment, end: Moment) -> tuple[float, float, float]:
    """Return the wall time, the processor time and the own time (s) of a step between two moments."""
    wall, ran, waited = (later - earlier for later, earlier in zip(end.times, begin.times, strict=True))
    steps = max(1, end.steps - begin.steps)
    return wall / steps, ran / steps, (wall - waited) / steps


def carry_out(on: Screen, data: Path) -> tuple[list[tuple[float, float, float]], int]:
    """Carry out a run; return the cost of a step in each stretch, the first with the window, and the largest log."""
    command = [sys.executable, "-m", "labctl", "run", "write-verify", "--data", str(data)]
    run = subprocess.Popen(command, env=on.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    folder = Path(cast("IO[str]", run.stderr).readline().removeprefix("run ").strip())
    window = subprocess.Popen([sys.executable, "-m", "labctl", "live", str(folder)], env=on.environment)
    while not on.is_painted():
        if window.poll() is not None or run.poll() is not None:
            raise SystemExit("the window does not open, or the run is over before it does")
        time.sleep(WAIT)
    found: list[tuple[float, float, float]] = []
    log, goes = 0, True
    try:
        while run.poll() is None:
            begin = moment(run.pid, folder)
            time.sleep(STRETCH)
            end = moment(run.pid, folder)
            found.append(cost(begin, end))
            log, goes = max(log, end.log), not goes
            window.send_signal(signal.SIGCONT if goes else signal.SIGSTOP)
    except (OSError, ValueError):
        pass  # the run is over
    window.kill()
    window.wait()
    run.communicate()
    while on.is_painted():
        time.sleep(WAIT)
    return found, log


def ratio(with_window: list[float], without: list[float]) -> tuple[float, float]:
    """Return the median of the paired ratios, and its standard error by resampling."""
    ratios = np.array(with_window) / np.array(without)
    drawn = np.random.default_rng(0).choice(ratios, (RESAMPLED, ratios.size))
    return float(np.median(ratios)), float(np.median(drawn, axis=1).std())


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    watched: list[tuple[float, float, float]] = []
    alone: list[tuple[float, float, float]] = []
    with screen() as on, tempfile.TemporaryDirectory() as data:
        for turn in range(runs):
            found, log = carry_out(on, Path(data))
            # A stretch without the window is held against the mean of those with one on both its sides.
            for before, without, after in zip(found[0:-2:2], found[1:-1:2], found[2::2], strict=False):
                both = [(one + other) / 2 for one, other in zip(before, after, strict=True)]
                watched.append((both[0], both[1], both[2]))
                alone.append(without)
            print(f"run {turn + 1}: {len(found)} stretches, log at most {log / 2**20:.2f} MiB", flush=True)
    for place, name in enumerate(("wall time", "processor time", "own time")):
        median, doubt = ratio([one[place] for one in watched], [one[place] for one in alone])
        ms = 1e3 * float(np.median([one[place] for one in alone]))
        print(
            f"{name} of a step: {ms:.3f} ms alone, {median - 1:+.1%} ± {doubt:.1%} with a window ({len(alone)} pairs)"
        )
    print(f"asked: less than {ASKED:.0%}")


if __name__ == "__main__":
    main()
