"""Signals as requests: once means finish the step, twice means stop at once; clean-up is never broken off."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from labctl.errors import InterruptedRunError

if TYPE_CHECKING:
    from types import FrameType, TracebackType

_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")
"""Ctrl-C, a polite kill, Ctrl-Break of a Windows console, a closed terminal; each system has some of them."""


class StopNowError(BaseException):
    """A second signal breaks off whatever is under way.

    Not an Exception: drivers and libraries, which turn what they do not know into a failed link, must let it through.

    Args:
        signal_number: the signal.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class StopRequests:
    """Listens to signals while a run is under way; use as a context manager.

    Raises:
        InterruptedRunError: at the end, in place of a StopNowError that nobody took.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        """The signal that asked to stop, if one did."""
        self._count = 0
        self._shielded = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequests:
        if threading.current_thread() is threading.main_thread():
            for number in heard():
                self._before[number] = signal.signal(number, self._hear)
            self._take_over()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._hear:  # who took our place meanwhile, as to ignore it, keeps it
                signal.signal(number, handler)
        if isinstance(error, StopNowError):
            raise InterruptedRunError(error.signal_number) from None

    def _take_over(self) -> None:
        """Take over what was asked for already, where somebody listened before: nobody asks him meanwhile."""
        for handler in self._before.values():
            before = getattr(handler, "__self__", None)
            if isinstance(before, StopRequests) and before.signal_number is not None:
                self.signal_number, self._count = before.signal_number, before._count  # noqa: SLF001 (one of us)

    def check(self) -> None:
        """Raise if a stop was asked for; called where a step has ended.

        Raises:
            InterruptedRunError: carries the signal.
        """
        if self.signal_number is not None:
            raise InterruptedRunError(self.signal_number)

    def shield(self) -> None:
        """Let nothing break off what follows: the way down runs to its end, however often Ctrl-C is hit."""
        self._shielded = True

    def stop_now(self) -> None:
        """Break off whatever is under way, as a second signal does; for another thread than the one that runs.

        Where signals are not listened to, nothing happens: the run is asked again at its step's end.
        """
        if self._before:
            self._count += 1
            _signal_main_thread(signal.SIGTERM)

    def _hear(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._count += 1
        self.signal_number = number
        if self._count >= 2 and not self._shielded:
            self._shielded = True  # once is enough: the next one must not break off the way down
            raise StopNowError(number)


def _signal_main_thread(number: signal.Signals) -> None:
    """Let the main thread hear a signal, also while it waits for a reply where the system can do that."""
    main = threading.main_thread().ident
    if sys.platform == "win32" or main is None:
        _thread.interrupt_main(number)
    else:
        signal.pthread_kill(main, number)


def raise_on_signals() -> None:
    """Let a signal end whatever the command line does outside a run, as an error that it can report."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise InterruptedRunError(number)

    _handle_all(stop)


def ignore_signals() -> None:
    """Let no signal spoil what is being printed at the end: it would be printed twice, or by halves."""
    _handle_all(signal.SIG_IGN)


def _handle_all(handler: Any) -> None:
    if threading.current_thread() is threading.main_thread():
        for number in heard():
            signal.signal(number, handler)


def heard() -> list[int]:
    """Return the signals to listen to: those of this system, without a hang-up that `nohup` has switched off."""
    numbers = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
    return [one for one in numbers if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN]
