"""Command table of the B2900A: staircase and list sweeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_channel_commands import ChannelTable, count_text
from sim_backend.panels.keysight_b2900_facts import MOST_POINTS, Function, nr3
from sim_backend.panels.keysight_b2900_source_commands import level_number
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Choice, Integer, Number
from sim_backend.panels.scpi_table import Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keysight_b2900_instrument import Channel, Instrument
    from sim_backend.panels.keysight_b2900_settings import SourceSettings
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_table import Command

_NAMES: Final = {Function.VOLTAGE: "VOLTage", Function.CURRENT: "CURRent"}
_SOURCE: Final = "[:SOURce[c]]"
_POINTS: Final = Integer(1, MOST_POINTS, 1)


def sweep_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that set sweeps up; the trigger system runs them."""
    table = ChannelTable(instrument)
    for function in Function:
        yield from _mode_commands(table, function)
        yield from _span_commands(table, function)
        yield from _list_commands(table, function)
    yield from _shape_commands(table)

    def set_points(channel: Channel, points: float) -> None:
        for function in Function:
            channel.settings.sources[function].points = int(points)

    yield table.number(
        f"{_SOURCE}:SWEep:POINts",
        _POINTS,
        lambda channel: channel.settings.source.points,
        set_points,
        idle=True,
        write=count_text,
    )


def _mode_commands(table: ChannelTable, function: Function) -> Iterator[Command]:
    def set_mode(channel: Channel, mode: str) -> None:
        channel.settings.sources[function].mode = mode

    yield table.choice(
        f"{_SOURCE}:{_NAMES[function]}:MODE",
        Choice(("FIXed", "LIST", "SWEep")),
        lambda channel: channel.settings.sources[function].mode,
        set_mode,
        idle=True,
    )


def _span_commands(table: ChannelTable, function: Function) -> Iterator[Command]:
    """Yield start, stop, centre, span, step and points, of which each three follow from the others."""
    header = f"{_SOURCE}:{_NAMES[function]}"
    level = level_number(function)
    distance = Number(-2 * function.largest, 2 * function.largest, 0.0, function.unit)

    def source(channel: Channel) -> SourceSettings:
        return channel.settings.sources[function]

    def set_ends(channel: Channel, start: float, stop: float) -> None:
        if max(abs(start), abs(stop)) > function.largest * (1 + 1e-12):
            raise ScpiError(-222)
        source(channel).start, source(channel).stop = start, stop

    def centre(channel: Channel) -> float:
        return (source(channel).start + source(channel).stop) / 2

    def span(channel: Channel) -> float:
        return source(channel).stop - source(channel).start

    def set_step(channel: Channel, step: float) -> None:
        width = span(channel)
        if step * width < 0:
            # Assumption: the number of the error that the reference speaks of.
            raise ScpiError(-221)
        points = int(width / step + 1e-9) + 1 if step else 1
        if points > MOST_POINTS:
            raise ScpiError(-222)
        chosen = source(channel)
        chosen.points = points
        # The sweep ends at the last step that lies within the span.
        chosen.stop = chosen.start + step * (points - 1)

    def set_points(channel: Channel, points: float) -> None:
        source(channel).points = int(points)

    yield table.number(
        f"{header}:STARt", level, lambda c: source(c).start, lambda c, v: set_ends(c, v, source(c).stop), idle=True
    )
    yield table.number(
        f"{header}:STOP", level, lambda c: source(c).stop, lambda c, v: set_ends(c, source(c).start, v), idle=True
    )
    yield table.number(
        f"{header}:CENTer",
        level,
        centre,
        lambda c, v: set_ends(c, v - span(c) / 2, v + span(c) / 2),
        idle=True,
    )
    yield table.number(
        f"{header}:SPAN",
        distance,
        span,
        lambda c, v: set_ends(c, centre(c) - v / 2, centre(c) + v / 2),
        idle=True,
    )
    yield table.number(f"{header}:STEP", distance, lambda c: source(c).step, set_step, idle=True)
    yield table.number(f"{header}:POINts", _POINTS, lambda c: source(c).points, set_points, idle=True, write=count_text)


def _list_commands(table: ChannelTable, function: Function) -> Iterator[Command]:
    header = f"{_SOURCE}:LIST:{_NAMES[function]}"
    values = Signature((level_number(function),), required=1, repeated=MOST_POINTS)

    def stored(channel: Channel) -> list[float]:
        return channel.settings.sources[function].list

    def replace(channel: Channel, arguments: Arguments) -> None:
        channel.check_idle()
        stored(channel)[:] = arguments.numbers()

    def append(channel: Channel, arguments: Arguments) -> None:
        channel.check_idle()
        if len(stored(channel)) + len(arguments) > MOST_POINTS:
            raise ScpiError(-223)
        stored(channel).extend(arguments.numbers())

    yield table.command(header, replace, values, lambda channel, _: ",".join(map(nr3, stored(channel))))
    yield table.command(f"{header}:APPend", append, values)
    yield table.query(f"{header}:POINts", lambda channel: str(len(stored(channel))))


def _shape_commands(table: ChannelTable) -> Iterator[Command]:
    choices = (
        ("DIRection", ("UP", "DOWN"), "direction"),
        ("SPACing", ("LINear", "LOGarithmic"), "spacing"),
        ("RANGing", ("BEST", "FIXed", "AUTO"), "ranging"),
        ("STAir", ("SINGle", "DOUBle"), "stair"),
    )
    for node, names, attribute in choices:

        def put(channel: Channel, name: str, attribute: str = attribute) -> None:
            setattr(channel.settings, attribute, name)

        yield table.choice(
            f"{_SOURCE}:SWEep:{node}",
            Choice(names),
            lambda channel, attribute=attribute: getattr(channel.settings, attribute),
            put,
            idle=True,
        )
