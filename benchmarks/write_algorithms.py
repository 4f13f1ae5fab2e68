"""The algorithms of `write-verify` side by side, in truth.

    python benchmarks/write_algorithms.py [--levels N] [--seed S]

Each writes the same levels of the packaged bench's first cell, upwards and in random order, through every layer; errors
are those of the cell, not of its reads. Counts and bench times are the twin's and do not depend on the computer.
"""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from labctl.backend import BackendOptions
from labctl.engine import Watcher, run
from labctl.levels import LevelScale
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from protocols.write_algorithms.catalogue import AlgorithmName
from protocols.write_verify import LevelWritten
from sim_backend.audit import AuditRecord, join

HEADER = "| algorithm | order | bursts | reads | samples | bench time a level | written | within half a level | rms |"
TRUTH = "audit.sqlite"


def row(algorithm: str, order: str, levels: str, seed: int) -> str:
    """Run one algorithm; return its line of the table."""
    settings = {"levels": levels, "algorithm": algorithm, "order": order}
    with TemporaryDirectory() as folder:
        options = BackendOptions(seed=seed, audit=True)
        result = run(RunRequest("write-verify", settings, options=options, data=Path(folder)), Watcher())
        with closing(RunReader(result.folder)) as reader:
            records = reader.typed("record", LevelWritten)
        claims = [AuditRecord(one.row, one.column, one.target, one.boot, one.delivered) for one in records]
        truth = join(result.folder / TRUTH, claims, LevelScale())
    found = result.summary
    return (
        f"| `{algorithm}` | {order} | {found.bursts_per_level:.2f} | {found.reads_per_level:.2f} "
        f"| {found.samples_per_level:.1f} | {1e3 * result.bench_time / found.levels:.1f} ms | {found.written:.2%} "
        f"| {truth.true_within_half_level:.2%} | {truth.true_error_rms:.3f} |"
    )


def main() -> None:
    """Print the table, a line as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", default="1000", help="as the protocol's parameter; a number spreads that many")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(HEADER + "\n" + "|---" * HEADER.count(" | ") + "|---|")
    for algorithm in get_args(AlgorithmName):
        for order in ("ascending", "random"):
            print(row(algorithm, order, given.levels, given.seed), flush=True)


if __name__ == "__main__":
    main()
