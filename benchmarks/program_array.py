"""How many bursts `program-array` takes against the ideal write-verify loop, how well it writes, and how long it takes.

    python benchmarks/program_array.py [--seeds N] [--json]

Each seed is a die of its own and a matrix of its own. The ideal loop (`protocols/analysis/ideal_write_loop.py`) writes
the same targets in the same run; wall time is that of a whole `labctl run`, start of the interpreter included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from labctl.bench import Die
from labctl.levels import LEVELS, LevelScale
from protocols.analysis.ideal_write_loop import WrittenCells, ideal_write_loop
from protocols.array_region import region_of
from protocols.target_matrix import random_levels

SPREAD = 0.3
"""Additive spread (levels) of a fresh die: the published film's."""


def labctl(*arguments: str) -> dict[str, Any]:
    """Return what a command answers in JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "labctl", *arguments, "--json"], capture_output=True, text=True, check=False
    )
    if not done.stdout:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def measure(seed: int, data: Path) -> dict[str, float]:
    """Return the figures of one die."""
    own = data / str(seed)
    start = time.perf_counter()
    command = "run", "program-array", "--seed", str(seed), "--set", f"matrix_seed={seed}", "--audit", "--data", str(own)
    found = labctl(*command)
    wall = time.perf_counter() - start
    truth = labctl("audit", str(next(own.iterdir())))["truth"]
    rng = np.random.default_rng(seed)
    region = region_of(Die("", 64, 64, LevelScale()), 0, 0, 0, 0)
    target = random_levels(region, seed, 0, LEVELS - 1).reshape(-1)
    ideal = ideal_write_loop(SPREAD * rng.standard_normal(len(target)), target, WrittenCells(), rng)
    bursts = found["summary"]["bursts_per_cell"]
    return {
        "seed": seed,
        "within_half_level": truth["within_half_level"],
        "error_rms": truth["error_rms"],
        "bursts_per_cell": bursts,
        "ideal_bursts": ideal.bursts_per_cell,
        "ratio": bursts / ideal.bursts_per_cell,
        "reads_per_cell": found["summary"]["reads_per_cell"],
        "rounds": found["summary"]["rounds"],
        "bench_time": found["bench_time"],
        "wall_time": wall,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [measure(seed, Path(folder)) for seed in range(1, asked.seeds + 1)]
    if asked.json:
        print(json.dumps(found))
        return
    for one in found:
        print("  ".join(f"{name} {value:.4g}" for name, value in one.items()))


if __name__ == "__main__":
    main()
