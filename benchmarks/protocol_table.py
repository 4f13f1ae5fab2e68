"""Every protocol on every device of the twin, quickly: how it ends, how long it takes, what its dry run had said.

    python benchmarks/protocol_table.py [PROTOCOL...] [--device NAME...] [--seed S]

Each is `labctl run PROTOCOL --set quick=yes` in a process of its own, once as it is and once as a dry run. The last
column says what misses: over 60 s of wall time, a dry run's bench time more than 20 % off, a run that failed. Wall
times depend on the computer, and hold for one that does nothing else; bench times do not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from labctl.plugins import PROTOCOLS, names

DEVICES = ("ru-azo", "ru-azo-soft", "vteam-tio2", "vteam-taox")
LONGEST_WALL = 60.0
"""Seconds that a quick run may take."""
RATIOS = (0.8, 1.2)
"""What a dry run's bench time over the run's may be."""
HEADER = "| protocol | device | exit | passed | wall | bench time | dry run | ratio | misses |"


@dataclass(frozen=True, slots=True)
class Ended:
    """What one command came to: exit status, wall time in seconds, its one JSON object."""

    status: int
    wall: float
    told: dict[str, Any]

    @property
    def bench_time(self) -> float | None:
        """Of the run, in seconds; None where it failed."""
        found = self.told.get("bench_time")
        return float(found) if isinstance(found, (int, float)) else None

    @property
    def complaint(self) -> str | None:
        """The error's one line, where it failed."""
        error = self.told.get("error")
        return None if error is None else str(error)


def command(protocol: str, device: str, seed: int, data: Path, *more: str) -> Ended:
    """Run the protocol quickly on that device, and wait for its end."""
    given = ["--set", "quick=yes", "--seed", str(seed), "--twin", f"device={device}", "--data", str(data), "--json"]
    started = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "labctl", "run", protocol, *given, *more], capture_output=True, text=True, check=False
    )
    wall = perf_counter() - started
    told: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {"error": done.stderr.strip()[-200:]}
    return Ended(done.returncode, wall, told)


def ratio_of(ran: Ended, dry: Ended) -> float | None:
    """The dry run's bench time over the run's."""
    if dry.bench_time is None or not ran.bench_time:
        return None
    return dry.bench_time / ran.bench_time


def misses(ran: Ended, dry: Ended) -> list[str]:
    """What is not as it should be, a few words each."""
    found = [
        f"{name}: exit {one.status}: {one.complaint}"
        for name, one in (("run", ran), ("dry run", dry))
        if one.status not in (0, 1)
    ]
    slowest = max(ran.wall, dry.wall)
    if slowest > LONGEST_WALL:
        found.append(f"{slowest:.0f} s wall")
    ratio = ratio_of(ran, dry)
    if ratio is not None and not RATIOS[0] <= ratio <= RATIOS[1]:
        found.append("dry run's bench time")
    return found


def row(protocol: str, ran: Ended, dry: Ended, device: str) -> str:
    """Return one line of the table."""
    ratio = ratio_of(ran, dry)
    times = [f"{one.bench_time:.4g} s" if one.bench_time is not None else "-" for one in (ran, dry)]
    passed = "-" if "passed" not in ran.told else "yes" if ran.told["passed"] else "no"
    return (
        f"| `{protocol}` | `{device}` | {ran.status} | {passed} | {ran.wall:.1f} s | {times[0]} | {times[1]} "
        f"| {'-' if ratio is None else f'{ratio:.2f}'} | {'; '.join(misses(ran, dry)) or '-'} |"
    )


def main() -> int:
    """Print the table, a line as soon as it is measured; return 1 where something misses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocols", nargs="*", metavar="PROTOCOL", help="without any: all")
    parser.add_argument("--device", nargs="+", default=list(DEVICES))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(HEADER + "\n" + "|---" * HEADER.count(" | ") + "|---|")
    missed = 0
    with TemporaryDirectory() as folder:
        for protocol in given.protocols or names(PROTOCOLS):
            for device in given.device:
                ran = command(protocol, device, given.seed, Path(folder))
                dry = command(protocol, device, given.seed, Path(folder), "--dry-run")
                missed += bool(misses(ran, dry))
                print(row(protocol, ran, dry, device), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
