"""Anything may be sent to a panel: no exception, no hang, no memory lost, and the error queue grows as specified.

Trials share a panel by fifties, since what one line sets up is what the next one stumbles over.
"""

from __future__ import annotations

import functools
import gc
import re
import sys
from time import thread_time
from typing import TYPE_CHECKING, Final

from campaigns.frame import Campaign, HungError, Tally, dice, origin, within
from campaigns.panel_rig import OVERFLOW, PANELS, WatchedEntries, new_panel

if TYPE_CHECKING:
    import random

    from campaigns.frame import CampaignReport
    from campaigns.panel_rig import PanelKind
    from campaigns.scpi_lines import ScpiLines
    from campaigns.tsp_lines import TspLines

    from sim_backend.panel import Panel

TOGETHER: Final = 50
"""Trials on one panel, one after the other."""
LINE_TIME: Final = 1.0
"""Most processor time that a line may take (s), beyond `SHARE` of the time that passes on the twin's clock."""
SHARE: Final = 0.1
"""Of the time that passes: a run of a hundred thousand readings takes its time on a bench, too."""
HANGS: Final = 60.0
"""Processor time after which a line is given up (s)."""
INPUT_MAX: Final = 64 * 1024
"""Bytes that a panel may keep of a line that does not end."""
GROWTH_MAX: Final = 100.0
"""By how much a process that fuzzes may grow from one panel to the last (MB)."""


class Broken(Exception):  # noqa: N818 (it is what is looked for)
    """A panel did what it must not."""


class Session:
    """One panel and what is sent to it.

    Args:
        name: of the panel.
        throw: dice of the session.
    """

    def __init__(self, name: str, throw: random.Random) -> None:
        self._kind: PanelKind = PANELS[name]
        self._throw = throw
        self.panel: Panel = new_panel(self._kind)
        self._lines: ScpiLines | TspLines = self._kind.lines(self.panel)
        self._entries = WatchedEntries(self._kind.queue(self.panel), self._kind.capacity)
        self._identity = b"".join(self.panel.receive(b"*IDN?\n"))
        self.slowest = 0.0

    def draw(self) -> tuple[str, list[bytes]]:
        """Return what is sent next, in pieces, and of which kind it is."""
        throw = self._throw
        kind, line = self._lines.line(throw)
        if throw.random() > 0.12:
            return kind, [line + throw.choice((b"\n", b"\n", b"\r\n"))]
        ends = (b"\n", b"\r\n", b"\n\n", b"\r", b"")
        stream = b"".join(self._lines.line(throw)[1] + throw.choice(ends) for _ in range(throw.randrange(1, 6)))
        cuts = sorted(throw.randrange(len(stream) + 1) for _ in range(throw.randrange(1, 8)))
        return "stream", [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    def send(self, pieces: list[bytes]) -> None:
        """Send something and see that the panel bears it.

        Raises:
            Broken: if it does not.
        """
        lines = sum(len(re.split(rb"[\r\n]", piece)) for piece in pieces)
        self._entries.posted = 0
        began, time = thread_time(), self.panel.world.clock.now()
        with within(HANGS):
            replies = [reply for piece in pieces for reply in self.panel.receive(piece)]
        passed = self.panel.world.clock.now() - time
        taken = (thread_time() - began - SHARE * passed) / lines
        self.slowest = max(self.slowest, taken)
        if taken > LINE_TIME:
            raise Broken(f"it took {taken:.2f} s, while {passed:.2f} s passed on the clock")
        if not all(reply.endswith(b"\n") for reply in replies):
            raise Broken(f"replies {replies!r}")
        if self._entries.broken:
            raise Broken(f"in the error queue {self._entries.broken.pop()}")
        most = self._kind.most_errors
        if most is not None and self._entries.posted > most * lines:
            raise Broken(f"{self._entries.posted} errors of {lines} lines")
        if (kept := len(self.panel._host._input)) > INPUT_MAX:  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportAttributeAccessIssue]
            raise Broken(f"{kept} bytes of half a line are kept")

    def see_alive(self) -> None:
        """See that it says who it is, if need be after what makes it listen again.

        Raises:
            Broken: if it does not.
        """
        for wake in (b"", self._kind.wake):
            with within(LINE_TIME * 2):
                replies = self.panel.receive(wake + b"\n*IDN?\n")
            if any(self._identity.strip() in reply for reply in replies):
                return
        raise Broken(f"'*IDN?' is answered with {replies!r}")

    def see_queue(self) -> None:
        """Make known mistakes, more than the queue holds at times, and read them back over the link.

        Raises:
            Broken: if what is read is not what was done.
        """
        kind, throw = self._kind, self._throw
        if kind.wake:
            self.panel.receive(kind.wake)
        self.panel.connect()
        self.panel.receive(b"\n" + kind.calm)
        if kind.next_error.startswith(b"print") and not self._asks_errors():
            return  # a script has overwritten what asks for errors
        many = throw.random() < 0.5 if kind.capacity < 200 else throw.random() < 0.01
        mistakes = [throw.choice(kind.mistakes) for _ in range(throw.randrange(2 * kind.capacity if many else 9))]
        for line, _ in mistakes:
            self.panel.receive(line + b"\n")
        expected = [code for _, code in mistakes]
        if len(expected) > kind.capacity:
            expected = [*expected[: kind.capacity - 1], OVERFLOW]
        found: list[int] = []
        while (code := self._next_code()) != 0 and len(found) <= kind.capacity:
            found.append(code)
        if found != expected:
            raise Broken(f"after mistakes that give {expected} the error queue gave {found}")
        if self._next_code() != 0 or self._entries:
            raise Broken(f"the queue is read empty, but holds {len(self._entries)} entries")

    def _asks_errors(self) -> bool:
        replies = self.panel.receive(b"print(errorqueue.next())\n")
        return len(replies) == 1 and b"Queue Is Empty" in replies[0]

    def _next_code(self) -> int:
        reply = b"".join(self.panel.receive(self._kind.next_error))
        match = re.match(rb"\s*([+-]?[0-9.]+(?:e[+-]?\d+)?)\s*[,\t]", reply)
        if match is None:
            raise Broken(f"{self._kind.next_error!r} is answered with {reply!r}")
        return int(float(match[1]))


