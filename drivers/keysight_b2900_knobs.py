"""The settings of one channel of a Keysight B2900A or B2900B: a line of its manual each.

Commands, ranges and defaults are those of the B2900 SCPI command reference (B2910-90030) and, where its page could not
be had, of the B2961A/B2962A one (B2961-90030), whose channels are programmed alike.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from drivers.knobs import Knob, choice, number, switch
from drivers.scpi_text import shown
from labctl.smu_data import OffMode

if TYPE_CHECKING:
    from collections.abc import Callable

    Words = tuple[str, ...]

T = TypeVar("T")

SOURCE_RANGES = (0.2, 2.0, 20.0, 200.0)
"""Full scales of the voltage source (V); a channel sources 5 % beyond."""
CURRENT_RANGES = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1.5, 3.0)
"""Full scales of the ammeter (A); not every model has the first one."""
LIST_MAX = 2500
"""Points of a source list."""
PULSE_MIN = 50e-6
"""Shortest pulse (s)."""
TRIGGERS = {"automatic": "AINT", "timer": "TIM"}
DELAY_MAX = 1e5
"""Longest trigger delay (s)."""
FUNCTIONS = {"voltage": "VOLT", "current": "CURR"}
OFF_MODES = {OffMode.NORMAL: "NORM", OffMode.HIGH_IMPEDANCE: "HIZ", OffMode.ZERO: "ZERO"}
LOWS = {"ground": "GRO", "float": "FLO"}
ELEMENTS = ("VOLT", "CURR", "TIME", "STAT", "SOUR")
"""Elements of a reading, in the order in which the instrument gives them, whatever order is asked for."""


@dataclass(frozen=True, slots=True)
class Model:
    """What differs among the models.

    Args:
        channels: how many it has.
        lowest_range: full scale of the ammeter's most sensitive range (A).
    """

    channels: int
    lowest_range: float


MODELS = {
    "B2901": Model(1, 1e-7),
    "B2902": Model(2, 1e-7),
    "B2911": Model(1, 1e-8),
    "B2912": Model(2, 1e-8),
}
"""By the beginning of the model's name."""


def words(command: str, query: str, what: str, same: Callable[[Words, Words], bool], quote: str = "") -> Knob[Words]:
    """Return a knob for a list of four-letter words, which are answered in either form, with or without quotes.

    Args:
        command: the text that sets it, with `{}` where the list stands.
        query: the text that asks for it.
        what: the setting, as in "elements of a reading".
        same: whether the list that is found does for the list that is wanted.
        quote: stands around each word that is sent.
    """

    def encode(value: Words) -> str:
        return command.format(",".join(f"{quote}{word}{quote}" for word in value))

    def decode(reply: str) -> Words:
        found = tuple(word.strip().strip("\"'").upper() for word in reply.split(","))
        if not all(word.replace(":", "").isalpha() for word in found):
            raise ValueError(f"{shown(reply)} is not a list of words")
        return tuple(word[:4] for word in found)

    return Knob(query, encode, decode, same, what, "", f"Control the {what} (words).", confirm=False)


def _holds_all(found: Words, wanted: Words) -> bool:
    return set(found) >= set(wanted)


