"""Command table of the B2900A: `:CALCulate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_calculate import TESTS
from sim_backend.panels.keysight_b2900_channel_commands import ChannelTable
from sim_backend.panels.keysight_b2900_expressions import PREDEFINED, check
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import Token, TokenKind
from sim_backend.panels.scpi_parameters import Boolean, Choice, Number, Parameter, Text
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keysight_b2900_calculate import LimitTest
    from sim_backend.panels.keysight_b2900_instrument import Channel, Instrument
    from sim_backend.panels.keysight_b2900_readings import Reading
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_table import Reply

_MOST_EXPRESSIONS: Final = 32
"""The predefined ones included."""
_LONGEST_NAME: Final = 32
"""Characters of an expression's name (assumption)."""
_VALUE: Final = 9.999999e20
"""Largest limit and offset (assumption)."""


class _Expression(Parameter):
    """A math expression in parentheses."""

    def parse(self, token: Token) -> str:
        if token.kind is not TokenKind.EXPRESSION:
            raise ScpiError(-104)
        check(token.text)
        return token.text


def calculate_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on offset, math and limit tests."""
    table = ChannelTable(instrument)
    header = ":CALCulate[c]"

    def data(readings: list[Reading]) -> Reply:
        return instrument.formatter.interleaved([readings], instrument.system.calculated)

    yield table.choice(
        f"{header}:FEED",
        Choice(("VOLTage", "CURRent", "RESistance", "MATH")),
        lambda c: c.settings.calculate.feed,
        lambda c, name: setattr(c.settings.calculate, "feed", name),
    )
    yield table.query(f"{header}:DATA", lambda c: data(c.calculator.results.slice(0, None)))
    yield table.query(f"{header}:DATA:LATest", lambda c: data(c.calculator.results.last()))
    yield table.query(f"{header}:MATH:DATA", lambda c: data(c.calculator.math.slice(0, None)))
    yield table.query(f"{header}:MATH:DATA:LATest", lambda c: data(c.calculator.math.last()))
    yield from _offset_commands(table, f"{header}:OFFSet")
    yield from _math_commands(instrument, table, f"{header}:MATH")
    yield from _composite_commands(table, f"{header}:CLIMits")
    yield from _test_commands(table, f"{header}:LIMit")


def _offset_commands(table: ChannelTable, header: str) -> Iterator[Command]:
    def acquire(channel: Channel) -> None:
        for reading in channel.data.last():
            channel.calculator.acquire_offset(reading)

    yield table.number(
        header,
        Number(-_VALUE, _VALUE, 0.0),
        lambda c: c.settings.calculate.offset,
        lambda c, value: setattr(c.settings.calculate, "offset", value),
    )
    yield table.flag(
        f"{header}:STATe",
        lambda c: c.settings.calculate.offset_enabled,
        lambda c, on: setattr(c.settings.calculate, "offset_enabled", on),
    )
    yield table.event(f"{header}:ACQuire", acquire)


def _math_commands(instrument: Instrument, table: ChannelTable, header: str) -> Iterator[Command]:
    """Yield the commands on expressions, which all channels share; each channel has selected one."""
    definitions, units = instrument.definitions, instrument.units

    def select(channel: Channel, arguments: Arguments) -> None:
        name = arguments.text(0)
        if not name or len(name) > _LONGEST_NAME:
            raise ScpiError(-151)
        if name not in definitions and len(definitions) >= _MOST_EXPRESSIONS:
            raise ScpiError(-223)
        definitions.setdefault(name, "")
        channel.settings.calculate.math_name = name

    def define(channel: Channel, arguments: Arguments) -> None:
        name = channel.settings.calculate.math_name
        if name in PREDEFINED:
            # Assumption: what is predefined stays, and the number.
            raise ScpiError(-221)
        definitions[name] = arguments.text(0)

    def delete(arguments: Arguments) -> None:
        name = arguments.text(0)
        if name in PREDEFINED or name not in definitions:
            raise ScpiError(-224)
        del definitions[name]

    def delete_all(_: Arguments) -> None:
        for name in definitions.keys() - PREDEFINED.keys():
            del definitions[name]

    yield table.flag(
        f"{header}:STATe",
        lambda c: c.settings.calculate.math_enabled,
        lambda c, on: setattr(c.settings.calculate, "math_enabled", on),
    )
    text = Signature((Text(),), required=1)
    expression = f"{header}[:EXPRession]"
    yield table.command(
        f"{expression}[:DEFine]",
        define,
        Signature((_Expression(),), required=1),
        lambda c, _: definitions.get(c.settings.calculate.math_name, ""),
    )
    yield table.command(f"{expression}:NAME", select, text, lambda c, _: f'"{c.settings.calculate.math_name}"')
    yield table.query(f"{expression}:CATalog", lambda _: ",".join(f'"{name}"' for name in definitions))
    yield table.command(f"{expression}:DELete[:SELected]", lambda _, arguments: delete(arguments), text)
    yield table.command(f"{expression}:DELete:ALL", lambda _, arguments: delete_all(arguments))
    yield table.command(
        f"{header}:UNITs",
        lambda c, arguments: units.update({c.settings.calculate.math_name: arguments.text(0)}),
        text,
        lambda c, _: f'"{units.get(c.settings.calculate.math_name, "")}"',
    )


def _composite_commands(table: ChannelTable, header: str) -> Iterator[Command]:
    yield table.flag(
        f"{header}:STATe",
        lambda c: c.settings.calculate.composite,
        lambda c, on: setattr(c.settings.calculate, "composite", on),
    )
    yield table.choice(
        f"{header}:MODE",
        Choice(("GRADing", "SORTing")),
        lambda c: c.settings.calculate.mode,
        lambda c, name: setattr(c.settings.calculate, "mode", name),
    )
    yield table.choice(
        f"{header}:UPDate",
        Choice(("IMMediate", "END")),
        lambda c: c.settings.calculate.update,
        lambda c, name: setattr(c.settings.calculate, "update", name),
    )
    yield table.event(f"{header}:CLEar[:IMMediate]", lambda c: c.calculator.clear())
    yield table.flag(
        f"{header}:CLEar:AUTO",
        lambda c: c.settings.calculate.auto_clear,
        lambda c, on: setattr(c.settings.calculate, "auto_clear", on),
    )
    yield table.number(
        f"{header}:CLEar:AUTO:DELay",
        Number(1e-5, 60.0, 1e-4, "S"),
        lambda c: c.settings.calculate.clear_delay,
        lambda c, value: setattr(c.settings.calculate, "clear_delay", value),
    )


def _test_commands(table: ChannelTable, node: str) -> Iterator[Command]:
    header = f"{node}[{'|'.join(str(place + 1) for place in range(TESTS))}]"

    def test(channel: Channel, arguments: Arguments) -> LimitTest:
        return channel.settings.calculate.tests[arguments.suffixes[1] - 1]

    def flag(channel: Channel, arguments: Arguments) -> None:
        test(channel, arguments).enabled = bool(arguments.number(0))

    yield table.command(
        f"{header}:STATe",
        flag,
        Signature((Boolean(),), required=1),
        lambda c, arguments: str(int(test(c, arguments).enabled)),
    )
    yield table.command(f"{header}:FAIL", answer=lambda c, arguments: str(int(test(c, arguments).failed)))
    choices = (("FUNCtion", ("LIMit", "COMPliance"), "function"), ("COMPliance:FAIL", ("IN", "OUT"), "compliance"))
    for place, names, attribute in choices:
        yield table.command(
            f"{header}:{place}",
            lambda c, arguments, attribute=attribute: setattr(test(c, arguments), attribute, arguments.text(0)),
            Signature((Choice(names),), required=1),
            lambda c, arguments, attribute=attribute: getattr(test(c, arguments), attribute),
        )
    for side, default in (("LOWer", -1.0), ("UPPer", 1.0)):
        yield table.placed_number(
            f"{header}:{side}[:DATA]",
            Number(-_VALUE, _VALUE, default),
            lambda c, arguments, side=side: getattr(test(c, arguments), side.lower()),
            lambda c, arguments, value, side=side: setattr(test(c, arguments), side.lower(), value),
        )
