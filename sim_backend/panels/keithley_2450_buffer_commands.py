"""Command table of the 2450: taking readings, reading buffers, and how readings are written down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_buffers import LARGEST_CAPACITY, SMALLEST_CAPACITY, Statistics
from sim_backend.panels.keithley_2450_elements import ELEMENTS, MOST_ELEMENTS
from sim_backend.panels.keithley_2450_facts import Function
from sim_backend.panels.keithley_2450_sense_commands import NAMES
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import short_form
from sim_backend.panels.scpi_parameters import Boolean, Choice, Integer, Text
from sim_backend.panels.scpi_settings import choice_setting, integer_setting
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_table import Reply

DEFAULT_BUFFER: Final = "defbuffer1"
_BUFFER: Final = Signature((Text(),))
_WHERE: Final = Signature((Text(), ELEMENTS), repeated=MOST_ELEMENTS)


def buffer_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on reading buffers."""
    buffers = instrument.buffers

    def name(arguments: Arguments, place: int = 0) -> str:
        return arguments.text(place, DEFAULT_BUFFER)

    def data(arguments: Arguments) -> Reply:
        buffer = buffers.get(name(arguments, 2))
        readings = buffer.slice(int(arguments.number(0)), int(arguments.number(1)))
        return instrument.formatter.format(buffer, readings, arguments.texts(3))

    def set_mode(arguments: Arguments) -> None:
        buffer = buffers.get(name(arguments, 1))
        if len(buffer):
            # Only an empty buffer can be filled otherwise (assumption: the number).
            raise ScpiError(-221)
        buffer.continuous = arguments.text(0) == "CONT"

    def set_logs(arguments: Arguments) -> None:
        buffers.get(name(arguments, 1)).logs = bool(arguments.number(0))

    index = Integer(-(2**31), 2**31, 1)
    capacity = Integer(SMALLEST_CAPACITY, LARGEST_CAPACITY, 100_000)
    yield Command(":TRACe:ACTual", answer=lambda args: str(len(buffers.get(name(args)))), asks=_BUFFER)
    yield Command(
        ":TRACe:DATA",
        answer=data,
        asks=Signature((index, index, Text(), ELEMENTS), required=2, repeated=MOST_ELEMENTS),
    )
    yield Command(":TRACe:CLEar", lambda args: buffers.get(name(args)).clear(), _BUFFER)
    yield Command(
        ":TRACe:POINts",
        lambda args: buffers.resize(name(args, 1), int(args.number(0))),
        Signature((capacity, Text()), required=1),
        lambda args: str(buffers.get(name(args)).capacity),
        _BUFFER,
        conflicts=True,
    )
    yield Command(
        ":TRACe:MAKE",
        lambda args: buffers.make(args.text(0), int(args.number(1))),
        # Assumption: nothing behind the last comma is the standard style; a public driver in wide use sends that.
        Signature((Text(), capacity, Choice(("STANdard", "COMPact", "FULL"))), required=2, omissible=True),
    )
    yield Command(
        ":TRACe:FILL:MODE",
        set_mode,
        Signature((Choice(("CONTinuous", "ONCE")), Text()), required=1),
        lambda args: "CONT" if buffers.get(name(args)).continuous else "ONCE",
        _BUFFER,
        conflicts=True,
    )
    yield Command(
        ":TRACe:LOG:STATe",
        set_logs,
        Signature((Boolean(), Text()), required=1),
        lambda args: str(int(buffers.get(name(args)).logs)),
        _BUFFER,
    )
    yield Command(":TRACe:ACTual:STARt", answer=lambda args: "1" if len(buffers.get(name(args))) else "0", asks=_BUFFER)
    yield Command(":TRACe:ACTual:END", answer=lambda args: str(len(buffers.get(name(args)))), asks=_BUFFER)
    yield from _statistics(instrument, name)
    yield Command(
        ":TRACe:DELete", lambda args: buffers.delete(args.text(0)), Signature((Text(),), required=1), conflicts=True
    )


def _statistics(instrument: Instrument, name: Callable[[Arguments], str]) -> Iterator[Command]:
    """Yield the statistics of a buffer."""

    def get(arguments: Arguments, statistic: str) -> str:
        return instrument.formatter.scientific(instrument.buffers.get(name(arguments)).statistics.get(statistic))

    def clear(arguments: Arguments) -> None:
        instrument.buffers.get(name(arguments)).statistics = Statistics()

    for word in ("AVERage", "MAXimum", "MINimum", "PK2Pk", "STDDev"):
        yield Command(
            f":TRACe:STATistics:{word}",
            answer=lambda arguments, word=word: get(arguments, short_form(word)),
            asks=_BUFFER,
        )
    yield Command(":TRACe:STATistics:CLEar", clear, _BUFFER)


def format_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on how readings are written down."""
    settings = instrument.settings

    def set_format(name: str) -> None:
        settings.data_format = name

    def set_order(name: str) -> None:
        settings.byte_order = name

    def set_precision(digits: int) -> None:
        settings.precision = digits

    yield choice_setting(":FORMat[:DATA]", Choice(("ASCii", "REAL", "SREal")), lambda: settings.data_format, set_format)
    yield choice_setting(":FORMat:BORDer", Choice(("NORMal", "SWAPped")), lambda: settings.byte_order, set_order)
    yield integer_setting(":FORMat:ASCii:PRECision", Integer(0, 16, 0), lambda: settings.precision, set_precision)


def reading_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that take and return readings."""

    def read(arguments: Arguments, function: Function | None = None) -> Reply:
        buffer = instrument.buffers.get(arguments.text(0, DEFAULT_BUFFER))
        if function is not None:
            instrument.settings.sense_function = function
        return instrument.formatter.format(buffer, [instrument.read(buffer)], arguments.texts(1))

    def fetch(arguments: Arguments) -> Reply:
        buffer = instrument.buffers.get(arguments.text(0, DEFAULT_BUFFER))
        return instrument.formatter.format(buffer, [buffer.last()], arguments.texts(1))

    def trigger(arguments: Arguments) -> None:
        instrument.read(instrument.buffers.get(arguments.text(0, DEFAULT_BUFFER)))

    yield Command(":READ", answer=read, asks=_WHERE, conflicts=True)
    yield Command(":MEASure", answer=read, asks=_WHERE, conflicts=True)
    for function in Function:
        yield Command(
            f":MEASure:{NAMES[function]}",
            answer=lambda arguments, function=function: read(arguments, function),
            asks=_WHERE,
            conflicts=True,
        )
    yield Command(":FETCh", answer=fetch, asks=_WHERE)
    yield Command(":TRACe:TRIGger", trigger, _BUFFER, conflicts=True)
