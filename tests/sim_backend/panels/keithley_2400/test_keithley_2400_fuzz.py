"""What the 2400 does with lines that nobody should send; how it bears very many of them is in `tests/campaigns`."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from sim_backend.panels.scpi_table import CommandTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim_backend.panels.scpi_table import Command
    from tests.sim_backend.panels.keithley_2400.conftest import Bench2400


class CommandCollector(CommandTable):
    """Notes the commands of a command table."""

    commands: list[Command]

    def _add(self, command: Command) -> None:
        self.__dict__.setdefault("commands", []).append(command)
        super()._add(command)


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


def test_every_error_adds_one_entry(make_bench_2400: Callable[..., Bench2400], commands: list[Command]) -> None:
    """A line with one bad unit gives one error, until the queue is full."""
    assert len(commands) > 150
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
