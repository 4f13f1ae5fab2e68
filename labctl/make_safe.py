"""Making every instrument of a bench safe at once, asking nothing: for the guardian and for `labctl safe`."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from labctl import plugins
from labctl.backend import WallClock
from labctl.errors import LabctlError
from labctl.instruments import ProbeBoard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from labctl.backend import Backend
    from labctl.bench import Driver
    from labctl.bench_file import BenchFile
    from labctl.instruments import Instrument

BOARD_HEAD_START = 0.02
"""How long (s) other instruments wait for the boards: an SMU is switched off after its cell was disconnected, unless a
board takes longer than that to answer: ours, some answers of a board on USB."""


@dataclass(frozen=True, slots=True)
class Target:
    """An instrument that is to be made safe.

    Args:
        name: in the bench file.
        address: where it is.
        is_board: whether it comes first.
        open: opens its channel; nothing is sent.
    """

    name: str
    address: str
    is_board: bool
    open: Callable[[], Instrument]


@dataclass(frozen=True, slots=True)
class SafeOutcome:
    """What came of it; `trouble` is "" where the instrument confirmed that it is safe."""

    name: str
    address: str
    trouble: str


def instruments_of(file: BenchFile, backend: Backend) -> list[Target]:
    """Return the instruments of a bench."""
    targets: list[Target] = []
    for name, entry in file.instruments.items():
        driver = cast("type[Driver]", plugins.load(plugins.DRIVERS, entry.driver))
        targets.append(
            Target(
                name,
                entry.address,
                issubclass(driver, ProbeBoard),
                lambda driver=driver, name=name, entry=entry: driver.open(backend, name, entry),
            )
        )
    return targets


def make_safe(targets: Iterable[Target], patience: float) -> list[SafeOutcome]:
    """Make all instruments safe side by side, boards with a head start; return what came of each, in order.

    One that takes longer than `patience` (s) is given up: it may not be safe.
    """
    attempts = [_Attempt(target) for target in targets]
    clock = WallClock()
    begun = clock.now()
    for attempt in attempts:
        attempt.start()
    for attempt in attempts:
        if attempt.target.is_board:
            attempt.go.set()
    for attempt in attempts:
        if attempt.target.is_board:
            attempt.done.wait(max(0.0, begun + BOARD_HEAD_START - clock.now()))
    for attempt in attempts:
        attempt.go.set()
    for attempt in attempts:
        attempt.done.wait(max(0.0, begun + patience - clock.now()))
    return [attempt.outcome or _given_up(attempt.target, patience) for attempt in attempts]


def make_safe_again(
    targets: Iterable[Target], before: Iterable[SafeOutcome], patience: float
) -> dict[str, SafeOutcome]:
    """Try those once more that were not confirmed to be safe; return what came of all, by name."""
    outcomes = {outcome.name: outcome for outcome in before}
    left = [target for target in targets if outcomes[target.name].trouble]
    return outcomes | {outcome.name: outcome for outcome in make_safe(left, patience)}


def _given_up(target: Target, patience: float) -> SafeOutcome:
    trouble = f"{target.name} at {target.address} does not answer within {patience:.1f} s; it may not be safe"
    return SafeOutcome(target.name, target.address, trouble)


class _Attempt:
    """One instrument, opened at once in a thread of its own, and made safe as soon as it may."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.go = threading.Event()
        self.done = threading.Event()
        self.outcome: SafeOutcome | None = None

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._work, name=f"safe {self.target.name}", daemon=True).start()

    def _work(self) -> None:
        """Note what comes of it; a bug in a driver must not keep the others waiting."""
        target, instrument, trouble = self.target, None, ""
        try:
            instrument = target.open()
            self.go.wait()
            instrument.make_safe()
        except LabctlError as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001
            trouble = f"{target.name} at {target.address} may not be safe: {error!r}"
        self.outcome = SafeOutcome(target.name, target.address, trouble)
        self.done.set()  # nobody waits for a channel to be closed: pyserial takes 0.3 s for a socket
        if instrument is not None:
            with suppress(Exception):
                instrument.close()
