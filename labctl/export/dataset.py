"""A run's records as an xarray dataset in memory: what a netCDF file of them opens as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from labctl.export.provenance_attributes import calibrations, flat, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.export.layout import Layout, Variable
    from labctl.export.record_table import RecordTable, Values

_TYPES = {"int": np.int64, "bool": np.bool_, "str": np.object_}


def dataset_of(table: RecordTable, layout: Layout, origin: Mapping[str, Any]) -> xr.Dataset:
    """Return the records as a dataset.

    Args:
        table: the records.
        layout: of them.
        origin: of them all (`provenance`).

    Raises:
        StoreError: if a record is not as labctl writes it.
    """
    every = (layout.record, layout.steps, *layout.variables)
    values = {variable.name: _empty(variable, layout) for variable in every}
    for block in table.blocks():
        rows = slice(block.start, block.start + len(block.steps))
        for variable, part in layout.parts(block):
            values[variable.name][rows] = [plain(text) for text in part] if variable.kind == "str" else part
    variables = {each.name: xr.Variable(each.dimensions, values[each.name], _attributes(each)) for each in every}
    lines = {
        line: xr.Variable((line,), np.arange(length), {"long_name": layout.line_names[line], "units": "1"})
        for line, length in layout.lines.items()
    }
    places = {layout.record.name, *layout.coordinates}
    return xr.Dataset(
        {name: variable for name, variable in variables.items() if name not in places},
        {name: variable for name, variable in variables.items() if name in places} | lines,
        flat({**origin, **calibrations(table)}),
    )


def _empty(variable: Variable, layout: Layout) -> Values:
    shape = (layout.count, *(layout.lines[line] for line in variable.dimensions[1:]))
    return np.empty(shape, _TYPES.get(variable.kind, np.float64))


def _attributes(variable: Variable) -> dict[str, Any]:
    flags = {"flag_values": np.array([0, 1], "i1"), "flag_meanings": "no yes"} if variable.kind == "bool" else {}
    return flags | dict(variable.attributes)
