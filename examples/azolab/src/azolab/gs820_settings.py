"""The settings of channel 1 of a Yokogawa GS820: a line of its manual each.

Limits, level and zero source are those of the GS820 user's manual (IM 765601-01E), chapters 2 and 16. Its other pages
could not be had: ranges, bits of the status registers and the remaining commands are those of a public driver that
quotes it.
"""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

from drivers.knobs import choice, number, switch

if TYPE_CHECKING:
    from drivers.knobs import Knob
    from drivers.scpi import ScpiLink

SOURCE_RANGES = (0.2, 2.0, 7.0, 18.0)
"""Full scales of the voltage source (V)."""
CURRENT_RANGES = (200e-9, 2e-6, 20e-6, 200e-6, 2e-3, 20e-3, 200e-3, 1.0, 3.0)
"""Full scales of the ammeter (A)."""
FUNCTIONS = {"voltage": "VOLT", "current": "CURR"}


class SourceStatus(IntFlag):
    """What `:STAT:SOUR:COND?` says of channel 1."""

    LOW_LIMITING = 4
    HIGH_LIMITING = 8
    TRIPPED = 16
    EMERGENCY = 32
    """Too hot, or too much current."""


class SenseStatus(IntFlag):
    """What `:STAT:SENS:COND?` says of channel 1."""

    OVER_RANGE = 32


class GS820Settings:
    """Every setting that the driver uses."""

    link: ScpiLink

    source_function: Knob[str] = choice(":CHAN1:SOUR:FUNC {}", ":CHAN1:SOUR:FUNC?", FUNCTIONS, "source function")
    source_auto_range: Knob[bool] = switch(
        ":CHAN1:SOUR:VOLT:RANG:AUTO {}", ":CHAN1:SOUR:VOLT:RANG:AUTO?", "source's auto range"
    )
    source_range: Knob[float] = number(
        ":CHAN1:SOUR:VOLT:RANG {}", ":CHAN1:SOUR:VOLT:RANG?", "V", 0.2, 18, "source range"
    )
    source_level: Knob[float] = number(":CHAN1:SOUR:VOLT:LEV {}", ":CHAN1:SOUR:VOLT:LEV?", "V", -18, 18, "source level")
    limiter: Knob[bool] = switch(":CHAN1:SOUR:CURR:PROT {}", ":CHAN1:SOUR:CURR:PROT?", "limiter")
    limits_linked: Knob[bool] = switch(
        ":CHAN1:SOUR:CURR:PROT:LINK {}", ":CHAN1:SOUR:CURR:PROT:LINK?", "link of the limits"
    )
    # 10 nA is the limiter's setting of the zero source with high impedance, the smallest that the manual names.
    current_limit: Knob[float] = number(
        ":CHAN1:SOUR:CURR:PROT:UPP {}", ":CHAN1:SOUR:CURR:PROT:UPP?", "A", 10e-9, 3.2, "current limit"
    )
    lower_limit: Knob[float] = number(
        ":CHAN1:SOUR:CURR:PROT:LOW {}", ":CHAN1:SOUR:CURR:PROT:LOW?", "A", -3.2, -10e-9, "lower current limit"
    )
    measuring: Knob[bool] = switch(":CHAN1:SENS:STAT {}", ":CHAN1:SENS:STAT?", "measurement")
    measure_function: Knob[str] = choice(":CHAN1:SENS:FUNC {}", ":CHAN1:SENS:FUNC?", FUNCTIONS, "measure function")
    measure_auto_range: Knob[bool] = switch(
        ":CHAN1:SENS:CURR:RANG:AUTO {}", ":CHAN1:SENS:CURR:RANG:AUTO?", "ammeter's auto range"
    )
    measure_range: Knob[float] = number(
        ":CHAN1:SENS:CURR:RANG {}", ":CHAN1:SENS:CURR:RANG?", "A", 200e-9, 3, "measure range"
    )
    # Assumption: the lower end; the manual's page could not be had, its upper end is 25.
    nplc: Knob[float] = number(
        ":CHAN1:SENS:NPLC {}", ":CHAN1:SENS:NPLC?", "power line cycles", 0.001, 25, "integration time"
    )
    auto_zero: Knob[bool] = switch(":CHAN1:SENS:ZERO:AUTO {}", ":CHAN1:SENS:ZERO:AUTO?", "auto zero")
    four_wire: Knob[bool] = switch(":CHAN1:SENS:REM {}", ":CHAN1:SENS:REM?", "remote sense")
    output: Knob[bool] = switch(":CHAN1:OUTP:STAT {}", ":CHAN1:OUTP:STAT?", "output")
