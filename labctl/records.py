"""Records: the typed items that a protocol yields, and what their fields are called on disk and on an axis.

A record is a frozen, slotted dataclass whose fields are floats, ints, bools, text, or rows of floats
(`tuple[Amperes, ...]`); a float carries its unit as an annotation (`labctl.units`), and a field's documentation stands
in a docstring below it or in the class docstring. A row may say what its numbers lie along, which is its dimension in
an export: `Annotated[tuple[Amperes, ...], Along("output")]`.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import sys
import typing
from array import array
from typing import TYPE_CHECKING, Any

from labctl.units import PLAIN_UNITS, Unit, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FIELD_TYPES = {float: "REAL", int: "INTEGER", bool: "INTEGER", str: "TEXT"}
"""What a field may be, and as what SQLite keeps it."""
_SQL_TYPES = {kind.__name__: sql for kind, sql in FIELD_TYPES.items()}
ROW_TYPE = "floats"
"""Type of a column whose values are rows of floats; SQLite keeps each as a BLOB of little-endian binary64."""
RESERVED = frozenset({"id", "step"})
"""Columns that the store keeps beside a record's fields."""


@dataclasses.dataclass(frozen=True, slots=True)
class Along:
    """What the numbers of a row lie along, as a part of a field's annotation.

    Args:
        name: a word, as in "output".
    """

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One field of a record type.

    Args:
        name: of the field.
        type: "float", "int", "bool", "str" or "floats".
        unit: SI symbol, "levels", "dB", or "" where there is none.
        along: what the numbers of a row lie along; "" where nobody says.
    """

    name: str
    type: str
    unit: str
    along: str = ""

    @property
    def sql(self) -> str:
        """What SQLite keeps it as."""
        return "BLOB" if self.type == ROW_TYPE else _SQL_TYPES[self.type]


@functools.cache
def columns(record_type: type) -> tuple[Column, ...]:
    """Return the fields of a dataclass, in order.

    Raises:
        TypeError: if a field is of a type that a record cannot hold.
    """
    hints = typing.get_type_hints(record_type, include_extras=True)
    return tuple(_column(field.name, hints[field.name]) for field in dataclasses.fields(record_type))


def values_of(record_type: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes a record apart into what the store keeps, in the order of `columns`."""
    names = [column.name for column in columns(record_type)]
    is_row = [column.type == ROW_TYPE for column in columns(record_type)]
    if len(names) == 1 or any(is_row):
        return lambda record: tuple(
            pack_row(getattr(record, name)) if row else getattr(record, name)
            for name, row in zip(names, is_row, strict=True)
        )
    return operator.attrgetter(*names)


def pack_row(values: Iterable[float]) -> bytes:
    """Return floats as little-endian binary64."""
    packed = array("d", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def unpack_row(data: bytes) -> tuple[float, ...]:
    """Return the floats that `pack_row` packed.

    Raises:
        ValueError: if `data` is not a whole number of them.
        TypeError: if it is no bytes.
    """
    packed = array("d")
    packed.frombytes(data)
    if sys.byteorder == "big":
        packed.byteswap()
    return tuple(packed)


def _column(name: str, hint: Any) -> Column:
    if name in RESERVED:
        raise TypeError(f"record field {name!r}: the run folder has a column of its own of that name; choose another")
    bare, said = _base(hint)
    parts, along = typing.get_args(bare), ""
    if typing.get_origin(bare) is tuple and len(parts) == 2 and parts[1] is Ellipsis:
        of, annotations = _base(parts[0])
        kind = ROW_TYPE if of is float else ""
        along = next((annotation.name for annotation in said if isinstance(annotation, Along)), "")
    else:
        of, annotations = bare, said
        kind = of.__name__ if of in FIELD_TYPES else ""
    if not kind:
        raise TypeError(f"record field {name!r} is {hint!r}; a record holds float, int, bool, str or tuple[float, ...]")
    return Column(name, kind, unit_of(annotations), along)


def _base(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the type that a hint annotates, and its annotations."""
    annotations: tuple[Any, ...] = getattr(hint, "__metadata__", ())
    return (typing.get_args(hint)[0] if annotations else hint), annotations


def unit_of(annotations: Iterable[Any]) -> str:
    """Return the unit that a field's annotations give: an SI symbol, "levels", "dB", or "" where there is none."""
    for annotation in annotations:
        if isinstance(annotation, Unit):
            return annotation.symbol
        if isinstance(annotation, Written) and annotation.form in PLAIN_UNITS:
            return annotation.form
    return ""