class KeysightB2900Knobs:
    """Every setting that the driver uses of one channel, and the formats of the whole instrument.

    Args:
        channel: 1 or 2.
    """

    def __init__(self, channel: int) -> None:
        self._channel = channel
        self.source_function = self._choice("SOUR", "FUNC:MODE", FUNCTIONS, "source function")
        self.source_mode = self._choice("SOUR", "VOLT:MODE", {"fixed": "FIX", "list": "LIST"}, "source mode")
        self.source_level = self._number("SOUR", "VOLT", "V", -210, 210, "source level")
        self.shape = self._choice("SOUR", "FUNC:SHAP", {"dc": "DC", "pulse": "PULS"}, "shape of the output")
        self.peak = self._number("SOUR", "VOLT:TRIG", "V", -210, 210, "pulse level")
        self.pulse_width = self._number("SOUR", "PULS:WIDT", "s", PULSE_MIN, DELAY_MAX, "pulse width")
        self.pulse_delay = self._number("SOUR", "PULS:DEL", "s", 0, DELAY_MAX, "pulse delay")
        self.source_range = self._number("SOUR", "VOLT:RANG", "V", 0.2, 200, "source range")
        self.source_auto_range = self._switch("SOUR", "VOLT:RANG:AUTO", "source's auto range")
        # "Best", the default, would choose a range for each sweep, with the output on.
        self.sweep_range = self._choice("SOUR", "SWE:RANG", {"fixed": "FIX", "best": "BEST"}, "sweep's ranging")
        self.current_limit = self._number("SENS", "CURR:PROT", "A", 1e-9, 3.03, "current limit")
        self.functions = words(
            f":SENS{channel}:FUNC {{}}", f":SENS{channel}:FUNC?", "measured quantities", _holds_all, quote='"'
        )
        self.measure_range = self._number("SENS", "CURR:RANG", "A", 1e-8, 3, "measure range")
        self.measure_auto_range = self._switch("SENS", "CURR:RANG:AUTO", "ammeter's auto range")
        self.auto_range_floor = self._number("SENS", "CURR:RANG:AUTO:LLIM", "A", 1e-8, 3, "auto range's lowest range")
        self.auto_nplc = self._switch("SENS", "CURR:NPLC:AUTO", "automatic integration time")
        # What is out of range is clamped without an error. The ends are those of a 50 Hz and of a 60 Hz line.
        self.nplc = self._number("SENS", "CURR:NPLC", "power line cycles", 4e-4, 120, "integration time")
        self.four_wire = self._switch("SENS", "REM", "remote sense")
        self.output = switch(f":OUTP{channel} {{}}", f":OUTP{channel}?", "output")
        self.auto_output = self._switch("OUTP", "ON:AUTO", "automatic output-on")
        self.trip_off = self._switch("OUTP", "PROT", "automatic output-off at compliance")
        self.off_mode = self._choice("OUTP", "OFF:MODE", OFF_MODES, "off mode")
        self.low = self._choice("OUTP", "LOW", LOWS, "low terminal")
        self.source_trigger = self._choice("TRIG", "TRAN:SOUR", TRIGGERS, "source's trigger")
        self.source_period = self._number("TRIG", "TRAN:TIM", "s", 2 * PULSE_MIN, DELAY_MAX, "pulse period")
        self.source_count = self._number("TRIG", "TRAN:COUN", "points", 1, LIST_MAX, "number of levels")
        self.source_delay = self._number("TRIG", "TRAN:DEL", "s", 0, DELAY_MAX, "source delay")
        self.measure_trigger = self._choice("TRIG", "ACQ:SOUR", TRIGGERS, "meter's trigger")
        self.measure_period = self._number("TRIG", "ACQ:TIM", "s", 2 * PULSE_MIN, DELAY_MAX, "measure period")
        self.measure_count = self._number("TRIG", "ACQ:COUN", "points", 1, LIST_MAX, "number of readings")
        self.measure_delay = self._number("TRIG", "ACQ:DEL", "s", 0, DELAY_MAX, "measure delay")
        self.data_format = choice(":FORM {}", ":FORM?", {"text": "ASC", "binary": "REAL,64"}, "format of readings")
        self.byte_order = choice(":FORM:BORD {}", ":FORM:BORD?", {"big": "NORM", "little": "SWAP"}, "byte order")
        self.elements = words(":FORM:ELEM:SENS {}", ":FORM:ELEM:SENS?", "elements of a reading", operator.eq)

    def _number(self, node: str, rest: str, unit: str, low: float, high: float, what: str) -> Knob[float]:
        header = f":{node}{self._channel}:{rest}"
        return number(f"{header} {{}}", f"{header}?", unit, low, high, what)

    def _switch(self, node: str, rest: str, what: str) -> Knob[bool]:
        header = f":{node}{self._channel}:{rest}"
        return switch(f"{header} {{}}", f"{header}?", what)

    def _choice(self, node: str, rest: str, choices: dict[T, str], what: str) -> Knob[T]:
        header = f":{node}{self._channel}:{rest}"
        return choice(f"{header} {{}}", f"{header}?", choices, what)
