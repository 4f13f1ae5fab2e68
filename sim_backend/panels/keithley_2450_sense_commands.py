"""Command table of the 2450: `:SENSe`: what is measured, in which range, how long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_facts import FULL_SCALE, Function, Settings
from sim_backend.panels.keithley_2450_source_commands import user_delays
from sim_backend.panels.scpi_parameters import Choice, Integer, Magnitude, Number
from sim_backend.panels.scpi_settings import choice_setting, event, flag_setting, integer_setting, number_setting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2450_facts import SenseSettings
    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_table import Command

NAMES: Final = {
    Function.VOLTAGE: "VOLTage[:DC]",
    Function.CURRENT: "CURRent[:DC]",
    Function.RESISTANCE: "RESistance",
}
"""Measure functions, as headers name them."""
_FUNCTIONS: Final = Choice(("VOLTage|VOLTage:DC", "CURRent|CURRent:DC", "RESistance"), quoted=True)
_UNITS: Final = Choice(("VOLT", "AMP", "OHM", "WATT"))
_OWN_UNITS: Final = {Function.VOLTAGE: "VOLT", Function.CURRENT: "AMP", Function.RESISTANCE: "OHM"}


def sense_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set measurements."""
    settings = instrument.settings

    def set_function(name: str) -> None:
        settings.sense_function = Function(name)

    def set_count(count: int) -> None:
        settings.count = count

    yield choice_setting(
        "[:SENSe[1]]:FUNCtion[:ON]",
        _FUNCTIONS,
        lambda: settings.sense_function.name_in_replies,
        set_function,
        conflicts=True,
    )
    yield integer_setting(
        "[:SENSe[1]]:COUNt", Integer(1, 300_000, 1), lambda: settings.count, set_count, conflicts=True
    )
    yield event("[:SENSe[1]]:AZERo:ONCE", lambda: instrument.let(instrument.meter.refresh_references()), conflicts=True)
    for function in Function:
        yield from _range_commands(instrument, function)
        yield from _function_commands(instrument, function)
    yield from _ohms_commands(instrument)
    for places, header in sense_places(instrument):
        yield from _conversion_commands(instrument, places, header)


def sense_places(instrument: Instrument) -> Iterator[tuple[Places, str]]:
    """Yield which settings a header's commands are about: one function's, or without a function all of them."""
    for function, name in NAMES.items():
        yield Places(instrument, (function,)), f"[:SENSe[1]]:{name}"
    yield Places(instrument, tuple(Function)), "[:SENSe[1]]"


class Places:
    """The settings that a command sets; a query that names no function asks for the active one (assumption)."""

    def __init__(self, instrument: Instrument, functions: tuple[Function, ...]) -> None:
        self._settings = instrument.settings
        self._functions = functions

    @property
    def all(self) -> list[SenseSettings]:
        """What is set."""
        return [self._settings.senses[function] for function in self._functions]

    @property
    def asked(self) -> SenseSettings:
        """What is asked for."""
        named = self._functions[0] if len(self._functions) == 1 else self._settings.sense_function
        return self._settings.senses[named]


def _range_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings = instrument.settings
    header = f"[:SENSe[1]]:{NAMES[function]}:RANGe"
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


def _function_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings, header = instrument.settings, f"[:SENSe[1]]:{NAMES[function]}"

    def set_unit(name: str) -> None:
        settings.senses[function].unit = name

    yield user_delays(f"{header}:DELay", lambda: settings.senses[function].user_delays)
    yield choice_setting(
        f"{header}:UNIT",
        _UNITS,
        lambda: settings.senses[function].unit or _OWN_UNITS[function],
        set_unit,
        conflicts=True,
    )


def _ohms_commands(instrument: Instrument) -> Iterator[Command]:
    settings, header = instrument.settings, f"[:SENSe[1]]:{NAMES[Function.RESISTANCE]}"
    upper = Number(20.0, 2e8, 2e8, "OHM")

    def set_compensated(on: bool) -> None:
        settings.senses[Function.RESISTANCE].offset_compensated = on

    def set_upper(value: float) -> None:
        settings.ohms_upper_range = value

    yield flag_setting(
        f"{header}:OCOMpensated",
        lambda: settings.senses[Function.RESISTANCE].offset_compensated,
        set_compensated,
        conflicts=True,
    )
    yield number_setting(
        f"{header}:RANGe:AUTO:ULIMit", upper, lambda: settings.ohms_upper_range, set_upper, conflicts=True
    )


def _conversion_commands(instrument: Instrument, places: Places, header: str) -> Iterator[Command]:
    def set_nplc(cycles: float) -> None:
        for sense in places.all:
            sense.nplc = cycles

    def set_four_wire(on: bool) -> None:
        if any(sense.four_wire is not on for sense in places.all):
            # The sense relay does not switch under voltage: the output drops first.
            instrument.switch_output(on=False)
        for sense in places.all:
            sense.four_wire = on

    def set_autozero(on: bool) -> None:
        for sense in places.all:
            sense.autozero = on

    yield number_setting(
        f"{header}:NPLCycles", Number(0.01, 10.0, 1.0), lambda: places.asked.nplc, set_nplc, conflicts=True
    )
    yield flag_setting(f"{header}:RSENse", lambda: places.asked.four_wire, set_four_wire, conflicts=True)
    yield flag_setting(f"{header}:AZERo[:STATe]", lambda: places.asked.autozero, set_autozero, conflicts=True)
