"""`labctl audit`: what a run recorded, joined with what truly happened."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from labctl.console import print_json, print_lines, summary_lines
from labctl.errors import InputError
from labctl.levels import LevelScale
from labctl.run_reader import RunReader, find_run
from sim_backend.audit import AuditRecord, join

if TYPE_CHECKING:
    from pathlib import Path

TRUTH = "audit.sqlite"
"""What a world's audit is called beside the run."""
_FIELDS = ("row", "column", "target", "boot", "delivered")
"""What a record must name to be held against the truth: the cell, its target, and the board's counters."""


def show_audit(run: str | None, truth: Path | None, data: Path, json: bool) -> None:
    """Print the true errors of a run.

    Raises:
        RunNotFoundError: if there is no such run.
        InputError: if the run kept no audit, or its records name no cell and target.
        StoreError: if a file cannot be read.
    """
    folder = find_run(data, run)
    file = truth or folder / TRUTH
    if not file.is_file():
        raise InputError(f"{file} does not exist; run with --audit, or name the served twin's audit with --truth")
    with closing(RunReader(folder)) as reader:
        records = claims(reader)
        scale = LevelScale.up_to(float(reader.manifest["bench"]["twin"]["g_max"]))
    result = join(file, records, scale)
    if json:
        print_json({"run": str(folder), **asdict(result)})
    else:
        print_lines([f"{folder.name} against the truth", *summary_lines(result)])


def claims(reader: RunReader) -> list[AuditRecord]:
    """Return every record of a run that claims a conductance for a cell.

    Raises:
        InputError: if there is none.
    """
    records: list[AuditRecord] = []
    for name, columns in reader.record_types().items():
        if set(_FIELDS) <= {column.name for column in columns}:
            fields = [reader.column(name, field) for field in _FIELDS]
            records += [AuditRecord(*values) for values in zip(*fields, strict=True)]
    if not records:
        raise InputError(f"no record of {reader.folder.name} names a cell and a target; there is nothing to audit")
    return records
