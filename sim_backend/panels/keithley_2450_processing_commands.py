"""Command table of the 2450: averaging filter, relative offset, `:CALCulate` math and `:CALCulate2` limit tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_facts import LIMIT_TESTS, OVERFLOW, Function
from sim_backend.panels.keithley_2450_sense_commands import NAMES, sense_places
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Boolean, Choice, Integer, Number
from sim_backend.panels.scpi_settings import (
    choice_setting,
    flag_setting,
    format_number,
    integer_setting,
    number_setting,
)
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.keithley_2450_facts import LimitTest, MathSettings
    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.keithley_2450_sense_commands import Places
    from sim_backend.panels.scpi_parameters import Arguments

_LARGEST: Final = {Function.VOLTAGE: 210.0, Function.CURRENT: 1.05, Function.RESISTANCE: 210e6}
"""Relative offsets, V, A or ohm."""
_TESTS: Final = "|".join(str(number + 1) for number in range(LIMIT_TESTS))
_LIMIT: Final = Number(-OVERFLOW, OVERFLOW, 0.0)


def processing_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on what is made of readings."""
    for places, header in sense_places(instrument):
        yield from _filter_commands(instrument, places, f"{header}:AVERage")
    for function in Function:
        yield from _relative_commands(instrument, function)
        yield from _math_commands(instrument, function)
        yield from _limit_commands(instrument, function)


def _filter_commands(instrument: Instrument, places: Places, header: str) -> Iterator[Command]:
    def set_state(on: bool) -> None:
        instrument.meter.processing.forget()
        for sense in places.all:
            sense.filtered = on

    def set_kind(name: str) -> None:
        for sense in places.all:
            sense.repeating = name == "REP"

    def set_count(count: int) -> None:
        for sense in places.all:
            sense.filter_count = count

    yield flag_setting(f"{header}[:STATe]", lambda: places.asked.filtered, set_state, conflicts=True)
    yield choice_setting(
        f"{header}:TCONtrol",
        Choice(("REPeat", "MOVing")),
        lambda: "REP" if places.asked.repeating else "MOV",
        set_kind,
        conflicts=True,
    )
    yield integer_setting(
        f"{header}:COUNt", Integer(1, 100, 10), lambda: places.asked.filter_count, set_count, conflicts=True
    )


def _relative_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings, header = instrument.settings, f"[:SENSe[1]]:{NAMES[function]}:RELative"
    largest = _LARGEST[function]

    def put(value: float) -> None:
        settings.senses[function].relative = value

    def switch(on: bool) -> None:
        settings.senses[function].relative_on = on

    def acquire(_: Arguments) -> None:
        sense = settings.senses[function]
        if function is not settings.sense_function:
            raise ScpiError(-221)
        sense.relative_on = False
        value = instrument.let(instrument.meter.take()).value
        if abs(value) >= OVERFLOW:
            raise ScpiError(-230)
        sense.relative, sense.relative_on = value, True

    number = Number(-largest, largest, 0.0, function.unit)
    yield number_setting(header, number, lambda: settings.senses[function].relative, put, conflicts=True)
    yield flag_setting(f"{header}:STATe", lambda: settings.senses[function].relative_on, switch, conflicts=True)
    yield Command(f"{header}:ACQuire", acquire, conflicts=True)


def _math_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    settings, header = instrument.settings, f":CALCulate[1]:{NAMES[function]}:MATH"

    def math() -> MathSettings:
        return settings.senses[function].math

    def switch(on: bool) -> None:
        math().on = on

    def set_form(name: str) -> None:
        math().form = name

    def set_factor(value: float) -> None:
        math().factor = value

    def set_offset(value: float) -> None:
        math().offset = value

    def set_reference(value: float) -> None:
        math().reference = value

    wide = Number(-1e12, 1e12, 1.0)
    yield flag_setting(f"{header}:STATe", lambda: math().on, switch, conflicts=True)
    forms = Choice(("MXB", "PERCent", "RECiprocal"))
    yield choice_setting(f"{header}:FORMat", forms, lambda: math().form, set_form, conflicts=True)
    yield number_setting(f"{header}:MMFactor", wide, lambda: math().factor, set_factor, conflicts=True)
    offsets = Number(-1e12, 1e12, 0.0)
    yield number_setting(f"{header}:MBFactor", offsets, lambda: math().offset, set_offset, conflicts=True)
    yield number_setting(f"{header}:PERCent", wide, lambda: math().reference, set_reference, conflicts=True)


def _limit_commands(instrument: Instrument, function: Function) -> Iterator[Command]:
    header = f":CALCulate2:{NAMES[function]}:LIMit[{_TESTS}]"

    def test(arguments: Arguments) -> LimitTest:
        return instrument.settings.senses[function].limits[arguments.suffixes[-1] - 1]

    def clear(arguments: Arguments) -> None:
        found = test(arguments)
        found.low = found.high = False

    def put(name: str, convert: Callable[[float], float | bool]) -> Callable[[Arguments], None]:
        return lambda arguments: setattr(test(arguments), name, convert(arguments.number(0)))

    def set_audible(arguments: Arguments) -> None:
        test(arguments).audible = arguments.text(0)

    switch, number = Signature((Boolean(),), required=1), Signature((_LIMIT,), required=1)
    yield Command(f"{header}:STATe", put("on", bool), switch, lambda args: str(int(test(args).on)))
    yield Command(f"{header}:CLEar:AUTO", put("auto_clear", bool), switch, lambda args: str(int(test(args).auto_clear)))
    yield Command(f"{header}:CLEar[:IMMediate]", clear)
    yield Command(f"{header}:FAIL", answer=lambda args: test(args).result)
    yield Command(f"{header}:LOWer[:DATA]", put("lower", float), number, lambda args: format_number(test(args).lower))
    yield Command(f"{header}:UPPer[:DATA]", put("upper", float), number, lambda args: format_number(test(args).upper))
    sounds = Signature((Choice(("NONE", "FAIL", "PASS")),), required=1)
    yield Command(f"{header}:AUDible", set_audible, sounds, lambda args: test(args).audible)
