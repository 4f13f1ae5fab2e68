"""Levels that `write-verify` writes on the packaged bench, held against the truth.

The protocol is found by its name and run through the engine, every byte of it, as `labctl run` would.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from labctl.backend import BackendOptions
from labctl.engine import Watcher, run
from labctl.levels import LEVELS, LevelScale
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from sim_backend.audit import join
from sim_backend.audit_report import TRUTH, claims
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import STUDY

PROTOCOL = "write-verify"
SEED = 1
"""Of die and board: the one of the demand. Boards differ: one in twenty has a gain that is 10 ppm off, or more."""
BURSTS_RANDOM = 3.0
"""Bursts a level that the design study's algorithm takes in random order, at most."""
_RUNS = 4
"""Stretches of neighbouring levels that stand for all of them, where not all are written."""


@dataclass(frozen=True, slots=True)
class ProgrammingFigures:
    """What a run of the protocol comes to.

    Args:
        levels: how many were written.
        within: share within half a level of their targets, in truth.
        rms: of the true errors (levels).
        bursts: a level.
        samples: a read.
    """

    levels: int
    within: float
    rms: float
    bursts: float
    samples: float


def program(levels: str) -> ProgrammingFigures:
    """Write levels, as the protocol's parameter names them, into one cell of the packaged bench."""
    with TemporaryDirectory() as folder:
        options = BackendOptions(seed=SEED, audit=True)
        request = RunRequest(PROTOCOL, {"levels": levels}, options=options, data=Path(folder))
        result = run(request, Watcher())
        with closing(RunReader(result.folder)) as reader:
            records = claims(reader)
        truth = join(result.folder / TRUTH, records, LevelScale())
        summary = result.summary
    return ProgrammingFigures(
        levels=truth.levels,
        within=truth.true_within_half_level,
        rms=truth.true_error_rms,
        bursts=summary.bursts_per_level,
        samples=summary.samples_per_level / summary.reads_per_level,
    )


def ascending(count: int) -> str:
    """Return `count` levels from low to high: all, or stretches of neighbours all over the range."""
    if count >= LEVELS:
        return "all"
    starts = np.linspace(0, LEVELS - count // _RUNS, _RUNS).astype(int)
    return ",".join(str(start + step) for start in starts for step in range(count // _RUNS))


def random_order(count: int) -> str:
    """Return `count` different levels in random order."""
    return ",".join(map(str, np.random.default_rng(SEED).permutation(LEVELS)[:count].tolist()))


def programming_rows(up: ProgrammingFigures, shuffled: ProgrammingFigures) -> list[Row]:
    """Return what the design study reached with the default board's errors, against what the protocol reaches."""
    note, what = f"{up.levels} levels, seed {SEED}", "write-verify ascending,"
    other = f"{shuffled.levels} levels, seed {SEED}"
    return [
        Row(f"{what} within half a level", up.within, "", "at least 0.998", up.within >= 0.998, STUDY, note),
        Row(f"{what} true error", up.rms, "levels", "at most 0.20 rms", up.rms <= 0.20, STUDY, note),
        Row(f"{what} bursts", up.bursts, "", "at most 1.5 a level", up.bursts <= 1.5, STUDY, note),
        Row(f"{what} samples", up.samples, "", "at most 16 a read", up.samples <= 16, STUDY, note),
        Row("write-verify random, within half a level", shuffled.within, "", "at least 0.993", shuffled.within >= 0.993,
            STUDY, other),
        Row("write-verify random, bursts", shuffled.bursts, "", f"at most {BURSTS_RANDOM} a level",
            shuffled.bursts <= BURSTS_RANDOM, STUDY, other),
    ]  # fmt: skip
