"""The note beside a lock that says who holds it: for messages, and for `labctl safe`, which may end that process.

Anybody on this computer may write such a note, and one that a process left behind when it died may name a process
that has nothing to do with it by now. So a note is believed only as far as the system bears it out.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

_LONGEST = 4096
"""Bytes of a note that are read; ours are below 300."""
_LONGEST_FIELD = 200
_SHARED = 0o666
"""Everybody who uses the bench may hold the lock, and then says so in the same file."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: run, process, user, and since when (UTC, ISO 8601)."""

    run: str
    pid: int
    user: str
    since: str

    def __str__(self) -> str:
        return f"run {self.run!r} (process {self.pid} of {self.user}, since {self.since})"


class Proof(Enum):
    """How far the system bears a note out."""

    SHOWN = "the process has the lock's file open"
    POSSIBLE = "there is such a process; what it has open cannot be seen"
    REFUTED = "there is no such process, or it has nothing to do with the lock"


def write_note(note: Path, holder: Holder | None) -> None:
    """Write who holds the lock, None for nobody. A note that cannot be written is none: the lock is what counts.

    A file that is there already is not made anew: in a folder that all users share, Linux refuses that to everybody but
    its owner. A link is not followed: it could lead to a file of ours that is no note.
    """
    text = b"" if holder is None else json.dumps(asdict(holder)).encode()
    with suppress(OSError):
        descriptor = _open(note)
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, text)
        finally:
            os.close(descriptor)


def _open(note: Path) -> int:
    plain = os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with suppress(FileNotFoundError):
        return os.open(note, plain)
    descriptor = os.open(note, plain | os.O_CREAT | os.O_EXCL, _SHARED)
    if sys.platform != "win32":
        os.fchmod(descriptor, _SHARED)  # whatever the umask of whoever comes first
    return descriptor


def read_note(note: Path) -> Holder | None:
    """Return what a note says; None if it says nothing that can be printed and understood."""
    try:
        with note.open("rb") as file:
            found = json.loads(file.read(_LONGEST))
        holder = Holder(**found)
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    texts: list[object] = [holder.run, holder.user, holder.since]
    if not all(isinstance(text, str) and text.isprintable() and len(text) <= _LONGEST_FIELD for text in texts):
        return None
    return holder if type(holder.pid) is int and 1 < holder.pid < 1 << 32 else None


def proof(holder: Holder, lock: Path) -> Proof:
    """Return whether the process that a note names has the lock's file open, as far as this system tells."""
    if not Path("/proc/self/fd").is_dir():
        return Proof.POSSIBLE if _exists(holder.pid) else Proof.REFUTED
    try:
        wanted = lock.stat()
        opened = list(Path(f"/proc/{holder.pid}/fd").iterdir())
    except FileNotFoundError:
        return Proof.REFUTED
    except OSError:  # another user's process
        return Proof.POSSIBLE
    for link in opened:
        with suppress(OSError):
            found = link.stat()
            if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                return Proof.SHOWN
    return Proof.REFUTED


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        return True  # there, asking in Python's way would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
