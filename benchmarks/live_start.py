"""How long `labctl run write-verify --live` takes from its start to a window with content on the screen.

Run it with `python -m benchmarks.live_start [TIMES]`; it needs Xvfb. Told apart are the run's own way to its folder,
before which there is nothing to show, and what the window takes beyond it. The first of the times is cold, as far as a
program can make it so: everything, labctl, numpy, scipy and Qt, is compiled anew, which pip does when it installs them.
Wall time depends on what else the computer does, so the processor time of both processes and the load stand beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.live_screen import Screen, screen

TIMES, WAIT, ASKED = 5, 0.005, 2.0
PATIENCE = 60.0
LEVELS = 3000


@dataclass(frozen=True, slots=True)
class Start:
    """What one start took in s.

    Args:
        folder: until there was a run folder.
        painted: until the window was on the screen.
        run_cpu: processor time of the run by then.
        window_cpu: processor time of the window by then.
    """

    folder: float
    painted: float
    run_cpu: float
    window_cpu: float


def processor_time(process: int) -> float:
    """Return the processor time (s) that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def child_of(process: int) -> int:
    """Return the process of the window that a run has opened."""
    return int(Path(f"/proc/{process}/task/{process}/children").read_text().split()[0])


def start(on: Screen, cold: bool) -> Start:
    """Start a run with its window, and end both once the window is seen."""
    with tempfile.TemporaryDirectory() as data:
        environment = dict(on.environment)
        if cold:
            environment["PYTHONPYCACHEPREFIX"] = str(Path(data) / "compiled")
        runs = Path(data) / "runs"
        command = [sys.executable, "-m", "labctl", "run", "write-verify", "--live", "--data", str(runs)]
        begin = time.perf_counter()
        run = subprocess.Popen(
            [*command, "--set", f"levels={LEVELS}"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        folder = 0.0
        while not on.is_painted():
            took = time.perf_counter() - begin
            if took > PATIENCE:
                run.kill()
                raise SystemExit(f"no window: {run.communicate()[1]}")
            if not folder and runs.is_dir():
                folder = took
            time.sleep(WAIT)
        painted = time.perf_counter() - begin
        window = child_of(run.pid)
        found = Start(folder, painted, processor_time(run.pid), processor_time(window))
        os.kill(window, 15)
        run.terminate()
        run.communicate()
        while on.is_painted():
            time.sleep(WAIT)
        return found


def main() -> None:
    """Print the table."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else TIMES
    print(f"{'':<8}{'folder':>8}{'window':>8}{'run, CPU':>10}{'window, CPU':>13}{'load':>6}   (s)")
    warm: list[Start] = []
    with screen() as on:
        for turn in range(times + 1):
            cold, load = turn == 0, os.getloadavg()[0]
            found = start(on, cold)
            warm += [] if cold else [found]
            print(
                f"{'cold' if cold else 'warm':<8}{found.folder:>8.2f}{found.painted:>8.2f}"
                f"{found.run_cpu:>10.2f}{found.window_cpu:>13.2f}{load:>6.1f}"
            )
    painted = [found.painted for found in warm]
    print(f"warm: median {statistics.median(painted):.2f} s, best {min(painted):.2f} s; asked: less than {ASKED:.0f} s")


if __name__ == "__main__":
    main()
