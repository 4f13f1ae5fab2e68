"""Command table of the 2450: `:SYSTem`, `:STATus`, `:ROUTe`, `:DISPlay` and its language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_notes import Notes
from sim_backend.panels.keithley_2450_sense_commands import NAMES
from sim_backend.panels.scpi_events import ALL_KINDS, EventKind
from sim_backend.panels.scpi_parameters import Choice, Integer, Number, Text
from sim_backend.panels.scpi_settings import choice_setting, event, harmless, integer_setting, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_events import Event
    from sim_backend.panels.scpi_parameters import Arguments
    from sim_backend.panels.scpi_status import EventRegister

_SCREENS: Final = Choice(
    (
        "HOME",
        "HOME_LARGe_reading",
        "READing_table",
        "GRAPh",
        "HISTogram",
        "PROCessing",
        *(f"SWIPE_{name}" for name in ("GRAPh", "SETTings", "SOURce", "STATistics", "USER", "PLOT")),
    )
)
_KINDS: Final = {
    "ERR": EventKind.ERROR,
    "WARN": EventKind.WARNING,
    "INF": EventKind.INFORMATION,
    "ALL": ALL_KINDS,
}
_KIND: Final = Choice(("ERRor", "WARNing", "INFormational", "ALL"))
_BIT: Final = Integer(0, 14, 0)
_EVENT_NUMBER: Final = Integer(0, 32767, 0)
_REGISTER: Final = Integer(0, 65535, 0)


def system_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the event log and the instrument as a whole."""
    yield from _log_commands(instrument)
    yield query(":SYSTem:LFRequency", lambda: f"{instrument.options.line_frequency:.0f}")
    yield query(":SYSTem:VERSion", lambda: "1996.0")
    yield harmless(":SYSTem:BEEPer[:IMMediate]", Number(20, 8000, 1000, "HZ"), Number(0.001, 100, 0.1, "S"))
    yield from _clock_commands(instrument)
    yield from _remembered_commands(instrument)
    yield choice_setting(
        ":ROUTe:TERMinals",
        Choice(("FRONt", "REAR")),
        lambda: instrument.settings.terminals,
        lambda name: _select_terminals(instrument, name),
        conflicts=True,
    )
    yield harmless(":DISPlay:CLEar")
    yield harmless(":DISPlay:SCReen", _SCREENS)
    yield harmless(":DISPlay:LIGHt:STATe", Choice(("ON100", "ON75", "ON50", "ON25", "OFF", "BLACkout")))
    yield harmless(":DISPlay:USER1:TEXT[:DATA]", Text())
    yield harmless(":DISPlay:USER2:TEXT[:DATA]", Text())


def _clock_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield date and time; setting them is taken, and changes nothing: the clock is the world's."""

    def shown(arguments: Arguments) -> str:
        moment = instrument.calendar(instrument.clock.now())
        return f"{moment.timestamp():.0f}" if len(arguments) else f"{moment:%a %b} {moment.day:2d} {moment:%H:%M:%S %Y}"

    parts = tuple(Integer(0, 2_147_483_647, 0) for _ in range(6))
    yield Command(
        ":SYSTem:TIME",
        lambda _: None,
        Signature(parts, required=1),
        shown,
        Signature((Integer(1, 1, 1),)),
    )


