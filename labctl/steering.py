"""Steering a run from any terminal: one word in a file of its folder, which the engine reads at each step's end.

Only "stop now" is heard within a step, too.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING

from labctl.backend import WallClock
from labctl.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from labctl.stop_requests import StopRequests

FILE = "steer"
"""The word that was asked for last."""
_LOOK = 0.1
"""Time (s) from one look for a wish that does not wait for the step's end to the next."""
_TRIES = 20
_TRY_AGAIN = 0.01
"""How often, and how long (s) after each failed try, a file that somebody holds is tried to be replaced."""


class Wish(Enum):
    """What somebody wants of a run."""

    GO_ON = "continue"
    PAUSE = "pause"
    STOP = "stop"
    STOP_NOW = "stop now"


def steer(folder: Path, wish: Wish) -> None:
    """Ask for something; the word is there whole or not at all.

    Raises:
        StoreError: if the run folder cannot be written.
    """
    temporary = folder / f"{FILE}.{os.getpid()}.part"
    try:
        temporary.write_text(wish.value, encoding="ascii")
        _replace(temporary, folder / FILE)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise StoreError(f"cannot write {folder / FILE}: {error.strerror or error}") from None


@contextmanager
def stopping_now(folder: Path, stop: StopRequests, wall: WallClock) -> Generator[None]:
    """Look for the wish to stop now while a step of the run in `folder` is under way, and break the step off then."""
    steering = Steering(folder)

    def look() -> None:
        if steering.wish() is Wish.STOP_NOW:
            stop.stop_now()

    timer = wall.every(_LOOK, look)
    try:
        yield
    finally:
        timer.cancel()


def _replace(temporary: Path, file: Path) -> None:
    """Put a file in the place of another, which somebody may be reading: on Windows that takes patience."""
    clock = WallClock()
    for _ in range(_TRIES):
        with suppress(PermissionError):
            temporary.replace(file)
            return
        clock.sleep(_TRY_AGAIN)
    temporary.replace(file)


class Steering:
    """What is wanted of the run in `folder`; looking costs one question to the file system."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._seen = self._changed()

    def wish(self) -> Wish | None:
        """Return what was asked for since it was last looked at; None if nothing was."""
        changed = self._changed()
        if changed == self._seen:
            return None
        try:
            found = Wish(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None  # somebody else's file, or one that is just being replaced: it is looked at again
        self._seen = changed
        return found

    def _changed(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino
