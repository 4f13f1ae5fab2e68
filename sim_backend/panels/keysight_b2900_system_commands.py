"""Command table of the B2900A: `:SYSTem` and `:STATus`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_channel_commands import ChannelTable
from sim_backend.panels.keysight_b2900_facts import nr3, register_text
from sim_backend.panels.keysight_b2900_settings import SystemSettings
from sim_backend.panels.keysight_b2900_status import ALL_BITS
from sim_backend.panels.scpi_parameters import Integer, Number
from sim_backend.panels.scpi_settings import event, flag_setting, harmless, integer_setting, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.keysight_b2900_instrument import Instrument
    from sim_backend.panels.keysight_b2900_status import FilteredRegister
    from sim_backend.panels.scpi_events import Event
    from sim_backend.panels.scpi_parameters import Arguments

_NO_ERROR: Final = '+0,"No error"'
"""Command reference, chapter 5, which also words -350."""


def system_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the error queue and the instrument as a whole."""
    yield from _error_commands(instrument)
    yield query(":SYSTem:VERSion", lambda: "1999.0")
    yield _line_frequency_setting(instrument)
    # 1 is the open circuit, as in PyMeasure's driver of the sister models B298x.
    yield query(":SYSTem:INTerlock:TRIPped", lambda: str(int(not instrument.options.interlock)))
    yield from _timer_commands(instrument)
    yield event(":SYSTem:PRESet", instrument.reset)
    yield harmless(":SYSTem:BEEPer[:IMMediate]", Number(55, 6640, 1000, "HZ"), Number(0.05, 12.75, 0.1, "S"))
    yield harmless(":SYSTem:REMote")
    yield harmless(":SYSTem:LOCal")
    yield from _group_commands(instrument)


def status_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the measurement, operation and questionable registers."""
    registers = {
        ":STATus:MEASurement": instrument.measurement,
        ":STATus:OPERation": instrument.operation,
        ":STATus:QUEStionable": instrument.questionable,
    }
    for header, register in registers.items():
        yield from _register_commands(instrument, header, register)

    def preset() -> None:
        for register in registers.values():
            register.preset()

    yield event(":STATus:PRESet", preset)


def _error_commands(instrument: Instrument) -> Iterator[Command]:
    log = instrument.status.log

    def text(entry: Event) -> str:
        return f'{entry.code:+d},"{entry.text}"'

    def taken() -> Iterator[Event]:
        while entry := log.next():
            yield entry

    def first() -> str:
        entry = log.next()
        return text(entry) if entry else _NO_ERROR

    def first_code() -> str:
        entry = log.next()
        return f"{entry.code:+d}" if entry else "+0"

    header = ":SYSTem:ERRor"
    yield query(f"{header}[:NEXT]", first)
    yield query(f"{header}:ALL", lambda: ",".join(map(text, taken())) or _NO_ERROR)
    yield query(f"{header}:COUNt", lambda: str(log.count()))
    yield query(f"{header}:CODE[:NEXT]", first_code)
    yield query(f"{header}:CODE:ALL", lambda: ",".join(f"{entry.code:+d}" for entry in taken()) or "+0")


def _line_frequency_setting(instrument: Instrument) -> Command:
    def put(frequency: int) -> None:
        instrument.system.line_frequency = 50.0 if frequency < 55 else 60.0

    return integer_setting(
        ":SYSTem:LFRequency", Integer(50, 60, 50), lambda: int(instrument.system.line_frequency), put
    )


def _timer_commands(instrument: Instrument) -> Iterator[Command]:
    def reset() -> None:
        for channel in instrument.channels:
            channel.reset_timer()

    def set_automatic(on: bool) -> None:
        instrument.system.reset_timer = on

    def elapsed() -> str:
        return nr3(instrument.clock.now() - instrument.channels[0].meter.timer_start)

    header = ":SYSTem:TIME:TIMer:COUNt"
    yield query(header, elapsed)
    yield event(f"{header}:RESet[:IMMediate]", reset)
    yield flag_setting(f"{header}:RESet:AUTO", lambda: instrument.system.reset_timer, set_automatic)


def _group_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield `:SYSTem:GROup`, which takes one or two channel lists.

    Channels that are started together run together whether grouped or not, so a group changes nothing else here.
    """
    channels = ChannelTable(instrument).list_type

    def put(arguments: Arguments) -> None:
        groups = [arguments.text(place) for place in range(len(arguments))]
        instrument.system.groups = ",".join(f"(@{','.join(group)})" for group in groups)

    def reset() -> None:
        instrument.system.groups = SystemSettings(instrument.system.line_frequency).groups

    yield Command(
        ":SYSTem:GROup[:DEFinition]",
        put,
        Signature((channels, channels), required=1),
        lambda _: instrument.system.groups,
    )
    yield event(":SYSTem:GROup:RESet", reset)


def register_setting(
    instrument: Instrument, pattern: str, largest: int, get: Callable[[], int], put: Callable[[int], None]
) -> Command:
    """Return a command that sets a register, and its query, which answers as `:FORMat:SREGister` says."""
    return Command(
        pattern,
        lambda arguments: put(int(arguments.number(0))),
        Signature((Integer(0, largest, 0),), required=1),
        lambda _: register_text(get(), instrument.system.register_format),
    )


def register_query(instrument: Instrument, pattern: str, get: Callable[[], int]) -> Command:
    """Return a query for a register, which answers as `:FORMat:SREGister` says."""
    return query(pattern, lambda: register_text(get(), instrument.system.register_format))


def common_registers(instrument: Instrument) -> list[Command]:
    """Return the common commands on registers."""
    status = instrument.status

    def set_event_enable(bits: int) -> None:
        status.standard_enable = bits

    def set_service_enable(bits: int) -> None:
        status.service_enable = bits

    return [
        register_query(instrument, "*ESR", status.read_standard),
        register_query(instrument, "*STB", status.byte),
        register_setting(instrument, "*ESE", 255, lambda: status.standard_enable, set_event_enable),
        register_setting(instrument, "*SRE", 255, lambda: status.service_enable, set_service_enable),
    ]


def _register_commands(instrument: Instrument, header: str, register: FilteredRegister) -> Iterator[Command]:
    def put(name: str, bits: int) -> None:
        setattr(register, name, bits & ALL_BITS)

    def setting(node: str, name: str) -> Command:
        return register_setting(
            instrument, f"{header}:{node}", 65535, lambda: getattr(register, name), lambda bits: put(name, bits)
        )

    yield register_query(instrument, f"{header}[:EVENt]", register.read)
    yield register_query(instrument, f"{header}:CONDition", lambda: register.condition)
    yield setting("ENABle", "enable")
    yield setting("PTRansition", "positive")
    yield setting("NTRansition", "negative")