def _remembered_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield settings that are kept for their query: they are about what the twin has not got."""
    notes = Notes(instrument.settings)
    yield notes.choice(":SYSTem:ACCess", ("FULL", "EXCLusive", "PROTected", "LOCKout"), "FULL")
    yield notes.choice(":SYSTem:POSetup", ("RST", "SAV0", "SAV1", "SAV2", "SAV3", "SAV4"), "RST")
    yield notes.integer(":SYSTem:GPIB:ADDRess", Integer(0, 30, 18))
    yield notes.choice(":DISPlay:READing:FORMat", ("PREFix", "EXPonent"), "PREF")
    yield notes.text(":DISPlay:BUFFer:ACTive", "defbuffer1")
    for name in NAMES.values():
        yield notes.integer(f":DISPlay:{name}:DIGits", Integer(3, 6, 5))
    yield notes.flag(":OUTPut[1]:INTerlock:STATe", on=False)
    yield notes.choice(":TRIGger:CONTinuous", ("AUTO", "RESTart", "OFF"), "OFF")


def language_command() -> Command:
    """Return `*LANG`. Another command set needs a reboot on the bench and is refused here."""
    return choice_setting("*LANG", Choice(("SCPI",)), lambda: "SCPI", lambda _: None)


def status_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on the questionable and operation registers."""
    registers = {":STATus:QUEStionable": instrument.questionable, ":STATus:OPERation": instrument.operation}
    for header, register in registers.items():
        yield from _register_commands(header, register)
    yield event(":STATus:CLEar", instrument.status.clear)

    def preset() -> None:
        for register in registers.values():
            register.enable = register.event = register.condition = 0

    yield event(":STATus:PRESet", preset)


def _select_terminals(instrument: Instrument, name: str) -> None:
    """Change between front and rear terminals; the output drops first. Both see the same circuit (assumption)."""
    if name != instrument.settings.terminals:
        instrument.switch_output(on=False)
    instrument.settings.terminals = name


def _log_commands(instrument: Instrument) -> Iterator[Command]:
    log = instrument.status.log

    def entry(found: Event | None, nothing: str) -> str:
        if found is None:
            return nothing
        moment = instrument.calendar(found.time)
        stamp = f"{moment:%Y/%m/%d %H:%M:%S}.{moment.microsecond // 1000:03d}"
        return f'{found.code},"{found.text};{int(found.kind)};{stamp}"'

    def error() -> str:
        return entry(log.next(EventKind.ERROR), '0,"No error;0;0 0"')

    def error_code() -> str:
        found = log.next(EventKind.ERROR)
        return str(found.code if found else 0)

    yield query(":SYSTem:ERRor[:NEXT]", error)
    yield query(":SYSTem:ERRor:CODE[:NEXT]", error_code)
    yield query(":SYSTem:ERRor:COUNt", lambda: str(log.count(EventKind.ERROR)))
    yield Command(
        ":SYSTem:EVENtlog:NEXT",
        answer=lambda arguments: entry(log.next(_kinds(arguments)), '0,"No error;0,0,0"'),
        asks=Signature((_KIND,), repeated=3),
    )
    yield Command(
        ":SYSTem:EVENtlog:COUNt",
        answer=lambda arguments: str(log.count(_kinds(arguments))),
        asks=Signature((_KIND,), repeated=3),
    )
    yield event(":SYSTem:CLEar", log.clear)


def _kinds(arguments: Arguments) -> EventKind:
    """Return the kinds of events that were asked for; all if none was named."""
    kinds = EventKind(0)
    for name in arguments.texts(0) or ("ALL",):
        kinds |= _KINDS[name]
    return kinds


def _register_commands(header: str, register: EventRegister) -> Iterator[Command]:
    def enable(bits: int) -> None:
        register.enable = bits

    def put_map(arguments: Arguments) -> None:
        bit = int(arguments.number(0))
        register.set_by[bit] = int(arguments.number(1))
        register.cleared_by[bit] = int(arguments.number(2, 0.0))

    def get_map(arguments: Arguments) -> str:
        bit = int(arguments.number(0))
        return f"{register.set_by.get(bit, 0)},{register.cleared_by.get(bit, 0)}"

    yield query(f"{header}[:EVENt]", lambda: str(register.read()))
    yield query(f"{header}:CONDition", lambda: str(register.condition))
    yield integer_setting(f"{header}:ENABle", _REGISTER, lambda: register.enable, enable)
    yield Command(
        f"{header}:MAP",
        put_map,
        Signature((_BIT, _EVENT_NUMBER, _EVENT_NUMBER), required=2),
        get_map,
        Signature((_BIT,), required=1),
    )
