"""How links damage the answers that they carry. What stands here can be seen by whoever knows what must come.

What nobody can see is left out: a byte of a number that becomes another byte which may stand there, and a byte of a
binary block that becomes another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.links import link_to
from sim_backend.panel import Panel

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from sim_backend.links import Link

    Damage = Callable[[bytes, bytes, random.Random], bytes]
    """Makes of an answer, the one before it and dice what arrives."""

NOWHERE = b"\x00\x01\x07\x1b\x7f\x80\xa0\xe2\xffxQz@$%&!?*"
"""Bytes that stand in no number, name or separator of any answer."""
BREAKS = b"\r\n\t ;,"
"""Separators where none belongs."""


def cut_tail(reply: bytes, _old: bytes, throw: random.Random) -> bytes:
    """The end is lost, with the terminator."""
    return reply[: throw.randrange(1, len(reply))]


def cut_line(reply: bytes, _old: bytes, throw: random.Random) -> bytes:
    """The end is lost, but for the terminator."""
    return reply[: throw.randrange(len(reply) - 1)] + b"\n"


def cut_head(reply: bytes, _old: bytes, throw: random.Random) -> bytes:
    """The beginning is lost."""
    return reply[throw.randrange(1, len(reply)) :]


def cut_middle(reply: bytes, _old: bytes, throw: random.Random) -> bytes:
    """Something between is lost, one byte at the least."""
    first = throw.randrange(len(reply))
    return reply[:first] + reply[throw.randrange(first + 1, len(reply) + 1) :]


def merge(reply: bytes, old: bytes, throw: random.Random) -> bytes:
    """It comes behind what is left of the answer before."""
    return old[: throw.randrange(1, len(old))] + reply


def repeat(reply: bytes, _old: bytes, throw: random.Random) -> bytes:
    """It comes several times."""
    return reply * throw.randrange(2, 4)


def stale(_reply: bytes, old: bytes, _throw: random.Random) -> bytes:
    """The answer before comes in its place."""
    return old


def shift(reply: bytes, old: bytes, _throw: random.Random) -> bytes:
    """The answer before comes once more: from here on each question gets the answer to the one before it."""
    return old + reply


def lose(_reply: bytes, _old: bytes, _throw: random.Random) -> bytes:
    """Nothing comes."""
    return b""


def insert(reply: bytes, _old: bytes, throw: random.Random) -> bytes:
    """A byte slips in that does not belong."""
    place = throw.randrange(len(reply))
    return reply[:place] + bytes([_foreign(reply, place, throw)]) + reply[place:]


def replace(reply: bytes, _old: bytes, throw: random.Random) -> bytes:
    """A byte becomes one that does not belong; in a binary block, where any byte belongs, one slips in instead."""
    if _binary(reply):
        return insert(reply, b"", throw)
    place = throw.randrange(len(reply) - 1)
    return reply[:place] + bytes([throw.choice(NOWHERE)]) + reply[place + 1 :]


DAMAGES: dict[str, Damage] = {
    "cut tail": cut_tail,
    "cut line": cut_line,
    "cut head": cut_head,
    "cut middle": cut_middle,
    "merged": merge,
    "repeated": repeat,
    "stale": stale,
    "shifted": shift,
    "lost": lose,
    "byte inserted": insert,
    "byte replaced": replace,
}
LATE = "late"
"""It comes after the time-out, before what is said next, and be it on a new connection."""
KINDS = (*DAMAGES, LATE)


def _binary(reply: bytes) -> bool:
    return reply[:1] == b"#"


def _foreign(reply: bytes, place: int, throw: random.Random) -> int:
    """Return a byte that does not belong at a place."""
    if _binary(reply):
        return throw.randrange(256)
    between = reply[place - 1 : place].isdigit() and reply[place : place + 1].isdigit()
    # A sign between two digits is a second one or stands in an exponent without "E"; so is a second point.
    field = reply[:place].replace(b";", b",").replace(b"\t", b",").rpartition(b",")[2]
    second = b"+-." if b"." in field else b"+-"
    return throw.choice(NOWHERE + BREAKS + second if between else NOWHERE + b"\r\n")


class Damager:
    """Damages one answer among those that pass.

    Args:
        throw: dice.
    """

    def __init__(self, throw: random.Random) -> None:
        self._throw = throw
        self._kind = ""
        self._wait = -1
        self._old = b"1\n"
        self._held: list[bytes] = []
        self.passed = 0
        """Answers that passed so far."""
        self.done = b""
        """What became of the last answer that was damaged."""

    def arm(self, kind: str, wait: int) -> None:
        """Damage an answer in the way `kind`, after `wait` others."""
        self._kind, self._wait, self.done = kind, wait, b""

    def disarm(self) -> None:
        """Let everything pass; what is late comes yet."""
        self._wait = -1

    def speak(self, deliver: Callable[[bytes], None]) -> None:
        """The host says something: what was late has come by then."""
        held, self._held = self._held, []
        for reply in held:
            deliver(reply)

    def hear(self, reply: bytes, deliver: Callable[[bytes], None]) -> None:
        """The instrument answers."""
        self.passed += 1
        self._wait -= 1
        arrives, old, self._old = reply, self._old, reply
        if self._wait == -1:
            arrives = b"" if self._kind == LATE else DAMAGES[self._kind](reply, old, self._throw)
            self.done = reply + b" became " + arrives
            self._held += [reply] if self._kind == LATE else []
        if arrives:
            deliver(arrives)


class DamagedPanel(Panel):
    """A panel whose answers pass a damager on their way to the host."""

    def __init__(self, panel: Panel, damager: Damager) -> None:
        super().__init__(panel.world, panel.name)
        self._panel = panel
        self._damager = damager

    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        """Take bytes and return the answers, undamaged: not the way of the host."""
        return self._panel.receive(data, end)

    def power_cycle(self) -> None:
        """Switch the instrument off and on."""
        self._panel.power_cycle()

    def connection(self, deliver: Callable[[bytes], None]) -> Link:
        """Open one more link."""
        return _DamagedLink(self._panel, self._damager, deliver)


class _DamagedLink:
    """One host's link to a damaged panel."""

    def __init__(self, panel: Panel, damager: Damager, deliver: Callable[[bytes], None]) -> None:
        self._damager = damager
        self._deliver = deliver
        self._link = link_to(panel, lambda reply: damager.hear(reply, deliver))

    def receive(self, data: bytes, end: bool, /) -> None:
        """Take bytes."""
        self._damager.speak(self._deliver)
        self._link.receive(data, end)

    def reset(self) -> None:
        """Forget half-received bytes."""
        self._link.reset()
