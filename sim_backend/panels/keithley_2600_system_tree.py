"""The command tree of the instrument as a whole: errors, time, node, display, beeper, bits, user strings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_nodes import Arguments, Attribute, Node, check, check_choice, constant

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panels.keithley_2600_instrument import Instrument
    from sim_backend.panels.keithley_2600_nodes import Argument, Handler, Value

LONGEST_DELAY: Final = 1e5
"""s (assumption)."""
MOST_STRINGS: Final = 100
LONGEST_TEXT: Final = 1024
_BITS: Final = 32


def system_nodes(instrument: Instrument) -> dict[str, Node]:
    """Return the objects that are globals, by name."""
    return {
        "errorqueue": _errors(instrument),
        "timer": _timer(instrument),
        "localnode": local_node(instrument),
        "beeper": Node({"enable": _Kept().attribute(0, 1, 1.0)}, {"beep": _numbers(2)}),
        "display": _display(instrument),
        "bit": Node(functions=_bit_functions()),
        "userstring": _user_strings(),
        "dataqueue": _data_queue(),
        "digio": _digital_lines(),
        "tsplink": Node({"node": constant(1.0), "state": constant("offline"), "master": constant(1.0)}),
        "eventlog": Node({"count": constant(0.0)}, {"clear": _numbers(0)}),
        "setup": Node({"poweron": _Kept().attribute(0, 5, 0.0)}, {"save": _numbers(1)}),
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

    return {"delay": delay, "reset": reset, "waitcomplete": wait, "opc": complete, "exit": _numbers(0)}


class _Kept:
    """A number that is kept and means nothing to the twin."""

    def __init__(self) -> None:
        self._value = 0.0

    def attribute(self, lowest: float, highest: float, default: float) -> Attribute:
        """Return an attribute that keeps a number within bounds."""
        self._value = default

        def put(value: Argument) -> None:
            self._value = check(value, lowest, highest)

        return Attribute(lambda: self._value, put)


def _numbers(most: int) -> Handler:
    """Return a function that checks its numbers and does nothing else."""

    def handler(arguments: Arguments) -> None:
        if len(arguments) > most:
            raise TspError(-108)
        for place in range(len(arguments)):
            arguments.number(place)

    return handler


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


def _display(instrument: Instrument) -> Node:
    def text(arguments: Arguments) -> None:
        arguments.text(0)

    def measure(letter: str) -> tuple[str, Node]:
        attributes = {"digits": _Kept().attribute(4, 6, 5.0)}
        return f"smu{letter}", Node(attributes, parts={"measure": Node({"func": _Kept().attribute(0, 3, 1.0)})})

    return Node(
        {"screen": _Kept().attribute(0, 3, 2.0), "locallockout": _Kept().attribute(0, 1, 0.0)},
        {
            "clear": _numbers(0),
            "settext": text,
            "setcursor": _numbers(3),
            "sendkey": _numbers(1),
            "getcursor": lambda _: (1.0, 1.0, 0.0),
        },
        {
            "SMUA": 0.0, "SMUB": 1.0, "SMUA_SMUB": 2.0, "USER": 3.0, "MEASURE_DCAMPS": 0.0, "MEASURE_DCVOLTS": 1.0,
            "MEASURE_OHMS": 2.0, "MEASURE_WATTS": 3.0, "DIGITS_4_5": 4.0, "DIGITS_5_5": 5.0, "DIGITS_6_5": 6.0,
            "UNLOCK": 0.0, "LOCK": 1.0,
        },
        dict(measure(letter) for letter in instrument.channels),
    )  # fmt: skip


def _bit_functions() -> dict[str, Handler]:
    def whole(arguments: Arguments, place: int) -> int:
        return int(check(arguments.number(place), 0, 2**_BITS - 1))

    def bit(arguments: Arguments) -> int:
        return 1 << int(check(arguments.number(1), 1, _BITS)) - 1

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


def _digital_lines() -> Node:
    """Return the digital port: 14 lines that are high unless they are written low; nothing is connected."""
    lines = [1.0] * 14

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
    return Node({"writeprotect": _Kept().attribute(0, 2**14 - 1, 0.0)}, functions)
