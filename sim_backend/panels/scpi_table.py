"""A command table: headers as manuals print them, and the command behind each way to send one."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_grammar import TokenKind, short_form
from sim_backend.panels.scpi_parameters import Arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sim_backend.panels.scpi_grammar import Token
    from sim_backend.panels.scpi_parameters import Parameter

_ITEM: Final = re.compile(r"(\[)?:([A-Za-z][A-Za-z0-9]*)(?:\[(\d+(?:\|\d+)*)\])?(\])?")

Reply = str | bytes
"""What a query answers: text, or bytes of a block."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Which parameters are taken.

    Args:
        parameters: one type for each place.
        required: how many must be sent.
        repeated: how many times the last one may be sent at most.
        omissible: nothing behind the last comma is a parameter that was not sent; else it is one that is missing.
    """

    parameters: tuple[Parameter, ...] = ()
    required: int = 0
    repeated: int = 1
    omissible: bool = False

    def parse(self, tokens: Sequence[Token], suffixes: tuple[int, ...]) -> Arguments:
        """Return the checked parameters.

        Raises:
            ScpiError: -108 if there are too many, -109 if one is missing, or what a parameter's type says.
        """
        if self.omissible and tokens and tokens[-1].kind is TokenKind.OMITTED:
            tokens = tokens[:-1]
        if len(tokens) < self.required or any(token.kind is TokenKind.OMITTED for token in tokens):
            raise ScpiError(-109)
        if not self.parameters and tokens:
            raise ScpiError(-108)
        if len(tokens) > len(self.parameters) + self.repeated - 1:
            raise ScpiError(-223 if self.repeated > 1 else -108)
        last = len(self.parameters) - 1
        values = [self.parameters[min(place, last)].parse(token) for place, token in enumerate(tokens)]
        return Arguments(values, suffixes)


@dataclass(frozen=True, slots=True)
class Command:
    """What one header does.

    Args:
        pattern: the header, as in `:SOURce[1]:VOLTage:ILIMit[:LEVel]`; `[1|2]` lists the suffixes a node takes.
        action: obeys the command; None if it can only be queried.
        takes: the parameters of the command.
        answer: answers the query; None if it cannot be queried.
        asks: the parameters of the query.
        conflicts: it cannot be obeyed while an operation started before is running; asking for a setting always can.
    """

    pattern: str
    action: Callable[[Arguments], None] | None = None
    takes: Signature = Signature()
    answer: Callable[[Arguments], Reply] | None = None
    asks: Signature = Signature()
    conflicts: bool = False

    def refused_when_busy(self, query: bool) -> bool:
        """Return whether this command, or its query, must wait for a running operation to end."""
        return self.conflicts and (self.action is None or not query)


@dataclass(slots=True)
class _Node:
    """A place in the tree of headers."""

    children: dict[str, _Node] = field(default_factory=dict[str, "_Node"])
    suffixes: frozenset[int] = frozenset()
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    """A node of a pattern."""

    name: str
    suffixes: frozenset[int]
    optional: bool


class CommandTable:
    """Finds commands by header, in long and short form, with optional nodes left out or not."""

    def __init__(self, commands: Iterable[Command]) -> None:
        self._root = _Node()
        for command in commands:
            self._add(command)

    def find(self, nodes: Sequence[str]) -> tuple[Command, tuple[int, ...]]:
        """Return the command of a header and the numeric suffixes of its nodes.

        Raises:
            ScpiError: -113 if there is no such header, -114 if a suffix is out of range.
        """
        place = self._root
        suffixes: list[int] = []
        for mnemonic in nodes:
            place, suffix = _step(place, mnemonic.upper())
            if place.suffixes:
                suffixes.append(suffix)
        if place.command is None:
            raise ScpiError(-113)
        return place.command, tuple(suffixes)

    def _add(self, command: Command) -> None:
        items = _parse_pattern(command.pattern)
        for choice in itertools.product(*((True, False) if item.optional else (True,) for item in items)):
            place = self._root
            for item in itertools.compress(items, choice):
                place = _child(place, item)
            if place.command is not None and place.command is not command:
                raise ValueError(f"two commands for one header: {command.pattern}")
            place.command = command


def _parse_pattern(pattern: str) -> list[_Item]:
    """Return the nodes of a pattern."""
    items: list[_Item] = []
    end = 0
    for match in _ITEM.finditer(pattern):
        if match.start() != end or bool(match.group(1)) != bool(match.group(4)):
            break
        suffixes = frozenset(int(number) for number in (match.group(3) or "").split("|") if number)
        items.append(_Item(match.group(2), suffixes, optional=bool(match.group(1))))
        end = match.end()
    if end != len(pattern) or not items:
        raise ValueError(f"not a header pattern: {pattern}")
    return items


def _child(place: _Node, item: _Item) -> _Node:
    """Return the node below `place` for an item, made if there is none."""
    long, short = item.name.upper(), short_form(item.name)
    child = place.children.get(long) or place.children.get(short) or _Node(suffixes=item.suffixes)
    if child.suffixes != item.suffixes:
        raise ValueError(f"two sets of suffixes for {item.name}")
    place.children[long] = place.children[short] = child
    return child


def _step(place: _Node, mnemonic: str) -> tuple[_Node, int]:
    """Return the node that a mnemonic leads to and its numeric suffix, 1 if it has none."""
    child = place.children.get(mnemonic)
    if child is not None:
        return child, 1
    base = mnemonic.rstrip("0123456789")
    child = place.children.get(base)
    if child is None or not child.suffixes:
        raise ScpiError(-113)
    suffix = int(mnemonic[len(base) :])
    if suffix not in child.suffixes:
        raise ScpiError(-114)
    return child, suffix
