"""A client that writes levels: python stepping_client.py BENCH DATA LEVELS DIES, or ... BENCH DATA resume DIES.

It says "began" when its run has begun. DIES is the step at whose end it kills itself, before anybody else hears of it;
0: never.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.engine import Watcher, resume, run
from labctl.plan import RunRequest
from labctl.run_reader import find_run

if TYPE_CHECKING:
    from collections.abc import Callable


class DyingWatcher(Watcher):
    """Kills its own process at the end of a step, as soon as that is durable."""

    def __init__(self, dies: int) -> None:
        self._left = dies

    def began(self, folder: Path, steps: int, done: int) -> None:
        """Say so."""
        print("began", flush=True)  # noqa: T201

    def step_done(self, caption: Callable[[], str]) -> None:
        """Count down to the end."""
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(bench: str, data: str, levels: str, dies: str) -> None:
    """Run, or go on with the run in the data folder."""
    watcher = DyingWatcher(int(dies))
    if levels == "resume":
        result = resume(find_run(Path(data), None), watcher)
    else:
        settings = {"levels": levels, "row": "3", "column": "4"}
        result = run(RunRequest("write-verify", settings, bench=Path(bench), data=Path(data)), watcher)
    sys.exit(0 if result.passed else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
