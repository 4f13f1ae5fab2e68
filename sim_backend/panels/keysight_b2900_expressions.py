"""Math expressions of the B2900A over readings: arithmetic, six functions, and what channels measured.

A name as VOLT or CURR2 is the newest reading; VOLT[3] is the reading of that number in the data buffer, from 0.
Unlike in the command reference, a minus sign binds less tightly than `^`.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from typing import Final

from sim_backend.panels.scpi_errors import ScpiError

Lookup = Callable[[str, str, int | None], float]
"""Returns the value of an element, of a channel ("" for the channel that calculates), by number or the newest."""

LONGEST: Final = 256
"""Characters of an expression."""
PREDEFINED: Final = {
    "POWER": "(VOLT*CURR)",
    "OFFCOMPOHM": "((VOLT[1]-VOLT[0])/(CURR[1]-CURR[0]))",
    "VARALPHA": "(log(CURR[1]/CURR[0])/log(VOLT[1]/VOLT[0]))",
    "VOLTCOEF": "((RES[1]-RES[0])/(RES[1]*(VOLT[1]-VOLT[0]))*100)",
}
"""What is always defined; assumption: the last formula, a resistor's voltage coefficient in percent per volt."""

_VARIABLE: Final = re.compile(r"(VOLT|CURR|RES|TIME|SOUR)([12]?)")


def _quotient(dividend: float, divisor: float) -> float:
    return dividend / divisor


_BINARY: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Pow: math.pow,
}
_FUNCTIONS: Final[dict[str, Callable[[float], float]]] = {
    # Both logarithms are those of the absolute value.
    "LN": lambda value: math.log(abs(value)),
    "LOG": lambda value: math.log10(abs(value)),
    "SIN": math.sin,
    "COS": math.cos,
    "TAN": math.tan,
    "EXP": math.exp,
}


def check(text: str) -> None:
    """Refuse what is no expression.

    Raises:
        ScpiError: -171, or -223 if it is too long (assumption: these numbers).
    """
    if len(text) > LONGEST:
        raise ScpiError(-223)
    try:
        _value(_parsed(text), _one)
    except (SyntaxError, RecursionError, MemoryError):
        raise ScpiError(-171) from None
    except (ArithmeticError, ValueError):
        return


def _one(element: str, channel: str, place: int | None) -> float:  # noqa: ARG001
    return 1.0


def evaluate(text: str, lookup: Lookup) -> float:
    """Return the value of a checked expression, or of an empty one; NaN where it has none."""
    if not text:
        return math.nan
    try:
        return _value(_parsed(text), lookup)
    except (ArithmeticError, ValueError):
        return math.nan


def _parsed(text: str) -> ast.expr:
    if "**" in text or not text.isascii():
        raise SyntaxError(text)
    try:
        return ast.parse(text.upper().replace("0X", "0x").replace("0B", "0b").replace("^", "**"), mode="eval").body
    except ValueError:
        raise SyntaxError(text) from None


def _value(node: ast.expr, lookup: Lookup) -> float:
    """Return the value of a part of an expression.

    Raises:
        SyntaxError: if it is none of what is allowed.
    """
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return _variable(name, None, lookup)
        case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int() as place)):
            return _variable(name, place, lookup)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, lookup)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand, lookup)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left, lookup), _value(right, lookup))
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_value(argument, lookup))
        case _:
            raise SyntaxError(ast.dump(node))


def _variable(name: str, place: int | None, lookup: Lookup) -> float:
    found = _VARIABLE.fullmatch(name)
    if found is None:
        raise SyntaxError(name)
    return lookup(found[1], found[2], place)
