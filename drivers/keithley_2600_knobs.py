"""The settings, models and status bits of the Keithley 2600B family: a line of its manual each.

Commands, constants, defaults and status bits are those of the Series 2600B reference manual (2600BS-901-01), section
"TSP command reference" (the numbers of the off modes: `smuX.source.offmode`); ranges are those of
its data sheet. `smuX` stands for the channel, as it does there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

from drivers.knobs import number
from drivers.tsp import constant
from labctl.smu_data import OffMode

if TYPE_CHECKING:
    from drivers.knobs import Knob
    from drivers.tsp import TspLink

_DECADES = tuple(float(f"1e{exponent}") for exponent in range(-10, 1))


@dataclass(frozen=True, slots=True)
class Model:
    """What tells one model of the family from another.

    Args:
        source_ranges: full scales of the voltage source (V), ascending.
        current_ranges: full scales of the ammeter without the pulse-only ones (A), ascending.
        channels: the last letters of its channels' names.
    """

    source_ranges: tuple[float, ...]
    current_ranges: tuple[float, ...]
    channels: str = "ab"


_LOW = (0.1, 1.0, 6.0, 40.0)
_HIGH = (0.2, 2.0, 20.0, 200.0)
_FROM_100_NA = _DECADES[3:]
MODELS = {
    "2601B": Model(_LOW, (*_FROM_100_NA, 3.0), "a"),
    "2602B": Model(_LOW, (*_FROM_100_NA, 3.0)),
    "2604B": Model(_LOW, (*_FROM_100_NA, 3.0)),
    "2611B": Model(_HIGH, (*_FROM_100_NA, 1.5), "a"),
    "2612B": Model(_HIGH, (*_FROM_100_NA, 1.5)),
    "2614B": Model(_HIGH, (*_FROM_100_NA, 1.5)),
    "2634B": Model(_HIGH, (*_DECADES[1:], 1.5)),
    "2635B": Model(_HIGH, (*_DECADES, 1.5), "a"),
    "2636B": Model(_HIGH, (*_DECADES, 1.5)),
}
FAMILY = Model((*_LOW, *_HIGH[-1:]), (*_DECADES, 3.0))
"""What none of the models exceeds."""


class Status(IntFlag):
    """The status that belongs to a reading (`bufferVar.statuses`); bit 0 is not described."""

    OVER_TEMPERATURE = 0x02
    MEASURE_AUTO_RANGED = 0x04
    SOURCE_AUTO_RANGED = 0x08
    FOUR_WIRE = 0x10
    RELATIVE = 0x20
    COMPLIANCE = 0x40
    FILTERED = 0x80


class Keithley2600Knobs:
    """Every setting that the driver uses."""

    link: TspLink

    source_function: Knob[str] = constant(
        "smuX.source.func", {"voltage": ("OUTPUT_DCVOLTS", 1), "current": ("OUTPUT_DCAMPS", 0)}, "source function"
    )
    source_level: Knob[float] = number("smuX.source.levelv = {}", "smuX.source.levelv", "V", -202, 202, "source level")
    source_range: Knob[float] = number("smuX.source.rangev = {}", "smuX.source.rangev", "V", 0, 200, "source range")
    source_auto_range: Knob[bool] = constant(
        "smuX.source.autorangev", {False: ("AUTORANGE_OFF", 0), True: ("AUTORANGE_ON", 1)}, "source's auto range"
    )
    source_delay: Knob[float] = number("smuX.source.delay = {}", "smuX.source.delay", "s", 0, 1e4, "source delay")
    current_limit: Knob[float] = number(
        "smuX.source.limiti = {}", "smuX.source.limiti", "A", 1e-10, 3.03, "current limit", confirm=True
    )
    measure_range: Knob[float] = number("smuX.measure.rangei = {}", "smuX.measure.rangei", "A", 0, 3, "measure range")
    measure_auto_range: Knob[bool] = constant(
        "smuX.measure.autorangei", {False: ("AUTORANGE_OFF", 0), True: ("AUTORANGE_ON", 1)}, "ammeter's auto range"
    )
    measure_delay: Knob[str] = constant(
        "smuX.measure.delay", {"off": ("DELAY_OFF", 0), "auto": ("DELAY_AUTO", -1)}, "measure delay"
    )
    measure_wait: Knob[float] = number("smuX.measure.delay = {}", "smuX.measure.delay", "s", 0, 1e4, "measure delay")
    nplc: Knob[float] = number(
        "smuX.measure.nplc = {}", "smuX.measure.nplc", "power line cycles", 0.001, 25, "integration time"
    )
    auto_zero: Knob[str] = constant(
        "smuX.measure.autozero",
        {"off": ("AUTOZERO_OFF", 0), "once": ("AUTOZERO_ONCE", 1), "auto": ("AUTOZERO_AUTO", 2)},
        "auto zero",
    )
    four_wire: Knob[bool] = constant(
        "smuX.sense", {False: ("SENSE_LOCAL", 0), True: ("SENSE_REMOTE", 1)}, "remote sense"
    )
    output: Knob[bool] = constant("smuX.source.output", {False: ("OUTPUT_OFF", 0), True: ("OUTPUT_ON", 1)}, "output")
    off_mode: Knob[OffMode] = constant(
        "smuX.source.offmode",
        {
            OffMode.NORMAL: ("OUTPUT_NORMAL", 0),
            OffMode.ZERO: ("OUTPUT_ZERO", 1),
            OffMode.HIGH_IMPEDANCE: ("OUTPUT_HIGH_Z", 2),
        },
        "off mode",
    )
    interlock: Knob[bool] = constant(
        "smuX.source.outputenableaction", {False: ("OE_NONE", 0), True: ("OE_OUTPUT_OFF", 1)}, "output enable action"
    )
    data_format: Knob[str] = constant(
        "format.data", {"text": ("ASCII", 1), "binary": ("REAL64", 3)}, "format of readings"
    )
    byte_order: Knob[str] = constant(
        "format.byteorder", {"big": ("BIGENDIAN", 0), "little": ("LITTLEENDIAN", 1)}, "byte order"
    )
    precision: Knob[float] = number(
        "format.asciiprecision = {}", "format.asciiprecision", "digits", 1, 16, "precision of numbers as text"
    )
