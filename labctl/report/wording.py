"""Values as a person reads them: with unit and SI prefix, long lists in short."""

from __future__ import annotations

import math
import typing
from typing import TYPE_CHECKING, Any, cast

from labctl.records import unit_of
from labctl.report.scales import shown_unit
from labctl.units import PLAIN_UNITS, format_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

_LISTED = 8
"""Values of a list that are all written out."""
_DIGITS = 5
_LARGEST_PLAIN = 1e6
"""Numbers without a prefix from which on they are written with a power of ten."""


def worded(value: object, unit: str = "") -> str:
    """Return a value, as JSON keeps it, for people.

    Args:
        value: a number, text, list, or values by name.
        unit: of the numbers in it; "" where there is none.
    """
    match value:
        case None:
            return "not known"
        case bool():
            return "yes" if value else "no"
        case int() if not unit or unit in PLAIN_UNITS:
            return f"{value:,} {unit}".strip()
        case int() | float():
            return _number(float(value), unit)
        case dict():
            named = cast("dict[str, object]", value)
            return ", ".join(f"{spaced(name)} {worded(part, unit)}" for name, part in named.items()) or "none"
        case list() | tuple():
            return _list(cast("Sequence[object]", value), unit)
        case _:
            return str(value)


def spaced(name: object) -> str:
    """Return a field's name as it is read: "read_voltage" is "read voltage"."""
    return str(name).replace("_", " ")


def units_of(model: type[BaseModel]) -> dict[str, str]:
    """Return the units of a model's fields, by name; "" where there is none."""
    return {
        name: unit_of(field.metadata) or _inner_unit(field.annotation) for name, field in model.model_fields.items()
    }


def duration(seconds: float) -> str:
    """Return a length of time for people: "180 ms", "42.3 s", "12 min 5 s", "3 h 20 min"."""
    if seconds < 120:
        return worded(float(f"{seconds:.4g}"), "s")
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min {rest} s"


def moment(utc: object) -> str:
    """Return a moment as it is written down, without fractions of a second: "2026-08-01 12:00:00 UTC"."""
    text = str(utc)
    return f"{text[:10]} {text[11:19]} UTC" if len(text) > 19 and text[10] == "T" else text


def mapping(value: object) -> Mapping[str, Any]:
    """Return a value where it holds others by name, nothing otherwise: a manifest may be of another version."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _number(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "not known" if math.isnan(value) else f"{'-' if value < 0 else ''}infinite"
    if unit in PLAIN_UNITS or not unit:
        plain = f"{value:,.0f}" if value.is_integer() and abs(value) < _LARGEST_PLAIN else f"{value:.{_DIGITS}g}"
        return f"{plain} {unit}".strip()
    text = format_quantity(value, unit, _DIGITS)
    return f"{text.removesuffix(unit)}{shown_unit(unit)}".replace(f" u{shown_unit(unit)}", f" µ{shown_unit(unit)}")


def _list(values: Sequence[object], unit: str) -> str:
    if not values:
        return "none"
    if len(values) <= _LISTED:
        return ", ".join(worded(value, unit) for value in values)
    ends = f"{worded(values[0], unit)}, {worded(values[1], unit)} ... {worded(values[-1], unit)}"
    return f"{ends} ({len(values):,} values)"


def _inner_unit(hint: Any) -> str:
    """Return the unit that stands inside a hint, as in "volts or nothing"."""
    for part in typing.get_args(hint):
        if unit := unit_of(getattr(part, "__metadata__", ())) or _inner_unit(part):
            return unit
    return ""
