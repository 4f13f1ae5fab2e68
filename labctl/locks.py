"""One owner an address: OS locks that their process's death sets free, and a note of who holds them.

Who lets go of a lock removes its file while still holding it; whoever waits for it finds out that the file that it
locked has no name any more, and begins anew (filelock). What a process leaves that was killed, and what another user
owns in a folder whose sticky bit keeps it, stays: an empty file that the next one locks again.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from labctl.backend import WallClock
from labctl.errors import AddressLockedError, StoreError
from labctl.holder_note import Holder, Proof, proof, read_note, write_note

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


def _lock_folder() -> Path:
    """Return the folder for all users of this computer; a temporary folder may be each user's own."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "labctl" / "locks"
    return Path("/tmp/labctl-locks")  # noqa: S108 (shared on purpose, with names that say nothing)


LOCK_FOLDER = _lock_folder()
"""Where locks lie: two people share the cables of one bench."""


GUARD_PATIENCE = 15.0
"""How long (s) a run waits for the guardian of one that died to make the bench safe: ours, more than it takes where no
instrument answers."""
PROBE_PATIENCE = 0.25
"""How long (s) a lock is tried for: who only looks whether it is held holds it for a moment itself."""
_NOTE_PATIENCE = 1.0
"""How long (s) who has just got a lock may take to write that down."""
_POLL = 0.01
_FOR_ALL = 0o1777
"""Mode of the folder: everybody may write, and the sticky bit keeps what is another's."""


@contextmanager
def locked(names: Iterable[str], holder: Holder) -> Generator[None]:
    """Hold the locks of all `names`; in sorted order, so that two runs cannot hold half each.

    Where the guardian of a run that died is still at work on one of them, it is let finish first.

    Raises:
        AddressLockedError: if another process holds one; the message says who.
        StoreError: if locks cannot be kept on this computer.
    """
    with ExitStack() as held:
        for name in sorted(set(names)):
            held.enter_context(_one_locked(name, holder, PROBE_PATIENCE))
            with _one_locked(_guard(name), holder, GUARD_PATIENCE):
                pass
        yield


@contextmanager
def guarded(names: Iterable[str], holder: Holder) -> Generator[None]:
    """Hold the guardian's locks of all `names`, which the run that is guarded has locked for itself.

    Raises:
        AddressLockedError, StoreError: as `locked` does.
    """
    with ExitStack() as held:
        for name in sorted(set(names)):
            held.enter_context(_one_locked(_guard(name), holder, GUARD_PATIENCE))
        yield


def unguarded(names: Iterable[str], patience: float) -> bool:
    """Wait until no guardian is at work on `names`, for `patience` (s) at most; return whether that came about."""
    clock = WallClock()
    until = clock.now() + patience
    while any(is_locked(_guard(name)) for name in names):
        if clock.now() >= until:
            return False
        clock.sleep(_POLL)
    return True


def holder_of(name: str) -> Holder | None:
    """Return who holds the lock of a name; None if nobody does, or nobody that the system bears out."""
    clock = WallClock()
    until = clock.now() + _NOTE_PATIENCE
    while is_locked(name):
        if (holder := _believed(name)) is not None:
            return holder
        if clock.now() >= until:
            break
        clock.sleep(_POLL)
    return None


def is_locked(name: str) -> bool:
    """Return whether a process, this one included, holds the lock of a name."""
    if not _lock_file(name).exists():
        return False  # and who only looks leaves no file behind
    lock = FileLock(_lock_file(name), mode=0o666)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return _lock_file(name).exists()
    lock.release()
    return False


def _lock_file(name: str) -> Path:
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:24]
    return LOCK_FOLDER / f"{digest}.lock"


def _note(name: str) -> Path:
    return _lock_file(name).with_suffix(".json")


def _guard(name: str) -> str:
    return f"guardian of {name}"


@contextmanager
def _one_locked(name: str, holder: Holder, patience: float) -> Generator[None]:
    lock = FileLock(_lock_file(name), mode=0o666)
    try:
        _make_folder()
        lock.acquire(timeout=patience, poll_interval=_POLL)
    except Timeout:
        found = holder_of(name) or "another process"
        raise AddressLockedError(f"{name} is held by {found}; wait for it, or stop it") from None
    except OSError as error:
        raise StoreError(f"cannot lock {name} in {LOCK_FOLDER}: {error.strerror or error}") from None
    try:
        write_note(_note(name), holder)
        yield
    finally:
        write_note(_note(name), None)
        _remove(name)
        lock.release()


def _remove(name: str) -> None:
    """Remove the files of a lock that this process holds, the note first: the lock is another's as soon as it may be.

    On Windows nobody can remove a file that is open: filelock does it when it lets go.
    """
    for path in (_note(name), _lock_file(name)):
        with suppress(OSError):  # another user's
            path.unlink()


def _make_folder() -> None:
    """Make the folder in which everybody makes locks and takes away none but his own.

    Raises:
        OSError: if it cannot be made, or somebody has put a link in its place.
    """
    LOCK_FOLDER.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        return
    found = LOCK_FOLDER.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, "it is a link; remove it")
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) != _FOR_ALL:
        LOCK_FOLDER.chmod(_FOR_ALL)  # whatever the umask of whoever comes first


def _believed(name: str) -> Holder | None:
    """Return what the note beside a lock says, unless the system refutes it."""
    holder = read_note(_note(name))
    return holder if holder is not None and proof(holder, _lock_file(name)) is not Proof.REFUTED else None
