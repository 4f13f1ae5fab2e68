"""Settings of the 2450 that are kept for their query and change nothing in the twin: nothing is connected there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.scpi_parameters import Boolean, Choice, Integer, Number, Text
from sim_backend.panels.scpi_settings import format_number
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2450_facts import Settings
    from sim_backend.panels.scpi_parameters import Arguments, Parameter


class Notes:
    """Makes such settings; they return to their defaults with `*RST`.

    Args:
        settings: which keep them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def flag(self, pattern: str, *, on: bool) -> Command:
        """Return a switch."""
        return self._note(pattern, (Boolean(),), "1" if on else "0", lambda args: str(int(args.number(0))))

    def integer(self, pattern: str, integer: Integer) -> Command:
        """Return a count."""
        return self._note(pattern, (integer,), f"{integer.default:.0f}", lambda args: f"{args.number(0):.0f}")

    def number(self, pattern: str, number: Number) -> Command:
        """Return a number."""
        return self._note(pattern, (number,), format_number(number.default), lambda args: format_number(args.number(0)))

    def choice(self, pattern: str, names: tuple[str, ...], default: str) -> Command:
        """Return a name; `default` is a short form."""
        return self.choices(pattern, (names,), default)

    def choices(self, pattern: str, names: tuple[tuple[str, ...], ...], default: str) -> Command:
        """Return several names behind one another."""
        return self._note(pattern, tuple(map(Choice, names)), default, lambda args: ",".join(args.texts(0)))

    def text(self, pattern: str, default: str) -> Command:
        """Return a text."""
        return self._note(pattern, (Text(),), f'"{default}"', lambda args: f'"{args.text(0)}"')

    def _note(
        self, pattern: str, parameters: tuple[Parameter, ...], default: str, show: Callable[[Arguments], str]
    ) -> Command:
        def key(arguments: Arguments) -> str:
            return f"{pattern}{arguments.suffixes}"

        def put(arguments: Arguments) -> None:
            self._settings.names[key(arguments)] = show(arguments)

        takes = Signature(parameters, required=len(parameters))
        return Command(pattern, put, takes, lambda args: self._settings.names.get(key(args), default), conflicts=True)
