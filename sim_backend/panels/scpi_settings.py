"""Builders for the usual lines of a command table: a setting and its query, an event, a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.scpi_parameters import Boolean, Bound
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.scpi_parameters import Arguments, Choice, Integer, Number, Parameter
    from sim_backend.panels.scpi_table import Reply


def number_setting(
    pattern: str, number: Number, get: Callable[[], float], put: Callable[[float], None], *, conflicts: bool = False
) -> Command:
    """Return a command that sets a number, and its query, which takes MINimum, MAXimum and DEFault, too."""

    def answer(arguments: Arguments) -> str:
        return format_number(arguments.number(0) if len(arguments) else get())

    return Command(
        pattern,
        action=lambda arguments: put(arguments.number(0)),
        takes=Signature((number,), required=1),
        answer=answer,
        asks=Signature((Bound(number),)),
        conflicts=conflicts,
    )


def integer_setting(
    pattern: str, integer: Integer, get: Callable[[], int], put: Callable[[int], None], *, conflicts: bool = False
) -> Command:
    """Return a command that sets a count, and its query."""
    return number_setting(pattern, integer, lambda: float(get()), lambda value: put(int(value)), conflicts=conflicts)


def flag_setting(
    pattern: str, get: Callable[[], bool], put: Callable[[bool], None], *, conflicts: bool = False
) -> Command:
    """Return a command that switches something on or off, and its query."""
    return Command(
        pattern,
        action=lambda arguments: put(bool(arguments.number(0))),
        takes=Signature((Boolean(),), required=1),
        answer=lambda _: "1" if get() else "0",
        conflicts=conflicts,
    )


def choice_setting(
    pattern: str, choice: Choice, get: Callable[[], str], put: Callable[[str], None], *, conflicts: bool = False
) -> Command:
    """Return a command that selects a name, and its query, which answers the short form."""
    quote = '"' if choice.quoted else ""
    return Command(
        pattern,
        action=lambda arguments: put(arguments.text(0)),
        takes=Signature((choice,), required=1),
        answer=lambda _: f"{quote}{get()}{quote}",
        conflicts=conflicts,
    )


def event(pattern: str, action: Callable[[], None], *, conflicts: bool = False) -> Command:
    """Return a command without parameters and without a query."""
    return Command(pattern, action=lambda _: action(), conflicts=conflicts)


def query(pattern: str, answer: Callable[[], Reply], *, conflicts: bool = False) -> Command:
    """Return a query without parameters."""
    return Command(pattern, answer=lambda _: answer(), conflicts=conflicts)


def harmless(pattern: str, *parameters: Parameter) -> Command:
    """Return a command that the instrument takes and that changes nothing a host can see."""
    return Command(pattern, action=lambda _: None, takes=Signature(parameters, required=len(parameters)))


def format_number(value: float) -> str:
    """Return a setting as instruments print it: seven digits at most, an exponent only where it is needed."""
    return f"{value:.7G}"
