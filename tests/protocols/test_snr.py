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
from labctl.board_features import Coding, ProductReadings, ProductSetup
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import InputError, LinkError
from labctl.figure import Bars
from labctl.ledgered import LedgeredProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import Start, read_parameters
from labctl.run_reader import RunReader
from protocols.analysis.ledger_terms import Evidence, LedgerTerms, Trial
from protocols.analysis.product_errors import fit_columns
from protocols.analysis.range_guard import guard_shares
from protocols.ledger_evidence import SnrRecords
from protocols.ledger_measurements import SnrRecord
from protocols.snr import PROTOCOL, SnrParameters
from protocols.snr_summary import SnrSummary
from sim_backend.backend import TwinBackend
from sim_backend.crossbar.coding import NonlinearProduct, width_coded
from sim_backend.crossbar.schemes import Direction, LineResistances
from sim_backend.device_models.catalogue import model_of
from sim_backend.device_models.profile_files import packaged_profile
from sim_backend.device_models.ru_azo import RuAzo
from sim_backend.front_end.board import BoardFrontEnd
from sim_backend.front_end.board_errors import BoardErrors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
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


def closing_error(summary: SnrSummary) -> float:
    assert summary.closing_db is not None
    return abs(summary.closing_db)


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
    errors = replace(BoardErrors.none(), bits=18, converter_inl=1.0)
    front = BoardFrontEnd(errors, True, 64, 64, 5.9e-3, run.board_seed)
    weights = run.evidence.weights

    parts = [run.trial.training, run.trial.test]
    drives = [drive for part in parts for drive in (part.plus, part.minus)]
    # All in one request with the run's guard, so that they stand on the run's ranges.
    every = np.array([one.drive for one in run.records if one.kind in ("training", "test", "codes")])
    guard = guard_shares(every / weights.voltage, weights.target)[None, :] * weights.voltage
    ideal = np.concatenate([*drives, guard]) @ weights.target
    lines: NDArray[np.int64] = np.arange(len(weights.target[0]))
    found = front.integrate(lines, ideal, 0.0, 0.0, 1e-4, 4096).current
    a, b, c, d, _ = np.split(found, np.cumsum([len(drive) for drive in drives]))
    return alone(run, (a - b, c - d))


@dataclass(frozen=True)
class Rectifying:
    """Resistors that conduct one way."""

    conductance: Array

    def current(self, voltage: Array) -> Array:
        return self.slope(voltage) * voltage

    def slope(self, voltage: Array) -> Array:
        return np.where(voltage >= 0, self.conductance, self.conductance / 1e4)


def rectified(conductance: Array, segment: float, low: float, height: float) -> Callable[[Array], Array]:
    """Return the twin's solver of width-coded products of rectifying resistors behind wires."""
    wires = LineResistances(row_segment=segment, column_segment=segment)
    shape: tuple[int, int] = (conductance.shape[0], conductance.shape[1])
    product = NonlinearProduct(Rectifying(conductance), shape, Direction.ROWS_IN, wires)
    return lambda drive: width_coded(product, np.clip((drive - low) / height, 0, 1), 1.0, height, low)


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
    assert closing_error(summary) < 0.5
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
        {"device": str(profile), "front_end": "ideal"}, workload=workload, programming_error="1.07",
        map_averages="16", averages="1",
    )  # fmt: skip
    summary = found.summary
    assert summary.snr_db == pytest.approx(expected, abs=0.5)
    assert summary.ledger["programming"] == pytest.approx(programming_alone(found), abs=0.1)
    assert set(summary.ledger) - set(summary.ledger_bounds) == {"programming"}
    assert closing_error(summary) < 0.1


def test_it_goes_on_after_a_break_as_if_there_had_been_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = {"rows": "6", "columns": "6", "quick": "yes"}
    profile = tmp_path / "silent.toml"
    profile.write_text(SILENT, encoding="utf-8")
    twin = {"device": str(profile), "front_end": "ideal"}
    whole = records_of(carry_out(tmp_path / "whole", 1, twin, **size).folder)
    multiply, requests = LedgeredProbeBoard.multiply, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal requests
        requests += 1
        if requests == 30:
            raise LinkError("the link of the test is gone")
        return multiply(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "multiply", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", 1, twin, **size)
    result = resume(next((tmp_path / "broken").glob("*_snr_*")), Watcher())
    assert [replace(one, time=0.0) for one in records_of(result.folder)] == [replace(one, time=0.0) for one in whole]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"coding": "bit-serial"}, "bit-serial"),
        ({"coding": "amplitude", "floor": "1 mV"}, "floor"),
        ({"programming_error": "1", "program": "no"}, "program"),
        ({"rows": "3"}, "too few"),
        ({"workload": "fourier", "rows": "32"}, "not square"),
        ({"voltage": "0.3 V"}, "voltage"),
        ({"slot": "10 ms"}, "map_averages"),  # a guard and a vector of 256 slots are no request
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    tmp_path: Path, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        carry_out(tmp_path, 1, None, **settings)
    assert not list(tmp_path.iterdir())


