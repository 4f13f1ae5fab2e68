"""Command table of the 2400: `:CALCulate1` and `:CALCulate2`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from typing_extensions import override

from sim_backend.panels.keithley_2400_facts import OVERFLOW
from sim_backend.panels.keithley_2400_math import COMPLIANCE_TEST, CONTACT_TEST, VALUE_TESTS, first, second
from sim_backend.panels.keithley_2400_notes import Notes
from sim_backend.panels.keithley_2400_parameters import setting
from sim_backend.panels.keithley_2400_readings import format_values
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import TokenKind
from sim_backend.panels.scpi_parameters import Choice, Integer, Number, Parameter, Text
from sim_backend.panels.scpi_settings import choice_setting, event, flag_setting, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sim_backend.panels.keithley_2400_facts import CalcSettings, LimitTest
    from sim_backend.panels.keithley_2400_instrument import Instrument
    from sim_backend.panels.keithley_2400_readings import Reading
    from sim_backend.panels.scpi_grammar import Token
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_table import Reply

POWER: Final = "POWER"
"""The built-in expression that is modelled: volts by amperes."""
_BUILT_IN: Final = (POWER, "OFFCOMPOHM", "VOLTCOEF", "VARALPHA", "%DEV")
_LIMIT: Final = Number(-9.999999e20, 9.999999e20, 1.0)
_PATTERN: Final = Integer(0, 15, 15)
"""What the digital port shows of a result."""
_ELEMENTS: Final = ("CALC", "TIME", "STAT")


class _Expression(Parameter):
    """An expression in parentheses."""

    @override
    def parse(self, token: Token) -> str:
        """Return it; -104 if it is none."""
        if token.kind is not TokenKind.EXPRESSION:
            raise ScpiError(-104)
        return token.text


def math_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on math, null and limit tests."""
    yield from _math_commands(instrument)
    yield from _null_commands(instrument)
    for number in range(1, 13):
        yield from _test_commands(instrument, number)
    yield from _composite_commands(instrument)


def _results(instrument: Instrument, compute: Callable[[CalcSettings, Reading], float], *, latest: bool) -> Reply:
    """Return computed values of the latest run, or of its last reading.

    Raises:
        ScpiError: -230 without readings.
    """
    settings, sample = instrument.settings, instrument.model.sample
    if not sample:
        raise ScpiError(-230)
    columns: dict[str, Callable[[Reading], float]] = {
        "CALC": lambda reading: compute(settings.calc, reading),
        "TIME": lambda reading: reading.time,
        "STAT": lambda reading: float(reading.status),
    }
    chosen: Sequence[Reading] = sample[-1:] if latest else sample
    return format_values(settings, [columns[name](reading) for reading in chosen for name in settings.calc.elements])


def _math_commands(instrument: Instrument) -> Iterator[Command]:
    settings, header = instrument.settings, ":CALCulate[1]"

    def switch(on: bool) -> None:
        if on and settings.calc.expression != POWER:
            raise ScpiError(-221)
        settings.calc.math = on

    def select(arguments: Arguments) -> None:
        name = arguments.text(0).upper()
        if name not in _BUILT_IN:
            raise ScpiError(-224)
        if settings.calc.math and name != POWER:
            raise ScpiError(-221)
        settings.calc.expression = name

    def define(_: Arguments) -> None:
        # User-defined expressions are not modelled.
        raise ScpiError(-221)

    yield flag_setting(f"{header}:STATe", lambda: settings.calc.math, switch)
    yield query(f"{header}:DATA", lambda: _results(instrument, first, latest=False))
    yield query(f"{header}:DATA:LATest", lambda: _results(instrument, first, latest=True))
    math = f"{header}:MATH[:EXPRession]"
    yield Command(f"{math}:NAME", select, Signature((Text(),), required=1), lambda _: f'"{settings.calc.expression}"')
    yield query(f"{math}:CATalog", lambda: ",".join(f'"{name}"' for name in _BUILT_IN))
    takes = Signature((_Expression(),), required=1)
    yield Command(f"{math}[:DEFine]", define, takes, lambda _: f'"{settings.calc.expression}"')
    yield Command(f"{math}:DELete[:SELected]", lambda _: None, Signature((Text(),), required=1))
    yield event(f"{math}:DELete:ALL", lambda: None)
    yield Notes(settings).text(f"{header}:MATH:UNITs", "W  ")
    yield _element_command(instrument)


