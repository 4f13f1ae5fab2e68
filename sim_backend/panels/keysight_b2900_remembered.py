"""Settings of the B2900A that a host sets and reads back, and that nothing in the twin's world depends on.

The display, trigger outputs and digital pins lead nowhere here. The headers are those of the command reference;
assumption: the defaults that say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_facts import nr3, register_text
from sim_backend.panels.scpi_parameters import Boolean, Bound, Choice, Integer, Number, Text
from sim_backend.panels.scpi_table import Command, Signature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim_backend.panels.keysight_b2900_instrument import Instrument
    from sim_backend.panels.keysight_b2900_settings import Place
    from sim_backend.panels.scpi_parameters import Arguments, Parameter, Value

_SUFFIXES: Final = re.compile(r"\[\d[\d|]*\]")
_PINS: Final = "[" + "|".join(map(str, range(1, 15))) + "]"
POWER_ON_SETTING: Final = (":SYSTem:PON", ())
"""Where it is remembered which settings the instrument has after power-up."""
_TESTS: Final = "[" + "|".join(map(str, range(1, 13))) + "]"
_SIGNALS: Final = Choice((*(f"EXT{pin}" for pin in range(1, 15)), "INT1", "INT2", "LAN"))
_EVENTS: Final = Choice(tuple(f"LAN{event}" for event in range(8)))
_POSITIONS: Final = Choice(("BEFore", "AFTer", "BOTH"))
_PULSES: Final = Number(1e-5, 1e-2, 1e-4, "S")
"""Widths of trigger pulses in s."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """A setting that is only remembered.

    Args:
        pattern: its header, with `[c]` for the suffix that names a channel.
        parameter: what it takes.
        default: what `*RST` sets.
        most: values that it takes at most.
        kept: `*RST` leaves it.
        bits: it is a bit pattern, written as `:FORMat:DIGital` says.
        shared: its first suffix means nothing.
    """

    pattern: str
    parameter: Parameter
    default: Value
    most: int = 1
    kept: bool = False
    bits: bool = False
    shared: bool = False


def remembered_commands(instrument: Instrument) -> Iterator[Command]:
    """Yield the settings that are only remembered, and their queries."""
    channels = "[" + "|".join(str(place + 1) for place in range(len(instrument.channels))) + "]"
    for row in _rows("DUAL" if len(instrument.channels) > 1 else "SING1"):
        yield _command(instrument, row, row.pattern.replace("[c]", channels))
    for header in (":ARM[c]", ":TRIGger[c]"):
        yield from _layer_commands(instrument, header.replace("[c]", channels))


def _rows(view: str) -> Iterator[Remembered]:
    """Yield what is remembered; `view` is the display's after `*RST` (assumption)."""
    yield Remembered(":DISPlay:CSET", Integer(1, 2, 1), 1.0)
    yield Remembered(":DISPlay:DIGits", Integer(4, 7, 7), 7.0)
    yield Remembered(":DISPlay:ENABle", Boolean(), 1.0)
    yield Remembered(":DISPlay:VIEW", Choice(("SINGle1", "SINGle2", "DUAL", "GRAPh", "ROLL")), view)
    yield Remembered(":DISPlay:ZOOM", Boolean(), 0.0)
    yield Remembered(":DISPlay[:WINDow[1|2]]:TEXT:DATA", Text(), "")
    yield Remembered(":DISPlay[:WINDow[1|2]]:TEXT:STATe", Boolean(), 0.0)
    yield Remembered(":HCOPy:SDUMp:FORMat", Choice(("JPG", "BMP", "PNG", "WMF")), "JPG")
    yield Remembered(":SYSTem:BEEPer:STATe", Boolean(), 1.0, kept=True)
    yield Remembered(":SYSTem:FAN:MODE", Choice(("NORMal", "RACK")), "NORM", kept=True)
    yield Remembered(POWER_ON_SETTING[0], Choice(("RST", *(f"RCL{place}" for place in range(5)))), "RST", kept=True)
    yield Remembered(":SYSTem:COMMunicate:GPIB[:SELF]:ADDRess", Integer(0, 30, 23), 23.0, kept=True)
    for header in (":SENSe[c]", "[:SOURce[c]]"):
        yield Remembered(f"{header}:TOUTput[:STATe]", Boolean(), 0.0)
        yield Remembered(f"{header}:TOUTput:SIGNal", _SIGNALS, "EXT1", most=17)
    test = f":CALCulate[c]:LIMit{_TESTS}"
    for node in ("COMPliance", "LOWer", "PASS", "UPPer"):
        yield Remembered(f"{test}:{node}:DIGital[:DATA]", Integer(0, 16383, 0), 0.0, bits=True)
    yield from _pin_rows("[:SOURce[c]]:DIGital")


