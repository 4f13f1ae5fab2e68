"""Writes a run's records as a netCDF-4 file, block by block: any number of records takes little memory."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import h5netcdf
import h5py
import numpy as np

from labctl.export.forgiving_file import ForgivingFile
from labctl.export.layout import RECORD
from labctl.export.provenance_attributes import calibrations, flat, plain
from labctl.export.record_table import BLOCK

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labctl.export.layout import Attribute, Layout, Variable
    from labctl.export.record_table import RecordTable, Values

_CHUNK_VALUES: Final = 1 << 16
"""Numbers of a chunk, at most: half of the cache that HDF5 gives a variable."""
_CHARACTERS_MAX: Final = 256
"""Bytes up to which a text is kept as characters, which every netCDF program reads and which pack well."""
_ATTRIBUTE_MAX: Final = 60_000
"""Bytes up to which an attribute is kept as characters: with its name it must be below 64 KiB ("HDF5 User Guide")."""
_COMPRESSION: Final[dict[str, Any]] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""The first level: nearly as small as the ninth, and some times faster."""
_TYPES: Final = {"int": np.dtype("i8"), "bool": np.dtype("i1"), "str": np.dtype("S1")}


def write_netcdf(file: Path, table: RecordTable, layout: Layout, origin: Mapping[str, Any]) -> None:
    """Write a file, as netCDF-4 after the CF conventions.

    Yes and no are bytes of 1 and 0 with their meaning, what is no number is NaN, text is UTF-8 in characters, or, where
    some of it is long, in texts of any length.

    Args:
        file: an existing one is overwritten.
        table: the records.
        layout: of them.
        origin: of them all (`provenance`).

    Raises:
        StoreError: if a record is not as labctl writes it.
        OSError: if the file cannot be written.
    """
    with closing(ForgivingFile(file)) as out:
        with h5netcdf.File(out, "w") as root:
            _fill(root, table, layout, out)
            root.attrs.update(_characters(flat({**origin, **calibrations(table)})))
        if out.failure is not None:
            raise out.failure


def _fill(root: h5netcdf.File, table: RecordTable, layout: Layout, out: ForgivingFile) -> None:
    """Write all variables."""
    root.dimensions[RECORD] = None  # unlimited, so that there may be none yet
    for line, length in layout.lines.items():
        root.dimensions[line] = length
    root.resize_dimension(RECORD, layout.count)
    made = {
        variable.name: _create(root, layout, variable, table.text_bytes.get(column, 0))
        for column, variable in layout.named(table)
    }
    for line, length in layout.lines.items():
        index = root.create_variable(line, (line,), np.dtype("i8"), np.arange(length))
        index.attrs.update(_characters({"long_name": layout.line_names[line], "units": "1"}))
    for block in table.blocks():
        rows = slice(block.start, block.start + len(block.steps))
        for variable, values in layout.parts(block):
            target = made[variable.name]
            target[rows] = _stored(variable.kind, values, target.shape)
        if out.failure is not None:
            return


def _create(root: h5netcdf.File, layout: Layout, variable: Variable, text_bytes: int) -> h5netcdf.Variable:
    """Return a variable that is yet empty."""
    dimensions = variable.dimensions
    width = layout.lines[dimensions[1]] if len(dimensions) > 1 else 1
    if variable.kind == "str" and text_bytes <= _CHARACTERS_MAX:
        width = max(text_bytes, 1)
        dimensions = (RECORD, f"text_{width}")
        if dimensions[1] not in root.dimensions:
            root.dimensions[dimensions[1]] = width
    along = max(1, min(layout.count, BLOCK, _CHUNK_VALUES // width))
    chunks = (along, min(width, _CHUNK_VALUES))[: len(dimensions)]
    if variable.kind == "str" and len(dimensions) == 1:
        made = root.create_variable(variable.name, dimensions, h5py.string_dtype(), chunks=chunks)
    else:
        kind = _TYPES.get(variable.kind, np.dtype("f8"))
        fill = np.nan if kind.kind == "f" else None
        made = root.create_variable(variable.name, dimensions, kind, fillvalue=fill, chunks=chunks, **_COMPRESSION)
    match variable.kind:
        case "bool":  # xarray makes a boolean of it by its `dtype`; the flags are CF's way of saying the same
            made.attrs["flag_values"] = np.array([0, 1], "i1")
            made.attrs.update(_characters({"dtype": "bool", "flag_meanings": "no yes"}))
        case "str" if len(dimensions) > 1:
            made.attrs.update(_characters({"_Encoding": "utf-8"}))
        case _:
            pass
    made.attrs.update(_characters(variable.attributes))
    if not variable.is_coordinate:
        made.attrs.update(_characters({"coordinates": " ".join(layout.coordinates)}))
    return made


def _characters(attributes: Mapping[str, Attribute]) -> dict[str, Any]:
    """Return attributes with texts as characters (NC_CHAR): not every program reads a text of any length there."""
    kept: dict[str, Any] = dict(attributes)
    for name, value in attributes.items():
        encoded = value.encode() if isinstance(value, str) else b""
        if isinstance(value, str) and len(encoded) <= _ATTRIBUTE_MAX:
            kept[name] = np.array(encoded, h5py.string_dtype("utf-8", max(len(encoded), 1)))
    return kept


def _stored(kind: str, values: Values, shape: tuple[int, ...]) -> Values:
    """Return values as a variable of this shape keeps them."""
    if kind == "bool":
        return values.astype(np.int8)
    if kind != "str":
        return values
    texts = [plain(text) for text in values.tolist()]
    if len(shape) == 1:
        return np.array(texts, np.object_)
    return np.array([text.encode() for text in texts], f"S{shape[1]}").view("S1").reshape(len(texts), shape[1])
