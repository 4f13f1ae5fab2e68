"""Quantities in text: parsing "80 ns" and "0.9 V", printing "357.2 nS".

Inside labctl every quantity is a float in V, A, S, ohm, s, Hz, K, degC, J or W. Units appear where data
crosses an edge: option values and bench files are parsed here, record fields carry a `Unit` annotation.
quantiphy prints them; it does not parse them, because it reads "1,5 V" as 15 V and "1 K" as a thousand.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from labctl.errors import InputError, UnitError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

PREFIXES = {"": 0, "p": -12, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9}
"""SI prefixes that may stand before a unit, with their powers of ten."""
PLAIN_UNITS = ("levels", "dB")
"""Units that take no prefix and that no one types: a plain number stands for them."""
UNITS = ("V", "A", "S", "ohm", "s", "Hz", "K", "degC", "J", "W")

# Digits can be read in one way only: a regular expression that may part them in two tries that for all places.
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?0*[0-9]{1,4})?"
_QUANTITY = re.compile(rf"({_NUMBER}) ?([{''.join(PREFIXES)}]?)({'|'.join(UNITS)})")
_PLAIN = re.compile(_NUMBER)
_COUNT = re.compile(r"[0-9]+")


def _schema(parse: Callable[[object], object]) -> CoreSchema:
    """Return the pydantic schema of a field that `parse` reads and that refuses with an InputError."""
    from pydantic_core import core_schema

    def validate(value: object) -> object:
        try:
            return parse(value)
        except InputError as error:
            raise ValueError(str(error)) from None

    return core_schema.no_info_plain_validator_function(validate)


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a float: an annotation for parameter, bench file and record fields.

    On a pydantic field it makes text the only accepted input, and the value a float in the SI unit.
    """

    symbol: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _schema(lambda value: parse_quantity(value, self.symbol))


@dataclass(frozen=True, slots=True)
class Written:
    """How a value without a unit is written: an annotation for parameter fields.

    Args:
        form: what stands in place of a unit when the parameter is listed, as in "yes or no".
        parse: reads the text, or refuses it with an InputError.
        nothing: what stands for None when the default is listed; `parse` takes it, too.
    """

    form: str
    parse: Callable[[object], object]
    nothing: str = "none"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _schema(self.parse)


Volts = Annotated[float, Unit("V")]
Amperes = Annotated[float, Unit("A")]
Siemens = Annotated[float, Unit("S")]
Seconds = Annotated[float, Unit("s")]
Ohms = Annotated[float, Unit("ohm")]
Hertz = Annotated[float, Unit("Hz")]
Joules = Annotated[float, Unit("J")]
Watts = Annotated[float, Unit("W")]


def parse_quantity(text: object, unit: str) -> float:
    """Return the value of `text` in the SI unit `unit`.

    Args:
        text: `number space? prefix? unit`, as in "80 ns"; prefixes p n u m k M G; case matters.
        unit: the unit that must stand there, one of `UNITS`.

    Raises:
        UnitError: for a comma, a missing or foreign unit, a bare number, NaN, or more than a float holds.
    """
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[3] != unit:
        raise UnitError(f"{text!r} is not a quantity in {unit}; write it like {_example(unit)!r}")
    mantissa, _, exponent = match[1].lower().partition("e")
    value = float(f"{mantissa}e{int(exponent or 0) + PREFIXES[match[2]]}")
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is larger than any number labctl can hold")
    return value


def parse_number(text: object) -> float:
    """Return a plain number without unit, as a tolerance in levels.

    Raises:
        UnitError: if `text` is not a finite decimal number.
    """
    if isinstance(text, str) and _PLAIN.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    raise UnitError(f"{text!r} is not a plain number; write it like '0.5'")


def parse_count(text: object) -> int:
    """Return a count or an index: an int, or text of digits only.

    Raises:
        UnitError: for a sign, a point, a unit or anything else that is not a digit.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text >= 0:
        return text
    if isinstance(text, str) and _COUNT.fullmatch(text) and len(text) <= 18:
        return int(text)
    raise UnitError(f"{text!r} is not a count; write digits only, like '16'")


def parse_yes_no(text: object) -> bool:
    """Return True for "yes" and False for "no".

    Raises:
        UnitError: for any other text.
    """
    if text == "yes":
        return True
    if text == "no":
        return False
    raise UnitError(f"{text!r} is neither 'yes' nor 'no'")


Levels = Annotated[float, Written("levels", parse_number)]
"""A difference of conductance in levels; one level is 357.15 nS (`labctl.levels`)."""
Decibels = Annotated[float, Written("dB", parse_number)]
Fraction = Annotated[float, Written("0..1", parse_number)]
Count = Annotated[int, Written("count", parse_count)]
YesNo = Annotated[bool, Written("yes or no", parse_yes_no)]


def format_quantity(value: float, unit: str, digits: int = 4) -> str:
    """Return `value` with an SI prefix, as in "357.2 nS"; a plain number where there is no unit.

    Args:
        value: in the SI unit.
        unit: its symbol; "" and those in `PLAIN_UNITS` are printed without a prefix.
        digits: significant digits.
    """
    if not unit or unit in PLAIN_UNITS:
        return f"{value:.{digits}g} {unit}".strip()
    from quantiphy import Quantity

    return Quantity(value, unit).render(prec=digits - 1)


def _example(unit: str) -> str:
    return {"V": "0.9 V", "A": "15 mA", "S": "5.9 mS", "s": "80 ns", "ohm": "0.5 ohm"}.get(unit, f"1 {unit}")
