"""`labctl audit`: what a run recorded, joined with what truly happened.

Records that name a target are held against it. A protocol that says how its records would look in truth is summed up
a second time, from these.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from labctl import plugins
from labctl.console import print_json, print_lines
from labctl.errors import InputError, StoreError, UnknownNameError
from labctl.levels import LevelScale
from labctl.protocol import read_parameters
from labctl.run_reader import RunReader, find_run
from labctl.summaries import summary_lines
from sim_backend.audit import AuditRecord, join, true_conductances

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.protocol import Protocol

TRUTH = "audit.sqlite"
"""What a world's audit is called beside the run."""
_FIELDS = ("row", "column", "target", "boot", "delivered")
"""What it must name to be held against its target, too."""


def show_audit(run: str | None, truth: Path | None, data: Path, json: bool) -> None:
    """Print the true errors of a run, and what its protocol's summary would be in truth.

    Raises:
        RunNotFoundError: if there is no such run.
        InputError: if the run kept no audit, or its records name no cell.
        StoreError: if a file cannot be read.
    """
    folder = find_run(data, run)
    file = truth or folder / TRUTH
    if not file.is_file():
        raise InputError(f"{file} does not exist; run with --audit, or name the served twin's audit with --truth")
    with closing(RunReader(folder)) as reader:
        records = claims(reader)
        scale = LevelScale.up_to(_g_max(reader))
        summary = summary_in_truth(reader, file)
    if not records and summary is None:
        raise InputError(f"no record of {folder.name} names a cell and a target; there is nothing to audit")
    result = join(file, records, scale) if records else None
    if json:
        errors = {} if result is None else asdict(result)
        print_json({"run": str(folder), **errors, **({} if summary is None else {"truth": asdict(summary)})})
        return
    lines = [] if summary is None else ["  its summary, had it read the truth:", *summary_lines(summary)]
    print_lines([f"{folder.name} against the truth", *summary_lines(result), *lines])


def _g_max(reader: RunReader) -> float:
    """Return the conductance (S) of the die's last level.

    Raises:
        StoreError: if the manifest does not say.
    """
    try:
        g_max = float(reader.manifest["bench"]["twin"]["g_max"])
    except (KeyError, TypeError, ValueError, OverflowError):
        g_max = math.nan
    if not (math.isfinite(g_max) and g_max > 0):
        raise StoreError(f"the manifest of {reader.folder} does not say on which scale its levels are")
    return g_max


def claims(reader: RunReader) -> list[AuditRecord]:
    """Return every record of a run that claims a conductance for a cell, which is to have a certain one."""
    protocol = _protocol(reader)
    if protocol is not None and protocol.standing is not None:
        standing = protocol.standing(reader.typed("record", protocol.record))
        return [AuditRecord(one.row, one.column, one.target, one.boot, one.delivered) for one in standing]
    records: list[AuditRecord] = []
    for name, columns in reader.record_types().items():
        if set(_FIELDS) <= {column.name for column in columns}:
            fields = [reader.column(name, field) for field in _FIELDS]
            records += [AuditRecord(*values) for values in zip(*fields, strict=True)]
    return records


def _protocol(reader: RunReader) -> Protocol[Any, Any] | None:
    """Return the run's protocol; None if it is not known here."""
    try:
        return cast("Protocol[Any, Any]", plugins.load(plugins.PROTOCOLS, str(reader.manifest.get("protocol"))))
    except UnknownNameError:
        return None


def _settings(reader: RunReader) -> dict[str, str]:
    """Return what was typed behind `--set`.

    Raises:
        StoreError: if the manifest does not say.
    """
    try:
        return {str(name): str(text) for name, text in reader.manifest["asked"]["settings"].items()}
    except (KeyError, TypeError, AttributeError):
        raise StoreError(f"the manifest of {reader.folder} does not say what was asked for") from None


def summary_in_truth(reader: RunReader, file: Path) -> Any:
    """Return what the run's protocol makes of its records with true conductances; None if it does not say how.

    Raises:
        StoreError: if a file cannot be read.
    """
    protocol = _protocol(reader)
    if protocol is None or protocol.in_truth is None:
        return None
    records = reader.typed("record", protocol.record)
    if protocol.standing is not None:
        records = protocol.standing(records)
    if not records:
        return None
    true = true_conductances(file, records).tolist()
    parameters = read_parameters(protocol.parameters, _settings(reader))
    in_truth = [protocol.in_truth(record, conductance) for record, conductance in zip(records, true, strict=True)]
    return protocol.summarise(in_truth, parameters).summary
