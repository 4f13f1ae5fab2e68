"""What each kind of fault does to the messages of a link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from labctl.toml_source import TomlSource
from sim_backend.clock import VirtualClock
from sim_backend.faults.channel import FaultyLink
from sim_backend.faults.injector import FaultInjector
from sim_backend.faults.plan import read_plan
from sim_backend.faults.schedule import Progress
from sim_backend.links import link_to
from sim_backend.panel import Panel

if TYPE_CHECKING:
    from collections.abc import Callable


class Echo(Panel):
    """Answers each line with itself; takes `busy` (s) for it."""

    def __init__(self, world: Any) -> None:
        super().__init__(world, "echo")
        self.took: list[bytes] = []
        self.half = b""
        self.busy = 0.0
        self.inside = False
        self.cycles = 0

    def receive(self, data: bytes, end: bool = False) -> list[bytes]:
        assert not self.inside, "it is called while it is busy"
        self.inside = True
        self.took.append(data)
        *lines, self.half = (self.half + data).split(b"\n")
        self.world.clock.sleep(self.busy)
        self.inside = False
        return [b"<" + line + b">\n" for line in lines]

    def connect(self) -> None:
        self.half = b""

    def power_cycle(self) -> None:
        assert not self.inside
        self.cycles += 1


class FewThings:
    """What faults need of a world."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.notices: list[str] = []
        self.audit = None
        self.on_pulses: Callable[[int], None] | None = None


class Bench:
    """A host, an echo, and a plan between them."""

    def __init__(self, text: str, progress: Progress | None = None) -> None:
        self.world = FewThings()
        self.echo = Echo(self.world)
        plan = read_plan(TomlSource("plan", text))
        self.faults = FaultInjector(plan, cast("Any", self.world), {"echo": self.echo}, progress or Progress())
        self.heard: list[bytes] = []
        self.link = self.open()

    def open(self) -> FaultyLink:
        link = link_to(self.echo, self.heard.append)
        assert isinstance(link, FaultyLink)
        return link

    def say(self, *lines: bytes) -> list[bytes]:
        for line in lines:
            self.link.receive(line, False)
        heard, self.heard[:] = self.heard.copy(), []
        return heard

    def wait(self, duration: float) -> list[bytes]:
        self.world.clock.sleep(duration)
        return self.say()


def plan(kind: str, when: str = "message = 2", direction: str = "request", **more: object) -> str:
    rest = "".join(f"{key.rstrip('_')} = {value!r}\n" for key, value in more.items())
    return f'[[fault]]\nkind = "{kind}"\nchannel = "echo"\ndirection = "{direction}"\n{when}\n{rest}'


A, B, C = b"a\n", b"bcd\n", b"e\n"


@pytest.mark.parametrize("direction", ["request", "reply"])
def test_a_dropped_message_is_lost(direction: str) -> None:
    assert Bench(plan("drop", direction=direction)).say(A, B, C) == [b"<a>\n", b"<e>\n"]


def test_a_repeated_request_is_obeyed_twice_and_a_repeated_reply_comes_twice() -> None:
    request, reply = Bench(plan("repeat")), Bench(plan("repeat", direction="reply"))
    assert request.say(A, B, C) == reply.say(A, B, C) == [b"<a>\n", b"<bcd>\n", b"<bcd>\n", b"<e>\n"]
    assert request.echo.took == [A, B, B, C]
    assert reply.echo.took == [A, B, C]


@pytest.mark.parametrize("direction", ["request", "reply"])
def test_a_late_message_holds_up_those_behind_it(direction: str) -> None:
    bench = Bench(plan("delay", direction=direction, for_="1 s"))
    assert bench.say(A, B, C) == [b"<a>\n"]
    assert bench.wait(0.9) == []
    assert bench.wait(0.2) == [b"<bcd>\n", b"<e>\n"]


def test_a_cut_message_lacks_its_end_and_its_terminator() -> None:
    assert Bench(plan("cut", at=1)).say(A, B, C) == [b"<a>\n", b"<be>\n"]
    assert Bench(plan("cut", direction="reply", at=2)).say(A, B, C) == [b"<a>\n", b"<b", b"<e>\n"]


@pytest.mark.parametrize("direction", ["request", "reply"])
def test_a_message_is_overtaken_by_the_next_one_or_comes_late(direction: str) -> None:
    bench = Bench(plan("reorder", direction=direction, for_="1 s"))
    assert bench.say(A, B, C) == [b"<a>\n", b"<e>\n", b"<bcd>\n"]
    assert bench.wait(2.0) == []
    alone = Bench(plan("reorder", direction=direction, for_="1 s"))
    assert alone.say(A, B) == [b"<a>\n"]
    assert alone.wait(1.1) == [b"<bcd>\n"]