def test_above_a_floor_every_pass_is_on_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_out: list[int] = []
    multiply = LedgeredProbeBoard.multiply

    def counted(board: LedgeredProbeBoard, inputs: Array, setup: ProductSetup) -> ProductReadings:
        if setup.coding is Coding.WIDTH and setup.floor > 0:
            put_out.append(len(inputs))
        return multiply(board, inputs, setup)

    monkeypatch.setattr(LedgeredProbeBoard, "multiply", counted)
    settings = {"quick": "yes", "rows": "8", "columns": "8", "floor": "1 mV"}
    records = records_of(carry_out(tmp_path, 1, None, **settings).folder)
    floored = [one for one in records if one.current and one.kind not in ("sweep", "reverse", "bare")]
    # A request of vectors has a guard beside them, which is no product.
    guards = sum(put_out) - len(floored)
    assert 0 < guards < len(put_out)
    assert {one.drive[0] > 0 for one in floored} == {True}


def test_all_rows_take_part_where_there_are_more_than_columns(tmp_path: Path) -> None:
    result = carry_out(tmp_path, 1, None, quick="yes", rows="12", columns="6")
    test = [one for one in records_of(result.folder) if one.kind == "test" and one.given]
    assert all(any(one.given[row] != 0 for one in test if one.part == 0) for row in range(12))


def test_a_run_that_broke_off_has_a_figure_and_a_summary(corner: Measured) -> None:
    records, parameters = corner.records, read_parameters(SnrParameters, {})
    assert PROTOCOL.figure is not None
    *_, terms, shares = PROTOCOL.figure(records, parameters).panels
    assert terms.x.names == shares.x.names
    powers = [mark.counts for mark in shares.marks if isinstance(mark, Bars)]
    assert 60 < sum(float(counts.sum()) for counts in powers) < 160  # percent; terms are not independent of each other
    kinds = [one.kind for one in records]
    places = {kinds.index(kind) + 1 for kind in dict.fromkeys(kinds)} | {len(records) - 1}
    for count in sorted(places):
        PROTOCOL.figure(records[:count], parameters)
        PROTOCOL.summarise(records[:count], parameters)
    assert not PROTOCOL.summarise([], parameters).passed


def test_amplitude_coding_shows_what_drivers_and_bent_cells_take() -> None:
    run = measure(
        rows="24", columns="24", coding="amplitude", voltage="50 mV", conduction_voltage="1000 V", vectors="48",
        training="48", averages="4", codes="24",
    )  # fmt: skip
    summary, weights, v = run.summary, run.evidence.weights, run.evidence.weights.voltage
    lines = np.arange(24)
    front = BoardFrontEnd(replace(BoardErrors.none(), driver_inl=1.0), True, 64, 64, 5.9e-3, run.board_seed)
    model = model_of(packaged_profile("ru-azo"))
    assert isinstance(model, RuAzo)
    steepness = model.conduction.steepness(weights.target)

    def driven(drive: Array) -> Array:
        return front.line_voltage(lines, drive) @ weights.target

    def bent(drive: Array) -> Array:
        shape = np.sinh(steepness * drive[:, :, None]) / np.sinh(steepness * 0.2)
        return np.einsum("ij,nij->nj", weights.target * 0.2, shape)

    def of(currents: Callable[[Array], Array]) -> float:
        parts = [run.trial.training, run.trial.test]
        a, b = (currents(part.plus) - currents(part.minus) for part in parts)
        return alone(run, (a, b))

    assert v == pytest.approx(0.05, rel=1e-3)
    truth = {"drivers": of(driven), "bend": of(bent), "programming": programming_alone(run)}
    assert min(truth.values()) < summary.snr_db + 2
    for name, value in truth.items():
        if value < summary.snr_db + 10:
            assert summary.ledger[name] == pytest.approx(value, abs=0.5), name
        else:
            assert name in summary.ledger_bounds
            assert summary.ledger[name] < value + 0.5
    assert closing_error(summary) < 0.5


def test_metal_wires_are_told_and_take_most() -> None:
    run = measure({"wires": "metal", "g_max": "20 uS"}, rows="16", columns="16", quick="yes", row="48")
    summary = run.summary
    terms = LedgerTerms(run.evidence, run.trial)
    assert terms.segment is not None
    assert terms.segment.error < 0.015
    assert terms.segment.resistance == pytest.approx(0.5, abs=3 * terms.segment.error)
    assert summary.segment_resistance == terms.segment.resistance
    assert closing_error(summary) < 0.5
    assert summary.ledger["wires"] == min(summary.ledger.values())
    # The twin's own solver, with resistors in place of the cells.
    weights, trial = run.evidence.weights, terms.trial
    product = rectified(weights.target, 0.5, float(run.evidence.low), weights.voltage)
    parts = [(product(part.plus) - product(part.minus)) for part in (trial.training, trial.test)]
    assert summary.ledger["wires"] == pytest.approx(alone(replace(run, trial=trial), (parts[0], parts[1])), abs=0.5)
