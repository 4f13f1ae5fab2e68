"""Command table of the B2900A: readings, the trace buffer and the format of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_channel_commands import ChannelTable, count_text
from sim_backend.panels.keysight_b2900_facts import MOST_READINGS
from sim_backend.panels.keysight_b2900_readings import ELEMENTS
from sim_backend.panels.keysight_b2900_trigger import DeviceAction
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import Token, TokenKind, matches
from sim_backend.panels.scpi_parameters import Choice, Integer, Parameter
from sim_backend.panels.scpi_settings import choice_setting
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keysight_b2900_instrument import Channel, Instrument
    from sim_backend.panels.keysight_b2900_readings import Reading
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_table import Reply

_ELEMENT_NODES: Final = {
    "VOLTage[:DC]": "VOLT",
    "CURRent[:DC]": "CURR",
    "RESistance": "RES",
    "TIME": "TIME",
    "STATus": "STAT",
    "SOURce": "SOUR",
}
_SPOT_ELEMENTS: Final = ("VOLT", "CURR", "RES")
_SIZE: Final = Integer(1, MOST_READINGS, 1)


class _Offset(Parameter):
    """Where data begin: a number, STARt, or CURRent, which is where the next reading will be: -1."""

    def parse(self, token: Token) -> float:
        if token.kind is TokenKind.WORD:
            if matches("CURRent", token.text):
                return -1.0
            if matches("STARt", token.text):
                return 0.0
        return Integer(0, MOST_READINGS, 0).parse(token)


class _DataFormat(Parameter):
    """ASCii, REAL, REAL32 or REAL64; the length may also come as a second parameter."""

    def parse(self, token: Token) -> str:
        if token.kind is not TokenKind.WORD:
            raise ScpiError(-104)
        if matches("ASCii", token.text):
            return "ASC"
        word = token.text.upper()
        if word not in {"REAL", "REAL32", "REAL64"}:
            raise ScpiError(-224)
        return word


_WINDOW: Final = Signature((_Offset(), _SIZE))


def data_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands that take and fetch readings."""
    table = ChannelTable(instrument)
    everything: dict[str, str | None] = {"": None}
    everything.update({f":{node}": name for node, name in _ELEMENT_NODES.items()})
    for node, name in everything.items():
        yield from _fetch_commands(table, instrument, node, name)

    def latest(channel: Channel) -> Reply:
        return instrument.formatter.interleaved([channel.data.last()], instrument.system.elements)

    def window(channel: Channel, arguments: Arguments) -> Reply:
        offset, size = _window(arguments, len(channel.data))
        return instrument.formatter.interleaved([channel.data.slice(offset, size)], instrument.system.elements)

    def acquire(channel: Channel) -> None:
        channel.spot()
        instrument.wait_for([channel])

    yield table.command(":SENSe[c]:DATA", answer=window, asks=_WINDOW)
    yield table.query(":SENSe[c]:DATA:LATest", latest)
    yield table.event(":SENSe[c]:DATA:ACQuire", acquire)
    yield table.event(":SENSe[c]:DATA:CLEar", lambda channel: channel.data.clear())


def trace_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the trace buffer."""
    table = ChannelTable(instrument)

    def window(channel: Channel, arguments: Arguments) -> Reply:
        offset, size = _window(arguments, len(channel.trace))
        return instrument.formatter.interleaved([channel.trace.slice(offset, size)], elements(channel))

    def elements(channel: Channel) -> tuple[str, ...]:
        measured = channel.settings.trace.feed == "SENS"
        return instrument.system.elements if measured else instrument.system.calculated

    def put(name: str, channel: Channel, value: str) -> None:
        setattr(channel.settings.trace, name, value)

    def set_feed(channel: Channel, feed: str) -> None:
        channel.trace.check_stopped()
        put("feed", channel, feed)

    def clear(channel: Channel) -> None:
        channel.trace.check_stopped()
        channel.trace.clear()

    def free(channel: Channel) -> str:
        points = channel.settings.trace.points
        return f"{points - len(channel.trace)},{points}"

    header = ":TRACe[c]"
    yield table.command(f"{header}:DATA", answer=window, asks=_WINDOW)
    yield table.event(f"{header}:CLEar", clear)
    yield table.query(f"{header}:FREE", free)
    yield table.choice(f"{header}:FEED", Choice(("MATH", "LIMit", "SENSe")), lambda c: c.settings.trace.feed, set_feed)
    yield table.choice(
        f"{header}:FEED:CONTrol",
        Choice(("NEXT", "NEVer")),
        lambda c: c.settings.trace.control,
        lambda c, mode: put("control", c, mode),
    )
    yield table.number(
        f"{header}:POINts",
        Integer(1, MOST_READINGS, MOST_READINGS),
        lambda c: c.settings.trace.points,
        lambda c, points: c.trace.set_points(int(points)),
        write=count_text,
    )
    yield table.query(f"{header}:POINts:ACTual", lambda c: str(len(c.trace)))
    yield table.query(f"{header}:STATistic:DATA", lambda c: instrument.formatter.encode(c.trace.statistic(elements(c))))
    yield table.choice(
        f"{header}:STATistic:FORMat",
        Choice(("MEAN", "SDEViation", "PKPK", "MINimum", "MAXimum")),
        lambda c: c.settings.trace.statistic,
        lambda c, name: put("statistic", c, name),
    )
    yield table.choice(
        f"{header}:TSTamp:FORMat",
        Choice(("DELTa", "ABSolute")),
        lambda c: c.settings.trace.stamp,
        lambda c, rule: put("stamp", c, rule),
    )


def format_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on how readings and registers are written down."""
    system = instrument.system

    def set_format(arguments: Arguments) -> None:
        name = arguments.text(0)
        if name == "ASC":
            if len(arguments) > 1:
                raise ScpiError(-108)
            system.data_format = "ASC"
            return
        length = round(arguments.number(1, float(name.removeprefix("REAL") or 64)))
        if length not in {32, 64}:
            raise ScpiError(-224)
        system.data_format = f"REAL,{length}"

    def set_elements(arguments: Arguments) -> None:
        system.elements = tuple(name for name in ELEMENTS if name in arguments.texts(0))

    def set_calculated(arguments: Arguments) -> None:
        system.calculated = tuple(name for name in ("CALC", "TIME", "STAT") if name in arguments.texts(0))

    def set_order(name: str) -> None:
        system.byte_order = name

    elements = Choice(("VOLTage", "CURRent", "RESistance", "TIME", "STATus", "SOURce"))
    yield Command(
        ":FORMat[:DATA]",
        set_format,
        Signature((_DataFormat(), Integer(32, 64, 64)), required=1),
        lambda _: system.data_format,
    )
    for node, name in (("DIGital", "digital_format"), ("SREGister", "register_format")):
        yield choice_setting(
            f":FORMat:{node}",
            Choice(("ASCii", "BINary", "HEXadecimal", "OCTal")),
            lambda name=name: getattr(system, name),
            lambda value, name=name: setattr(system, name, value),
        )
    yield Command(
        ":FORMat:ELEMents:CALCulate",
        set_calculated,
        Signature((Choice(("CALCulate", "TIME", "STATus")),), required=1, repeated=3),
        lambda _: ",".join(system.calculated),
    )
    yield choice_setting(":FORMat:BORDer", Choice(("NORMal", "SWAPped")), lambda: system.byte_order, set_order)
    yield Command(
        ":FORMat:ELEMents:SENSe",
        set_elements,
        Signature((elements,), required=1, repeated=len(ELEMENTS)),
        lambda _: ",".join(system.elements),
    )


