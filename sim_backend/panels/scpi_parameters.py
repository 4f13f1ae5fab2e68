"""Parameter types of a command table: each turns a parameter as written into a value, or says what is wrong."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import Token, TokenKind, matches, short_form

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = float | str
"""What a parameter can be: numbers, counts and switches are floats (exact to 2**53), names and texts strings."""

_PREFIXES: Final = {
    "": 1.0,
    "EX": 1e18,
    "PE": 1e15,
    "T": 1e12,
    "G": 1e9,
    "MA": 1e6,
    "K": 1e3,
    "M": 1e-3,
    "U": 1e-6,
    "N": 1e-9,
    "P": 1e-12,
    "F": 1e-15,
    "A": 1e-18,
}
"""Multipliers of suffixes (IEEE 488.2, 7.7.3): M is milli, MA is mega."""
_MOST_DIGITS: Final = 255
_LARGEST_EXPONENT: Final = 32000


class Parameter(ABC):
    """What a command takes at one place."""

    @abstractmethod
    def parse(self, token: Token) -> Value:
        """Return the value of a parameter.

        Raises:
            ScpiError: if it is not of this type.
        """


@dataclass(frozen=True, slots=True)
class Number(Parameter):
    """A number, or MINimum, MAXimum, DEFault.

    Args:
        minimum: smallest value taken.
        maximum: largest value taken.
        default: what DEFault stands for.
        unit: of a suffix, as "V"; empty if none is taken.
    """

    minimum: float
    maximum: float
    default: float
    unit: str = ""

    def parse(self, token: Token) -> float:
        """Return the number.

        Raises:
            ScpiError: -104, -123, -124, -131, -138 or -222.
        """
        if token.kind is TokenKind.WORD:
            return self.bound(token.text)
        value = _numeric(token, self.unit)
        if not self.minimum <= value <= self.maximum:
            raise ScpiError(-222)
        return value

    def bound(self, word: str) -> float:
        """Return what MINimum, MAXimum or DEFault stands for."""
        for name, value in (("MINimum", self.minimum), ("MAXimum", self.maximum), ("DEFault", self.default)):
            if matches(name, word):
                return value
        raise ScpiError(-222 if word.upper() in {"INF", "INFINITY", "NINF", "NAN"} else -104)


@dataclass(frozen=True, slots=True)
class Integer(Number):
    """A whole number; another one is rounded, as IEEE 488.2 asks."""

    def parse(self, token: Token) -> float:
        """Return the whole number.

        Raises:
            ScpiError: as for a number.
        """
        # Named, because a slotted dataclass is made anew and leaves a bare super() behind.
        return float(round(Number.parse(self, token)))


@dataclass(frozen=True, slots=True)
class Magnitude(Number):
    """A number whose sign means nothing, and that may be smaller than what MINimum stands for.

    Args:
        reach: what is taken beyond what MAXimum stands for, as a multiple of it.
    """

    reach: float = 1.0

    def parse(self, token: Token) -> float:
        """Return the magnitude.

        Raises:
            ScpiError: as for a number.
        """
        if token.kind is TokenKind.WORD:
            return self.bound(token.text)
        value = abs(_numeric(token, self.unit))
        if not value <= self.maximum * self.reach * (1 + 1e-12):
            raise ScpiError(-222)
        return value


@dataclass(frozen=True, slots=True)
class Bound(Parameter):
    """MINimum, MAXimum or DEFault of a number, in a query.

    Args:
        number: whose bound.
    """

    number: Number

    def parse(self, token: Token) -> float:
        """Return the bound.

        Raises:
            ScpiError: -104 if the parameter is none of the three words.
        """
        if token.kind is not TokenKind.WORD:
            raise ScpiError(-104)
        return self.number.bound(token.text)


@dataclass(frozen=True, slots=True)
class Boolean(Parameter):
    """ON, OFF, or a number that is rounded: 0 is off."""

    def parse(self, token: Token) -> float:
        """Return 1.0 for on, 0.0 for off.

        Raises:
            ScpiError: -104 or -224.
        """
        if token.kind is TokenKind.WORD:
            switch = {"ON": 1.0, "OFF": 0.0}.get(token.text.upper())
            if switch is None:
                raise ScpiError(-224)
            return switch
        value = _numeric(token, "")
        return 1.0 if abs(value) >= 0.5 else 0.0


@dataclass(frozen=True, slots=True)
class Choice(Parameter):
    """One of several names; its value is the name's short form.

    Args:
        names: as manuals write them, the short form in capitals; alternatives after a `|` mean the first.
        quoted: the name is a string.
    """

    names: tuple[str, ...]
    quoted: bool = False

    def parse(self, token: Token) -> str:
        """Return the short form of the name.

        Raises:
            ScpiError: -104 or -224.
        """
        if token.kind is not (TokenKind.STRING if self.quoted else TokenKind.WORD):
            raise ScpiError(-104)
        words = token.text.split(":")
        for alternatives in self.names:
            first, *_ = spellings = alternatives.split("|")
            for spelling in spellings:
                nodes = spelling.split(":")
                if len(nodes) == len(words) and all(map(matches, nodes, words)):
                    return short_form(first)
        raise ScpiError(-224)


@dataclass(frozen=True, slots=True)
class Text(Parameter):
    """A string in single or double quotes."""

    def parse(self, token: Token) -> str:
        """Return what stands between the quotes.

        Raises:
            ScpiError: -104.
        """
        if token.kind is not TokenKind.STRING:
            raise ScpiError(-104)
        return token.text


class Arguments:
    """The parameters of one command, checked.

    Args:
        values: one for each parameter that was sent.
        suffixes: numeric suffixes of the header's nodes that take one, 1 where none was sent.
    """

    __slots__ = ("_values", "suffixes")

    def __init__(self, values: Sequence[Value], suffixes: tuple[int, ...] = ()) -> None:
        self._values = values
        self.suffixes = suffixes

    def __len__(self) -> int:
        return len(self._values)

    def number(self, index: int, default: float | None = None) -> float:
        """Return a number, count or switch; `default` if it was not sent."""
        value = self._values[index] if index < len(self._values) else default
        if not isinstance(value, int | float):
            raise TypeError(f"parameter {index} is not a number: {value!r}")
        return value

    def text(self, index: int, default: str | None = None) -> str:
        """Return a name or a text; `default` if it was not sent."""
        value = self._values[index] if index < len(self._values) else default
        if not isinstance(value, str):
            raise TypeError(f"parameter {index} is not a text: {value!r}")
        return value

    def texts(self, start: int) -> tuple[str, ...]:
        """Return every name from `start` on."""
        return tuple(self.text(index) for index in range(start, len(self._values)))

    def numbers(self) -> tuple[float, ...]:
        """Return every parameter as a number."""
        return tuple(self.number(index) for index in range(len(self._values)))


def _numeric(token: Token, unit: str) -> float:
    """Return the value of a numeric token in `unit`."""
    if token.kind is TokenKind.BASED_NUMBER:
        base = {"H": 16, "Q": 8, "B": 2}[token.text[1].upper()]
        digits = token.text[2:]
        if len(digits) > _MOST_DIGITS:
            raise ScpiError(-124)
        return float(int(digits, base))
    if token.kind is not TokenKind.NUMBER:
        raise ScpiError(-104)
    mantissa, _, exponent = token.text.upper().replace(" ", "").replace("\t", "").partition("E")
    if sum(character.isdigit() for character in mantissa) > _MOST_DIGITS:
        raise ScpiError(-124)
    if exponent and (len(exponent) > _MOST_DIGITS or abs(int(exponent)) > _LARGEST_EXPONENT):
        raise ScpiError(-123)
    value = float(f"{mantissa}E{exponent or 0}") * _multiplier(token.suffix.upper(), unit.upper())
    return value if math.isfinite(value) else math.copysign(math.inf, value)


def _multiplier(suffix: str, unit: str) -> float:
    """Return by what a suffix multiplies."""
    if not suffix:
        return 1.0
    if not unit:
        raise ScpiError(-138)
    prefix = _PREFIXES.get(suffix.removesuffix(unit)) if suffix.endswith(unit) else None
    if prefix is None:
        raise ScpiError(-131)
    return prefix
