"""The command tree of the instrument as a whole: errors, time, node, display, beeper, bits, user strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_buffer_tree import buffers_of
from sim_backend.panels.keithley_2600_digital_port import digital_port
from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_front_panel import display_tree
from sim_backend.panels.keithley_2600_nodes import (
    Arguments,
    Attribute,
    Kept,
    Node,
    check,
    check_choice,
    constant,
    ignored,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2600_instrument import Instrument
    from sim_backend.panels.keithley_2600_nodes import Argument, Handler, Value

LONGEST_DELAY: Final = 1e5
"""s (assumption)."""
FREE_MEMORY, MOST_MEMORY = 16_000.0, 32_768.0
"""kB that `meminfo` gives (assumption)."""
MOST_SETUPS: Final = 5
MOST_STRINGS: Final = 100
LONGEST_TEXT: Final = 1024
_BITS: Final = 32


def system_nodes(instrument: Instrument) -> dict[str, Node]:
    """Return the objects that are globals, by name."""
    return {
        "errorqueue": _errors(instrument),
        "timer": _timer(instrument),
        "localnode": local_node(instrument),
        "beeper": Node({"enable": Kept().attribute(0, 1, 1.0)}, {"beep": ignored(2)}),
        "display": display_tree(instrument),
        "bit": Node(functions=_bit_functions()),
        "userstring": _user_strings(),
        "dataqueue": _data_queue(),
        "digio": digital_port(instrument),
        "tsplink": Node({"node": constant(1.0), "state": constant("offline"), "master": constant(1.0)}),
        "eventlog": _event_log(),
        "setup": _setups(instrument),
    }


def system_functions(instrument: Instrument) -> dict[str, Handler]:
    """Return the functions that are globals, by name."""

    def delay(arguments: Arguments) -> None:
        instrument.surroundings.sleep(check(arguments.number(0), 0.0, LONGEST_DELAY))

    def reset(_: Arguments) -> None:
        instrument.reset()

    def wait(_: Arguments) -> None:
        instrument.wait()

    def complete(_: Arguments) -> None:
        instrument.complete_when_idle()

    def save_buffer(arguments: Arguments) -> None:
        buffers_of(arguments, 1)

    def set_zone(arguments: Arguments) -> None:
        arguments.text(0)

    return {
        "delay": delay,
        "reset": reset,
        "waitcomplete": wait,
        "opc": complete,
        "settime": ignored(1),
        "settimezone": set_zone,
        "gettimezone": lambda _: "0",
        "meminfo": lambda _: (FREE_MEMORY, MOST_MEMORY),
        "savebuffer": save_buffer,
    }


def _event_log() -> Node:
    """Return the event log, which stays empty: it notes the triggers of LAN and TSP-Link, and there are none."""
    return Node(
        {
            "count": constant(0.0),
            "enable": Kept().attribute(0, 1, 1.0),
            "overwritemethod": Kept().attribute(0, 1, 1.0),
        },
        {"clear": ignored(0), "next": lambda _: None, "all": lambda _: None},
        {"DISABLE": 0.0, "ENABLE": 1.0, "DISCARD_NEWEST": 0.0, "DISCARD_OLDEST": 1.0},
    )


def _setups(instrument: Instrument) -> Node:
    """Return the saved setups: 0 is the factory's, the others are empty (nothing is saved: assumption)."""

    def recall(arguments: Arguments) -> None:
        check_choice(arguments.get(0), range(MOST_SETUPS + 1))
        instrument.reset()

    def save(arguments: Arguments) -> None:
        check_choice(arguments.get(0), range(1, MOST_SETUPS + 1))

    return Node({"poweron": Kept().attribute(0, MOST_SETUPS, 0.0)}, {"save": save, "recall": recall})


def _errors(instrument: Instrument) -> Node:
    errors = instrument.surroundings.errors

    def clear(_: Arguments) -> None:
        errors.clear()

    def take(_: Arguments) -> tuple[Value, ...]:
        entry = errors.next()
        return float(entry.code), entry.text, float(entry.severity), 1.0

    return Node({"count": Attribute(lambda: float(len(errors)))}, {"clear": clear, "next": take})


def _timer(instrument: Instrument) -> Node:
    clock = instrument.surroundings.clock
    started = clock.now()

    def reset(_: Arguments) -> None:
        nonlocal started
        started = clock.now()

    def read(_: Arguments) -> float:
        return clock.now() - started

    return Node(functions={"reset": reset}, parts={"measure": Node(functions={"t": read})})