def _pin_rows(header: str) -> Iterator[Remembered]:
    """Yield the settings of the digital pins; assumption: all defaults but the width's."""
    yield Remembered(f"{header}:DATA", Integer(0, 16383, 0), 0.0, bits=True, shared=True)
    pin = f"{header}:EXTernal{_PINS}"
    yield Remembered(f"{pin}[:FUNCtion]", Choice(("DINPut", "DIO", "HVOL", "TINPut", "TOUTput")), "DINP", shared=True)
    yield Remembered(f"{pin}:POLarity", Choice(("NEGative", "POSitive")), "NEG", shared=True)
    for line in (pin, f"{header}:INTernal[1|2]"):
        yield Remembered(f"{line}:TOUTput[:EDGE]:POSition", _POSITIONS, "BOTH", shared=True)
        yield Remembered(f"{line}:TOUTput[:EDGE]:WIDTh", _PULSES, 1e-4, shared=True)
        yield Remembered(f"{line}:TOUTput:TYPE", Choice(("EDGE", "LEVel")), "EDGE", shared=True)


def _layer_commands(instrument: Instrument, header: str) -> Iterator[Command]:
    """Yield the trigger outputs and LAN events of a layer; both actions' together can only be set."""
    rows = (
        Remembered("TOUTput[:STATe]", Boolean(), 0.0),
        Remembered("TOUTput:SIGNal", _SIGNALS, "EXT1", most=17),
        Remembered("SOURce:LAN", _EVENTS, "LAN0,LAN1,LAN2,LAN3,LAN4,LAN5,LAN6,LAN7", most=8),
    )
    for row in rows:
        each = [_command(instrument, row, f"{header}:{action}:{row.pattern}") for action in ("ACQuire", "TRANsient")]
        yield from each

        def both(arguments: Arguments, each: list[Command] = each) -> None:
            for command in each:
                if command.action is not None:
                    command.action(arguments)

        yield Command(f"{header}[:ALL]:{row.pattern}", both, each[0].takes)


def _command(instrument: Instrument, row: Remembered, pattern: str) -> Command:
    """Return a setting and its query."""
    numbered = len(_SUFFIXES.findall(pattern))

    def place_of(arguments: Arguments) -> Place:
        # A node that is left out stands for the one with suffix 1.
        suffixes = (1,) * (numbered - len(arguments.suffixes)) + arguments.suffixes
        return pattern, suffixes[1:] if row.shared else suffixes

    def put(arguments: Arguments) -> None:
        place = place_of(arguments)
        store = instrument.memory.kept if row.kept else instrument.system.remembered
        if isinstance(row.default, str):
            store[place] = ",".join(arguments.texts(0))
        else:
            store[place] = arguments.number(0)

    def answer(arguments: Arguments) -> str:
        store = instrument.memory.kept if row.kept else instrument.system.remembered
        value = arguments.number(0) if len(arguments) else store.get(place_of(arguments), row.default)
        return _text(instrument, row, value)

    asks = Signature((Bound(row.parameter),)) if isinstance(row.parameter, Number) else Signature()
    return Command(pattern, put, Signature((row.parameter,), required=1, repeated=row.most), answer, asks)


def _text(instrument: Instrument, row: Remembered, value: Value) -> str:
    """Return a value as the reply has it."""
    if isinstance(value, str):
        return f'"{value}"' if isinstance(row.parameter, Text) else value
    if row.bits:
        return register_text(round(value), instrument.system.digital_format)
    return str(round(value)) if isinstance(row.parameter, Integer | Boolean) else nr3(value)
