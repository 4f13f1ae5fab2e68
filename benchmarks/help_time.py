"""What `labctl --help` costs in processor time; the goal is under 150 ms.

    python benchmarks/help_time.py

Beside it stands an interpreter that does nothing, in the same run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

REPEATS = 15


def cost(arguments: list[str]) -> float:
    """Return the median processor time (ms) of a command, its start-up included."""
    import resource  # POSIX; Windows counts a child's time only through its job

    times: list[float] = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return statistics.median(times) * 1e3


def main() -> None:
    """Print both figures."""
    start = time.perf_counter()
    nothing = cost(["-c", "pass"])
    help_page = cost(["-m", "labctl", "--help"])
    print(f"labctl --help: {help_page:.0f} ms of processor time; an empty interpreter: {nothing:.0f} ms")
    print(f"({2 * REPEATS} processes in {time.perf_counter() - start:.1f} s)")


if __name__ == "__main__":
    main()
