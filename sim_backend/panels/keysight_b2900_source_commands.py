"""Command table of the B2900A: `:SOURce` without sweeps, and `:OUTPut`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_channel_commands import ChannelTable
from sim_backend.panels.keysight_b2900_facts import (
    LONGEST_FILTER,
    LONGEST_PULSE,
    SHORTEST_FILTER,
    SHORTEST_PULSE,
    SOURCE_REACH,
    Function,
)
from sim_backend.panels.keysight_b2900_parameters import RangeChoice
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Magnitude, Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keysight_b2900_instrument import Channel, Instrument
    from sim_backend.panels.keysight_b2900_settings import Wait
    from sim_backend.panels.scpi_table import Command

_NAMES: Final = {Function.VOLTAGE: "VOLTage", Function.CURRENT: "CURRent"}
_SOURCE: Final = "[:SOURce[c]]"


def source_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set the source."""
    table = ChannelTable(instrument)
    yield table.choice(
        f"{_SOURCE}:FUNCtion:MODE",
        Choice(("VOLTage", "CURRent")),
        lambda channel: channel.settings.function,
        lambda channel, name: channel.source.select(Function(name)),
        idle=True,
    )
    for function in Function:
        yield from _level_commands(table, instrument, function)
    yield from _pulse_commands(table)
    yield from wait_commands(table, f"{_SOURCE}:WAIT", "source_wait")


def level_number(function: Function) -> Number:
    """Return the levels that a function can source."""
    return Number(-function.largest, function.largest, 0.0, function.unit)


def wait_commands(table: ChannelTable, header: str, name: str) -> Iterator[Command]:
    """Yield the commands on one of a channel's two waits, which is an attribute of its settings."""

    def wait(channel: Channel) -> Wait:
        return getattr(channel.settings, name)

    def put(attribute: str, channel: Channel, value: float | bool) -> None:
        setattr(wait(channel), attribute, value)

    yield table.flag(f"{header}[:STATe]", lambda channel: wait(channel).enabled, lambda c, on: put("enabled", c, on))
    yield table.flag(f"{header}:AUTO", lambda channel: wait(channel).automatic, lambda c, on: put("automatic", c, on))
    yield table.number(
        f"{header}:GAIN",
        Number(0.0, 100.0, 1.0),
        lambda channel: wait(channel).gain,
        lambda c, gain: put("gain", c, gain),
    )
    yield table.number(
        f"{header}:OFFSet",
        Number(0.0, 1.0, 0.0, "S"),
        lambda channel: wait(channel).offset,
        lambda c, offset: put("offset", c, offset),
    )


