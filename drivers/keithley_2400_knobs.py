"""The settings of a Keithley 2400: a line of its manual each.

Commands, ranges and defaults are those of the Series 2400 SourceMeter user's manual (2400S-900-01), sections 9 to 18.
Ranges go to 105 % of their nominal value, and read back as that: the 2 V range as 2.1 V.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drivers.knobs import TOLERANCE, Knob, choice, number, switch
from drivers.scpi_text import decode_number, shown
from labctl.smu_data import OffMode

if TYPE_CHECKING:
    from drivers.scpi import ScpiLink

OVER = 1.05
"""What a range holds, over its nominal value."""
SOURCE_RANGES = (0.21, 2.1, 21.0, 210.0)
"""Full scales of the voltage source (V)."""
CURRENT_RANGES = (1.05e-6, 1.05e-5, 1.05e-4, 1.05e-3, 1.05e-2, 0.105, 1.05)
"""Full scales of the ammeter (A)."""
LOWEST_LIMIT = 1e-3
"""The lowest limit, over the nominal value of the measure range: a lower one is refused, and the old one stays."""
PROTECTIONS = (20.0, 40.0, 60.0, 80.0, 100.0, 120.0, 160.0, math.inf)
"""Levels of the over-voltage protection (V), within 5 %; infinity is none."""
PROTECTION_NONE = 210.0
"""What reads back where there is no protection (V)."""
PROTECTION_TOLERANCE = 0.05
DELAY_MAX = 9999.998
"""Of the source (s)."""
DELAY_STEP = 1e-4
"""To which a delay may be rounded (s; an assumption)."""
FUNCTIONS = {"voltage": "VOLT", "current": "CURR"}
OFF_MODES = {OffMode.NORMAL: "NORM", OffMode.HIGH_IMPEDANCE: "HIMP", OffMode.ZERO: "ZERO", OffMode.GUARD: "GUAR"}
ELEMENTS = ("VOLT", "CURR", "TIME", "STAT")
"""What a reading consists of; the instrument keeps this order, however they are asked for."""


def _near(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, rel_tol=TOLERANCE)


def _range(command: str, ranges: tuple[float, ...], unit: str, what: str) -> Knob[float]:
    """Return a knob for a range, by its full scale; the nominal value is sent, and either may be answered."""

    def encode(full: float) -> str:
        if full in ranges:
            return f"{command} {full / OVER:.9g}"
        raise ValueError(f"a {what} of {full:g} {unit} is none of {', '.join(f'{known:g}' for known in ranges)}")

    def decode(reply: str) -> float:
        found = decode_number(reply)
        for full in ranges:
            if _near(found, full) or _near(found, full / OVER):
                return full
        return found

    doc = f"Control the {what} (float in {unit}, the full scale of a range)."
    return Knob(f"{command}?", encode, decode, _near, what, unit, doc, confirm=False)


def _delay() -> Knob[float]:
    def encode(delay: float) -> str:
        if 0 <= delay <= DELAY_MAX:
            return f":SOUR:DEL {delay:.9g}"
        raise ValueError(f"a source delay of {delay:g} s is out of range; 0 to {DELAY_MAX:g} s can be set")

    def same(found: float, wanted: float) -> bool:
        return math.isclose(found, wanted, rel_tol=TOLERANCE, abs_tol=DELAY_STEP)

    doc = f"Control the delay between source and measurement (float in s, 0 to {DELAY_MAX:g})."
    return Knob(":SOUR:DEL?", encode, decode_number, same, "source delay", "s", doc, confirm=True)


def _protection() -> Knob[float]:
    def encode(level: float) -> str:
        if level in PROTECTIONS:
            return f":SOUR:VOLT:PROT {level:g}" if math.isfinite(level) else ":SOUR:VOLT:PROT NONE"
        raise ValueError(f"there is no over-voltage protection at {level:g} V")

    def decode(reply: str) -> float:
        level = math.inf if reply.strip().upper() == "NONE" else decode_number(reply)
        return math.inf if level > PROTECTION_NONE * (1 - TOLERANCE) else level

    doc = "Control the over-voltage protection (float in V; infinity is none)."
    return Knob(":SOUR:VOLT:PROT?", encode, decode, _near, "over-voltage protection", "V", doc, confirm=False)


def _functions() -> Knob[frozenset[str]]:
    """Return the knob for what is measured: with concurrent measurement, several functions at once."""

    def encode(functions: frozenset[str]) -> str:
        return ":SENS:FUNC " + ",".join(f'"{word}"' for name, word in FUNCTIONS.items() if name in functions)

    def decode(reply: str) -> frozenset[str]:
        names = {word: name for name, word in FUNCTIONS.items()} | {"RES": "resistance"}
        words = [field.strip().strip("\"'").upper().partition(":")[0][:4] for field in reply.split(",")]
        if any(word[:4] not in {*names, "RESI"} for word in words):
            raise ValueError(f"{shown(reply)} is not a list of functions")
        return frozenset(names.get(word, "resistance") for word in words)

    def same(found: frozenset[str], wanted: frozenset[str]) -> bool:
        return found == wanted

    doc = "Control what is measured (frozenset of voltage, current)."
    return Knob(":SENS:FUNC?", encode, decode, same, "measure functions", "", doc, confirm=False)


class Keithley2400Knobs:
    """Every setting that the driver uses."""

    link: ScpiLink

    source_function: Knob[str] = choice(":SOUR:FUNC {}", ":SOUR:FUNC?", FUNCTIONS, "source function")
    source_mode: Knob[str] = choice(
        ":SOUR:VOLT:MODE {}", ":SOUR:VOLT:MODE?", {"fixed": "FIX", "list": "LIST", "sweep": "SWE"}, "source mode"
    )
    source_level: Knob[float] = number(":SOUR:VOLT {}", ":SOUR:VOLT?", "V", -210, 210, "source level")
    source_range: Knob[float] = _range(":SOUR:VOLT:RANG", SOURCE_RANGES, "V", "source range")
    source_auto_range: Knob[bool] = switch(":SOUR:VOLT:RANG:AUTO {}", ":SOUR:VOLT:RANG:AUTO?", "source's auto range")
    source_delay: Knob[float] = _delay()
    source_auto_delay: Knob[bool] = switch(":SOUR:DEL:AUTO {}", ":SOUR:DEL:AUTO?", "source's auto delay")
    protection: Knob[float] = _protection()
    current_limit: Knob[float] = number(":SENS:CURR:PROT {}", ":SENS:CURR:PROT?", "A", 1e-9, 1.05, "current limit")
    concurrent: Knob[bool] = switch(":SENS:FUNC:CONC {}", ":SENS:FUNC:CONC?", "concurrent measurement")
    functions: Knob[frozenset[str]] = _functions()
    measure_range: Knob[float] = _range(":SENS:CURR:RANG", CURRENT_RANGES, "A", "measure range")
    measure_auto_range: Knob[bool] = switch(":SENS:CURR:RANG:AUTO {}", ":SENS:CURR:RANG:AUTO?", "ammeter's auto range")
    nplc: Knob[float] = number(
        ":SENS:CURR:NPLC {}", ":SENS:CURR:NPLC?", "power line cycles", 0.01, 10, "integration time"
    )
    four_wire: Knob[bool] = switch(":SYST:RSEN {}", ":SYST:RSEN?", "remote sense")
    auto_zero: Knob[bool] = switch(":SYST:AZER {}", ":SYST:AZER?", "auto zero")
    output: Knob[bool] = switch(":OUTP {}", ":OUTP?", "output")
    off_mode: Knob[OffMode] = choice(":OUTP:SMOD {}", ":OUTP:SMOD?", OFF_MODES, "off mode")
    output_enable: Knob[bool] = switch(":OUTP:ENAB {}", ":OUTP:ENAB?", "output-enable line", confirm=True)
    terminals: Knob[str] = choice(
        ":ROUT:TERM {}", ":ROUT:TERM?", {"front": "FRON", "rear": "REAR"}, "terminals", confirm=True
    )
    sweep_ranging: Knob[str] = choice(
        ":SOUR:SWE:RANG {}", ":SOUR:SWE:RANG?", {"best": "BEST", "auto": "AUTO", "fixed": "FIX"}, "ranging in a sweep"
    )
    sweep_abort: Knob[str] = choice(
        ":SOUR:SWE:CAB {}", ":SOUR:SWE:CAB?", {"never": "NEV", "early": "EARL", "late": "LATE"}, "end at compliance"
    )
    arm_count: Knob[float] = number(":ARM:COUN {}", ":ARM:COUN?", "", 1, 2500, "arm count")
    trigger_count: Knob[float] = number(":TRIG:COUN {}", ":TRIG:COUN?", "", 1, 2500, "trigger count")
    data_format: Knob[str] = choice(":FORM {}", ":FORM?", {"text": "ASC", "binary": "REAL,32"}, "format of readings")
    byte_order: Knob[str] = choice(":FORM:BORD {}", ":FORM:BORD?", {"big": "NORM", "little": "SWAP"}, "byte order")
    elements: Knob[str] = choice(
        ":FORM:ELEM {}", ":FORM:ELEM?", {"voltage, current, time, status": ",".join(ELEMENTS)}, "elements of a reading"
    )
