"""The run's end of its guardian: starts it, keeps it informed, sends it home."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.errors import EquipmentError
from labctl.guardian import BEAT, FAREWELL, READY, Orders

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.locks import Holder
    from labctl.plan import Plan

_PATIENCE = 60.0
"""How long (s) a guardian may take to be ready, on a machine that is busy."""
_LEAVE = 5.0
"""How long (s) it may take to leave."""


def guardian_of(plan: Plan, folder: Path, holder: Holder) -> GuardianProcess | None:
    """Start the guardian of the run in `folder`, whose locks `holder` has; None where instruments die with us."""
    if not plan.backend_class.outlives_us:
        return None
    return GuardianProcess(
        Orders(
            folder=folder,
            pid=holder.pid,
            backend=plan.asked.backend,
            bench_name=plan.asked.bench_name,
            bench_text=plan.asked.bench_text,
            user=holder.user,
            since=holder.since,
        )
    )


class GuardianProcess:
    """A guardian of one run; it is being started, and `wait` returns when it guards.

    Closing it without `dismiss` before makes it act. What it is told never holds up the run, not even where a guardian
    that was stopped reads nothing.

    Args:
        orders: what it must know.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._process = _started(orders)

    def wait(self) -> None:
        """Return when it guards.

        Raises:
            EquipmentError: if it does not; the bench must not come up.
        """
        stdout = self._process.stdout
        timer = threading.Timer(_PATIENCE, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            answer = b"" if stdout is None else stdout.readline()
        finally:
            timer.cancel()
        if answer.strip() != READY.encode():
            raise EquipmentError("the guardian, which makes the bench safe if this process dies, does not start")

    @property
    def is_gone(self) -> bool:
        """Whether its process has ended: killed by somebody, or after it had taken the run for dead."""
        return self._process.poll() is not None

    def renew(self) -> None:
        """Let another one take its place; the bench is safe. It guards from the first beat on.

        Raises:
            EquipmentError: if it does not start.
        """
        self.dismiss()
        self.close()
        self._process = _started(self._orders)
        self.wait()

    def beat(self) -> None:
        """Tell it that the run lives."""
        self._say(BEAT)

    def dismiss(self) -> None:
        """Send it home: the bench is safe."""
        self._say(FAREWELL)

    def close(self) -> None:
        """Hang up, and wait until it has left."""
        process = self._process
        with suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LEAVE)
        if process.stdout is not None:
            process.stdout.close()

    def _say(self, word: str) -> None:
        with suppress(OSError, ValueError):  # whether a guardian is gone is found out at each step's end
            if self._process.stdin is not None:
                self._process.stdin.write(word.encode() + b"\n")


def _started(orders: Orders) -> subprocess.Popen[bytes]:
    """Start a guardian and give it its orders; it is alone in its process group, and without a console.

    Windows ends all that belongs to a console when its window is closed. The guardian imports from where this process
    does, and nothing that happens to lie in the working folder.
    """
    alone = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "labctl.guardian"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)},
        start_new_session=sys.platform != "win32",
        creationflags=alone,
    )
    with suppress(OSError):  # one that has died already is found out when it is waited for
        if process.stdin is not None:
            process.stdin.write(orders.model_dump_json().encode() + b"\n")
            if sys.platform != "win32":
                os.set_blocking(process.stdin.fileno(), False)
    return process
