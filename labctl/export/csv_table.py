"""Writes a run's records as CSV after RFC 4180, and beside it, as JSON, what CSV has no place for."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from labctl.errors import InputError
from labctl.export.provenance_attributes import calibrations, plain
from labctl.records import ROW_TYPE, Column
from labctl.store import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from labctl.export.layout import Layout
    from labctl.export.record_table import RecordTable, Values

COLUMNS_MAX: Final = 16_384
"""Columns of a sheet of Excel ("Excel specifications and limits")."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would work out (OWASP, "CSV Injection")."""


def write_csv(file: Path, table: RecordTable) -> None:
    """Write a file: UTF-8, one line of headers with units, one line for each record.

    What is no number is an empty cell, yes and no are `true` and `false`, and a row of numbers takes a column for each.
    A text that a spreadsheet would take for a formula has an apostrophe before it.

    Args:
        file: an existing one is overwritten.
        table: the records.

    Raises:
        InputError: if there are more columns than a spreadsheet has.
        StoreError: if a record is not as labctl writes it.
        OSError: if the file cannot be written.
    """
    names = [header for _, some in headers(table) for header in some]
    if len(names) > COLUMNS_MAX:
        raise InputError(f"its records take {len(names)} columns, and a table has at most {COLUMNS_MAX}; use netcdf")
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(names)
        for block in table.blocks():
            start, steps = block.start, block.steps
            cells: list[Sequence[Any]] = [range(start, start + len(steps)), steps.tolist()]
            for values in block.values:
                cells += _cells(values)
            writer.writerows(zip(*cells, strict=True))


def write_sidecar(file: Path, table: RecordTable, layout: Layout, origin: Mapping[str, Any], described: str) -> None:
    """Write what the columns of a CSV file are, and where they come from, as strict JSON.

    Args:
        file: an existing one is overwritten.
        table: the records.
        layout: of them.
        origin: of them all (`provenance`).
        described: name of the CSV file.

    Raises:
        OSError: if the file cannot be written.
    """
    described_as = [layout.record.attributes, layout.steps.attributes, *(each.attributes for each in layout.variables)]
    columns = [
        {"name": each.name, "type": each.type, "unit": each.unit, "headers": names}
        | {key: said[key] for key in ("long_name", "comment") if key in said}
        for (each, names), said in zip(headers(table), described_as, strict=True)
    ]
    whole = {name: value for name, value in {**origin, **calibrations(table)}.items() if name != "Conventions"}
    content = {"describes": described, "records": table.count, "columns": columns, "provenance": whole}
    file.write_text(json.dumps(strict_json(content), allow_nan=False, indent=2) + "\n", encoding="utf-8")


def headers(table: RecordTable) -> Iterator[tuple[Column, list[str]]]:
    """Yield the fields of the file, each with the headers of its columns."""
    for name in ("record", "step"):
        yield Column(name, "int", ""), [name]
    for column in table.columns:
        unit = f" ({column.unit})" if column.unit else ""
        if column.type == ROW_TYPE:
            yield column, [f"{column.name}[{place}]{unit}" for place in range(table.widths[column.name])]
        else:
            yield column, [f"{column.name}{unit}"]


def _cells(values: Values) -> list[Sequence[Any]]:
    """Return the columns of cells that the values of one field take."""
    if values.ndim == 2:
        return [_numbers(values[:, place]) for place in range(values.shape[1])]
    match values.dtype.kind:
        case "f":
            return [_numbers(values)]
        case "b":
            return [["true" if value else "false" for value in values.tolist()]]
        case "O":
            return [[_text(text) for text in values.tolist()]]
        case _:
            return [values.tolist()]


def _numbers(values: Values) -> list[Any]:
    """Return floats as cells: the shortest digits that give each back to the last bit, nothing for NaN."""
    numbers = values.tolist()
    return ["" if number != number else number for number in numbers] if np.isnan(values).any() else numbers


def _text(text: str) -> str:
    kept = plain(text)
    return f"'{kept}" if kept.startswith(_FORMULA) else kept
