"""What a campaign is: very many trials of one promise, each of which can be repeated alone.

Everything random in trial `number` is drawn from `dice(name, seed, number)`, so that seed and number repeat it.
"""

from __future__ import annotations

import random
import signal
import threading
import traceback
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

KEPT = 10
"""Failures that a report tells in full."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A trial that broke the promise.

    Args:
        number: of the trial; with the seed it repeats it.
        what: what was done, what came of it, and what should have.
    """

    number: int
    what: str


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """What some trials of a campaign gave.

    Args:
        name: of the campaign.
        seed: of all its trials.
        trials: how many there were.
        failed: how many broke the promise.
        failures: the first few of them.
        kinds: how many trials there were of each kind, and how many came out which way.
        figures: what was measured, by name; of several reports the largest is kept.
    """

    name: str
    seed: int
    trials: int = 0
    failed: int = 0
    failures: tuple[Failure, ...] = ()
    kinds: Mapping[str, int] = field(default_factory=dict[str, int])
    figures: Mapping[str, float] = field(default_factory=dict[str, float])

    def and_then(self, other: CampaignReport) -> CampaignReport:
        """Return the report of the trials of both."""
        return CampaignReport(
            self.name,
            self.seed,
            self.trials + other.trials,
            self.failed + other.failed,
            (*self.failures, *other.failures)[:KEPT],
            dict(Counter(self.kinds) + Counter(other.kinds)),
            {
                name: max(report.figures.get(name, 0.0) for report in (self, other))
                for name in (*self.figures, *other.figures)
            },
        )


@dataclass(frozen=True, slots=True)
class Campaign:
    """One row of the registry.

    Args:
        name: as the command line has it; rows of a family are called "family/member".
        about: one line on what is promised.
        short: trials by default.
        long: trials with `--long`.
        run: does the trials of these numbers with this seed; every trial gives the same result in any range.
    """

    name: str
    about: str
    short: int
    long: int
    run: Callable[[range, int], CampaignReport]


class Tally:
    """Counts what happens in trials.

    Args:
        name: of the campaign.
        seed: of all trials.
        numbers: of the trials that are counted; others may be gone through only to come to these.
    """

    def __init__(self, name: str, seed: int, numbers: range) -> None:
        self._name = name
        self._seed = seed
        self._numbers = numbers
        self._failed: dict[int, str] = {}
        self._kinds: Counter[str] = Counter()
        self._figures: dict[str, float] = {}

    def count(self, number: int, *kinds: str) -> None:
        """Note of which kinds a trial was, or how it came out."""
        if number in self._numbers:
            self._kinds.update(kinds)

    def measure(self, figure: str, value: float) -> None:
        """Note a figure of which the largest matters."""
        self._figures[figure] = max(value, self._figures.get(figure, value))

    def fail(self, number: int, what: str) -> None:
        """Note that a trial broke the promise; of several breaches of one trial the first is told."""
        if number in self._numbers:
            self._failed.setdefault(number, what)

    def report(self) -> CampaignReport:
        """Return what was counted."""
        failures = tuple(Failure(number, what) for number, what in sorted(self._failed.items()))
        return CampaignReport(
            self._name, self._seed, len(self._numbers), len(failures), failures[:KEPT], dict(self._kinds), self._figures
        )


class HungError(Exception):
    """Something took longer than it may."""


def dice(name: str, seed: int, number: int) -> random.Random:
    """Return what is thrown in one trial: the same for the same campaign, seed and number."""
    return random.Random(f"{name} {seed} {number}")


def origin(error: BaseException) -> str:
    """Return an exception with the place it came from, in a line."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}: {error}"


@contextmanager
def within(seconds: float) -> Generator[None]:
    """Raise HungError in what takes more than `seconds` of processor time.

    What else the computer does counts nothing. Nothing is bounded where the system has no such timer, or outside of
    the main thread.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise HungError(f"no end within {seconds:g} s of processor time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
