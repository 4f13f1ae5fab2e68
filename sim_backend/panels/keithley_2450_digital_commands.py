"""Command table of the 2450: digital lines and the triggers on them. Nothing is connected: inputs read high."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2450_notes import Notes
from sim_backend.panels.keithley_2450_trigger_commands import EVENTS
from sim_backend.panels.scpi_parameters import Integer, Number
from sim_backend.panels.scpi_settings import event, query
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keithley_2450_instrument import Instrument
    from sim_backend.panels.scpi_parameters import Arguments

_LINES: Final = "1|2|3|4|5|6"
_ALL_HIGH: Final = 63
_MODES: Final = ("DIGital", "TRIGger", "SYNChronous")
_DIRECTIONS: Final = ("IN", "OUT", "OPENdrain", "MASTer", "ACCeptor")
_EDGES: Final = ("FALLing", "RISing", "EITHer")
_LOGICS: Final = ("POSitive", "NEGative")


def digital_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the commands on digital lines and their triggers."""
    notes, settings = Notes(instrument.settings), instrument.settings
    yield notes.choices(f":DIGital:LINE[{_LINES}]:MODE", (_MODES, _DIRECTIONS), "DIG,IN")

    def write(arguments: Arguments) -> None:
        settings.names["DIG"] = f"{arguments.number(0):.0f}"

    def read() -> str:
        # Lines without anything on them are pulled up; what was written reads back as if all were outputs.
        return settings.names.get("DIG", str(_ALL_HIGH))

    def write_line(arguments: Arguments) -> None:
        bit = 1 << (arguments.suffixes[-1] - 1)
        level = int(read())
        settings.names["DIG"] = str(level | bit if arguments.number(0) else level & ~bit)

    yield Command(":DIGital:WRITe", write, Signature((Integer(0, _ALL_HIGH, 0),), required=1))
    yield query(":DIGital:READ", read)
    yield Command(
        f":DIGital:LINE[{_LINES}]:STATe",
        write_line,
        Signature((Integer(0, 1, 0),), required=1),
        lambda arguments: str(int(read()) >> (arguments.suffixes[-1] - 1) & 1),
    )
    for name in ("DIGital", "LINE"):
        # A maker's example program names the lines LINE in one place (assumption: both are understood).
        yield from _line_triggers(notes, f":TRIGger:{name}[{_LINES}]")
    yield from _timers(notes)


def _line_triggers(notes: Notes, header: str) -> Iterator[Command]:
    yield event(f"{header}:IN:CLEar", lambda: None)
    yield notes.choice(f"{header}:IN:EDGE", _EDGES, "FALL")
    yield query(f"{header}:IN:OVERrun", lambda: "0")
    yield event(f"{header}:OUT:ASSert", lambda: None)
    yield notes.choice(f"{header}:OUT:LOGic", _LOGICS, "NEG")
    yield notes.number(f"{header}:OUT:PULSewidth", Number(0.0, 1e5, 1e-5, "S"))
    yield notes.choice(f"{header}:OUT:STIMulus", EVENTS.names, "NONE")


def _timers(notes: Notes) -> Iterator[Command]:
    header = ":TRIGger:TIMer[1|2|3|4]"
    yield event(f"{header}:CLEar", lambda: None)
    yield notes.integer(f"{header}:COUNt", Integer(0, 1_048_575, 1))
    yield notes.number(f"{header}:DELay", Number(8e-6, 1e5, 1e-5, "S"))
    yield notes.choice(f"{header}:STARt:STIMulus", EVENTS.names, "NONE")
    yield notes.flag(f"{header}:STATe", on=False)
