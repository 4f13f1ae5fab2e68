"""A run is alive as long as its lock is held: by the process that writes it, until it ends or dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.locks import is_locked

if TYPE_CHECKING:
    from pathlib import Path


def run_lock_name(folder: Path) -> str:
    """Return the name of the lock that the process of a run holds."""
    return f"run {folder.resolve()}"


def is_alive(folder: Path) -> bool:
    """Return whether a process is at work on the run in `folder`."""
    return is_locked(run_lock_name(folder))
