"""One owner an address: OS locks that their process's death sets free, and a note of who holds them."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from labctl.errors import AddressLockedError, StoreError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable


def _lock_folder() -> Path:
    """Return the folder for all users of this computer; a temporary folder may be each user's own."""
    if sys.platform == "win32":
        return Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "labctl" / "locks"
    return Path("/tmp/labctl-locks")  # noqa: S108 (shared on purpose, with names that say nothing)


LOCK_FOLDER = _lock_folder()
"""Where locks lie: two people share the cables of one bench."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock: run, process, user, and since when (UTC, ISO 8601)."""

    run: str
    pid: int
    user: str
    since: str


@contextmanager
def locked(names: Iterable[str], holder: Holder) -> Generator[None]:
    """Hold the locks of all `names`; in sorted order, so that two runs cannot hold half each.

    Raises:
        AddressLockedError: if another process holds one; the message says who.
        StoreError: if locks cannot be kept on this computer.
    """
    with ExitStack() as held:
        for name in sorted(set(names)):
            held.enter_context(_one_locked(name, holder))
        yield


@contextmanager
def _one_locked(name: str, holder: Holder) -> Generator[None]:
    path = LOCK_FOLDER / hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:24]
    note = path.with_suffix(".json")
    lock = FileLock(path.with_suffix(".lock"), mode=0o666)
    try:
        if not LOCK_FOLDER.is_dir():
            LOCK_FOLDER.mkdir(parents=True, exist_ok=True)
            LOCK_FOLDER.chmod(0o1777)  # everybody makes locks here, and takes away none but his own
        lock.acquire(timeout=0)
    except Timeout:
        raise AddressLockedError(f"{name} is held by {_holder_of(note)}; wait for it, or stop it") from None
    except OSError as error:
        raise StoreError(f"cannot lock {name} in {LOCK_FOLDER}: {error.strerror or error}") from None
    try:
        with suppress(OSError):  # a note that another user left; the lock itself is what counts
            note.write_text(json.dumps(asdict(holder)), encoding="utf-8")
            note.chmod(0o666)
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


def _holder_of(note: Path) -> str:
    """Return in words who holds a lock, as far as its note tells."""
    try:
        holder = Holder(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return "another process"
    return f"run {holder.run!r} (process {holder.pid} of {holder.user}, since {holder.since})"