def _trial(session: Session, number: int, tally: Tally) -> None:
    kind, pieces = session.draw()
    tally.count(number, kind)
    try:
        session.send(pieces)
        session.see_alive()
    except (Broken, HungError) as broken:
        tally.fail(number, f"{_shown(pieces)}: {broken}")
    except Exception as error:  # noqa: BLE001 (none may come)
        tally.fail(number, f"{_shown(pieces)}: {origin(error)}")


def _shown(pieces: list[bytes]) -> str:
    text = repr(pieces)
    return text if len(text) < 500 else f"{text[:400]} ... {text[-60:]}"


def run(panel: str, numbers: range, seed: int) -> CampaignReport:
    """Do the trials of these numbers on one panel."""
    name = f"fuzz-panels/{panel}"
    tally = Tally(name, seed, numbers)
    size = 0.0
    for first in range(numbers.start - numbers.start % TOGETHER, numbers.stop, TOGETHER):
        session = Session(panel, dice(name, seed, first))
        last = min(first + TOGETHER, numbers.stop) - 1
        for number in range(first, last + 1):
            _trial(session, number, tally)
        try:
            session.see_queue()
        except Exception as error:  # noqa: BLE001
            tally.fail(last, f"at the end of the session: {origin(error)}")
        tally.measure("slowest line s", session.slowest)
        # What a panel itself may keep, 96 MB of a script's own, is no growth once nobody needs the panel any more.
        del session
        gc.collect()
        size = size or resident()
    if (grown := resident() - size) > GROWTH_MAX:
        tally.fail(numbers[-1], f"the process grew by {grown:.0f} MB")
    tally.measure("process MB", resident())
    return tally.report()


def resident() -> float:
    """Return how much memory this process holds (MB); 0 where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return 0.0
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (no file of ours)
        return int(file.read().split()[1]) * 4096 / 1e6


FUZZ_PANELS: Final = tuple(
    Campaign(
        f"fuzz-panels/{panel}",
        "random and grammar-shaped lines: no exception, no hang, errors counted right",
        2_000,
        100_000,
        functools.partial(run, panel),
    )
    for panel in PANELS
)