def _element_command(instrument: Instrument) -> Command:
    settings = instrument.settings

    def put(arguments: Arguments) -> None:
        settings.calc.elements = tuple(name for name in _ELEMENTS if name in arguments.texts(0))

    takes = Signature((Choice(("CALCulate", "TIME", "STATus")),), required=1, repeated=3)
    return Command(":FORMat:ELEMents:CALCulate", put, takes, lambda _: ",".join(settings.calc.elements))


def _null_commands(instrument: Instrument) -> Iterator[Command]:
    settings, header = instrument.settings, ":CALCulate2"

    def set_feed(name: str) -> None:
        settings.calc.feed = name

    def switch(on: bool) -> None:
        settings.calc.null = on

    def put(value: float) -> None:
        settings.calc.offset = value

    def acquire() -> None:
        if not instrument.model.sample:
            raise ScpiError(-230)
        settings.calc.null = False
        value = second(settings.calc, instrument.model.sample[-1])
        if abs(value) >= OVERFLOW:
            raise ScpiError(-230)
        settings.calc.offset = value

    feeds = Choice(("CALCulate1|CALCulate", "VOLTage", "CURRent", "RESistance"))
    yield choice_setting(f"{header}:FEED", feeds, lambda: settings.calc.feed, set_feed)
    yield query(f"{header}:DATA", lambda: _results(instrument, second, latest=False))
    yield query(f"{header}:DATA:LATest", lambda: _results(instrument, second, latest=True))
    yield flag_setting(f"{header}:NULL:STATe", lambda: settings.calc.null, switch)
    yield setting(
        f"{header}:NULL:OFFSet", Number(_LIMIT.minimum, _LIMIT.maximum, 0.0), lambda: settings.calc.offset, put
    )
    yield event(f"{header}:NULL:ACQuire", acquire)


def _test_commands(instrument: Instrument, number: int) -> Iterator[Command]:
    notes, header = Notes(instrument.settings), f":CALCulate2:LIMit{number}"

    def test() -> LimitTest:
        return instrument.settings.calc.tests[number]

    def switch(on: bool) -> None:
        if on and number == CONTACT_TEST:
            # The contact check is an option.
            raise ScpiError(-221)
        test().on = on

    def set_lower(value: float) -> None:
        test().lower = value

    def set_upper(value: float) -> None:
        test().upper = value

    def set_sense(name: str) -> None:
        test().fails_in = name == "IN"

    yield flag_setting(f"{header}:STATe", lambda: test().on, switch)
    yield query(f"{header}:FAIL", lambda: str(int(test().failed)))
    if number in VALUE_TESTS:
        yield setting(f"{header}:LOWer[:DATA]", Number(_LIMIT.minimum, _LIMIT.maximum, -1.0),
                      lambda: test().lower, set_lower)  # fmt: skip
        yield setting(f"{header}:UPPer[:DATA]", _LIMIT, lambda: test().upper, set_upper)
        for part in ("LOWer", "UPPer", "PASS"):
            yield notes.count(f"{header}:{part}:SOURce2", _PATTERN, 15)
    elif number == COMPLIANCE_TEST:
        yield choice_setting(
            f"{header}:COMPliance:FAIL", Choice(("IN", "OUT")), lambda: "IN" if test().fails_in else "OUT", set_sense
        )
        yield notes.count(f"{header}:COMPliance:SOURce2", _PATTERN, 15)
    else:
        yield notes.count(f"{header}:SOURce2", _PATTERN, 15)


def _composite_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield what the digital port shows of all tests together; nothing hangs on it."""
    notes, header = Notes(instrument.settings), ":CALCulate2:CLIMits"

    def clear() -> None:
        for test in instrument.settings.calc.tests.values():
            test.failed = False

    yield event(f"{header}:CLEar[:IMMediate]", clear)
    yield notes.flag(f"{header}:CLEar:AUTO", on=True)
    yield notes.name(f"{header}:BCONtrol", ("IMMediate", "END"), "IMM")
    yield notes.name(f"{header}:MODE", ("GRADing", "SORTing"), "GRAD")
    for part in ("PASS", "FAIL"):
        yield notes.count(f"{header}:{part}:SOURce2", _PATTERN, 15)
        yield notes.count(f"{header}:{part}:SMLocation", Integer(1, 100, 1), 1)
