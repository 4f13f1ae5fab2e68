"""Variables, dimensions and units of a run's records, the same in a netCDF file and in an xarray dataset."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from labctl.export.field_words import Words, long_name
from labctl.records import ROW_TYPE, Column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.export.record_table import Block, RecordTable, Values

RECORD: Final = "record"
"""The dimension along the records."""
LINE: Final = "line"
"""The dimension along a record's row of numbers that does not say what it lies along."""
_TEXT: Final = re.compile(r"text_\d+")
"""Dimensions along the characters of a text, which a file adds."""
_PLACES: Final = ("step", "row", "column", "time")
"""Variables that say where and when a record belongs: coordinates."""
_UNITS: Final = {"": "1", "levels": "1", "dB": "0.1 lg(re 1)"}
"""Our units as UDUNITS-2 writes them, where that differs: it knows decibels as a logarithm, and no levels of a die."""

Attribute = str | int | float


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable.

    Args:
        name: in the file; a field that is called like a dimension has an underscore behind it.
        kind: type of the column: "float", "int", "bool", "str" or "floats".
        dimensions: one or two names.
        attributes: units, long name, and what else there is to say.
        is_coordinate: whether it says where or when, and not what.
    """

    name: str
    kind: str
    dimensions: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    is_coordinate: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file or dataset of a run's records consists of.

    Args:
        count: length of the dimension along the records.
        lines: lengths of the dimensions along rows of numbers, by name.
        record: the coordinate variable of the records.
        steps: the variable of their steps.
        variables: one for each column.
        line_names: what the coordinate variable of each dimension in `lines` says of itself.
    """

    count: int
    lines: Mapping[str, int]
    record: Variable
    steps: Variable
    variables: tuple[Variable, ...]
    line_names: Mapping[str, str]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Return the names of the coordinates that are no dimensions."""
        return tuple(variable.name for variable in (self.steps, *self.variables) if variable.is_coordinate)

    def named(self, table: RecordTable) -> list[tuple[str, Variable]]:
        """Return all variables along the records, each with the name of its column."""
        columns = [RECORD, "step", *(column.name for column in table.columns)]
        return list(zip(columns, (self.record, self.steps, *self.variables), strict=True))

    def padded(self, variable: Variable, values: Values) -> Values:
        """Return a column's values as wide as its dimension: one of empty rows has the length 1, all NaN."""
        if len(variable.dimensions) == 1 or values.shape[1] == self.lines[variable.dimensions[1]]:
            return values
        return np.full((len(values), self.lines[variable.dimensions[1]]), np.nan)

    def parts(self, block: Block) -> list[tuple[Variable, Values]]:
        """Return the variables of a block of records, each with its values."""
        numbers = np.arange(block.start, block.start + len(block.steps))
        parts: list[tuple[Variable, Values]] = [(self.record, numbers), (self.steps, block.steps)]
        pairs = zip(self.variables, block.values, strict=True)
        return [*parts, *((variable, self.padded(variable, values)) for variable, values in pairs)]


def layout_of(table: RecordTable, words: Mapping[str, Words]) -> Layout:
    """Return the layout of a run's records.

    Args:
        table: the records.
        words: what is said of their fields, by name.
    """
    lines = _lines(table)
    taken = {RECORD, *lines}
    variables: list[Variable] = []
    for column in table.columns:
        name = column.name
        while name in taken or _TEXT.fullmatch(name):
            name += "_"
        taken.add(name)
        row = next((line for line, (_, names) in lines.items() if column.name in names), None)
        variables.append(replace(_variable(column, words.get(column.name, Words()), row), name=name))
    said = {line: f"{_counted(line)}, counted from 0: {', '.join(names)}" for line, (_, names) in lines.items()}
    return Layout(
        table.count,
        {line: max(width, 1) for line, (width, _) in lines.items()},
        Variable(RECORD, "int", (RECORD,), {"long_name": "record, counted from 0", "units": "1"}, is_coordinate=True),
        Variable("step", "int", (RECORD,), {"long_name": "step, counted from 1", "units": "1"}, is_coordinate=True),
        tuple(variables),
        said,
    )


def _lines(table: RecordTable) -> dict[str, tuple[int, list[str]]]:
    """Return dimensions along rows, each with its length and its fields.

    Rows of one length that lie along the same share a dimension; of several lengths the second has a number, and so on.
    """
    alike: dict[tuple[str, int], list[str]] = {}
    for column in table.columns:
        if column.type == ROW_TYPE:
            alike.setdefault((column.along or LINE, table.widths[column.name]), []).append(column.name)
    lines: dict[str, tuple[int, list[str]]] = {}
    for (along, width), names in alike.items():
        name, number = along, 1
        while name in lines or name in (RECORD, "step") or _TEXT.fullmatch(name):
            number += 1
            name = f"{along}_{number}"
        lines[name] = width, names
    return lines


def _counted(line: str) -> str:
    """Return what is counted along a dimension."""
    along = re.sub(r"_\d+$", "", line)
    return "place in the row of numbers" if along == LINE else along.replace("_", " ")


def _variable(column: Column, words: Words, row: str | None) -> Variable:
    attributes: dict[str, Attribute] = {"long_name": long_name(column, words)}
    if column.type in ("float", "int", ROW_TYPE):
        attributes["units"] = _UNITS.get(column.unit, column.unit)
    if words.comment:
        attributes["comment"] = words.comment
    if column.unit in _UNITS and column.unit:
        attributes["labctl_unit"] = column.unit
    is_place = column.name in _PLACES and column.type in ("float", "int")
    dimensions = (RECORD,) if row is None else (RECORD, row)
    return Variable(column.name, column.type, dimensions, attributes, is_place)
