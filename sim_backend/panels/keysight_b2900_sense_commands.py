"""Command table of the B2900A: `:SENSe`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_channel_commands import ChannelTable
from sim_backend.panels.keysight_b2900_facts import (
    DEFAULT_CURRENT_LIMIT,
    DEFAULT_CYCLES,
    DEFAULT_VOLTAGE_LIMIT,
    LONGEST_APERTURE,
    MEASURE_REACH,
    SHORTEST_APERTURE,
    Function,
)
from sim_backend.panels.keysight_b2900_parameters import Clamped, RangeChoice
from sim_backend.panels.keysight_b2900_settings import ChannelSettings
from sim_backend.panels.keysight_b2900_source_commands import wait_commands
from sim_backend.panels.scpi_parameters import Choice, Magnitude, Number
from sim_backend.panels.scpi_table import Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keysight_b2900_instrument import Channel, Instrument
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_table import Command

_NAMES: Final = {Function.VOLTAGE: "VOLTage[:DC]", Function.CURRENT: "CURRent[:DC]"}
_MEASURABLE: Final = ("VOLT", "CURR", "RES")
_FUNCTIONS: Final = Choice(("VOLTage|VOLTage:DC", "CURRent|CURRent:DC", "RESistance"), quoted=True)
_NAMED: Final = Signature((_FUNCTIONS,), required=1, repeated=len(_MEASURABLE))
_LIMITS: Final = {Function.VOLTAGE: DEFAULT_VOLTAGE_LIMIT, Function.CURRENT: DEFAULT_CURRENT_LIMIT}


def sense_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on what is measured, how, and within which limits."""
    table = ChannelTable(instrument)
    yield from _function_commands(table)
    for function in Function:
        yield from _range_commands(table, instrument, function)
        yield from _limit_commands(table, function)
    # One integration time serves all functions; each has a header for it.
    for name in (*_NAMES.values(), "RESistance"):
        yield from _aperture_commands(table, instrument, f":SENSe[c]:{name}")
    yield from _resistance_commands(table)
    yield from wait_commands(table, ":SENSe[c]:WAIT", "sense_wait")

    def set_remote(channel: Channel, on: bool) -> None:
        channel.settings.remote = on

    yield table.flag(":SENSe[c]:REMote", lambda channel: channel.settings.remote, set_remote, idle=True)


def _function_commands(table: ChannelTable) -> Iterator[Command]:
    def text(channel: Channel, measured: bool) -> str:
        names = [name for name in _MEASURABLE if (name in channel.settings.measured) is measured]
        return ",".join(f'"{name}"' for name in names) or '""'

    def enable(channel: Channel, arguments: Arguments) -> None:
        channel.check_idle()
        channel.settings.measured |= set(arguments.texts(0))

    def disable(channel: Channel, arguments: Arguments) -> None:
        channel.check_idle()
        channel.settings.measured -= set(arguments.texts(0))

    def set_all(channel: Channel, on: bool) -> None:
        channel.check_idle()
        channel.settings.measured = set(_MEASURABLE) if on else set()

    header = ":SENSe[c]:FUNCtion"
    yield table.command(f"{header}[:ON]", enable, _NAMED, lambda channel, _: text(channel, measured=True))
    yield table.command(f"{header}:OFF", disable, _NAMED, lambda channel, _: text(channel, measured=False))
    yield table.event(f"{header}[:ON]:ALL", lambda channel: set_all(channel, on=True))
    yield table.event(f"{header}:OFF:ALL", lambda channel: set_all(channel, on=False))
    yield table.query(f"{header}[:ON]:COUNt", lambda channel: str(len(channel.settings.measured)))
    yield table.query(f"{header}:OFF:COUNt", lambda channel: str(len(_MEASURABLE) - len(channel.settings.measured)))
    yield table.command(
        f"{header}:STATe",
        answer=lambda channel, arguments: str(int(arguments.text(0) in channel.settings.measured)),
        asks=Signature((_FUNCTIONS,), required=1),
    )


