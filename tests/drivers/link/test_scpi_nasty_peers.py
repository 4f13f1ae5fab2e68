"""A peer that delays, cuts, repeats, merges and babbles at random: each query gets its own answer or raises.

Every answer holds the number of its query, so that a wrong one is recognised.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drivers.scpi import ScpiLink
from drivers.tsp import TspLink
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.hardware import HardwareBackend
    from tests.drivers.link.conftest import Answer, Caller, Peer

    PeerMaker = Callable[[Answer], Peer]

TIMEOUT = 0.03
"""Of the links in this file (s): a late answer is later."""
QUERIES = 80
SEEDS = range(3)
TAGGED = re.compile(r'print\("(<\d+>)", (\w+), "\1", \2\)')


@dataclass(frozen=True, slots=True)
class Play:
    """What is said, what is held back until something else is said, and whether the peer hangs up then."""

    said: bytes = b""
    held: bytes = b""
    hangs_up: bool = False


class Nasty:
    """Says answers as they should not be said, one time in three.

    Args:
        seed: of its moods.
        hidden: whether it also says things between a question and its answer, which only an answer that carries the
            number of its query survives.
    """

    def __init__(self, seed: int, hidden: bool) -> None:
        self._random = random.Random(seed)
        self._hidden = hidden
        self._last = b"7\n"
        self.kind = True

    def say(self, caller: Caller, data: bytes) -> None:
        cut = self._random.randrange(len(data))
        if self.kind or self._random.random() < 2 / 3:
            for piece in (data[:cut], data[cut:-1], data[-1:]):
                caller.say(piece)
        else:
            play = self._random.choice(self._plays(data, data[:cut]))
            caller.say(play.said)
            caller.hold_back(play.held)
            if play.hangs_up:
                caller.hang_up()
        self._last = data

    def _plays(self, answer: bytes, beginning: bytes) -> list[Play]:
        plays = [
            Play(held=answer),
            Play(beginning),
            Play(held=beginning),
            Play(hangs_up=True),
            Play(beginning, hangs_up=True),
            Play(answer, hangs_up=True),
            Play(answer + answer),
            Play(answer + self._last),
            Play(answer + beginning),
            Play(beginning + b"\xb5" + answer[len(beginning) :]),
        ]
        return plays + [Play(self._last + answer), Play(self._last), Play(self._last[:-1] + answer)] * self._hidden


def number_of(line: str) -> str:
    return re.sub(r"\D", "", line)


def scpi(nasty: Nasty, asked: list[str]) -> Answer:
    """Answer `:Q5?` with 5 and `:B5?` with a block of fives."""

    def answer(caller: Caller, line: str) -> None:
        asked.append(line)
        if line.startswith(":B"):
            nasty.say(caller, b"#0" + np.full(3, float(number_of(line))).tobytes() + b"\n")
        elif line.endswith("?"):
            nasty.say(caller, number_of(line).encode() + b"\n")

    return answer


def tsp(nasty: Nasty, asked: list[str]) -> Answer:
    def answer(caller: Caller, line: str) -> None:
        asked.append(line)
        match = TAGGED.fullmatch(line)
        if match is not None:
            half = f"{match[1]}\t{number_of(match[2])}"
            nasty.say(caller, f"{half}\t{half}\n".encode())

    return answer


def ask_all(link: ScpiLink, ask: Callable[[int], object]) -> tuple[int, list[object]]:
    """Return how many of the queries were answered, and what was wrong."""
    wrong: list[object] = []
    answered = 0
    for number in range(1, QUERIES + 1):
        try:
            answer = ask(number)
        except LinkError as error:
            if not str(error).startswith("smu"):
                wrong.append(error)
            continue
        answered += 1
        if answer != number:
            wrong.append((number, answer))
    return answered, wrong


@pytest.fixture
def connect_to(backend: HardwareBackend) -> Callable[[str], Callable[[], Any]]:
    def connector(address: str) -> Callable[[], Any]:
        return lambda: backend.open_visa(
            address, read_termination="\n", write_termination="\n", timeout=round(1000 * TIMEOUT)
        )

    return connector


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("once", [False, True])
def test_a_query_gets_its_own_answer_or_raises(peer: PeerMaker, connect_to: Any, seed: int, once: bool) -> None:
    nasty, asked = Nasty(seed, hidden=False), list[str]()
    one = peer(scpi(nasty, asked))
    one.deliver = nasty.say
    link = ScpiLink(connect_to(one.address), "smu", one.address)
    nasty.kind = False
    answered, wrong = ask_all(link, lambda number: float(link.query(f":Q{number}?", once=once)))
    assert wrong == []
    assert QUERIES / 10 < answered < QUERIES
    times = max(asked.count(line) for line in asked)
    assert times == (1 if once else 2)
    nasty.kind = True
    link.send_urgently(())
    assert ask_all(link, lambda number: float(link.query(f":Q{number}?", timeout=10.0))) == (QUERIES, [])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_block_is_its_own_or_raises(peer: PeerMaker, connect_to: Any, seed: int) -> None:
    nasty, asked = Nasty(seed, hidden=False), list[str]()
    one = peer(scpi(nasty, asked))
    one.deliver = nasty.say
    link = ScpiLink(connect_to(one.address), "smu", one.address)
    nasty.kind = False

    def ask(number: int) -> object:
        values = link.query_block(f":B{number}?", 3, "<f8").tolist()
        return values[0] if len(set(values)) == 1 else values

    answered, wrong = ask_all(link, ask)
    assert wrong == []
    assert QUERIES / 10 < answered < QUERIES


@pytest.mark.parametrize("seed", SEEDS)
def test_a_command_arrives_at_most_once(peer: PeerMaker, connect_to: Any, seed: int) -> None:
    nasty, asked = Nasty(seed, hidden=False), list[str]()
    one = peer(scpi(nasty, asked))
    one.deliver = nasty.say
    link = ScpiLink(connect_to(one.address), "smu", one.address)
    nasty.kind = False

    def ask(number: int) -> object:
        link.write(f":W{number}")
        return float(link.query(f":Q{number}?"))

    answered, wrong = ask_all(link, ask)
    assert wrong == []
    assert answered > QUERIES / 10
    commands = [line for line in asked if line.startswith(":W")]
    assert len(commands) == len(set(commands))


@pytest.mark.parametrize("seed", SEEDS)
def test_numbered_queries_survive_what_is_said_in_between(peer: PeerMaker, connect_to: Any, seed: int) -> None:
    nasty, asked = Nasty(seed, hidden=True), list[str]()
    one = peer(tsp(nasty, asked))
    one.deliver = nasty.say
    link = TspLink(connect_to(one.address), "smu", one.address, "smua")
    nasty.kind = False
    answered, wrong = ask_all(link, lambda number: link.query_values(f"x{number}")[0])
    assert wrong == []
    assert QUERIES / 10 < answered < QUERIES
