"""Command table of the 2400: `[:SENSe]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import FULL_SCALE, SOURCES, Function, Settings
from sim_backend.panels.keithley_2400_parameters import (
    Count,
    RangeValue,
    count_setting,
    range_setting,
    scientific,
    setting,
)
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Number
from sim_backend.panels.scpi_settings import choice_setting, event, flag_setting, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2400_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments

NAMES: Final = {
    Function.VOLTAGE: "VOLTage[:DC]",
    Function.CURRENT: "CURRent[:DC]",
    Function.RESISTANCE: "RESistance",
}
_QUOTED: Final = Choice(("VOLTage|VOLTage:DC", "CURRent|CURRent:DC", "RESistance"), quoted=True)
_ONE_OR_MORE: Final = Signature((_QUOTED,), required=1, repeated=3)
_LIMITS: Final = {Function.VOLTAGE: 21.0, Function.CURRENT: 1.05e-4}


def sense_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set what is measured, and how."""
    yield from _function_commands(instrument)
    yield from _filter_commands(instrument)
    for function in SOURCES:
        yield from _range_commands(instrument, function)
        yield from _limit_commands(instrument, function)
    yield from _speed_commands(instrument)
    yield from _ohms_commands(instrument)


def function_list(functions: set[Function]) -> str:
    """Return functions as the instrument lists them: in quotes, in their fixed order."""
    names = {Function.VOLTAGE: '"VOLT:DC"', Function.CURRENT: '"CURR:DC"', Function.RESISTANCE: '"RES"'}
    return ",".join(name for function, name in names.items() if function in functions) or '""'


def _function_commands(instrument: Instrument) -> Iterator[Command]:
    settings = instrument.settings
    header = "[:SENSe[1]]:FUNCtion"

    def enable(arguments: Arguments) -> None:
        named = {Function(name) for name in arguments.texts(0)}
        if settings.concurrent:
            settings.functions |= named
        elif len(named) > 1:
            raise ScpiError(-221)
        else:
            settings.functions = named

    def disable(arguments: Arguments) -> None:
        settings.functions -= {Function(name) for name in arguments.texts(0)}

    def enable_all() -> None:
        if not settings.concurrent:
            raise ScpiError(-221)
        settings.functions = set(Function)

    def disable_all() -> None:
        settings.functions = set()

    def set_concurrent(on: bool) -> None:
        settings.concurrent = on
        if not on and len(settings.functions) > 1:
            # Assumption: the first in the order of voltage, current and resistance stays.
            settings.functions = {next(function for function in Function if function in settings.functions)}

    def off() -> set[Function]:
        return set(Function) - settings.functions

    yield Command(f"{header}[:ON]", enable, _ONE_OR_MORE, lambda _: function_list(settings.functions))
    yield Command(f"{header}:OFF", disable, _ONE_OR_MORE, lambda _: function_list(off()))
    yield event(f"{header}[:ON]:ALL", enable_all)
    yield event(f"{header}:OFF:ALL", disable_all)
    yield query(f"{header}[:ON]:COUNt", lambda: str(len(settings.functions)))
    yield query(f"{header}:OFF:COUNt", lambda: str(len(off())))
    yield Command(
        f"{header}:STATe",
        answer=lambda arguments: str(int(Function(arguments.text(0)) in settings.functions)),
        asks=Signature((_QUOTED,), required=1),
    )
    yield flag_setting(f"{header}:CONCurrent", lambda: settings.concurrent, set_concurrent)


def _filter_commands(instrument: Instrument) -> Iterator[Command]:
    settings, header = instrument.settings, "[:SENSe[1]]:AVERage"

    def set_state(on: bool) -> None:
        settings.filter.on = on
        instrument.meter.forget()

    def set_kind(name: str) -> None:
        settings.filter.repeating = name == "REP"

    def set_count(count: float) -> None:
        settings.filter.count = int(count)

    yield flag_setting(f"{header}[:STATe]", lambda: settings.filter.on, set_state)
    yield choice_setting(
        f"{header}:TCONtrol",
        Choice(("MOVing", "REPeat")),
        lambda: "REP" if settings.filter.repeating else "MOV",
        set_kind,
    )
    yield count_setting(f"{header}:COUNt", Count(1, 100, 10), lambda: settings.filter.count, set_count)