def local_node(instrument: Instrument) -> Node:
    """Return the node of `localnode`."""
    options = instrument.surroundings.options

    def flag(name: str) -> Attribute:
        def put(value: Argument) -> None:
            setattr(instrument, name, bool(check_choice(value, (0, 1))))

        return Attribute(lambda: float(getattr(instrument, name)), put)

    def reset(_: Arguments) -> None:
        instrument.reset()

    return Node(
        {
            "model": constant(options.model),
            "serialno": constant(options.serial),
            "revision": constant(options.firmware),
            "license": constant("Lua 5.0 software and associated documentation files are copyright Lua.org, PUC-Rio"),
            "passwordmode": Kept().attribute(0, 3, 0.0),
            "description": constant(f"Keithley Instruments SMU {options.model} - {options.serial}"),
            "linefreq": Attribute(lambda: options.line_frequency, lambda value: _same(value, options.line_frequency)),
            "autolinefreq": constant(value=True),
            "prompts": flag("prompts"),
            "prompts4882": flag("prompts_4882"),
            "showerrors": flag("shows_errors"),
        },
        {"reset": reset},
    )


def _same(value: Argument, line_frequency: float) -> None:
    """Refuse another line frequency than the bench has (assumption: the twin's mains are fixed).

    Raises:
        TspError: -224 for 50 and 60 Hz that are not the bench's, and for anything else.
    """
    if check(value, 50, 60) != line_frequency:
        raise TspError(-224)


def _bit_functions() -> dict[str, Handler]:
    def whole(arguments: Arguments, place: int) -> int:
        return int(check(arguments.number(place), 0, 2**_BITS - 1))

    def bit(arguments: Arguments) -> int:
        return 1 << place(arguments)

    def place(arguments: Arguments) -> int:
        return int(check(arguments.number(1), 1, _BITS)) - 1

    def width(arguments: Arguments) -> int:
        return 1 << int(check(arguments.number(2), 1, _BITS - place(arguments)))

    def of(operation: Callable[[int, int], int]) -> Handler:
        return lambda arguments: float(operation(whole(arguments, 0), whole(arguments, 1)))

    def of_bit(operation: Callable[[int, int], int]) -> Handler:
        return lambda arguments: float(operation(whole(arguments, 0), bit(arguments)))

    return {
        "bitand": of(lambda left, right: left & right),
        "bitor": of(lambda left, right: left | right),
        "bitxor": of(lambda left, right: left ^ right),
        "set": of_bit(lambda value, mask: value | mask),
        "clear": of_bit(lambda value, mask: value & ~mask),
        "toggle": of_bit(lambda value, mask: value ^ mask),
        "get": of_bit(lambda value, mask: value & mask),
        "getfield": lambda arguments: float((whole(arguments, 0) >> place(arguments)) & (width(arguments) - 1)),
        "setfield": lambda arguments: float(
            whole(arguments, 0) & ~((width(arguments) - 1) << place(arguments))
            | (whole(arguments, 3) & (width(arguments) - 1)) << place(arguments)
        ),
        "test": lambda arguments: bool(whole(arguments, 0) & bit(arguments)),
    }


def _user_strings() -> Node:
    strings: dict[str, str] = {}

    def add(arguments: Arguments) -> None:
        name, text = arguments.text(0), arguments.text(1)
        if max(len(name), len(text)) > LONGEST_TEXT:
            raise TspError(-154)
        if len(strings) >= MOST_STRINGS and name not in strings:
            raise TspError(-225)
        strings[name] = text

    def get(arguments: Arguments) -> Value:
        name = arguments.text(0)
        if name not in strings:
            raise TspError(-292)
        return strings[name]

    def delete(arguments: Arguments) -> None:
        if strings.pop(arguments.text(0), None) is None:
            raise TspError(-292)

    return Node(functions={"add": add, "get": get, "delete": delete})


def _data_queue() -> Node:
    entries: list[Value] = []

    def add(arguments: Arguments) -> Value:
        value = arguments.get(0)
        if not isinstance(value, (bool, float, str)):
            raise TspError(-104)
        if len(entries) >= MOST_STRINGS:
            return False
        entries.append(value[:LONGEST_TEXT] if isinstance(value, str) else value)
        return True

    def take(_: Arguments) -> Value:
        return entries.pop(0) if entries else None

    def clear(_: Arguments) -> None:
        entries.clear()

    return Node(
        {"count": Attribute(lambda: float(len(entries)))},
        {"add": add, "next": take, "clear": clear},
        {"CAPACITY": float(MOST_STRINGS)},
    )
