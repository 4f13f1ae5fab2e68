"""Lines for SCPI parsers: grammar-shaped ones from a panel's own command table, damaged ones, and plain noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from sim_backend.panels.keithley_2400_parameters import RangeValue
from sim_backend.panels.scpi_parameters import Boolean, Choice, Number, Text

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from sim_backend.panels.scpi_panel import ScpiPanel
    from sim_backend.panels.scpi_parameters import Parameter
    from sim_backend.panels.scpi_table import Command, Signature

VALUES: Final = (
    "", "0", "1", "-1", "+.5", "2.5", "1E-3", "1e400", "-1E-400", "1 E -3", "9.9E37", "-9.91E37", "1E99999",
    "2147483648",
    "9" * 300, "1" + "0" * 50, "0." + "0" * 300 + "1", "#HFF", "#B12",
    "#Q777", "#H" + "F" * 300, "#0", "#15abcde", "#3",
    "1.5V",
    "3 mA", "10US", "3 KOHM", "5 %", "1 V/S", "ON", "OFF", "MIN", "MAXimum", "DEF", "INF", "NINF", "NAN", "UP", "DOWN",
    "VOLT", "CURR", "'CURR:DC'", '"VOLT","RES"', "'", '"', "'open", '"it""s"', "'a;b'", "NEXT", "BUS", "TIM", "LIST",
    "FIX", "SWE", "LOG", "REAL,64", "REAL,32", "ASC", "SWAP", "(@1)", "(@2)", "(@1,2)", "(@2:1)", "(@3)", "(@1:99)",
    "(@)", "(", ")", "(@1", "((@1))", "(" * 200, "(" * 100 + ")" * 100, "(1:5)", "(-113,", "1,2,3", "1,,2", ",", ",,,",
    "0.1,0.2,0.3,-0.4", ",".join(["0.1"] * 101), "...", "@", "é", "\x00", "\x7f", "1_000", "1;2", "?", "*", ":",
)  # fmt: skip
MNEMONICS: Final = (
    "NONSENSE",
    "VOLTS",
    "X",
    "SOUR1234567890",
    "S" * 13,
    "OUTP0",
    "OUTP2",
    "SOUR3",
    "SENS999999999999",
    "_A",
    "1A",
)
SEPARATORS: Final = (";", ";", ";", ";:", ";;", " ; ", ";*WAI;", "\t;\t")


class ScpiLines:
    """Makes lines for one panel.

    Args:
        panel: whose command table they are shaped by.
        avoid: what a header must not hold: what would end a trial for hours, or is sent on purpose elsewhere.
    """

    def __init__(self, panel: ScpiPanel, avoid: tuple[str, ...] = ()) -> None:
        front = cast("Any", panel)._front_end
        found: dict[int, Command] = {}
        _gather(front._tree._root, found)
        commands = [*found.values(), *front._common.values()]
        self._commands = [command for command in commands if not any(part in command.pattern for part in avoid)]
        if len(self._commands) < 50:
            raise AssertionError("the command table could not be read")

    def line(self, throw: random.Random) -> tuple[str, bytes]:
        """Return a line without its end, and of which kind it is."""
        kinds: tuple[tuple[str, int, Callable[[random.Random], bytes]], ...] = (
            ("shaped", 40, self._shaped),
            ("mutated", 25, self._mutated),
            ("soup", 15, self._soup),
            ("bytes", 12, noise),
            ("nested", 4, _nested),
            ("long", 4, self._long),
        )
        name, _, make = throw.choices(kinds, [weight for _, weight, _ in kinds])[0]
        return name, make(throw).replace(b"\n", b" ")

    def _shaped(self, throw: random.Random) -> bytes:
        """Follow the grammar and the command table."""
        units = [self._unit(throw) for _ in range(throw.choice((1, 1, 1, 2, 3, 6)))]
        return throw.choice(SEPARATORS).join(units).encode("latin-1", "replace")

    def _mutated(self, throw: random.Random) -> bytes:
        """Follow the grammar but for a few bytes."""
        data = bytearray(self._shaped(throw))
        for _ in range(throw.randrange(1, 4)):
            place = throw.randrange(len(data) + 1)
            piece = bytes([throw.choice((throw.randrange(256), ord(throw.choice("?:;*,'\"()#@ 0E+-."))))])
            match throw.randrange(4):
                case 0:
                    data[place:place] = piece
                case 1:
                    data[place : place + 1] = piece
                case 2:
                    del data[place : place + throw.randrange(1, 5)]
                case _:
                    data[place:place] = data[max(0, place - throw.randrange(1, 9)) : place]
        return bytes(data)

    def _soup(self, throw: random.Random) -> bytes:
        """Put headers, parameters and separators in any order."""
        units: list[str] = []
        for _ in range(throw.randrange(1, 6)):
            nodes = [throw.choice((self._node(throw), throw.choice(MNEMONICS))) for _ in range(throw.randrange(1, 5))]
            values = [throw.choice(VALUES) for _ in range(throw.choice((0, 1, 1, 2, 4)))]
            units.append(
                f"{throw.choice(('', ':', '::', '*'))}{':'.join(nodes)}{throw.choice(('', '?'))} {','.join(values)}"
            )
        return throw.choice(SEPARATORS).join(units).encode("latin-1", "replace")

    def _long(self, throw: random.Random) -> bytes:
        """Make a line that is long, or hardly fits into any input buffer."""
        match throw.randrange(4):
            case 0:
                return b";".join(self._shaped(throw) for _ in range(throw.randrange(10, 60)))
            case 1:
                return self._shaped(throw) + b" " + b"0.1," * throw.randrange(100, 5000)
            case 2:
                return b":".join([b"SOUR"] * throw.randrange(100, 2000))
            case _:
                return bytes([throw.randrange(32, 127)]) * throw.choice((1000, 65535, 65536, 65537, 200_000))

    def _unit(self, throw: random.Random) -> str:
        command = throw.choice(self._commands)
        header = spelled(command.pattern, throw)
        query = command.answer is not None and (command.action is None or throw.random() < 0.35)
        signature = command.asks if query else command.takes
        if throw.random() < 0.05:
            query = not query
        return f"{header}{'?' if query else ''} {_parameters(signature, throw)}".rstrip()

    def _node(self, throw: random.Random) -> str:
        return throw.choice(spelled(throw.choice(self._commands).pattern, throw).lstrip(":").split(":")).lstrip("*")


def _gather(place: Any, found: dict[int, Command]) -> None:
    """Collect the commands at a node of a command table, and below it."""
    if place.command is not None:
        found[id(place.command)] = place.command
    for child in {id(child): child for child in place.children.values()}.values():
        _gather(child, found)


def spelled(pattern: str, throw: random.Random) -> str:
    """Return one way to write a header: long or short, with optional nodes or without, any case, any suffix."""
    if pattern.startswith("*"):
        return throw.choice((pattern, pattern.lower()))
    nodes: list[str] = []
    for item in pattern.replace("[:", "\n[").replace(":", "\n").split("\n"):
        optional = item.startswith("[")
        if not item or (optional and throw.random() < 0.7):
            continue
        name, _, suffix = item.strip("[]").partition("[")
        name = throw.choice((name, "".join(letter for letter in name if not letter.islower())))
        digits = throw.choice(suffix.strip("[]").split("|")) if suffix and throw.random() < 0.5 else ""
        nodes.append(name + (throw.choice("0379") if throw.random() < 0.02 else digits))
    header = ":".join(nodes)
    header = throw.choice((header, header.upper(), header.lower()))
    return throw.choice((":", ":", "")) + header


def _parameters(signature: Signature, throw: random.Random) -> str:
    """Return parameters that a signature takes, or nearly."""
    most = len(signature.parameters) + min(3, signature.repeated - 1)
    count = throw.randint(signature.required, max(most, signature.required))
    count = max(0, count + throw.choice((0,) * 20 + (-1, 1)))
    last = len(signature.parameters) - 1
    return ",".join(
        throw.choice(VALUES)
        if last < 0 or throw.random() < 0.12
        else _value(signature.parameters[min(place, last)], throw)
        for place in range(count)
    )


def _value(parameter: Parameter, throw: random.Random) -> str:
    """Return a value of a parameter."""
    if isinstance(parameter, RangeValue):
        return throw.choice(("UP", "DOWN", "MIN", str(throw.choice(parameter.function.ranges))))
    if isinstance(parameter, Number):
        span = throw.choice((1e-3, 1.0, 20.0, 1e3, 1e9))
        low, high = max(parameter.minimum, -span), min(parameter.maximum, span)
        number = f"{throw.uniform(min(low, high), max(low, high)):.6g}"
        unit = throw.choice(("", "", "", f" {parameter.unit}", f" m{parameter.unit}"))
        return throw.choice(
            (number + unit, number, "MIN", "MAX", "DEF", f"{parameter.maximum}", f"{parameter.minimum}")
        )
    if isinstance(parameter, Choice):
        names = throw.choice(parameter.names).split("|")
        name = throw.choice((names[0], names[-1].upper(), "".join(c for c in names[0] if not c.islower())))
        return throw.choice((f"'{name}'", f'"{name}"')) if parameter.quoted else name
    if isinstance(parameter, Boolean):
        return throw.choice(("ON", "OFF", "0", "1", "0.4", "2"))
    if isinstance(parameter, Text):
        return throw.choice(("'text'", '"a;b,c"', "'it''s'", '"' + "x" * 300 + '"', "''"))
    return throw.choice(VALUES)


def noise(throw: random.Random) -> bytes:
    """Return bytes that look like nothing."""
    return throw.randbytes(throw.randrange(80))


def _nested(throw: random.Random) -> bytes:
    """Return brackets or quotes within one another, deep."""
    depth = throw.choice((10, 100, 5000))
    opening, closing = throw.choice((("(", ")"), ("'", "'"), ('"', "'"), ("(@", ")"), ("[", "]")))
    return f":SOUR:VOLT {opening * depth}1{closing * throw.choice((depth, depth - 1, 0))}".encode()
