"""Settings of the 2400 that are kept for their query and change nothing in the twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2400_parameters import scientific, word_of
from sim_backend.panels.scpi_parameters import Boolean, Choice, Integer, Number, Text
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2400_facts import Settings
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
        return self._note(pattern, Boolean(), str(int(on)), lambda arguments: str(int(arguments.number(0))))

    def name(self, pattern: str, names: tuple[str, ...], default: str) -> Command:
        """Return one of several names; `default` is a short form."""
        return self._note(pattern, Choice(names), default, lambda arguments: arguments.text(0))

    def count(self, pattern: str, number: Integer | Choice, default: int) -> Command:
        """Return a whole number."""

        def show(arguments: Arguments) -> str:
            return word_of(arguments) or f"{arguments.number(0):.0f}"

        return self._note(pattern, number, str(default), show)

    def number(self, pattern: str, number: Number) -> Command:
        """Return a number."""
        default = scientific(number.default)
        return self._note(pattern, number, default, lambda arguments: scientific(arguments.number(0)))

    def text(self, pattern: str, default: str) -> Command:
        """Return a text."""
        return self._note(pattern, Text(), f'"{default}"', lambda arguments: f'"{arguments.text(0)}"')

    def _note(self, pattern: str, parameter: Parameter, default: str, show: Callable[[Arguments], str]) -> Command:
        settings = self._settings

        def put(arguments: Arguments) -> None:
            settings.names[pattern] = show(arguments)

        return Command(
            pattern, put, Signature((parameter,), required=1), lambda _: settings.names.get(pattern, default)
        )
