"""A run is alive as long as its lock is held: by the process that writes it, until it ends or dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.locks import is_locked
from labctl.run_names import run_id

if TYPE_CHECKING:
    from pathlib import Path


def run_lock_name(folder: Path) -> str:
    """Return the name of the lock that the process of a run holds: by the run's id, wherever its folder is by now."""
    return f"run {run_id(folder)}"


def is_alive(folder: Path) -> bool:
    """Return whether a process is at work on the run in `folder`, or on the one that it is a copy of."""
    return is_locked(run_lock_name(folder))
