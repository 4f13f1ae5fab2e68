"""The settings of a Keithley 2450 in SCPI mode: a line of its manual each.

Commands, ranges and status bits are those of the 2450 and 2461 reference manuals (2450-901-01, 2461-901-01), section
"SCPI command reference".
"""

from __future__ import annotations

import math
from enum import IntFlag
from typing import TYPE_CHECKING

from drivers.knobs import choice, number, switch
from labctl.smu_data import OffMode

if TYPE_CHECKING:
    from drivers.knobs import Knob
    from drivers.scpi import ScpiLink

SOURCE_RANGES = (0.02, 0.2, 2.0, 20.0, 200.0)
"""Full scales of the voltage source (V)."""
CURRENT_RANGES = tuple(float(f"1e{exponent}") for exponent in range(-8, 1))
"""Full scales of the ammeter (A): decades from 10 nA to 1 A."""
PROTECTIONS: dict[float, str] = {
    level: f"PROT{level:g}" for level in (2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0)
} | {math.inf: "NONE"}
"""Levels of the over-voltage protection (V)."""
FUNCTIONS = {"voltage": "VOLT", "current": "CURR"}
OFF_MODES = {OffMode.NORMAL: "NORM", OffMode.HIGH_IMPEDANCE: "HIMP", OffMode.ZERO: "ZERO", OffMode.GUARD: "GUAR"}


class SourceStatus(IntFlag):
    """The status word of the source that belongs to a reading (element SOURSTAT).

    The manual gives the upper four bits with their values, the over-voltage bit by its place in the list.
    The measurement's own word (element STAT) tells nothing of a limit, and its bits differ between the models and
    firmwares of this family.
    """

    OVER_VOLTAGE = 4
    OVER_TEMPERATURE = 16
    LIMITED = 32
    OUTPUT_ON = 128


class Keithley2450Knobs:
    """Every setting that the driver uses."""

    link: ScpiLink

    source_function: Knob[str] = choice(":SOUR:FUNC {}", ":SOUR:FUNC?", FUNCTIONS, "source function")
    source_level: Knob[float] = number(":SOUR:VOLT {}", ":SOUR:VOLT?", "V", -210, 210, "source level")
    source_range: Knob[float] = number(":SOUR:VOLT:RANG {}", ":SOUR:VOLT:RANG?", "V", 0.02, 200, "source range")
    source_auto_range: Knob[bool] = switch(":SOUR:VOLT:RANG:AUTO {}", ":SOUR:VOLT:RANG:AUTO?", "source's auto range")
    source_readback: Knob[bool] = switch(":SOUR:VOLT:READ:BACK {}", ":SOUR:VOLT:READ:BACK?", "source's readback")
    protection: Knob[float] = choice(
        ":SOUR:VOLT:PROT {}", ":SOUR:VOLT:PROT?", PROTECTIONS, "over-voltage protection", confirm=True
    )
    current_limit: Knob[float] = number(
        ":SOUR:VOLT:ILIM {}", ":SOUR:VOLT:ILIM?", "A", 1e-9, 1.05, "current limit", confirm=True
    )
    measure_function: Knob[str] = choice(
        ":SENS:FUNC {}", ":SENS:FUNC?", {name: f'"{word}"' for name, word in FUNCTIONS.items()}, "measure function"
    )
    measure_range: Knob[float] = number(":SENS:CURR:RANG {}", ":SENS:CURR:RANG?", "A", 1e-8, 1, "measure range")
    measure_auto_range: Knob[bool] = switch(":SENS:CURR:RANG:AUTO {}", ":SENS:CURR:RANG:AUTO?", "ammeter's auto range")
    nplc: Knob[float] = number(
        ":SENS:CURR:NPLC {}", ":SENS:CURR:NPLC?", "power line cycles", 0.01, 10, "integration time"
    )
    four_wire: Knob[bool] = switch(":SENS:CURR:RSEN {}", ":SENS:CURR:RSEN?", "remote sense")
    output: Knob[bool] = switch(":OUTP {}", ":OUTP?", "output")
    off_mode: Knob[OffMode] = choice(":OUTP:VOLT:SMOD {}", ":OUTP:VOLT:SMOD?", OFF_MODES, "off mode")
    terminals: Knob[str] = choice(
        ":ROUT:TERM {}", ":ROUT:TERM?", {"front": "FRON", "rear": "REAR"}, "terminals", confirm=True
    )
    data_format: Knob[str] = choice(":FORM {}", ":FORM?", {"text": "ASC", "binary": "REAL"}, "format of readings")
    byte_order: Knob[str] = choice(":FORM:BORD {}", ":FORM:BORD?", {"big": "NORM", "little": "SWAP"}, "byte order")
    precision: Knob[float] = number(
        ":FORM:ASC:PREC {}", ":FORM:ASC:PREC?", "digits", 0, 16, "precision of readings as text"
    )
