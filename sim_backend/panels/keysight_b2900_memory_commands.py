"""Command table of the B2900A: saved settings, the calendar, what the instrument holds, and the files that it lacks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Never

from sim_backend.panels.keysight_b2900_channel_commands import ChannelTable
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_parameters import Integer, Parameter
from sim_backend.panels.scpi_settings import event, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keysight_b2900_instrument import Channel, Instrument
    from sim_backend.panels.scpi_grammar import Token
    from sim_backend.panels.scpi_parameters import Arguments

_PLACE: Final = Integer(0, 4, 0)
"""Places of `*SAV`."""
_CHANNEL_PLACE: Final = Integer(0, 1, 0)
"""Places of `:OUTPut:SAVE` (assumption)."""
_FIRST_DAY: Final = datetime(2026, 1, 1)
"""What the calendar shows at power-up; a twin's clock has no date of its own."""
_FILES: Final = (
    ":CATalog",
    ":CDIRectory",
    ":COPY",
    ":DELete",
    ":LOAD:LIST:CURRent",
    ":LOAD:LIST:VOLTage",
    ":LOAD:STATe",
    ":MDIRectory",
    ":MOVE",
    ":RDIRectory",
    ":STORe:DATA[:ALL]",
    ":STORe:DATA:LIMit",
    ":STORe:DATA:MATH",
    ":STORe:DATA:SENSe",
    ":STORe:STATe",
    ":STORe:TRACe",
)


class _Anything(Parameter):
    """A parameter that nobody looks at."""

    def parse(self, token: Token) -> str:
        return token.text


_FILE_PARAMETERS: Final = Signature((_Anything(),), repeated=4)


def memory_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on what the instrument keeps."""
    table = ChannelTable(instrument)

    def save(channel: Channel, arguments: Arguments) -> None:
        instrument.save_channel(instrument.channels.index(channel), f"one {arguments.number(0):.0f}")

    def recall(channel: Channel, arguments: Arguments) -> None:
        instrument.recall_channel(instrument.channels.index(channel), f"one {arguments.number(0):.0f}")

    place = Signature((_CHANNEL_PLACE,), required=1)
    yield table.command(":OUTPut[c]:SAVE", save, place)
    yield table.command(":OUTPut[c]:RECall", recall, place)
    yield from _calendar_commands(instrument)
    yield from _lock_commands()
    yield Command(
        ":SYSTem:DATA:QUANtity",
        answer=lambda arguments: ",".join(str(len(channel.data)) for channel in table.listed(arguments)),
        asks=Signature((table.list_type,)),
    )
    for node in _FILES:
        yield Command(f":MMEMory{node}", _no_medium, _FILE_PARAMETERS, _no_medium, _FILE_PARAMETERS)


def common_memory(instrument: Instrument) -> list[Command]:
    """Return the common commands on saved settings, and those that answer that all is well."""
    place = Signature((_PLACE,), required=1)
    return [
        Command("*SAV", lambda arguments: instrument.save(int(arguments.number(0))), place),
        Command("*RCL", lambda arguments: instrument.recall(int(arguments.number(0))), place),
        query("*CAL", lambda: "0"),
        # Assumption: an instrument without options says so as IEEE 488.2 asks.
        query("*OPT", lambda: "0"),
    ]


def _no_medium(_: Arguments) -> Never:
    """Refuse what needs a file: there is no USB memory on the front panel.

    Raises:
        ScpiError: -252 (assumption: the number).
    """
    raise ScpiError(-252)


def _calendar_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield date and time of day, which are numbers apart by commas (assumption: without signs)."""
    offset = timedelta()

    def now() -> datetime:
        return _FIRST_DAY + offset + timedelta(seconds=instrument.clock.now())

    def turn(moment: datetime) -> None:
        nonlocal offset
        offset += moment - now()

    def set_date(arguments: Arguments) -> None:
        year, month, day = map(int, arguments.numbers())
        try:
            turn(now().replace(year, month, day))
        except ValueError:
            raise ScpiError(-222) from None

    def set_time(arguments: Arguments) -> None:
        hour, minute, second = map(int, arguments.numbers())
        turn(now().replace(hour=hour, minute=minute, second=second, microsecond=0))

    days = (Integer(2011, 2037, 2011), Integer(1, 12, 1), Integer(1, 31, 1))
    hours = (Integer(0, 23, 0), Integer(0, 59, 0), Integer(0, 59, 0))
    yield Command(
        ":SYSTem:DATE",
        set_date,
        Signature(days, required=3),
        lambda _: f"{now().year},{now().month},{now().day}",
    )
    yield Command(
        ":SYSTem:TIME",
        set_time,
        Signature(hours, required=3),
        lambda _: f"{now().hour},{now().minute},{now().second}",
    )


def _lock_commands() -> Iterator[Command]:
    """Yield the lock of the remote interface, which a single host always gets."""
    held = 0

    def request() -> str:
        nonlocal held
        held += 1
        return "1"

    def release() -> None:
        nonlocal held
        held = max(0, held - 1)

    header = ":SYSTem:LOCK"
    yield query(f"{header}:NAME", lambda: '"LAN127.0.0.1"')
    yield query(f"{header}:OWNer", lambda: '"LAN127.0.0.1"' if held else '"NONE"')
    yield query(f"{header}:REQuest", request)
    yield event(f"{header}:RELease", release)