def output_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that switch and connect the output."""
    table = ChannelTable(instrument)

    def put(name: str, channel: Channel, value: str | float | bool) -> None:
        setattr(channel.settings.output, name, value)
        channel.output.refresh()

    def put_when_off(name: str, channel: Channel, value: str | bool) -> None:
        if channel.output.on:
            # Assumption: the output must be off, and the number.
            raise ScpiError(-221)
        put(name, channel, value)

    header = ":OUTPut[c]"
    yield table.flag(f"{header}[:STATe]", lambda c: c.output.on, lambda c, on: c.switch(on))
    yield table.flag(f"{header}:ON:AUTO", lambda c: c.settings.output.on_auto, lambda c, on: put("on_auto", c, on))
    yield table.flag(f"{header}:OFF:AUTO", lambda c: c.settings.output.off_auto, lambda c, on: put("off_auto", c, on))
    yield table.choice(
        f"{header}:OFF:MODE",
        Choice(("NORMal", "HIZ", "ZERO")),
        lambda c: c.settings.output.off_mode,
        lambda c, mode: put("off_mode", c, mode),
    )
    yield table.flag(
        f"{header}:PROTection[:STATe]",
        lambda c: c.settings.output.protection,
        lambda c, on: put("protection", c, on),
    )
    yield table.flag(
        f"{header}:HCAPacitance[:STATe]",
        lambda c: c.settings.output.high_capacitance,
        lambda c, on: put_when_off("high_capacitance", c, on),
    )
    yield table.choice(
        f"{header}:LOW",
        Choice(("FLOat", "GROund")),
        lambda c: c.settings.output.low,
        lambda c, name: put_when_off("low", c, name),
    )
    yield table.flag(
        f"{header}:FILTer[:LPASs][:STATe]", lambda c: c.settings.output.filter, lambda c, on: put("filter", c, on)
    )
    yield table.number(
        f"{header}:FILTer[:LPASs]:TCONstant",
        Number(SHORTEST_FILTER, LONGEST_FILTER, SHORTEST_FILTER, "S"),
        lambda c: c.settings.output.time_constant,
        lambda c, value: put("time_constant", c, value),
    )
    yield table.number(
        f"{header}:FILTer[:LPASs]:FREQuency",
        Number(_frequency(LONGEST_FILTER), _frequency(SHORTEST_FILTER), _frequency(SHORTEST_FILTER), "HZ"),
        lambda c: _frequency(c.settings.output.time_constant),
        lambda c, value: put("time_constant", c, _frequency(value)),
    )
    yield table.flag(
        f"{header}:FILTer[:LPASs]:AUTO",
        lambda c: c.settings.output.filter_auto,
        lambda c, on: put("filter_auto", c, on),
    )


def _frequency(time_constant: float) -> float:
    """Return the cut-off (Hz) of a filter with a time constant (s), or the other way round."""
    return 1 / (2 * math.pi * time_constant)


def _level_commands(table: ChannelTable, instrument: Instrument, function: Function) -> Iterator[Command]:
    header = f"{_SOURCE}:{_NAMES[function]}"
    ranges = instrument.model.ranges(function)
    full_range = Magnitude(ranges[0], ranges[-1], ranges[0], function.unit, reach=SOURCE_REACH)
    choice = RangeChoice(ranges[0], ranges[-1], ranges[0], function.unit, reach=SOURCE_REACH)

    def set_triggered(channel: Channel, level: float) -> None:
        channel.settings.sources[function].triggered = level

    def triggered(channel: Channel) -> float:
        source = channel.settings.sources[function]
        return source.level if source.triggered is None else source.triggered

    yield table.number(
        f"{header}[:LEVel][:IMMediate][:AMPLitude]",
        level_number(function),
        lambda channel: channel.settings.sources[function].level,
        lambda channel, level: channel.source.set_level(function, level),
    )
    yield table.number(f"{header}[:LEVel]:TRIGgered[:AMPLitude]", level_number(function), triggered, set_triggered)
    yield table.number(
        f"{header}:RANGe",
        choice,
        lambda channel: channel.settings.sources[function].range,
        lambda channel, value: channel.source.set_range(function, value),
        idle=True,
    )
    yield table.flag(
        f"{header}:RANGe:AUTO",
        lambda channel: channel.settings.sources[function].auto_range,
        lambda channel, on: channel.source.set_auto_range(function, on),
        idle=True,
    )
    yield table.number(
        f"{header}:RANGe:AUTO:LLIMit",
        full_range,
        lambda channel: channel.settings.sources[function].lower_range,
        lambda channel, value: channel.source.set_lower_range(function, value),
        idle=True,
    )


def _pulse_commands(table: ChannelTable) -> Iterator[Command]:
    def put(name: str, channel: Channel, value: str | float | bool) -> None:
        setattr(channel.settings, name, value)

    yield table.choice(
        f"{_SOURCE}:FUNCtion[:SHAPe]",
        Choice(("PULSe", "DC")),
        lambda channel: channel.settings.shape,
        lambda channel, name: put("shape", channel, name),
        idle=True,
    )
    yield table.flag(
        f"{_SOURCE}:FUNCtion:TRIGgered:CONTinuous",
        lambda channel: channel.settings.continuous,
        lambda channel, on: put("continuous", channel, on),
        idle=True,
    )
    yield table.number(
        f"{_SOURCE}:PULSe:DELay",
        Number(0.0, LONGEST_PULSE, 0.0, "S"),
        lambda channel: channel.settings.pulse_delay,
        lambda channel, value: put("pulse_delay", channel, value),
        idle=True,
    )
    yield table.number(
        f"{_SOURCE}:PULSe:WIDTh",
        Number(SHORTEST_PULSE, LONGEST_PULSE, SHORTEST_PULSE, "S"),
        lambda channel: channel.settings.pulse_width,
        lambda channel, value: put("pulse_width", channel, round(value, 6)),
        idle=True,
    )
