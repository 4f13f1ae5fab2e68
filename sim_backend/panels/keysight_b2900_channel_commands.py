"""Builders for lines of the B2900A's command table that belong to a channel.

In their patterns `[c]` stands for the numeric suffix that names the channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keysight_b2900_facts import nr3
from sim_backend.panels.keysight_b2900_parameters import ChannelList
from sim_backend.panels.scpi_parameters import Boolean, Bound
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keysight_b2900_instrument import Channel, Instrument
    from sim_backend.panels.scpi_parameters import Arguments, Choice, Number
    from sim_backend.panels.scpi_table import Reply


class ChannelTable:
    """Makes commands for the channels of one instrument.

    Args:
        instrument: whose channels.
    """

    def __init__(self, instrument: Instrument) -> None:
        self._channels = instrument.channels
        self.suffixes = "[" + "|".join(str(place + 1) for place in range(len(instrument.channels))) + "]"
        self.list_type = ChannelList(len(instrument.channels))

    def channel(self, arguments: Arguments) -> Channel:
        """Return the channel that a header's suffix names, the first if it has none."""
        return self._channels[arguments.suffixes[0] - 1 if arguments.suffixes else 0]

    def listed(self, arguments: Arguments, place: int = 0) -> list[Channel]:
        """Return the channels of a channel list, the first if there is none."""
        return [self._channels[int(digit) - 1] for digit in arguments.text(place, "1")]

    def command(
        self,
        pattern: str,
        action: Callable[[Channel, Arguments], None] | None = None,
        takes: Signature = Signature(),  # noqa: B008 (immutable)
        answer: Callable[[Channel, Arguments], Reply] | None = None,
        asks: Signature = Signature(),  # noqa: B008 (immutable)
    ) -> Command:
        """Return a command on the channel that its header names."""
        return Command(
            pattern.replace("[c]", self.suffixes),
            None if action is None else lambda arguments: action(self.channel(arguments), arguments),
            takes,
            None if answer is None else lambda arguments: answer(self.channel(arguments), arguments),
            asks,
        )

    def number(
        self,
        pattern: str,
        number: Number,
        get: Callable[[Channel], float],
        put: Callable[[Channel, float], None],
        *,
        idle: bool = False,
        write: Callable[[float], str] = nr3,
    ) -> Command:
        """Return a command that sets a number, and its query, which takes MINimum, MAXimum and DEFault, too.

        Args:
            pattern: the header.
            number: what is taken.
            get: reads the setting.
            put: changes it.
            idle: it cannot be changed during a run.
            write: prints it.
        """

        def obey(channel: Channel, arguments: Arguments) -> None:
            if idle:
                channel.check_idle()
            put(channel, arguments.number(0))

        def answer(channel: Channel, arguments: Arguments) -> str:
            return write(arguments.number(0) if len(arguments) else get(channel))

        return self.command(pattern, obey, Signature((number,), required=1), answer, Signature((Bound(number),)))

    def placed_number(
        self,
        pattern: str,
        number: Number,
        get: Callable[[Channel, Arguments], float],
        put: Callable[[Channel, Arguments, float], None],
    ) -> Command:
        """Return as `number` does what depends on further suffixes of its header."""

        def answer(channel: Channel, arguments: Arguments) -> str:
            return nr3(arguments.number(0) if len(arguments) else get(channel, arguments))

        return self.command(
            pattern,
            lambda channel, arguments: put(channel, arguments, arguments.number(0)),
            Signature((number,), required=1),
            answer,
            Signature((Bound(number),)),
        )

    def flag(
        self,
        pattern: str,
        get: Callable[[Channel], bool],
        put: Callable[[Channel, bool], None],
        *,
        idle: bool = False,
    ) -> Command:
        """Return a command that switches something on or off, and its query; arguments as for `number`."""

        def obey(channel: Channel, arguments: Arguments) -> None:
            if idle:
                channel.check_idle()
            put(channel, bool(arguments.number(0)))

        return self.command(
            pattern, obey, Signature((Boolean(),), required=1), lambda channel, _: "1" if get(channel) else "0"
        )

    def choice(
        self,
        pattern: str,
        choice: Choice,
        get: Callable[[Channel], str],
        put: Callable[[Channel, str], None],
        *,
        idle: bool = False,
    ) -> Command:
        """Return a command that selects a name, and its query, which answers the short form; arguments as before."""

        def obey(channel: Channel, arguments: Arguments) -> None:
            if idle:
                channel.check_idle()
            put(channel, arguments.text(0))

        return self.command(pattern, obey, Signature((choice,), required=1), lambda channel, _: get(channel))

    def query(self, pattern: str, answer: Callable[[Channel], Reply]) -> Command:
        """Return a query without parameters."""
        return self.command(pattern, answer=lambda channel, _: answer(channel))

    def event(self, pattern: str, action: Callable[[Channel], None]) -> Command:
        """Return a command without parameters and without a query."""
        return self.command(pattern, lambda channel, _: action(channel))


def count_text(value: float) -> str:
    """Return a count as replies have it."""
    return str(round(value))
