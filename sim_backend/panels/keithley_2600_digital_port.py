"""The digital port of the 2600B: `digio`. Nothing is connected to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Kept, Node, check, check_choice
from sim_backend.panels.keithley_2600_trigger_tree import MOST_EVENT, call, wait_for

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2600_events import Line
    from sim_backend.panels.keithley_2600_instrument import Instrument
    from sim_backend.panels.keithley_2600_nodes import Argument, Handler, Value

LINES: Final = 14
_MODES: Final = {
    "TRIG_BYPASS": 0.0, "TRIG_FALLING": 1.0, "TRIG_RISING": 2.0, "TRIG_EITHER": 3.0, "TRIG_SYNCHRONOUSA": 4.0,
    "TRIG_SYNCHRONOUS": 5.0, "TRIG_SYNCHRONOUSM": 6.0, "TRIG_RISINGA": 7.0, "TRIG_RISINGM": 8.0,
}  # fmt: skip
"""Modes of a line that triggers (assumption: the numbers; hosts use names)."""


def digital_port(instrument: Instrument) -> Node:
    """Return the digital port: 14 lines that are high unless they are written low."""
    lines = [1.0] * LINES

    def place(arguments: Arguments) -> int:
        return int(check(arguments.number(0), 1, len(lines))) - 1

    def read(arguments: Arguments) -> Value:
        return lines[place(arguments)]

    def write(arguments: Arguments) -> None:
        lines[place(arguments)] = float(check_choice(arguments.get(1), (0, 1)))

    def read_port(_: Arguments) -> Value:
        return float(sum(int(state) << number for number, state in enumerate(lines)))

    def write_port(arguments: Arguments) -> None:
        bits = int(check(arguments.number(0), 0, 2 ** len(lines) - 1))
        lines[:] = [float(bits >> number & 1) for number in range(len(lines))]

    functions: dict[str, Handler] = {
        "readbit": read, "writebit": write, "readport": read_port, "writeport": write_port
    }  # fmt: skip
    triggers: dict[str | int, Node] = {
        number + 1: _trigger(line, wait_for(line.latch, instrument.surroundings))
        for number, line in enumerate(instrument.triggers.lines)
    }
    attributes = {"writeprotect": Kept().attribute(0, 2 ** len(lines) - 1, 0.0)}
    return Node(attributes, functions, _MODES, {"trigger": Node(parts=triggers)})


def _trigger(line: Line, wait: Handler) -> Node:
    mode = Kept()
    width = Kept()

    def set_stimulus(value: Argument) -> None:
        line.stimulus = check(value, 0, MOST_EVENT)

    def reset(_: Arguments) -> None:
        line.reset()
        mode.restore()
        width.restore()

    return Node(
        {
            "mode": mode.attribute(0, len(_MODES) - 1, 0.0),
            "pulsewidth": width.attribute(0, 1e5, 10e-6),
            "stimulus": Attribute(lambda: line.stimulus, set_stimulus),
            "overrun": Attribute(lambda: line.latch.overrun),
        },
        {
            "assert": call(line.fire),
            "release": call(line.latch.clear),
            "clear": call(line.latch.clear),
            "reset": reset,
            "wait": wait,
        },
        {"EVENT_ID": float(line.event)},
    )
