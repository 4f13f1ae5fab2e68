"""Command table of the 2450: `:SENSe`, readings, reading buffers and their format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_buffers import LARGEST_CAPACITY, SMALLEST_CAPACITY
from sim_backend.panels.keithley_2450_elements import ELEMENTS, MOST_ELEMENTS
from sim_backend.panels.keithley_2450_facts import FULL_SCALE, Function, Settings
from sim_backend.panels.scpi_parameters import Choice, Integer, Magnitude, Number, Text
from sim_backend.panels.scpi_settings import choice_setting, event, flag_setting, integer_setting, number_setting
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_table import Reply

DEFAULT_BUFFER: Final = "defbuffer1"
_NAMES: Final = {Function.VOLTAGE: "VOLTage[:DC]", Function.CURRENT: "CURRent[:DC]"}
_FUNCTIONS: Final = Choice(("VOLTage|VOLTage:DC", "CURRent|CURRent:DC"), quoted=True)
_BUFFER: Final = Signature((Text(),))
_WHERE: Final = Signature((Text(), ELEMENTS), repeated=MOST_ELEMENTS)


def sense_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set and take measurements. Resistance is not measured."""
    settings = instrument.settings

    def set_function(name: str) -> None:
        settings.sense_function = Function(name)

    def set_count(count: int) -> None:
        settings.count = count

    sense = choice_setting(
        "[:SENSe[1]]:FUNCtion[:ON]", _FUNCTIONS, lambda: f"{settings.sense_function}:DC", set_function, conflicts=True
    )
    yield sense
    yield integer_setting(
        "[:SENSe[1]]:COUNt", Integer(1, 300_000, 1), lambda: settings.count, set_count, conflicts=True
    )
    yield event("[:SENSe[1]]:AZERo:ONCE", lambda: instrument.let(instrument.meter.refresh_references()), conflicts=True)
    for function in Function:
        yield from _range_commands(instrument, function)
        yield from _conversion_commands(instrument, function)
    yield from _reading_commands(instrument)


def buffer_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on reading buffers."""
    buffers = instrument.buffers

    def name(arguments: Arguments, place: int = 0) -> str:
        return arguments.text(place, DEFAULT_BUFFER)

    def data(arguments: Arguments) -> Reply:
        buffer = buffers.get(name(arguments, 2))
        readings = buffer.slice(int(arguments.number(0)), int(arguments.number(1)))
        return instrument.formatter.format(buffer, readings, arguments.texts(3))

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
        Signature((Text(), capacity, Choice(("STANdard", "COMPact", "FULL"))), required=2),
    )
    yield Command(
        ":TRACe:DELete", lambda args: buffers.delete(args.text(0)), Signature((Text(),), required=1), conflicts=True
    )


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


def _range_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings = instrument.settings
    header = f"[:SENSe[1]]:{_NAMES[function]}:RANGe"
    lowest, highest = function.ranges[0], function.ranges[-1]
    default = Settings().senses[function].range

    def set_range(value: float) -> None:
        sense = settings.senses[function]
        sense.range = function.holding_range(value)
        sense.auto_range = False
        instrument.source.measure_range_fixed()

    def set_auto(on: bool) -> None:
        settings.senses[function].auto_range = on
        instrument.source.measure_range_fixed()

    def set_lower(value: float) -> None:
        sense = settings.senses[function]
        sense.lower_range = function.holding_range(value)
        if sense.auto_range:
            sense.range = max(sense.range, sense.lower_range)

    yield number_setting(
        f"{header}[:UPPer]",
        Magnitude(lowest, highest, default, function.unit, reach=FULL_SCALE),
        lambda: settings.senses[function].range,
        set_range,
        conflicts=True,
    )
    yield flag_setting(f"{header}:AUTO", lambda: settings.senses[function].auto_range, set_auto, conflicts=True)
    yield number_setting(
        f"{header}:AUTO:LLIMit",
        Number(lowest, highest, lowest, function.unit),
        lambda: settings.senses[function].lower_range,
        set_lower,
        conflicts=True,
    )


def _conversion_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings = instrument.settings
    header = f"[:SENSe[1]]:{_NAMES[function]}"

    def set_nplc(cycles: float) -> None:
        settings.senses[function].nplc = cycles

    def set_four_wire(on: bool) -> None:
        if on is not settings.senses[function].four_wire:
            # The sense relay does not switch under voltage: the output drops first.
            instrument.switch_output(on=False)
        settings.senses[function].four_wire = on

    def set_autozero(on: bool) -> None:
        settings.senses[function].autozero = on

    yield number_setting(
        f"{header}:NPLCycles",
        Number(0.01, 10.0, 1.0),
        lambda: settings.senses[function].nplc,
        set_nplc,
        conflicts=True,
    )
    yield flag_setting(f"{header}:RSENse", lambda: settings.senses[function].four_wire, set_four_wire, conflicts=True)
    yield flag_setting(
        f"{header}:AZERo[:STATe]", lambda: settings.senses[function].autozero, set_autozero, conflicts=True
    )


def _reading_commands(instrument: Instrument) -> Iterator[Command]:
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
            f":MEASure:{_NAMES[function]}",
            answer=lambda arguments, function=function: read(arguments, function),
            asks=_WHERE,
            conflicts=True,
        )
    yield Command(":FETCh", answer=fetch, asks=_WHERE)
    yield Command(":TRACe:TRIGger", trigger, _BUFFER, conflicts=True)