class _Fetcher:
    """Takes and fetches readings of several channels, with all chosen elements or with one.

    Args:
        table: of the channels.
        instrument: whose.
        name: of the one element; None for those that `:FORMat` chooses.
    """

    def __init__(self, table: ChannelTable, instrument: Instrument, name: str | None) -> None:
        self._table = table
        self._instrument = instrument
        self._name = name

    def everything(self, arguments: Arguments) -> Reply:
        """Return all readings of the last run."""
        return self._reply([channel.data.slice(0, None) for channel in self._finished(arguments)])

    def newest(self, arguments: Arguments) -> Reply:
        """Return the last reading."""
        return self._reply([channel.data.last() for channel in self._finished(arguments)])

    def start(self, arguments: Arguments) -> None:
        """Run both device actions to their end."""
        chosen = self._idle(arguments)
        for channel in chosen:
            channel.start(DeviceAction)
        self._instrument.wait_for(chosen)

    def spot(self, arguments: Arguments) -> None:
        """Measure once."""
        chosen = self._idle(arguments)
        for channel in chosen:
            channel.spot()
        self._instrument.wait_for(chosen)

    def _reply(self, readings: list[list[Reading]]) -> Reply:
        elements = self._instrument.system.elements if self._name is None else (self._name,)
        return self._instrument.formatter.interleaved(readings, elements)

    def _idle(self, arguments: Arguments) -> list[Channel]:
        """Return the listed channels.

        Raises:
            ScpiError: -213 if one is not idle: either all start or none.
        """
        chosen = self._table.listed(arguments)
        if any(channel.trigger.running for channel in chosen):
            raise ScpiError(-213)
        return chosen

    def _finished(self, arguments: Arguments) -> list[Channel]:
        """Return the listed channels once their runs are over, unless these have no end.

        Assumption: clients ask for data right after the start and get all of them.
        """
        chosen = self._table.listed(arguments)
        self._instrument.wait_for(channel for channel in chosen if not channel.trigger.endless)
        return chosen


def _fetch_commands(table: ChannelTable, instrument: Instrument, node: str, name: str | None) -> Iterator[Command]:
    """Yield the queries for readings with all chosen elements, or with one."""
    channels = Signature((table.list_type,))
    fetcher = _Fetcher(table, instrument, name)

    def read_everything(arguments: Arguments) -> Reply:
        fetcher.start(arguments)
        return fetcher.everything(arguments)

    def read_newest(arguments: Arguments) -> Reply:
        fetcher.start(arguments)
        return fetcher.newest(arguments)

    def measure(arguments: Arguments) -> Reply:
        fetcher.spot(arguments)
        return fetcher.newest(arguments)

    yield Command(f":FETCh:ARRay{node}", answer=fetcher.everything, asks=channels)
    yield Command(f":FETCh[:SCALar]{node}", answer=fetcher.newest, asks=channels)
    yield Command(f":READ:ARRay{node}", answer=read_everything, asks=channels)
    yield Command(f":READ[:SCALar]{node}", answer=read_newest, asks=channels)
    if name is None or name in _SPOT_ELEMENTS:
        yield Command(f":MEASure{node}", answer=measure, asks=channels)


def _window(arguments: Arguments, length: int) -> tuple[int, int | None]:
    """Return offset and size that a data query asks for."""
    offset = int(arguments.number(0, 0.0))
    size = int(arguments.number(1)) if len(arguments) > 1 else None
    return length if offset < 0 else offset, size