def _range_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings, source = instrument.settings, instrument.source
    header = f"[:SENSe[1]]:{NAMES[function]}:RANGe"
    defaults = Settings().senses[function]

    def present() -> float:
        if function is settings.source_function and function in settings.functions:
            return instrument.output.range
        return settings.senses[function].range

    def set_lower(value: float) -> None:
        lower = function.holding_range(value)
        if lower > function.holding_range(settings.senses[function].limit):
            raise ScpiError(-222)
        settings.senses[function].lower_range = lower

    yield range_setting(
        f"{header}[:UPPer]",
        RangeValue(function, defaults.range),
        present,
        lambda value: source.set_measure_range(function, value),
    )
    yield flag_setting(
        f"{header}:AUTO",
        lambda: settings.senses[function].auto_range,
        lambda on: source.set_auto_measure_range(function, on),
    )
    yield query(
        f"{header}:AUTO:ULIMit",
        lambda: scientific(FULL_SCALE * function.holding_range(settings.senses[function].limit)),
    )
    lowest = FULL_SCALE * defaults.lower_range
    yield setting(
        f"{header}:AUTO:LLIMit",
        Number(-function.largest, function.largest, lowest, function.unit),
        lambda: FULL_SCALE * settings.senses[function].lower_range,
        set_lower,
    )


def _limit_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings, output = instrument.settings, instrument.output
    header = f"[:SENSe[1]]:{NAMES[function]}:PROTection"

    def set_synchronised(on: bool) -> None:
        settings.names["RSYN"] = str(int(on))

    yield setting(
        f"{header}[:LEVel]",
        Number(-function.largest, function.largest, _LIMITS[function], function.unit),
        lambda: settings.senses[function].limit,
        lambda limit: instrument.source.set_limit(function, limit),
    )
    yield query(f"{header}:TRIPped", lambda: str(int(settings.limiter is function and output.limited)))
    yield flag_setting(f"{header}:RSYNchronize", lambda: settings.names.get("RSYN") == "1", set_synchronised)


def _speed_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands for the integration time, which is one for all functions."""
    settings = instrument.settings

    def set_nplc(cycles: float) -> None:
        settings.nplc = cycles

    for name in ("[:SENSe[1]]", *(f"[:SENSe[1]]:{name}" for name in NAMES.values())):
        yield setting(f"{name}:NPLCycles", Number(0.01, 10.0, 1.0), lambda: settings.nplc, set_nplc)


def _ohms_commands(instrument: Instrument) -> Iterator[Command]:
    settings, header = instrument.settings, "[:SENSe[1]]:RESistance"
    ohms = Number(-2.1e8, 2.1e8, 2.1e5, "OHM")

    def set_mode(name: str) -> None:
        settings.ohms.mode = name

    def set_compensated(on: bool) -> None:
        settings.ohms.compensated = on

    def set_range(value: float) -> None:
        settings.ohms.range, settings.ohms.auto_range = abs(value), False

    def set_auto(on: bool) -> None:
        settings.ohms.auto_range = on

    def set_lower(value: float) -> None:
        settings.ohms.lower = abs(value)

    def set_upper(value: float) -> None:
        settings.ohms.upper = abs(value)

    yield choice_setting(f"{header}:MODE", Choice(("MANual", "AUTO")), lambda: settings.ohms.mode, set_mode)
    yield flag_setting(f"{header}:OCOMpensated", lambda: settings.ohms.compensated, set_compensated)
    yield setting(f"{header}:RANGe[:UPPer]", ohms, lambda: settings.ohms.range, set_range)
    yield flag_setting(f"{header}:RANGe:AUTO", lambda: settings.ohms.auto_range, set_auto)
    yield setting(f"{header}:RANGe:AUTO:LLIMit", ohms, lambda: settings.ohms.lower, set_lower)
    yield setting(f"{header}:RANGe:AUTO:ULIMit", ohms, lambda: settings.ohms.upper, set_upper)
