"""Command table of the 2400: `:SOURce` without its sweeps, and `:OUTPut`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import (
    LARGEST_VOLTAGE,
    LONGEST_DELAY,
    SOURCES,
    Function,
    Settings,
)
from sim_backend.panels.keithley_2400_parameters import RangeValue, range_setting, scientific, setting
from sim_backend.panels.scpi_parameters import Choice, Number
from sim_backend.panels.scpi_settings import choice_setting, event, flag_setting, harmless, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2400_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments

NAMES: Final = {Function.VOLTAGE: "VOLTage", Function.CURRENT: "CURRent"}
_MODES: Final = Choice(("FIXed", "SWEep", "LIST"))
_OFF_MODES: Final = Choice(("HIMPedance", "NORMal", "ZERO", "GUARd"))


def source_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set the source and switch the output."""
    settings, source = instrument.settings, instrument.source

    def select(name: str) -> None:
        settings.memory_sweep = name == "MEM"
        if not settings.memory_sweep:
            source.select(Function(name))

    yield choice_setting(
        ":SOURce[1]:FUNCtion[:MODE]",
        Choice(("VOLTage", "CURRent", "MEMory")),
        lambda: "MEM" if settings.memory_sweep else settings.source_function,
        select,
    )
    yield harmless(":SOURce[1]:FUNCtion:SHAPe", Choice(("DC",)))
    for function in SOURCES:
        yield from _level_commands(instrument, function)
    yield from _protection_commands(instrument)
    yield from _delay_commands(instrument)
    yield from _clear_commands(instrument)
    yield from _output_commands(instrument)


def level_number(function: Function) -> Number:
    """Return the levels that a function can source."""
    return Number(-function.largest, function.largest, 0.0, function.unit)


def _level_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    source, settings = instrument.source, instrument.settings
    header = f":SOURce[1]:{NAMES[function]}"

    def set_mode(name: str) -> None:
        settings.sources[function].mode = name

    yield choice_setting(f"{header}:MODE", _MODES, lambda: settings.sources[function].mode, set_mode)
    yield setting(
        f"{header}[:LEVel][:IMMediate][:AMPLitude]",
        level_number(function),
        lambda: settings.sources[function].level,
        lambda level: source.set_level(function, level),
    )
    yield setting(
        f"{header}[:LEVel]:TRIGgered[:AMPLitude]",
        level_number(function),
        lambda: settings.sources[function].triggered,
        lambda level: source.set_triggered(function, level),
    )
    yield range_setting(
        f"{header}:RANGe",
        RangeValue(function, Settings().sources[function].range),
        lambda: settings.sources[function].range,
        lambda value: source.set_range(function, value),
    )
    yield flag_setting(
        f"{header}:RANGe:AUTO",
        lambda: settings.sources[function].auto_range,
        lambda on: source.set_auto_range(function, on),
    )


def _protection_commands(instrument: Instrument) -> Iterator[Command]:
    settings, output = instrument.settings, instrument.output
    number = _Protection(-LARGEST_VOLTAGE, LARGEST_VOLTAGE, LARGEST_VOLTAGE, "V")
    header = ":SOURce[1]:VOLTage:PROTection[:LEVel]"
    yield setting(header, number, lambda: settings.protection, instrument.source.set_protection)
    yield query(f"{header}:TRIPped", lambda: str(int(output.protecting)))


class _Protection(Number):
    """A voltage, or NONE for no protection."""

    __slots__ = ()

    def bound(self, word: str) -> float:
        """Return what NONE, MINimum, MAXimum or DEFault stands for."""
        return self.maximum if word.upper() == "NONE" else Number.bound(self, word)


def _delay_commands(instrument: Instrument) -> Iterator[Command]:
    settings, output = instrument.settings, instrument.output

    def set_delay(seconds: float) -> None:
        settings.delay = seconds
        settings.auto_delay = False

    def set_auto(on: bool) -> None:
        settings.auto_delay = on

    delay = Number(0.0, LONGEST_DELAY, 0.0, "S")
    yield setting(":SOURce[1]:DELay", delay, lambda: output.delay, set_delay)
    yield flag_setting(":SOURce[1]:DELay:AUTO", lambda: settings.auto_delay, set_auto)
    yield _number_note(instrument, ":SOURce[1]:SOAK", Number(0.0, 9999.999, 0.0, "S"))


def _clear_commands(instrument: Instrument) -> Iterator[Command]:
    settings = instrument.settings

    def set_auto(on: bool) -> None:
        settings.clear_auto = on

    def set_mode(name: str) -> None:
        settings.clear_mode = name

    yield event(":SOURce[1]:CLEar[:IMMediate]", lambda: instrument.switch_output(on=False))
    yield flag_setting(":SOURce[1]:CLEar:AUTO", lambda: settings.clear_auto, set_auto)
    yield choice_setting(
        ":SOURce[1]:CLEar:AUTO:MODE", Choice(("ALWays", "TCOunt")), lambda: settings.clear_mode, set_mode
    )


def _output_commands(instrument: Instrument) -> Iterator[Command]:
    settings, output = instrument.settings, instrument.output

    def set_off_mode(name: str) -> None:
        settings.off_mode = name
        output.refresh()

    def set_enable(on: bool) -> None:
        settings.enable_line = on
        if on and not output.enabled:
            instrument.switch_output(on=False)

    yield flag_setting(":OUTPut[1][:STATe]", lambda: output.on, instrument.switch_output)
    yield choice_setting(":OUTPut[1]:SMODe", _OFF_MODES, lambda: settings.off_mode, set_off_mode)
    for name in ("ENABle", "INTerlock"):
        yield flag_setting(f":OUTPut[1]:{name}[:STATe]", lambda: settings.enable_line, set_enable)
        yield query(f":OUTPut[1]:{name}[:STATe]:TRIPped", lambda: str(int(output.enabled)))


def _number_note(instrument: Instrument, pattern: str, number: Number) -> Command:
    """Return a number that is kept for its query and changes nothing else."""
    names = instrument.settings

    def put(arguments: Arguments) -> None:
        names.names[pattern] = scientific(arguments.number(0))

    return Command(
        pattern,
        put,
        Signature((number,), required=1),
        lambda _: names.names.get(pattern, scientific(number.default)),
    )
