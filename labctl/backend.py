"""The seam: a backend opens byte channels and owns the clock.

Everything above this file is the same code on a bench and on a twin. A backend hands out pyvisa's and
pyserial's own objects, so terminators, chunking, block parsing and time-outs are those of a bench everywhere.
This file knows neither drivers nor instruments.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pyvisa.resources import MessageBasedResource
    from serial import SerialBase

    from labctl.bench_file import BenchFile
    from labctl.toml_source import TomlSource


class Timer(Protocol):
    """Something that happens again and again until it is cancelled."""

    def cancel(self) -> None:
        """Stop it; an action under way is let finish first."""


class Clock(Protocol):
    """Time as a backend counts it: seconds from an arbitrary start, never going back."""

    def now(self) -> float:
        """Return the time in s."""
        ...

    def sleep(self, duration: float) -> None:
        """Let `duration` (s) pass."""

    def every(self, period: float, action: Callable[[], None]) -> Timer:
        """Call `action` each `period` (s) until the timer is cancelled, from whichever thread keeps the time."""
        ...


class WallClock:
    """The time on the wall: the only place in labctl that sleeps or reads it."""

    def now(self) -> float:
        """Return the time in s since an arbitrary start; it does not jump with the calendar."""
        return time.perf_counter()

    def sleep(self, duration: float) -> None:
        """Wait for `duration` (s)."""
        time.sleep(max(0.0, duration))

    def every(self, period: float, action: Callable[[], None]) -> Timer:
        """Call `action` each `period` (s) from a thread of its own."""
        return _ThreadTimer(period, action)

    def utc(self) -> datetime:
        """Return the calendar time in UTC, for names and provenance, never for durations."""
        return datetime.now(UTC)


class _ThreadTimer:
    """A daemon thread that calls an action each period."""

    def __init__(self, period: float, action: Callable[[], None]) -> None:
        self._period = period
        self._action = action
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name="labctl timer", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._cancelled.wait(self._period):
            self._action()

    def cancel(self) -> None:
        self._cancelled.set()
        if self._thread is not threading.current_thread():
            self._thread.join()


@dataclass(frozen=True, slots=True)
class BackendOptions:
    """What the command line says beyond the bench file.

    Args:
        seed: from which every random number of a simulated world is drawn.
        die: a file that the die is loaded from and saved to, so that it lives across runs.
        audit: whether a simulated world writes down what truly happened.
        resume: the folder of a run that goes on, in which a simulated world was saved.
        faults: the plan of the faults that disturb a simulated world.
    """

    seed: int = 0
    die: Path | None = None
    audit: bool = False
    resume: Path | None = None
    faults: TomlSource | None = None


class Backend(ABC):
    """Opens channels to the instruments of one bench and keeps its time."""

    takes: ClassVar[frozenset[str]] = frozenset()
    """Command line options that mean something to this backend, out of "twin", "die", "audit", "faults"."""

    outlives_us: ClassVar[bool] = True
    """Whether what a pulse did survives this process, so that its record must survive a power cut, too."""

    clock: Clock

    @classmethod
    @abstractmethod
    def for_bench(cls, bench: BenchFile, options: BackendOptions) -> Backend:
        """Return the backend for a bench; no channel is open yet.

        Raises:
            InputError: if the bench asks for what this backend has not.
        """

    @abstractmethod
    def open_visa(self, resource_name: str, **settings: Any) -> MessageBasedResource:
        """Open a VISA resource; `settings` are attributes of pyvisa's resource, as `timeout` in ms.

        Raises:
            LinkError: if the resource cannot be opened.
        """

    @abstractmethod
    def open_serial(self, port: str, **settings: Any) -> SerialBase:
        """Open a serial port, by device name or pyserial URL; `settings` are pyserial's own.

        Raises:
            LinkError: if the port cannot be opened.
        """

    @classmethod
    @abstractmethod
    def lock_names(cls, bench: BenchFile, options: BackendOptions) -> tuple[str, ...]:
        """Return what a run on this bench must own alone: instrument addresses, or the file of a die."""

    def describe(self) -> Mapping[str, object]:
        """Return what a reader of the run must know of this backend, as plain JSON values."""
        return {}

    def notices(self) -> list[str]:
        """Return what a reader of the run must know and was not told yet, one line each."""
        return []

    def energy(self) -> float | None:
        """Return the electrical energy (J) that has gone into the array so far; None where nobody can tell."""
        return None

    @classmethod  # noqa: B027 (real instruments are as they were left)
    def check_resume(cls, folder: Path, state: str) -> None:
        """Refuse to go on with the run in `folder`, which entered `state` last, if its world is gone.

        Raises:
            InputError: says what to do instead.
        """

    @classmethod  # noqa: B027 (real instruments have faults of their own)
    def check_faults(cls, bench: BenchFile, faults: TomlSource) -> None:
        """Refuse a fault plan that cannot be, or that asks for what the bench has not.

        Raises:
            InputError: names file, line and key.
        """

    def open_database(self, path: Path) -> sqlite3.Connection:
        """Open the database of a run, in autocommit mode; a simulated disk may be full."""
        return sqlite3.connect(path, isolation_level=None)

    def step_done(self, steps: int) -> None:  # noqa: B027
        """Note that so many steps of the run are done."""

    def begin_run(self, folder: Path) -> None:  # noqa: B027 (a bench keeps nothing of its own beside a run)
        """Note that a run starts whose files lie in `folder`."""

    def end_run(self, folder: Path) -> None:  # noqa: B027
        """Note that the run in `folder` ended gracefully."""

    @abstractmethod
    def close(self) -> None:
        """Close every channel. Closing twice is harmless."""
