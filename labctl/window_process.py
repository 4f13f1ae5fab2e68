"""The live window in a process of its own: its end, its crash and its Ctrl-C are not the run's."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

_WINDOWS_FLAGS = (
    subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 0
)
"""Out of reach of Ctrl-C, and behind the run where the computer has not time for both; elsewhere done in other ways."""


class WindowAhead:
    """A window that makes itself ready while the run does, and is seen as soon as there is a run folder.

    Loading Qt takes as long as loading the twin: one after the other, a person would wait twice. The process is out of
    reach of this terminal's Ctrl-C, and inherits no stream: whoever reads ours to the end must not wait until it is
    closed. Use as a context manager; a window that no run was found for is given up at its end.

    Args:
        page: the name of a page: the window begins there, and goes on to the runs that follow; "" as it is.
    """

    def __init__(self, page: str = "") -> None:
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter)
            [sys.executable, "-m", "labctl.live.ahead", page],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            start_new_session=sys.platform != "win32",
            creationflags=_WINDOWS_FLAGS,
        )
        self._watching: threading.Thread | None = None

    def __enter__(self) -> WindowAhead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching is None:
            self._process.kill()
            self._process.communicate()
        elif self._process.poll():
            self._watching.join()  # a short run must not end before it is said why there was no window

    def open(self, folder: Path, say: Callable[[str], None]) -> None:
        """Show a run.

        Args:
            folder: of the run.
            say: is told why there is no window, if there is none; from another thread.
        """
        told = cast("IO[str]", self._process.stdin)
        with suppress(OSError):  # it has ended, and says why
            told.write(str(folder))
            told.close()
        # What could not be written must not be tried again.
        self._process.stdin = None
        self._watching = threading.Thread(target=_watch, args=(self._process, say), name="live window", daemon=True)
        self._watching.start()


def _watch(process: subprocess.Popen[str], say: Callable[[str], None]) -> None:
    """Wait for the end of the window; pass on what it complained of if it could not open."""
    _, complaint = process.communicate()
    if process.returncode and complaint.strip():
        say(complaint.strip().splitlines()[-1])
