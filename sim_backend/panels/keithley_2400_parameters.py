"""Parameter types that only the 2400 has, and how it prints settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sim_backend.panels.keithley_2400_facts import FULL_SCALE, INFINITE, Function
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import Token, TokenKind, matches
from sim_backend.panels.scpi_parameters import Boolean, Bound, Number, Parameter
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.scpi_parameters import Arguments

UP: Final = "UP"
DOWN: Final = "DOWN"
_CODE: Final = re.compile(r"[+-]?\d{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Count(Number):
    """A whole number that may be without end.

    Args:
        endless: INFinite is taken.
    """

    endless: bool = False

    @override
    def parse(self, token: Token) -> float:
        """Return the whole number, `INFINITE` for one without end.

        Raises:
            ScpiError: as for a number.
        """
        if self.endless and token.kind is TokenKind.WORD and matches("INFinite", token.text):
            return INFINITE
        return float(round(Number.parse(self, token)))


@dataclass(frozen=True, slots=True)
class RangeValue(Parameter):
    """A range: a value that it must hold, or UP, DOWN, MINimum, MAXimum, DEFault.

    Args:
        function: whose range.
        default: the range after `*RST`, V or A.
    """

    function: Function
    default: float

    @override
    def parse(self, token: Token) -> float | str:
        """Return the value without its sign, or the short form of UP and DOWN.

        Raises:
            ScpiError: as for a number.
        """
        if token.kind is TokenKind.WORD and token.text.upper() in {UP, DOWN}:
            return token.text.upper()
        return abs(self.number.parse(token))

    @property
    def number(self) -> Number:
        """The values that it takes; MINimum is the lowest range."""
        largest = FULL_SCALE * self.function.ranges[-1]
        return _RangeNumber(-largest, largest, FULL_SCALE * self.default, self.function.unit, self.function.ranges[0])


@dataclass(frozen=True, slots=True)
class _RangeNumber(Number):
    """A number whose MINimum is not the smallest one taken.

    Args:
        lowest: the lowest range.
    """

    lowest: float = 0.0

    @override
    def bound(self, word: str) -> float:
        """Return what MINimum, MAXimum or DEFault stands for."""
        return FULL_SCALE * self.lowest if matches("MINimum", word) else Number.bound(self, word)


@dataclass(frozen=True, slots=True)
class SwitchOrOnce(Parameter):
    """ON, OFF, a number that is rounded, or ONCE."""

    @override
    def parse(self, token: Token) -> float | str:
        """Return 1.0 for on, 0.0 for off, or the word.

        Raises:
            ScpiError: -104 or -224.
        """
        once = token.kind is TokenKind.WORD and matches("ONCE", token.text)
        return "ONCE" if once else Boolean().parse(token)


@dataclass(frozen=True, slots=True)
class CodeList(Parameter):
    """A list of error numbers and spans of them, as in `(-110:-222, 800)`."""

    @override
    def parse(self, token: Token) -> str:
        """Return the list as written.

        Raises:
            ScpiError: -104 if it is none.
        """
        if token.kind is not TokenKind.EXPRESSION:
            raise ScpiError(-104)
        spans(token.text)
        return token.text


def spans(text: str) -> list[range]:
    """Return the codes of a list.

    Raises:
        ScpiError: -104 if it is none.
    """
    found: list[range] = []
    for item in text.strip("() \t").split(","):
        ends = [end.strip() for end in item.split(":")]
        if len(ends) > 2 or any(_CODE.fullmatch(end) is None for end in ends):
            raise ScpiError(-104)
        low, high = sorted((int(ends[0]), int(ends[-1])))
        found.append(range(low, high + 1))
    return found


def scientific(value: float) -> str:
    """Return a setting as the 2400 prints it, as in `1.050000E-04` (assumption: all but counts look like that)."""
    return f"{value:.6E}"


def count_text(value: float) -> str:
    """Return a count: a whole number, or the number that stands for one without end."""
    return scientific(value) if value >= INFINITE else f"{value:.0f}"


def setting(
    pattern: str,
    number: Number,
    get: Callable[[], float],
    put: Callable[[float], None],
    show: Callable[[float], str] = scientific,
) -> Command:
    """Return a command that sets a number, and its query, which takes MINimum, MAXimum and DEFault, too."""

    def answer(arguments: Arguments) -> str:
        return show(arguments.number(0) if len(arguments) else get())

    return Command(
        pattern,
        lambda arguments: put(arguments.number(0)),
        Signature((number,), required=1),
        answer,
        Signature((Bound(number),)),
    )


def count_setting(pattern: str, number: Number, get: Callable[[], float], put: Callable[[float], None]) -> Command:
    """Return a command that sets a count, and its query."""
    return setting(pattern, number, get, put, count_text)


def range_setting(pattern: str, value: RangeValue, get: Callable[[], float], put: Callable[[float], None]) -> Command:
    """Return a command that selects a range; its query answers the full scale, 105 % of the range's name."""
    function = value.function

    def select(arguments: Arguments) -> None:
        word = word_of(arguments)
        put(arguments.number(0) if word is None else neighbour(function.ranges, get(), word))

    def answer(arguments: Arguments) -> str:
        return scientific(arguments.number(0) if len(arguments) else FULL_SCALE * get())

    return Command(pattern, select, Signature((value,), required=1), answer, Signature((Bound(value.number),)))


def neighbour(ranges: tuple[float, ...], present: float, direction: str) -> float:
    """Return the next range up or down, the present one at the end of the row."""
    place = ranges.index(present) + (1 if direction == UP else -1)
    return ranges[max(0, min(len(ranges) - 1, place))]


def word_of(arguments: Arguments) -> str | None:
    """Return the first parameter if it is a word, None if it is a number."""
    try:
        return arguments.text(0)
    except TypeError:
        return None
