"""What is asked of labctl whatever it is given: errors of its own tree only, no hang, and little memory."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Final, Protocol

from campaigns.frame import HungError, origin, within

from labctl.errors import BugError, LabctlError

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Generator
    from pathlib import Path

    from campaigns.frame import Tally

if sys.platform != "win32":
    import resource

LONGEST: Final = 1.0
"""Processor time (s) that one input may take."""
STUCK: Final = 60.0
"""Time (s) in which at least one input must have been dealt with; else the process is ended."""
SLOW: Final = 0.5
"""Processor time (s) of one input that is worth a word."""
SHOWN: Final = 400
"""Characters of an input, and of what came of it, that a failure tells; `--only` repeats it."""
WAITS: Final = 20.0
"""Time on the wall (s) that one input may take: nothing here has anything to wait for, but a computer may be busy."""
HANGS: Final = 10.0
"""Processor time (s) after which an input is given up."""
PROCESS_MAX: Final = 200.0
"""Memory (MB) that a process of its own may ever hold, the interpreter and every library included."""
ONE_MAX: Final = 60.0
"""By how much one input may raise that (MB), whatever the process held before."""
FILES_MAX: Final = 20
"""By how many the files that a process has open may grow."""
ADDRESSES: Final = 1 << 30
"""Bytes that a process may reserve beyond what it has: what asks for more is refused by the system, and shows."""


@dataclass(frozen=True, slots=True)
class Given:
    """One input.

    Args:
        kind: of it, for the count.
        shown: what it is, for whoever looks into a failure.
        use: hands it to labctl; an error of labctl's tree refuses it.
        ours: what else may be raised: errors that a caller inside labctl is there to catch.
    """

    kind: str
    shown: object
    use: Callable[[], object]
    ours: tuple[type[Exception], ...] = ()


class Giver(Protocol):
    """Makes inputs of one family; every input comes from its dice alone."""

    def __init__(self, folder: Path) -> None:
        """Prepare what inputs are made of, in an empty folder."""
        ...

    def draw(self, throw: random.Random, /) -> Given:
        """Return an input."""
        ...


class Watch:
    """Ends the process when an input takes so long that nothing else ended it: a library may hear no signal.

    Args:
        name: of the campaign, for the message.
    """

    def __init__(self, name: str) -> None:
        self.number = -1
        self._name = name
        self._over = threading.Event()
        threading.Thread(target=self._look, name="watch", daemon=True).start()

    def close(self) -> None:
        """Watch no more."""
        self._over.set()

    def _look(self) -> None:
        seen = self.number
        while not self._over.wait(STUCK):
            if self.number == seen:
                print(f"{self._name}: input {seen} does not end; repeat it with --only {seen}", file=sys.stderr)  # noqa: T201
                os._exit(3)
            seen = self.number


class Judge:
    """Hands inputs over and notes what comes of them.

    Args:
        tally: of the campaign.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        forget_peak()
        self._allowed = max(PROCESS_MAX, peak() + ONE_MAX)
        self._files = open_files()

    def judge(self, number: int, given: Given) -> None:
        """Hand one input over."""
        forget_peak()  # making the input counts nothing
        before, began, wall = peak(), thread_time(), perf_counter()
        try:
            with within(HANGS):
                given.use()
            came = "taken"
        except (LabctlError, *given.ours) as error:
            came = "refused"
            if isinstance(error, BugError):
                self._fail(number, given, origin(error))
        except (HungError, Exception) as error:  # noqa: BLE001 (none may come)
            came = "broken"
            what = origin(error)
            traceback.clear_frames(error.__traceback__)  # they may hold all the memory that there is
            self._fail(number, given, what)
        taken, waited = thread_time() - began, perf_counter() - wall
        self._tally.count(number, given.kind, came)
        self._tally.measure(f"slowest {given.kind} s", taken)
        if taken > SLOW:
            print(f"{given.kind}, input {number}, took {taken:.2f} s", file=sys.stderr)  # noqa: T201
        if taken > LONGEST or waited > WAITS:
            self._fail(number, given, f"it took {taken:.2f} s of processor time, {waited:.2f} s in all")
        grown = peak()
        if grown > self._allowed or grown - before > ONE_MAX:
            self._fail(number, given, f"the process held {before:.0f} MB at most before it, then {grown:.0f} MB")
            forget_peak()
            self._allowed = max(PROCESS_MAX, peak() + ONE_MAX)  # it is told once, not of all that come after it
        self._tally.measure("largest process MB", grown)

    def end(self, number: int) -> None:
        """See that nothing was left open up to here."""
        if (left := open_files() - self._files) > FILES_MAX:
            self._tally.fail(number, f"{left} more files are open than at the beginning")

    def _fail(self, number: int, given: Given, what: str) -> None:
        shown = repr(given.shown)
        self._tally.fail(number, f"{given.kind}: {shown[:SHOWN]}{'...' * (len(shown) > SHOWN)}: {what[:SHOWN]}")


@contextmanager
def bounded_addresses() -> Generator[None]:
    """Let the system refuse this process memory beyond reason, so that a blow-up ends here and not elsewhere."""
    if sys.platform != "linux":
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 (no file of ours)
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESSES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def peak() -> float:
    """Return the most memory that this process ever held, or since it was forgotten (MB); 0 where nobody tells."""
    if sys.platform == "win32":
        return 0.0
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / (1e6 if sys.platform == "darwin" else 1e3)


def forget_peak() -> None:
    """Begin anew, where the system can."""
    if sys.platform == "linux":
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("5")


def open_files() -> int:
    """Return how many files this process has open; 0 where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return 0
    import os

    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208
