"""Records: the typed items that a protocol yields, and what their fields are called on disk and on an axis.

A record is a frozen, slotted dataclass whose fields are floats, ints, bools or text; a float carries its unit as an
annotation (`labctl.units`), and a field's documentation stands in a docstring below it or in the class docstring.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import typing
from typing import TYPE_CHECKING, Any

from labctl.units import PLAIN_UNITS, Unit, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FIELD_TYPES = {float: "REAL", int: "INTEGER", bool: "INTEGER", str: "TEXT"}
"""What a field may be, and as what SQLite keeps it."""
RESERVED = frozenset({"id", "step"})
"""Columns that the store keeps beside a record's fields."""


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One field of a record type.

    Args:
        name: of the field.
        type: "float", "int", "bool" or "str".
        unit: SI symbol, "levels", "dB", or "" where there is none.
    """

    name: str
    type: str
    unit: str


@functools.cache
def columns(record_type: type) -> tuple[Column, ...]:
    """Return the fields of a dataclass, in order.

    Raises:
        TypeError: if a field is of a type that a record cannot hold.
    """
    hints = typing.get_type_hints(record_type, include_extras=True)
    return tuple(_column(field.name, hints[field.name]) for field in dataclasses.fields(record_type))


def values_of(record_type: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that takes a record apart into its values, in the order of `columns`."""
    names = [column.name for column in columns(record_type)]
    if len(names) == 1:
        only = operator.attrgetter(names[0])
        return lambda record: (only(record),)
    return operator.attrgetter(*names)


def _column(name: str, hint: Any) -> Column:
    annotations: tuple[Any, ...] = getattr(hint, "__metadata__", ())
    base = typing.get_args(hint)[0] if annotations else hint
    if name in RESERVED:
        raise TypeError(f"record field {name!r}: the run folder has a column of its own of that name; choose another")
    if base not in FIELD_TYPES:
        raise TypeError(f"record field {name!r} is {base!r}; a record holds float, int, bool or str")
    return Column(name, base.__name__, unit_of(annotations))


def unit_of(annotations: Iterable[Any]) -> str:
    """Return the unit that a field's annotations give: an SI symbol, "levels", "dB", or "" where there is none."""
    for annotation in annotations:
        if isinstance(annotation, Unit):
            return annotation.symbol
        if isinstance(annotation, Written) and annotation.form in PLAIN_UNITS:
            return annotation.form
    return ""
