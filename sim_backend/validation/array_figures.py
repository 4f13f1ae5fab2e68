"""What protocols of the whole array come to on the packaged bench: programming, products, transform, picture, ledger.

The protocols are found by their names and run through the engine, every byte of it, as `labctl run` would.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, run
from labctl.levels import LevelScale
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from sim_backend.audit import join
from sim_backend.audit_report import TRUTH, claims
from sim_backend.validation.rows import Row
from sim_backend.validation.sources import NEWS, STUDY

SEED = 1
"""Of die and board: the one of the demand."""
CLAIM, CLAIM_WITHIN = 0.244e-12, 0.05
"""Energy of an operation at 4.1 TOPS/W (J), and how near the arithmetic must come."""


@dataclass(frozen=True, slots=True)
class ArrayFigures:
    """What the runs come to.

    Args:
        cells: that were programmed.
        within: share of them within half a level, in truth.
        bursts: a cell.
        product: signal-to-noise ratio of the calibrated product (dB).
        transform: the same of the Fourier transform, the worse of its two directions (dB).
        side: of the picture that was transformed there and back (pixels).
        similarity: of it, to what went in.
        closing: by how much the ledger's sum misses the measured ratio (dB).
        claimed_energy: of an operation, by the arithmetic of the claim (J).
    """

    cells: int
    within: float
    bursts: float
    product: float
    transform: float
    side: int
    similarity: float
    closing: float
    claimed_energy: float


def measure_array(side: int, quick: bool) -> ArrayFigures:
    """Run the protocols on the packaged bench.

    Args:
        side: of the picture (pixels).
        quick: on a corner of the die.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "picture.npy", picture(side), allow_pickle=False)

        def carry_out(protocol: str, audit: bool = False, **settings: str) -> RunResult:
            chosen = {"quick": "yes" if quick else "no", **settings}
            options = BackendOptions(seed=SEED, audit=audit)
            return run(RunRequest(protocol, chosen, options=options, data=folder / "runs"), Watcher())

        written = carry_out("program-array", audit=True)
        with closing(RunReader(written.folder)) as reader:
            truth = join(written.folder / TRUTH, claims(reader), LevelScale())
        transform: Any = carry_out("fourier", image=str(folder / "picture.npy")).summary
        return ArrayFigures(
            cells=truth.levels,
            within=truth.true_within_half_level,
            bursts=written.summary.bursts_per_cell,
            product=carry_out("vmm").summary.snr_db,
            transform=transform.snr_db,
            side=side,
            similarity=transform.ssim,
            closing=carry_out("snr").summary.closing_db,
            claimed_energy=carry_out("energy").summary.claimed_energy_per_op,
        )


def picture(side: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return greys of 0..1 with slopes, edges and texture, shape (side, side)."""
    row, column = np.mgrid[0:side, 0:side]
    slopes = 0.25 * np.sin(column / 17) * np.cos(row / 23)
    edges = 0.2 * ((column // 24 + row // 24) % 2)
    texture = np.random.default_rng(SEED).normal(0, 0.03, (side, side))
    return np.clip(0.4 + slopes + edges + texture, 0, 1)


def array_rows(found: ArrayFigures) -> list[Row]:
    """Return what is demanded of the default board with ideal wires, against what the protocols reach."""
    board = f"packaged bench, seed {SEED}, 16 averages"
    cells = f"{found.cells} cells, seed {SEED}"
    error = abs(found.claimed_energy / CLAIM - 1)
    return [
        Row("program-array within half a level", found.within, "", "at least 0.993", found.within >= 0.993,
            STUDY, cells),
        Row("program-array bursts", found.bursts, "", "at most 3.5 a cell", found.bursts <= 3.5, STUDY, cells),
        Row("vmm, signal to noise", found.product, "dB", "at least 76", found.product >= 76, STUDY, board),
        Row("fourier, signal to noise", found.transform, "dB", "at least 76", found.transform >= 76, STUDY, board),
        Row("fourier, picture there and back", found.similarity, "", "similarity of at least 0.99",
            found.similarity >= 0.99, STUDY, f"{found.side} x {found.side} pixels"),
        Row("snr, ledger against the measured ratio", found.closing, "dB", "closes within 0.5",
            abs(found.closing) <= 0.5, STUDY, board),
        Row("energy of an operation at 4.1 TOPS/W", found.claimed_energy, "J", "0.244 pJ, within 5 %",
            error <= CLAIM_WITHIN, NEWS, "arithmetic of the claim, no measurement: `labctl run energy` has both"),
    ]  # fmt: skip
