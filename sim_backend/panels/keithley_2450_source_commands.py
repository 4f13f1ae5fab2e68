"""Command table of the 2450: `:SOURce` without its sweeps, and `:OUTPut`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_facts import (
    FULL_SCALE,
    LARGEST_CURRENT,
    LARGEST_VOLTAGE,
    PROTECTIONS,
    SMALLEST_CURRENT_LIMIT,
    SMALLEST_VOLTAGE_LIMIT,
    SOURCES,
    USER_DELAYS,
    Function,
    Settings,
)
from sim_backend.panels.scpi_parameters import Choice, Magnitude, Number
from sim_backend.panels.scpi_settings import choice_setting, flag_setting, format_number, number_setting, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments

LONGEST_DELAY: Final = 1e4
"""s of source delay."""
_NAMES: Final = {Function.VOLTAGE: ("VOLTage", "ILIMit"), Function.CURRENT: ("CURRent", "VLIMit")}
_OFF_MODES: Final = Choice(("NORMal", "HIMPedance", "ZERO", "GUARd"))
_FUNCTIONS: Final = Choice(("VOLTage", "CURRent"))


def source_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set the source and switch the output."""
    settings, source, output = instrument.settings, instrument.source, instrument.output
    yield choice_setting(
        ":SOURce[1]:FUNCtion[:MODE]",
        _FUNCTIONS,
        lambda: settings.source_function,
        lambda name: source.select(Function(name)),
        conflicts=True,
    )

    def set_both_delays(seconds: float) -> None:
        for entry in settings.sources.values():
            entry.delay, entry.auto_delay = seconds, False

    # A delay without a function is for both (assumption: an example of the maker's writes it so).
    both = Number(0.0, LONGEST_DELAY, 0.0, "S")
    yield number_setting(":SOURce[1]:DELay", both, lambda: output.delay, set_both_delays, conflicts=True)
    for function in SOURCES:
        yield from _level_commands(instrument, function)
        yield from _limit_commands(instrument, function)
        yield from _delay_commands(instrument, function)
    yield choice_setting(
        ":SOURce[1]:VOLTage:PROTection[:LEVel]",
        Choice((*PROTECTIONS, "NONE")),
        lambda: settings.protection,
        source.set_protection,
        conflicts=True,
    )
    yield query(":SOURce[1]:VOLTage:PROTection[:LEVel]:TRIPped", lambda: str(int(output.protecting)))
    yield from _output_commands(instrument)


def level_number(function: Function) -> Number:
    """Return the levels that a function can source."""
    largest = LARGEST_VOLTAGE if function is Function.VOLTAGE else LARGEST_CURRENT
    return Number(-largest, largest, 0.0, function.unit)


def _level_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    source, settings = instrument.source, instrument.settings
    header = f":SOURce[1]:{_NAMES[function][0]}"
    yield number_setting(
        f"{header}[:LEVel][:IMMediate][:AMPLitude]",
        level_number(function),
        lambda: settings.sources[function].level,
        lambda level: source.set_level(function, level),
        conflicts=True,
    )
    yield number_setting(
        f"{header}:RANGe",
        Magnitude(function.ranges[0], function.ranges[-1], function.ranges[0], function.unit, reach=FULL_SCALE),
        lambda: settings.sources[function].range,
        lambda value: source.set_range(function, value),
        conflicts=True,
    )
    yield flag_setting(
        f"{header}:RANGe:AUTO",
        lambda: settings.sources[function].auto_range,
        lambda on: source.set_auto_range(function, on),
        conflicts=True,
    )


def _limit_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    source, settings, output = instrument.source, instrument.settings, instrument.output
    header = f":SOURce[1]:{_NAMES[function][0]}:{_NAMES[function][1]}[:LEVel]"
    other = function.other
    smallest = SMALLEST_VOLTAGE_LIMIT if other is Function.VOLTAGE else SMALLEST_CURRENT_LIMIT
    largest = level_number(other).maximum
    default = Settings().sources[function].limit
    yield number_setting(
        header,
        Magnitude(smallest, largest, default, other.unit),
        lambda: settings.sources[function].limit,
        lambda limit: source.set_limit(function, limit),
        conflicts=True,
    )

    def tripped() -> str:
        return str(int(settings.source_function is function and output.on and output.limited))

    yield query(f"{header}:TRIPped", tripped)


def _delay_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings, output = instrument.settings, instrument.output
    header = f":SOURce[1]:{_NAMES[function][0]}"

    def delay() -> float:
        entry = settings.sources[function]
        in_use = settings.source_function is function
        return output.delay if in_use and entry.auto_delay else entry.delay

    def set_delay(seconds: float) -> None:
        settings.sources[function].delay = seconds
        settings.sources[function].auto_delay = False

    def set_auto_delay(on: bool) -> None:
        settings.sources[function].auto_delay = on

    def set_high_capacitance(on: bool) -> None:
        settings.sources[function].high_capacitance = on

    def set_readback(on: bool) -> None:
        settings.sources[function].readback = on

    yield number_setting(f"{header}:DELay", Number(0.0, LONGEST_DELAY, 0.0, "S"), delay, set_delay, conflicts=True)
    yield flag_setting(
        f"{header}:DELay:AUTO", lambda: settings.sources[function].auto_delay, set_auto_delay, conflicts=True
    )
    yield user_delays(f"{header}:DELay", lambda: settings.sources[function].user_delays)
    yield flag_setting(
        f"{header}:HIGH:CAPacitance",
        lambda: settings.sources[function].high_capacitance,
        set_high_capacitance,
        conflicts=True,
    )
    yield flag_setting(f"{header}:READ:BACK", lambda: settings.sources[function].readback, set_readback, conflicts=True)


def user_delays(header: str, stored: Callable[[], list[float]]) -> Command:
    """Return the setting of the delays that a trigger model can use."""
    numbers = "|".join(str(number + 1) for number in range(USER_DELAYS))

    def put(arguments: Arguments) -> None:
        stored()[arguments.suffixes[-1] - 1] = arguments.number(0)

    return Command(
        f"{header}:USER[{numbers}]",
        put,
        Signature((Number(0.0, LONGEST_DELAY, 0.0, "S"),), required=1),
        lambda arguments: format_number(stored()[arguments.suffixes[-1] - 1]),
    )


def _output_commands(instrument: Instrument) -> Iterator[Command]:
    output = instrument.output
    yield flag_setting(":OUTPut[1][:STATe]", lambda: output.on, instrument.switch_output)
    yield query(":OUTPut[1]:INTerlock:TRIPped", lambda: str(int(output.interlock)))
    yield _off_mode_setting(instrument, ":OUTPut[1]:VOLTage:SMODe", (Function.VOLTAGE,))
    yield _off_mode_setting(instrument, ":OUTPut[1]:CURRent:SMODe", (Function.CURRENT,))
    yield _off_mode_setting(instrument, ":OUTPut[1]:SMODe", SOURCES)


def _off_mode_setting(instrument: Instrument, header: str, functions: tuple[Function, ...]) -> Command:
    def put(name: str) -> None:
        for function in functions:
            instrument.settings.sources[function].off_mode = name
        instrument.output.refresh()

    return choice_setting(
        header, _OFF_MODES, lambda: instrument.settings.sources[functions[0]].off_mode, put, conflicts=True
    )
