"""Ten thousand lines that nobody should send: no exception, no hang, and the instrument still answers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, cast

import pytest

from sim_backend.panels.keithley_2400_parameters import RangeValue
from sim_backend.panels.scpi_grammar import short_form
from sim_backend.panels.scpi_parameters import Choice, Number
from sim_backend.panels.scpi_table import CommandTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.scpi_parameters import Parameter
    from sim_backend.panels.scpi_table import Command, Signature
    from tests.sim_backend.panels.keithley_2400.conftest import Bench2400

LINES = 5_000
PARAMETERS = (
    "", "0", "1", "-1", "2.5", "1E-3", "1e400", "-9.9E37", "1000000", "#HFF", "#B2", "1 V", "10 MA", "3 KOHM", "ON",
    "OFF", "MIN", "MAX", "DEF", "UP", "DOWN", "INF", "NAN", "VOLT", "CURR", "'VOLT'", '"CURR:DC"', "'RES'", "NEXT",
    "NEV", "IMM", "BUS", "TIM", "SWE", "LIST", "FIX", "LOG", "LATE", "SRE", "REAL,32", "SWAP", "HEX", "RES,TIME",
    "'open", "(1:5)", "(-113,", "1,2,3", "1,,2", ",", "0.1,0.2,0.3,-0.4", "ONCE", "NONE", "@", "ä", "\x00",
)  # fmt: skip


class CommandCollector(CommandTable):
    """Notes the commands of a command table."""

    commands: list[Command]

    def _add(self, command: Command) -> None:
        self.__dict__.setdefault("commands", []).append(command)
        super()._add(command)


COMMON = ("*CLS", "*ESE 255", "*ESR?", "*IDN?", "*OPC", "*OPT?", "*RCL 0", "*RST", "*SAV 0", "*SRE 1", "*STB?", "*TRG")


def commands_of(bench: Bench2400) -> list[Command]:
    """Return the command table of a bench whose table notes its commands."""
    tree = cast("CommandCollector", bench.panel._exchange._tree)  # pyright: ignore[reportPrivateUsage]
    return tree.commands


@pytest.fixture(scope="module")
def commands(make_bench_2400: Callable[..., Bench2400]) -> list[Command]:
    """Every command of the panel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sim_backend.panels.scpi.CommandTable", CommandCollector)
        return commands_of(make_bench_2400())


def header_of(command: Command) -> str:
    """Return a header in its shortest spelling."""
    return "".join(_required(command.pattern))


def _required(pattern: str) -> Iterator[str]:
    """Yield the nodes of a pattern that cannot be left out, without suffixes."""
    depth, node = 0, ""
    for character in pattern:
        depth += {"[": 1, "]": -1}.get(character, 0)
        if depth == 0 and character != "]":
            node += character
    yield node or pattern.replace("[", "").replace("]", "")


def fitting(draw: random.Random, signature: Signature) -> str:
    """Return parameters that a signature takes, or nearly."""
    count = draw.randint(signature.required, len(signature.parameters) + min(2, signature.repeated - 1))
    last = len(signature.parameters) - 1
    return ",".join(_value(draw, signature.parameters[min(place, last)]) for place in range(count)) if last >= 0 else ""


def _value(draw: random.Random, parameter: Parameter) -> str:
    """Return a value of a parameter."""
    if draw.random() < 0.1:
        return draw.choice(PARAMETERS)
    if isinstance(parameter, RangeValue):
        return draw.choice(("UP", "DOWN", f"{draw.choice(parameter.function.ranges)}"))
    if isinstance(parameter, Number):
        span = draw.choice((parameter.maximum, min(parameter.maximum, 20.0), min(parameter.maximum, 1e-3)))
        return draw.choice((f"{draw.uniform(max(parameter.minimum, -span), span):.6g}", "MIN", "DEF", "MAX"))
    if isinstance(parameter, Choice):
        name = short_form(draw.choice(parameter.names).split("|")[0])
        return f"'{name}'" if parameter.quoted else name
    return draw.choice(("0", "1", "ON", "OFF", "'text'", "(-113:800)"))


