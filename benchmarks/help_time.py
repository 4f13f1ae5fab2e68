"""What `labctl --help` costs in processor time, what `labctl` alone, and what a press of the Tab key.

The goals are 150 ms for the help, and 300 ms for the others.

    python benchmarks/help_time.py

Beside it stands an interpreter that does nothing, in the same run.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time

REPEATS = 15


def cost(arguments: list[str], **variables: str) -> float:
    """Return the median processor time (ms) of a command, its start-up included."""
    import resource  # POSIX; Windows counts a child's time only through its job

    times: list[float] = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True, env=os.environ | variables)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return statistics.median(times) * 1e3


def main() -> None:
    """Print the figures."""
    start = time.perf_counter()
    nothing = cost(["-c", "pass"])
    help_page = cost(["-m", "labctl", "--help"])
    alone = cost(["-m", "labctl"])
    words = "labctl\nrun\nfourier\n--set\nma"
    tab = cost(["-m", "labctl"], _LABCTL_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD="4")
    print(f"labctl: {alone:.0f} ms; Tab behind `labctl run fourier --set ma`: {tab:.0f} ms")
    print(f"labctl --help: {help_page:.0f} ms of processor time; an empty interpreter: {nothing:.0f} ms")
    print(f"({4 * REPEATS} processes in {time.perf_counter() - start:.1f} s)")


if __name__ == "__main__":
    main()