def _range_commands(table: ChannelTable, instrument: Instrument, function: Function) -> Iterator[Command]:
    header = f":SENSe[c]:{_NAMES[function]}:RANGe"
    model = instrument.model
    ranges = model.ranges(function)
    defaults = ChannelSettings().senses[function]

    def set_range(channel: Channel, value: float) -> None:
        sense = channel.settings.senses[function]
        if math.isinf(value):
            sense.range = model.neighbour(function, sense.range, up=value > 0)
        else:
            sense.range = model.measure_range(function, value)
        sense.auto_range = False

    def set_auto(channel: Channel, on: bool) -> None:
        channel.settings.senses[function].auto_range = on

    def set_lower(channel: Channel, value: float) -> None:
        channel.settings.senses[function].lower_range = model.measure_range(function, value)

    def set_upper(channel: Channel, value: float) -> None:
        channel.settings.senses[function].upper_range = model.measure_range(function, value)

    def put(name: str, channel: Channel, value: str | float) -> None:
        setattr(channel.settings.senses[function], name, value)

    yield table.number(
        f"{header}[:UPPer]",
        RangeChoice(ranges[0], ranges[-1], defaults.range, function.unit, reach=MEASURE_REACH),
        lambda channel: channel.meter.set_range_of(function),
        set_range,
        idle=True,
    )
    yield table.flag(
        f"{header}:AUTO", lambda channel: channel.settings.senses[function].auto_range, set_auto, idle=True
    )
    yield table.number(
        f"{header}:AUTO:LLIMit",
        Magnitude(ranges[0], ranges[-1], defaults.lower_range, function.unit, reach=MEASURE_REACH),
        lambda channel: channel.settings.senses[function].lower_range,
        set_lower,
        idle=True,
    )
    yield table.number(
        f"{header}:AUTO:ULIMit",
        Magnitude(ranges[0], ranges[-1], ranges[-1], function.unit, reach=MEASURE_REACH),
        lambda channel: channel.settings.senses[function].upper_range,
        set_upper,
        idle=True,
    )
    yield table.choice(
        f"{header}:AUTO:MODE",
        Choice(("NORMal", "RESolution", "SPEed")),
        lambda channel: channel.settings.senses[function].auto_mode,
        lambda channel, name: put("auto_mode", channel, name),
    )
    yield table.number(
        f"{header}:AUTO:THReshold",
        Number(11.0, 100.0, 90.0),
        lambda channel: channel.settings.senses[function].threshold,
        lambda channel, rate: put("threshold", channel, rate),
    )


def _limit_commands(table: ChannelTable, function: Function) -> Iterator[Command]:
    header = f":SENSe[c]:{_NAMES[function]}:PROTection"
    limit = Number(function.smallest_limit, function.largest, _LIMITS[function], function.unit)

    def tripped(channel: Channel) -> str:
        limiting = channel.settings.function.other is function
        return str(int(limiting and (channel.output.tripped or (channel.output.on and channel.output.limited))))

    sides = (("[:BOTH]", True, True), (":POSitive", True, False), (":NEGative", False, True))
    for node, positive, negative in sides:

        def put(channel: Channel, value: float, positive: bool = positive, negative: bool = negative) -> None:
            channel.source.set_limit(function, value, positive=positive, negative=negative)

        yield table.number(
            f"{header}[:LEVel]{node}",
            limit,
            lambda channel, positive=positive: channel.settings.senses[function].limit(1.0 if positive else -1.0),
            put,
        )
    yield table.query(f"{header}:TRIPped", tripped)


def _aperture_commands(table: ChannelTable, instrument: Instrument, header: str) -> Iterator[Command]:
    frequency = instrument.system.line_frequency
    aperture = Clamped(SHORTEST_APERTURE, LONGEST_APERTURE, DEFAULT_CYCLES / frequency, "S")
    cycles = Clamped(SHORTEST_APERTURE * frequency, LONGEST_APERTURE * frequency, DEFAULT_CYCLES)

    def set_aperture(channel: Channel, seconds: float) -> None:
        channel.settings.aperture = seconds

    def set_cycles(channel: Channel, count: float) -> None:
        seconds = count / instrument.system.line_frequency
        channel.settings.aperture = min(max(seconds, SHORTEST_APERTURE), LONGEST_APERTURE)

    def set_auto(channel: Channel, on: bool) -> None:
        # Assumption: what is chosen automatically is the default in every range.
        channel.settings.aperture = None if on else channel.meter.aperture

    yield table.number(f"{header}:APERture", aperture, lambda c: c.meter.aperture, set_aperture, idle=True)
    yield table.number(f"{header}:NPLCycles", cycles, lambda c: c.meter.cycles, set_cycles, idle=True)
    yield table.flag(f"{header}:APERture:AUTO", lambda c: c.settings.aperture is None, set_auto, idle=True)
    yield table.flag(f"{header}:NPLCycles:AUTO", lambda c: c.settings.aperture is None, set_auto, idle=True)


def _resistance_commands(table: ChannelTable) -> Iterator[Command]:
    """Yield the settings of resistance measurement; of its modes only the manual one is modelled."""

    def put(name: str, channel: Channel, value: float | bool) -> None:
        setattr(channel.settings.resistance, name, value)

    header = ":SENSe[c]:RESistance"
    bounds = (("[:UPPer]", "range", 2.0), (":AUTO:LLIMit", "lower_range", 2.0), (":AUTO:ULIMit", "upper_range", 2e8))
    for node, name, default in bounds:
        yield table.number(
            f"{header}:RANGe{node}",
            Number(2.0, 2e8, default, "OHM"),
            lambda channel, name=name: getattr(channel.settings.resistance, name),
            lambda channel, value, name=name: put(name, channel, value),
        )
    yield table.flag(
        f"{header}:RANGe:AUTO",
        lambda channel: channel.settings.resistance.auto_range,
        lambda channel, on: put("auto_range", channel, on),
    )
    yield table.choice(f"{header}:MODE", Choice(("MANual",)), lambda _: "MAN", lambda channel, _: channel.check_idle())
    yield table.flag(
        f"{header}:OCOMpensated",
        lambda channel: channel.settings.resistance.compensation,
        lambda channel, on: put("compensation", channel, on),
    )
