"""`snr` on the twin: its ledger against what the twin's world is made of."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import load_bench
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import InputError, LinkError, ParameterError
from labctl.ledgered import LedgeredProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import Start, read_parameters
from labctl.run_reader import RunReader
from protocols.analysis.ledger_terms import Evidence, LedgerTerms, Passes, Trial
from protocols.analysis.product_errors import fit_columns
from protocols.ledger_evidence import SnrRecords
from protocols.ledger_measurements import SnrRecord
from protocols.snr import PROTOCOL, SnrParameters
from protocols.snr_summary import SnrSummary
from sim_backend.backend import TwinBackend
from sim_backend.front_end.board import BoardFrontEnd
from sim_backend.front_end.board_errors import BoardErrors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from sim_backend.world import World

    Array = NDArray[np.float64]

SILENT = """
base = "ru-azo"
name = "silent film"

[noise]
read = "0 S"
read_slope = 0
flicker_share = 0
write = 0
write_rise = 0
spread = "0 S"
"""
"""A film without noise."""


@dataclass(frozen=True)
class Measured:
    """A run in this process, and the world that it was made in."""

    records: Sequence[SnrRecord]
    summary: SnrSummary
    evidence: Evidence
    trial: Trial
    conductance: Array
    board_seed: int


def measure(twin: dict[str, str] | None = None, seed: int = 1, **settings: str) -> Measured:
    parameters = read_parameters(SnrParameters, settings)
    file = load_bench(None, twin or {})
    with closing(TwinBackend(file, BackendOptions(seed=seed))) as backend, closing(Bench(file, backend)) as bench:
        bench.identify()
        bench.bring_up()
        offered = bench.offered()
        records = [one for one in PROTOCOL.run(offered, parameters, Start()) if isinstance(one, SnrRecord)]
        world: World = backend.world
        die, region = world.die, parameters.region(offered.die)
        whole = die.conductance_of(np.arange(die.rows * die.columns)).reshape(die.rows, die.columns)
        conductance, board_seed = whole[region.row_lines(), region.column_lines()].copy(), die.seed
    held = SnrRecords(records, parameters)
    evidence = held.evidence()
    assert evidence is not None
    summary = PROTOCOL.summarise(records, parameters).summary
    return Measured(records, summary, evidence, held.trial(0), conductance, board_seed)


def alone(run: Measured, currents: tuple[Array, Array]) -> float:
    """Return the SNR (dB) that currents of training and test would leave, after the columns' fit."""
    weights = run.evidence.weights
    ideal = [part.drive @ weights.target for part in (run.trial.training, run.trial.test)]
    found = fit_columns(ideal[0], currents[0]).corrected(currents[1]) - ideal[1]
    signal = float(np.mean(weights.wanted(run.trial.vectors) ** 2))
    return 10 * float(np.log10(signal / np.mean(weights.of_error(found) ** 2)))


def programming_alone(run: Measured) -> float:
    weights = run.evidence.weights
    cells = weights.target + run.conductance - weights.written
    return alone(run, (run.trial.training.drive @ cells, run.trial.test.drive @ cells))


def converter_alone(run: Measured) -> float:
    """Return what the twin's converters bend, on the range that the currents need."""
    shape = run.conductance.shape
    errors = replace(BoardErrors.none(), bits=18, converter_inl=1.0)
    front = BoardFrontEnd(errors, True, 64, 64, 5.9e-3, run.board_seed)
    weights = run.evidence.weights

    parts = [run.trial.training, run.trial.test]
    drives = [drive for part in parts for drive in (part.plus, part.minus)]
    # All in one request, so that they stand on the same ranges.
    ideal = (np.concatenate(drives) - run.evidence.low) @ weights.target
    found = front.integrate(np.arange(shape[1]), ideal, 0.0, 0.0, 1e-4, 4096).current
    ends = np.cumsum([len(drive) for drive in drives])[:-1]
    a, b, c, d = np.split(found, ends)
    return alone(run, (a - b, c - d))


def carry_out(data: Path, seed: int = 1, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    return run(RunRequest("snr", settings, twin=twin or {}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[SnrRecord]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", SnrRecord)


@pytest.fixture(scope="module")
def corner() -> Measured:
    return measure(rows="32", columns="32", vectors="40", training="48")


def test_the_ledger_of_the_default_die_agrees_with_its_world(corner: Measured) -> None:
    summary = corner.summary
    assert summary.snr_db > 76
    assert summary.snr_db > summary.snr_raw_db
    assert abs(summary.closing_db) < 0.5
    truth = {"programming": programming_alone(corner), "converter bend": converter_alone(corner)}
    for name, value in truth.items():
        assert summary.ledger[name] == pytest.approx(value, abs=0.5), name
        assert name not in summary.ledger_bounds
    assert {"drift", "cell noise", "input steps", "drivers", "wires"} <= set(summary.ledger_bounds)


@pytest.mark.parametrize(("workload", "expected"), [("vmm", 73.0), ("fourier", 75.0)])
def test_errors_of_so_many_levels_alone_give_the_published_figure(
    tmp_path: Path, workload: str, expected: float
) -> None:
    profile = tmp_path / "silent.toml"
    profile.write_text(SILENT, encoding="utf-8")
    found = measure(
        {"device": str(profile), "front_end": "ideal"}, workload=workload, programming_error="1.07", tolerance="0.2",
        vectors="24", training="24", map_averages="16", averages="1",
    )  # fmt: skip
    summary = found.summary
    assert summary.snr_db == pytest.approx(expected, abs=0.5)
    assert summary.ledger["programming"] == pytest.approx(programming_alone(found), abs=0.1)
    assert set(summary.ledger) - set(summary.ledger_bounds) == {"levels", "programming"}
    assert abs(summary.closing_db) < 0.1