def shaped_line(draw: random.Random, commands: list[Command]) -> str:
    """Return a line that follows the grammar, or nearly."""
    units: list[str] = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        command = draw.choice(commands)
        header = header_of(command)
        if draw.random() < 0.05:
            place = draw.randrange(len(header))
            header = header[:place] + draw.choice("?:;*[ 1xX") + header[place + 1 :]
        query = command.answer is not None and (command.action is None or draw.random() < 0.3)
        unit = f"{header}? {fitting(draw, command.asks)}" if query else f"{header} {fitting(draw, command.takes)}"
        units.append(unit.lower() if draw.random() < 0.3 else unit)
    # What makes the rest matter: the output goes on, and runs are started.
    if draw.random() < 0.3:
        units.append(draw.choice((":OUTP ON", ":INIT", ":READ?", ":TRIG:COUN 2", ":ABOR", *COMMON)))
    return draw.choices((";", ";:", ";;"), (10, 1, 1))[0].join(units)


def check(bench: Bench2400, line: str) -> None:
    """Send a line; the queue stays bounded, and whatever comes is a reply."""
    log = bench.panel._instrument.status.log  # pyright: ignore[reportPrivateUsage]
    replies = bench.panel.receive(line.encode("latin-1", "replace") + b"\n")
    assert all(reply.endswith(b"\n") for reply in replies), line
    assert log.count() <= 10, line


def check_alive(bench: Bench2400) -> None:
    """See that the instrument can be brought back from wherever it is."""
    bench.panel.receive(b"\x03")
    assert bench.ask("*RST;*CLS;:STAT:PRES;*OPC?") == "1"
    bench.ask(":SOUR:VOLT 0.5;:OUTP ON")
    assert bench.values(":READ?")[0] == 0.5
    assert bench.ask(":SYST:ERR?") == '0,"No error"'


def fuzz_shaped(bench: Bench2400, commands: list[Command], lines: int, seed: int) -> None:
    """Send grammar-shaped lines."""
    draw = random.Random(seed)
    for number in range(lines):
        check(bench, shaped_line(draw, commands))
        if number % 50 == 49:
            bench.panel.receive(b"\x18")
        if number % 500 == 499:
            check_alive(bench)


def fuzz_random(bench: Bench2400, lines: int, seed: int) -> None:
    """Send random bytes."""
    draw = random.Random(seed)
    for number in range(lines):
        line = bytes(draw.choices(range(256), k=draw.randrange(60))) if number % 2 else "".join(
            draw.choices("*:;?,.'\"#()@+-0123456789 \tABCEGILNOPRSTUVabcnrt", k=draw.randrange(60))
        ).encode()  # fmt: skip
        bench.panel.receive(line + b"\n")
    check_alive(bench)


def test_grammar_shaped_lines(make_bench_2400: Callable[..., Bench2400], commands: list[Command]) -> None:
    assert len(commands) > 150
    fuzz_shaped(make_bench_2400(), commands, LINES, 1)


def test_random_lines(make_bench_2400: Callable[..., Bench2400]) -> None:
    fuzz_random(make_bench_2400(), LINES, 2)


def test_every_error_adds_one_entry(make_bench_2400: Callable[..., Bench2400], commands: list[Command]) -> None:
    """A line with one bad unit gives one error, until the queue is full."""
    bench = make_bench_2400()
    for header in map(header_of, commands):
        bench.ask("*CLS")
        bench.ask(f"{header}:NOSUCH 1")
        assert bench.ask(":SYST:ERR:COUN?") == "1", header


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_bytes_may_come_in_any_pieces(make_bench_2400: Callable[..., Bench2400], cut: int) -> None:
    bench = make_bench_2400()
    data = b":SOUR:VOLT 0.5;:OUTP ON;:FORM:ELEM CURR\r\n:READ?\r\n*OPC?\n"
    replies = [reply for start in range(0, len(data), cut) for reply in bench.panel.receive(data[start : start + cut])]
    assert replies == [b"+5.000000E-05\n", b"1\n"]
