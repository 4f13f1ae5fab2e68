"""The front panel of the 2600B as scripts see it: `display`.

Nobody stands in front of the virtual instrument. Where a real one waits for an operator, this one behaves as if the
operator pressed ENTER at once: prompts give their default, menus their first entry (assumption).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Kept, Node, check_choice, ignored

if TYPE_CHECKING:
    from sim_backend.panels.keithley_2600_instrument import Instrument
    from sim_backend.panels.keithley_2600_nodes import Argument, Handler, Value

LONGEST_TEXT: Final = 1024
"""Characters that are kept of what is displayed (assumption)."""
USER_SCREEN: Final = 3
KEY_NONE, KEY_ENTER = 0, 82
_CONSTANTS: Final = {
    "SMUA": 0.0, "SMUB": 1.0, "SMUA_SMUB": 2.0, "USER": 3.0, "MEASURE_DCAMPS": 0.0, "MEASURE_DCVOLTS": 1.0,
    "MEASURE_OHMS": 2.0, "MEASURE_WATTS": 3.0, "DIGITS_4_5": 4.0, "DIGITS_5_5": 5.0, "DIGITS_6_5": 6.0,
    "UNLOCK": 0.0, "LOCK": 1.0, "LIMIT_IV": 0.0, "LIMIT_P": 1.0, "DISABLE": 0.0, "ENABLE": 1.0, "DONT_SAVE": 0.0,
    "SAVE": 1.0, "KEY_NONE": 0.0, "KEY_RANGEUP": 65.0, "KEY_RELB": 67.0, "KEY_MENU": 68.0, "KEY_MODEA": 69.0,
    "KEY_RELA": 70.0, "KEY_RUN": 71.0, "KEY_DISPLAY": 72.0, "KEY_AUTO": 73.0, "KEY_FILTERB": 74.0, "KEY_EXIT": 75.0,
    "KEY_SRCB": 76.0, "KEY_FILTERA": 77.0, "KEY_STORE": 78.0, "KEY_SRCA": 79.0, "KEY_CONFIG": 80.0,
    "KEY_RANGEDOWN": 81.0, "KEY_ENTER": 82.0, "KEY_RECALL": 85.0, "KEY_MEASA": 86.0, "KEY_DIGITSA": 87.0,
    "KEY_OUTPUTA": 88.0, "KEY_TRIG": 92.0, "KEY_LIMITA": 93.0, "KEY_SPEEDA": 94.0, "KEY_LOAD": 95.0,
    "KEY_OUTPUTB": 96.0, "WHEEL_ENTER": 97.0, "KEY_RIGHT": 103.0, "KEY_LEFT": 104.0, "WHEEL_LEFT": 107.0,
    "WHEEL_RIGHT": 114.0,
}  # fmt: skip
"""Assumption: the key codes other than EXIT (75, as public drivers send it)."""


class _Screen:
    """What stands on the display."""

    def __init__(self) -> None:
        self.shown = 2.0
        self.text = ""
        self.key = float(KEY_NONE)

    def write(self, arguments: Arguments) -> None:
        """Write a text; the display shows it from then on."""
        self.text = (self.text + arguments.text(0))[-LONGEST_TEXT:]
        self.shown = float(USER_SCREEN)

    def clear(self, _: Arguments) -> None:
        """Clear the texts."""
        self.text, self.shown = "", float(USER_SCREEN)

    def select(self, value: Argument) -> None:
        """Show something else."""
        self.shown = float(check_choice(value, range(USER_SCREEN + 1)))

    def press(self, arguments: Arguments) -> None:
        """Take a key press that a script sends."""
        self.key = arguments.number(0)


def display_tree(instrument: Instrument) -> Node:
    """Return the node of `display`."""
    screen = _Screen()

    def ask(place: int, texts: int) -> Handler:
        def handler(arguments: Arguments) -> Value:
            for text in range(texts):
                arguments.text(text)
            screen.key = float(KEY_ENTER)
            return arguments.number(place, 0.0)

        return handler

    def menu(arguments: Arguments) -> Value:
        arguments.text(0)
        items = arguments.text(1).split()
        if not items:
            raise TspError(-109)
        screen.key = float(KEY_ENTER)
        return items[0]

    def wait_key(_: Arguments) -> Value:
        screen.key = float(KEY_ENTER)
        return screen.key

    def named(arguments: Arguments) -> None:
        arguments.text(0)

    def measure(letter: str) -> tuple[str, Node]:
        parts: dict[str | int, Node] = {
            "measure": Node({"func": Kept().attribute(0, 3, 1.0)}),
            "limit": Node({"func": Kept().attribute(0, 1, 0.0)}),
        }
        return f"smu{letter}", Node({"digits": Kept().attribute(4, 6, 5.0)}, parts=parts)

    latch = instrument.triggers.display
    trigger = Node(
        {"overrun": Attribute(lambda: latch.latch.overrun)},
        {"clear": lambda _: latch.latch.clear(), "wait": lambda _: latch.latch.take()},
        {"EVENT_ID": float(latch.event)},
    )
    return Node(
        {
            "screen": Attribute(lambda: screen.shown, screen.select),
            "locallockout": Kept().attribute(0, 1, 0.0),
            "numpad": Kept().attribute(0, 1, 1.0),
        },
        {
            "clear": screen.clear,
            "settext": screen.write,
            "gettext": lambda _: screen.text,
            "setcursor": ignored(3),
            "getcursor": lambda _: (1.0, 1.0, 0.0),
            "sendkey": screen.press,
            "getlastkey": lambda _: screen.key,
            "waitkey": wait_key,
            "getannunciators": lambda _: 0.0,
            "inputvalue": ask(1, 1),
            "prompt": ask(3, 3),
            "menu": menu,
        },
        _CONSTANTS,
        {
            "trigger": trigger,
            "loadmenu": Node(functions={"add": named, "delete": named}),
            **dict(measure(letter) for letter in instrument.channels),
        },
    )