def test_a_split_message_comes_in_two_pieces() -> None:
    bench = Bench(plan("split", at=2, for_="1 s"))
    assert bench.say(A, B, C) == [b"<a>\n"]
    assert bench.wait(1.1) == [b"<bcd>\n", b"<e>\n"]
    assert bench.echo.took == [A, b"bc", b"d\n", C]
    reply = Bench(plan("split", direction="reply", at=2, for_="1 s"))
    assert reply.say(A, B) == [b"<a>\n", b"<b"]
    assert reply.wait(1.1) == [b"cd>\n"]


def test_merged_messages_come_in_one_piece() -> None:
    bench = Bench(plan("merge", for_="1 s"))
    assert bench.say(A, B) == [b"<a>\n"]
    assert bench.say(C) == [b"<bcd>\n", b"<e>\n"]
    assert bench.echo.took == [A, B + C]
    assert Bench(plan("merge", direction="reply")).say(A, B, C) == [b"<a>\n", b"<bcd>\n<e>\n"]
    alone = Bench(plan("merge", for_="1 s"))
    assert alone.say(A, B) == [b"<a>\n"]
    assert alone.wait(1.1) == [b"<bcd>\n"]


def test_a_flipped_bit_is_another_one() -> None:
    assert Bench(plan("flip", at=0, bit=1)).say(A, B, C) == [b"<a>\n", b"<`cd>\n", b"<e>\n"]


@pytest.mark.parametrize("byte", range(9))
def test_a_link_breaks_after_any_byte_and_comes_back(byte: int) -> None:
    bench = Bench(plan("link-gone", when=f"byte = {byte}", for_="1 s"))
    whole = A + B + C
    assert bench.say(A, B, C) == [b"<a>\n", b"<bcd>\n", b"<e>\n"][: whole[:byte].count(b"\n")]
    assert b"".join(bench.echo.took) == whole[:byte]
    assert bench.link.is_lost
    assert bench.open().is_lost
    bench.world.clock.sleep(1.0)
    bench.link = bench.open()
    assert bench.say(C) == [b"<e>\n"]


@pytest.mark.parametrize("byte", range(1, 12))
def test_a_link_breaks_within_a_reply(byte: int) -> None:
    bench = Bench(plan("link-gone", when=f"byte = {byte}", direction="reply"))
    assert b"".join(bench.say(A, B, C)) == b"<a>\n<bcd>\n<e>\n"[:byte]
    assert b"".join(bench.echo.took) == (A if byte < 5 else A + B if byte < 11 else A + B + C)


def test_what_is_under_way_is_lost_with_its_link() -> None:
    bench = Bench(plan("delay", for_="1 s") + plan("link-gone", when="time = '500 ms'", for_="100 ms"))
    assert bench.say(A, B) == [b"<a>\n"]
    assert bench.wait(5.0) == []
    assert bench.echo.took == [A]


def test_an_instrument_that_is_busy_is_not_disturbed_from_inside() -> None:
    bench = Bench(plan("delay", when="message = 1", for_="1 s") + plan("reboot", when="time = '1500 ms'"))
    bench.say(A)
    bench.echo.busy = 2.0
    other = bench.open()
    bench.world.clock.sleep(0.9)
    other.receive(C, False)
    assert bench.say() == [b"<e>\n", b"<a>\n"]
    assert bench.echo.cycles == 1


def test_pieces_of_messages_are_put_together_before_they_are_counted() -> None:
    bench = Bench(plan("drop"))
    assert bench.say(b"a", b"\nbc", b"d\ne\n") == [b"<a>\n", b"<e>\n"]


def test_what_struck_is_told() -> None:
    bench = Bench(plan("drop") + plan("cut", when="message = 3", at=1))
    bench.say(A, B, C)
    assert bench.world.notices == [
        "fault at 0 s: echo drop (request 2, byte 0 of 4)",
        "fault at 0 s: echo cut (request 3, byte 0 of 2, at 1)",
    ]


def test_a_plan_goes_on_where_it_was() -> None:
    text = plan("drop", when="message = 2") + plan("drop", when="message = 4")
    first = Bench(text)
    assert first.say(A, B, C) == [b"<a>\n", b"<e>\n"]
    second = Bench(text, Progress.model_validate_json(first.faults.progress.model_dump_json()))
    assert second.say(A, B, C) == [b"<bcd>\n", b"<e>\n"]


def test_the_same_seed_throws_the_same_dice() -> None:
    dice = '[random]\nseed = 3\nrate = 0.3\nkinds = ["drop", "repeat", "cut"]\n'
    lines = [b"%d\n" % number for number in range(200)]
    first, second = Bench(dice), Bench(dice)
    heard = first.say(*lines)
    assert heard == second.say(*lines)
    assert 80 < len(first.faults.struck) < 160
    assert Bench(dice.replace("seed = 3", "seed = 4")).say(*lines) != heard
