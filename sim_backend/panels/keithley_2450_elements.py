"""How the 2450 writes readings down for the host: buffer elements, ASCII numbers, binary blocks."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_facts import Function
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sim_backend.panels.keithley_2450_buffers import Reading, ReadingBuffer
    from sim_backend.panels.keithley_2450_facts import Settings

ELEMENTS: Final = Choice(
    (
        "DATE",
        "EXTRa",
        "FORMatted",
        "FRACtional",
        "READing",
        "RELative",
        "SEConds",
        "SOURce",
        "SOURFORMatted",
        "SOURSTATus",
        "SOURUNIT",
        "STATus",
        "TIME",
        "TSTamp",
        "UNIT",
    )
)
MOST_ELEMENTS: Final = 14
"""Elements of one reading that a query may ask for."""
_BINARY_ELEMENTS: Final = {"READ", "REL", "SOUR"}
"""What the binary formats take; EXTRa, which they take too, belongs to buffers of the full style."""
_AUTOMATIC_DIGITS: Final = 7
"""Digits of a reading with precision 0."""
_UNITS: Final = {Function.VOLTAGE: "Volt DC", Function.CURRENT: "Amp DC", Function.RESISTANCE: "Ohm"}
"""Names of units (assumption)."""
_SYMBOLS: Final = {Function.RESISTANCE: "Ohm"}
_PREFIXES: Final = ((1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


class ReadingFormatter:
    """Formats readings as `:FORMat` says.

    Args:
        settings: of the instrument.
        calendar: turns the instrument's clock (s) into date and time.
    """

    def __init__(self, settings: Settings, calendar: Callable[[float], datetime]) -> None:
        self._settings = settings
        self._calendar = calendar

    def format(self, buffer: ReadingBuffer, readings: Sequence[Reading], elements: Sequence[str]) -> str | bytes:
        """Return the reply for some readings of a buffer: a comma-separated list, or a `#0` block.

        Raises:
            ScpiError: 1133 if an element has no place in the format.
        """
        names = elements or ("READ",)
        binary = self._settings.data_format != "ASC"
        if "EXTR" in names or (binary and not _BINARY_ELEMENTS.issuperset(names)):
            raise ScpiError(1133, "Parameter 4, Syntax error, expected valid name parameters")
        if binary:
            values = [self._number(buffer, reading, name) for reading in readings for name in names]
            order = "<" if self._settings.byte_order == "SWAP" else ">"
            return b"#0" + struct.pack(
                f"{order}{len(values)}{'d' if self._settings.data_format == 'REAL' else 'f'}", *values
            )
        return ",".join(self._text(buffer, reading, name) for reading in readings for name in names)

    def _number(self, buffer: ReadingBuffer, reading: Reading, name: str) -> float:
        if name == "REL":
            return buffer.relative(reading)
        return reading.source if name == "SOUR" else reading.value

    def _text(self, buffer: ReadingBuffer, reading: Reading, name: str) -> str:
        moment = self._calendar(reading.time)
        fraction = reading.time - int(reading.time)
        writers: dict[str, Callable[[], str]] = {
            "DATE": lambda: moment.strftime("%m/%d/%Y"),
            "FORM": lambda: _formatted(reading.value, reading.function),
            "FRAC": lambda: self.scientific(fraction),
            "READ": lambda: self.scientific(reading.value),
            "REL": lambda: self.scientific(buffer.relative(reading)),
            "SEC": lambda: str(int(moment.timestamp())),
            "SOUR": lambda: self.scientific(reading.source),
            "SOURFORM": lambda: _formatted(reading.source, reading.source_function),
            "SOURSTAT": lambda: self.scientific(reading.source_status),
            "SOURUNIT": lambda: _UNITS[reading.source_function],
            "STAT": lambda: self.scientific(reading.status),
            "TIME": lambda: moment.strftime("%H:%M:%S"),
            "TST": lambda: moment.strftime("%m/%d/%Y %H:%M:%S.%f"),
            "UNIT": lambda: _UNITS[reading.function],
        }
        return writers[name]()

    def scientific(self, value: float) -> str:
        """Return a number with the digits that `:FORMat:ASCii:PRECision` asks for, one before the point."""
        digits = self._settings.precision or _AUTOMATIC_DIGITS
        return f"{value:.{digits - 1}E}"


def _formatted(value: float, function: Function) -> str:
    """Return a value as the display shows it, as in `-000.06580 mV`."""
    factor, prefix = next(((f, p) for f, p in _PREFIXES if abs(value) >= f), _PREFIXES[-1])
    sign = "-" if value < 0 else "+"
    return f"{sign}{abs(value) / factor:09.5f} {prefix}{_SYMBOLS.get(function, function.unit)}"
