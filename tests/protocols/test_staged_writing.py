"""Strategies against wires, on the twin's metal ones: what the array multiplies by is brought to its target."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labctl.backend import BackendOptions
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import InputError
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from protocols.program_array import CellProgrammed
from protocols.program_array_summary import latest

METAL = {"wires": "metal", "g_max": "20 uS"}
LINES = {"rows": "8", "columns": "8"}


class StopAfter(Watcher):
    """Hits Ctrl-C once after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step_done(self, caption: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def carry_out(protocol: str, data: Path, watcher: Watcher | None = None, **settings: str) -> RunResult:
    request = RunRequest(protocol, {**LINES, **settings}, twin=METAL, options=BackendOptions(seed=1), data=data)
    return run(request, watcher or Watcher())


def records_of(folder: Path) -> list[CellProgrammed]:
    with closing(RunReader(folder)) as reader:
        return [replace(one, time=0.0, boot=0, delivered=0) for one in reader.typed("record", CellProgrammed)]


def test_effective_weights_multiply_better_than_those_of_single_cells(tmp_path: Path) -> None:
    own = carry_out("vmm", tmp_path, quick="yes").summary
    effective = carry_out("vmm", tmp_path, quick="yes", strategy="effective").summary
    assert effective.snr_db >= 73
    assert effective.snr_raw_db > own.snr_raw_db + 10
    assert (effective.voltage, own.voltage) == (0.07, 0.2)
    assert effective.floor > 0 == own.floor
    assert effective.bursts_per_cell > own.bursts_per_cell  # it begins where the others end


def test_a_break_in_either_stage_changes_nothing(tmp_path: Path) -> None:
    whole = carry_out("program-array", tmp_path / "whole", strategy="effective")
    with closing(RunReader(whole.folder)) as reader:
        steps = reader.steps()
    assert steps > 8
    for broken in (3, steps - 6, steps - 1):
        data = tmp_path / str(broken)
        with pytest.raises(KeyboardInterrupt):
            carry_out("program-array", data, StopAfter(broken), strategy="effective")
        result = resume(next(data.iterdir()), Watcher())
        assert records_of(result.folder) == records_of(whole.folder)


def test_every_burst_of_both_stages_is_counted(tmp_path: Path) -> None:
    result = carry_out("program-array", tmp_path, strategy="effective")
    records = latest(records_of(result.folder))
    with closing(RunReader(result.folder)) as reader:
        pulses = reader.pulses_had()
    assert [record.pulses for record in records] == [
        pulses[cell] for cell in sorted(pulses, key=lambda c: (c.row, c.column))
    ]
    assert np.mean([record.bursts for record in records]) == pytest.approx(result.summary.bursts_per_cell)


def test_a_run_leaves_a_report_of_every_cell(tmp_path: Path) -> None:
    result = carry_out("program-array", tmp_path)
    lines = (result.folder / "cells.csv").read_text(encoding="utf-8").splitlines()
    records = latest(records_of(result.folder))
    assert len(lines) == 1 + len(records)
    first = dict(zip(lines[0].split(","), lines[1].split(","), strict=True))
    assert float(first["error (levels)"]) == pytest.approx(records[0].error, rel=1e-6)
    assert (first["row"], first["column"], first["bursts"]) == ("0", "0", str(records[0].bursts))
    assert first["written"] == str(int(records[0].written))


def test_a_transfer_voltage_above_the_envelope_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="read_voltage"):
        carry_out("program-array", tmp_path, strategy="effective", voltage="0.3 V")
    assert not list(tmp_path.iterdir())
