"""The live window in a process of its own: its end, its crash and its Ctrl-C are not the run's."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def open_window(folder: Path, say: Callable[[str], None]) -> None:
    """Open the live window on a run folder, out of reach of this terminal's Ctrl-C.

    The window inherits no stream: whoever reads ours to the end must not wait until it is closed.

    Args:
        folder: of the run.
        say: is told why there is no window, if there is none; from another thread.
    """
    process = subprocess.Popen(  # noqa: S603 (our own interpreter, and a path we made)
        [sys.executable, "-m", "labctl", "live", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=sys.platform != "win32",
        creationflags=subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0,
    )
    threading.Thread(target=_watch, args=(process, say), name="live window", daemon=True).start()


def _watch(process: subprocess.Popen[str], say: Callable[[str], None]) -> None:
    """Wait for the end of the window; pass on what it complained of if it could not open."""
    _, complaint = process.communicate()
    if process.returncode and complaint.strip():
        say(complaint.strip().splitlines()[-1])
