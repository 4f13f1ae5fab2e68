"""`energy` on the twin: measured currents against the twin's own account of what goes into the array."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import load_bench
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import InputError, LinkError
from labctl.ledgered import LedgeredProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import Start, StepEnd, read_parameters
from labctl.run_reader import RunReader
from protocols.analysis.digital_baselines import BASELINES
from protocols.energy import BATCH, PROTOCOL, EnergyParameters, EnergyReading
from protocols.energy_account import Account, account_of
from protocols.energy_figure import figure
from protocols.energy_summary import EnergySummary
from sim_backend.backend import TwinBackend


def carry_out(data: Path, seed: int = 1, twin: dict[str, str] | None = None, **settings: str) -> RunResult:
    options = BackendOptions(seed=seed)
    return run(RunRequest("energy", settings, twin=twin or {}, options=options, data=data), Watcher())


def records_of(folder: Path) -> list[EnergyReading]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", EnergyReading)


def on_a_full_die(
    settings: dict[str, str], twin: dict[str, str]
) -> tuple[list[EnergyReading], EnergyParameters, dict[str, float]]:
    """Return the records of a run on random cells, its parameters, and what the twin says went in, by stage (J)."""
    parameters = read_parameters(EnergyParameters, {"program": "no", **settings})
    file = load_bench(None, twin)
    records: list[EnergyReading] = []
    truth = {"line": 0.0, "product": 0.0}
    with closing(TwinBackend(file, BackendOptions(seed=3))) as backend, closing(Bench(file, backend)) as bench:
        bench.identify()
        bench.bring_up()
        state = backend.world.die.state
        state[:] = np.random.default_rng(5).uniform(0, 16_000, state.shape)
        before = backend.energy()
        for item in PROTOCOL.run(bench.offered(), parameters, Start()):
            if not isinstance(item, StepEnd):
                records.append(item)
                continue
            spent = backend.energy() - before
            truth["line" if records[-1].stage == "line" else "product"] += spent
            before = backend.energy()
    return records, parameters, truth


def account(records: list[EnergyReading]) -> Account:
    found = account_of(records)
    assert found is not None
    return found


@pytest.mark.parametrize("twin", [{}, {"device": "vteam-taox"}, {"device": "ru-azo-soft"}])
@pytest.mark.parametrize("coding", ["width", "amplitude", "bit-serial"])
def test_the_energy_of_products_is_the_twins(coding: str, twin: dict[str, str]) -> None:
    settings = {"coding": coding, "vectors": "6", "bits": "4", "voltage": "150 mV"}
    records, parameters, truth = on_a_full_die(settings, twin)
    found = account(records)
    summary: EnergySummary = PROTOCOL.summarise(records, parameters).summary
    assert summary.array_energy * found.vectors == pytest.approx(truth["product"], rel=0.002)
    assert summary.array_energy_per_op * summary.operations == pytest.approx(truth["product"], rel=0.002)
    assert summary.operations == 2 * 64 * 64 * 6
    assert summary.passes_per_product == (8 if coding == "bit-serial" else 2)
    assert summary.loading == pytest.approx(1, abs=0.002)
    assert summary.closure < 0.002


def test_the_pass_that_takes_out_a_floor_is_counted() -> None:
    settings = {"floor": "10 mV", "voltage": "100 mV", "signed": "no", "vectors": "4"}
    records, parameters, truth = on_a_full_die(settings, {})
    summary = PROTOCOL.summarise(records, parameters).summary
    assert (summary.passes_per_product, summary.passes) == (2, 8)
    assert summary.array_energy * 4 == pytest.approx(truth["product"], rel=0.005)


def test_lines_between_products_and_several_averages_are_counted() -> None:
    settings = {"floor": "20 mV", "voltage": "100 mV", "averages": "3", "slot": "20 us", "vectors": "4"}
    records, parameters, truth = on_a_full_die(settings, {})
    summary = PROTOCOL.summarise(records, parameters).summary
    assert summary.array_energy * 4 == pytest.approx(truth["product"], rel=0.005)
    assert summary.floor == pytest.approx(0.02, rel=1e-3)
    # Without what flows between the slots it would be far off.
    assert account(records).work.still_power * summary.still > 0.01 * summary.array_energy / 2


@pytest.mark.parametrize("coding", ["width", "amplitude"])
def test_wires_load_lines_and_are_accounted_for(coding: str) -> None:
    twin = {"wires": "metal", "g_max": "200 uS"}
    settings = {"vectors": "2", "voltage": "100 mV", "coding": coding, "rows": "32", "columns": "32"}
    records, parameters, truth = on_a_full_die(settings, twin)
    summary = PROTOCOL.summarise(records, parameters).summary
    assert summary.loading < 0.985
    assert summary.array_energy * 2 == pytest.approx(truth["product"], rel=0.005)
    # What lines carry alone would be too much by more than 2 %.
    assert summary.array_energy * 2 / summary.loading > 1.02 * truth["product"]


def test_a_programmed_corner_counts_its_own_operations(tmp_path: Path) -> None:
    result = carry_out(tmp_path, quick="yes", rows="8", columns="6", mapping="differential", signed="no")
    summary = result.summary
    assert result.passed
    assert (summary.inputs, summary.outputs, summary.products, summary.passes_per_product) == (8, 3, 16, 1)
    assert summary.operations == 2 * 8 * 3 * 16
    assert summary.columns == 6
    # Half of the pairs' cells stand at the lowest level, the other half anywhere.
    assert summary.cell_conductance == pytest.approx(5.9e-3 / 4, rel=0.2)
    assert summary.line_conductance == pytest.approx(6 * summary.cell_conductance, rel=0.02)
    assert summary.calibration


def test_every_figure_follows_from_the_inputs_beside_it(tmp_path: Path) -> None:
    summary = carry_out(tmp_path, quick="yes", baseline="k80", adc_merit="165", chip_slot="1 us").summary
    each = 2 * summary.inputs * summary.outputs
    parts, passes = summary.parts, summary.passes_per_product
    assert summary.system_energy_per_op == pytest.approx(sum(parts.values()) / each)
    assert summary.array_energy_per_op == pytest.approx(parts["array"] / each)
    assert parts["array"] == pytest.approx(passes * summary.array_power * summary.averages * summary.slot)
    assert parts["dac"] == pytest.approx(passes * summary.inputs * summary.dac_energy)
    assert parts["adc"] == pytest.approx(passes * summary.columns * 0.5e-9, rel=1e-6)
    resting = summary.columns * summary.tia_power * (summary.slot + summary.still)
    assert parts["tia"] == pytest.approx(passes * (resting + summary.supply * summary.column_current * summary.slot))
    assert parts["control"] == pytest.approx(passes * (summary.inputs + summary.columns) * summary.control_energy)
    assert summary.ratio == pytest.approx(150 / 2.8e12 / summary.system_energy_per_op)
    assert summary.ratio == summary.ratios["k80"]
    # A chip's pass is a hundred times shorter: so are the array's energy and the amplifiers', not the converters'.
    assert summary.chip_parts["array"] == pytest.approx(parts["array"] / 100)
    assert summary.chip_parts["adc"] == parts["adc"]
    assert summary.chip_ratio > summary.ratio
    assert summary.thermal_snr_db - summary.chip_thermal_snr_db == pytest.approx(20)
    assert "instruments" in summary.excluded


def test_the_claim_is_arithmetic_beside_machines_of_today(tmp_path: Path) -> None:
    summary = carry_out(tmp_path, quick="yes", program="no").summary
    assert summary.claimed_energy_per_op == pytest.approx(0.244e-12, rel=1e-3)
    assert summary.claimed_ratio == pytest.approx(457, abs=1)
    assert summary.claimed_ratio_k80 == pytest.approx(220, abs=1)
    assert summary.claimed_ratios["h100"] == pytest.approx(1.45, rel=0.01)
    assert summary.digital_energy_per_op == {one.name: one.energy_per_op for one in BASELINES}
    assert "Haswell" in summary.claim


@pytest.mark.parametrize("request_number", [1, 2, 3, 5])
def test_a_broken_off_run_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_number: int
) -> None:
    settings = {"rows": "8", "columns": "8", "vectors": str(3 * BATCH), "program": "no"}
    whole = carry_out(tmp_path / "whole", 1, None, **settings)
    multiply, requests = LedgeredProbeBoard.multiply, 0

    def broken_off(board: LedgeredProbeBoard, *arguments: Any) -> Any:
        nonlocal requests
        requests += 1
        if requests == request_number:
            raise LinkError("the link of the test is gone")
        return multiply(board, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(LedgeredProbeBoard, "multiply", broken_off)
        with pytest.raises(LinkError):
            carry_out(tmp_path / "broken", 1, None, **settings)
    gone_on = resume(next((tmp_path / "broken").glob("*_energy_*")), Watcher())
    assert gone_on.summary.operations == whole.summary.operations == 2 * 8 * 8 * 48
    found, expected = records_of(gone_on.folder), records_of(whole.folder)
    assert [(one.stage, one.index, one.share) for one in found] == [
        (one.stage, one.index, one.share) for one in expected
    ]
    # Cells at level 0 carry little more than the readers' noise.
    assert gone_on.summary.array_energy == pytest.approx(whole.summary.array_energy, rel=0.02)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"voltage": "0.3 V"}, "voltage"),
        ({"matrix": "nowhere.npy"}, "matrix"),
        ({"mapping": "differential", "columns": "1"}, "mapping"),
        ({"tia_power": "-1 uW"}, "tia_power"),
        ({"supply": "-0.9 V"}, "supply"),
        ({"dac_energy": "-1 pJ"}, "dac_energy"),
        ({"control_energy": "-1 pJ"}, "control_energy"),
        ({"temperature": "0 K"}, "temperature"),
        ({"adc_snr": "-3"}, "adc_snr"),
        ({"chip_slot": "0 s"}, "chip_slot"),
        ({"vectors": "0"}, "vectors"),
        ({"baseline": "abacus"}, "baseline"),
    ],
)
def test_nonsense_is_refused_before_anything_is_sent(tmp_path: Path, settings: dict[str, str], names: str) -> None:
    with pytest.raises(InputError, match=names):
        carry_out(tmp_path, 1, None, **settings)
    assert not list(tmp_path.iterdir())


def test_a_matrix_of_another_shape_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.npy"
    np.save(file, np.zeros((3, 4)))
    with pytest.raises(InputError, match="64 rows of 64 weights"):
        carry_out(tmp_path / "runs", matrix=str(file))


def test_an_array_that_carries_nothing_is_no_division_by_zero() -> None:
    records, parameters, _ = on_a_full_die({"vectors": "1", "rows": "2", "columns": "2"}, {})
    dead = [replace(one, current=tuple(0.0 for _ in one.current)) for one in records]
    outcome = PROTOCOL.summarise(dead, parameters)
    assert not outcome.passed
    assert outcome.summary.array_energy == 0.0
    assert outcome.summary.thermal_snr_db is None
    assert figure(dead, parameters).panels
    assert PROTOCOL.summarise(dead[:2], parameters).summary is None
    assert len(figure(records, parameters).panels) == 4
    assert len(figure(records[:2], parameters).panels) == 1
