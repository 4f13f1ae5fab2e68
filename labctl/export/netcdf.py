"""Writes a run's records as a netCDF-4 file, block by block: any number of records takes little memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import h5netcdf
import h5py
import numpy as np

from labctl.export.layout import RECORD
from labctl.export.provenance_attributes import calibrations, flat, plain
from labctl.export.record_table import BLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labctl.export.layout import Layout, Variable
    from labctl.export.record_table import RecordTable, Values

_CHUNK_VALUES: Final = 1 << 16
"""Numbers of a chunk, at most: half of the cache that HDF5 gives a variable."""
_TEXT_CHUNK: Final = 1024
_COMPRESSION: Final[dict[str, Any]] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""The first level: nearly as small as the ninth, and some times faster."""


def write_netcdf(file: Path, table: RecordTable, layout: Layout, origin: Mapping[str, Any]) -> None:
    """Write a file, as netCDF-4 after the CF conventions.

    Yes and no are bytes of 1 and 0 with their meaning, text is text of any length, what is no number is NaN.

    Args:
        file: an existing one is overwritten.
        table: the records.
        layout: of them.
        origin: of them all (`provenance`).

    Raises:
        StoreError: if a record is not as labctl writes it.
        OSError: if the file cannot be written.
    """
    with h5netcdf.File(file, "w", locking=False) as root:
        root.dimensions[RECORD] = None  # unlimited, so that there may be none yet
        for line, length in layout.lines.items():
            root.dimensions[line] = length
        root.resize_dimension(RECORD, layout.count)
        places = " ".join(layout.coordinates)
        made = {each.name: _create(root, layout, each, places) for each in (layout.record, layout.steps)}
        made |= {each.name: _create(root, layout, each, places) for each in layout.variables}
        for line, length in layout.lines.items():
            index = root.create_variable(line, (line,), np.dtype("i8"), np.arange(length))
            _describe(index, {"long_name": layout.line_names[line], "units": "1"})
        for block in table.blocks():
            rows = slice(block.start, block.start + len(block.steps))
            for variable, values in layout.parts(block):
                made[variable.name][rows] = _stored(variable.kind, values)
        root.attrs.update(flat({**origin, **calibrations(table)}))


def _create(root: h5netcdf.File, layout: Layout, variable: Variable, places: str) -> h5netcdf.Variable:
    width = layout.lines[variable.dimensions[1]] if len(variable.dimensions) > 1 else 1
    along = max(1, min(layout.count, BLOCK, _CHUNK_VALUES // width))
    chunks = (along,) if len(variable.dimensions) == 1 else (along, min(width, _CHUNK_VALUES))
    match variable.kind:
        case "str":
            text = h5py.string_dtype()
            made = root.create_variable(variable.name, variable.dimensions, text, chunks=(min(along, _TEXT_CHUNK),))
        case "bool":
            byte = np.dtype("i1")
            made = root.create_variable(variable.name, variable.dimensions, byte, chunks=chunks, **_COMPRESSION)
            # xarray makes a boolean of it; the flags are CF's way of saying the same.
            _describe(made, {"dtype": "bool", "flag_values": np.array([0, 1], "i1"), "flag_meanings": "no yes"})
        case "int":
            whole = np.dtype("i8")
            made = root.create_variable(variable.name, variable.dimensions, whole, chunks=chunks, **_COMPRESSION)
        case _:
            made = root.create_variable(
                variable.name, variable.dimensions, np.dtype("f8"), fillvalue=np.nan, chunks=chunks, **_COMPRESSION
            )
    _describe(made, variable.attributes)
    if not variable.is_coordinate:
        _describe(made, {"coordinates": places})
    return made


def _describe(variable: h5netcdf.Variable, attributes: Mapping[str, Any]) -> None:
    variable.attrs.update(attributes)


def _stored(kind: str, values: Values) -> Values:
    """Return values as the file keeps them."""
    if kind == "bool":
        return values.astype(np.int8)
    if kind == "str":
        return np.array([plain(text) for text in values.tolist()], np.object_)
    return values
