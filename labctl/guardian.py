"""The process that makes a bench safe when the run's own process cannot: killed, crashed, hung.

It is started before the bench comes up, in a process group of its own, and does nothing but listen to the run's
heartbeats on a pipe; from the first one on it guards. When the pipe then ends without a farewell, or the heartbeats do,
it makes the board safe first, then every other instrument. Meanwhile it holds the addresses, so that no other run finds
them half-way.
Run as `python -m labctl.guardian`; its orders come on standard input.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from labctl import plugins
from labctl.backend import BackendOptions, WallClock
from labctl.bench_file import read_bench
from labctl.escaped import escaped
from labctl.locks import Holder, guarded
from labctl.make_safe import instruments_of, make_safe, make_safe_again
from labctl.run_lock import is_alive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from labctl.backend import Backend
    from labctl.make_safe import SafeOutcome, Target

LOG = "guardian.log"
"""What it did, in the run folder; there is none if it had nothing to do."""
SILENCE = 5.0
"""How long (s) the heartbeats of a run may stay away: ours, five of the longest periods between them."""
BEAT, FAREWELL, READY = ".", "bye", "ready"
"""What is said on the pipes, one word a line."""
PATIENCE = 10.0
"""How long (s) it tries to reach instruments: ours, less than the next run waits for it."""
_FIRST = 2.0
"""How long (s) the first try takes at most: a board that is held by a hung run does not wait for an SMU."""
_TRY_AGAIN = 0.1
"""How long (s) after each failed try."""


class Orders(BaseModel):
    """What a guardian must know, in one line of JSON on its standard input.

    Args:
        folder: of the run.
        pid: the run's process.
        backend: its name.
        bench_name: of the bench file, for messages.
        bench_text: what stands in it.
        user: who runs it.
        since: when it began, ISO 8601.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    pid: int
    backend: str
    bench_name: str
    bench_text: str
    user: str
    since: str

    def holder(self) -> Holder:
        """Return who holds the addresses while the guardian works."""
        return Holder(self.folder.name, self.pid, self.user, self.since)


@dataclass(frozen=True, slots=True)
class _Death:
    """Why the guardian has to act."""

    reason: str
    is_hung: bool


def main() -> None:
    """Guard one run."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if number := getattr(signal, name, None):
            signal.signal(number, signal.SIG_IGN)
    try:
        orders = Orders.model_validate_json(sys.stdin.readline())
    except ValidationError:
        sys.exit(2)
    guard(orders, sys.stdin, sys.stdout)


def guard(orders: Orders, heartbeats: TextIO, answers: TextIO) -> None:
    """Hold the addresses' guard locks, listen, and make the bench safe if the run dies without a farewell."""
    file = read_bench(orders.bench_text, orders.bench_name)
    backend_class = cast("type[Backend]", plugins.load(plugins.BACKENDS, orders.backend))
    with ExitStack() as stack:
        backend = stack.enter_context(closing(backend_class.for_bench(file, BackendOptions())))
        targets = instruments_of(file, backend)  # whatever takes time to import is there before it is needed
        names = backend_class.lock_names(file, BackendOptions())
        stack.enter_context(guarded(names, orders.holder()))
        answers.write(READY + "\n")
        answers.flush()
        death = _listen(heartbeats)
        if death is not None:
            _act(orders, death, targets, _Log(orders.folder / LOG))


def _act(orders: Orders, death: _Death, targets: list[Target], say: _Log) -> None:
    """Make everything safe; what does not answer is tried again, as a port may be held by who dies just now."""
    clock = WallClock()
    begun = clock.now()
    outcomes = {outcome.name: outcome for outcome in make_safe(targets, _FIRST)}
    came = "not everything is safe after" if _unsafe(outcomes) else "the bench was made safe within"
    say(f"{death.reason}; {came} {1e3 * (clock.now() - begun):.0f} ms")
    if _unsafe(outcomes) and death.is_hung and is_alive(orders.folder):
        say(f"{_unsafe(outcomes)}; the run hangs and may hold its ports: process {orders.pid} is killed")
        _kill(orders.pid)
    while _unsafe(outcomes) and clock.now() < begun + PATIENCE:
        clock.sleep(_TRY_AGAIN)
        outcomes = make_safe_again(targets, outcomes.values(), max(_TRY_AGAIN, begun + PATIENCE - clock.now()))
    say(f"NOT SAFE: {_unsafe(outcomes)}" if _unsafe(outcomes) else "everything is safe")


def _unsafe(outcomes: Mapping[str, SafeOutcome]) -> str:
    """Return in words what is not known to be safe; "" if everything is."""
    return "; ".join(outcome.trouble for outcome in outcomes.values() if outcome.trouble)


def _listen(heartbeats: TextIO) -> _Death | None:
    """Return when the run says farewell, or ends before its first heartbeat, with None; or when it dies."""
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()

    def hear() -> None:
        with suppress(OSError, ValueError):
            for line in heartbeats:
                heard.put(line.strip())
        heard.put("")

    threading.Thread(target=hear, name="heartbeats", daemon=True).start()
    if heard.get() != BEAT:
        return None
    while True:
        try:
            word = heard.get(timeout=SILENCE)
        except queue.Empty:
            return _Death(f"the run has given no sign of life for {SILENCE:g} s", is_hung=True)
        if word == FAREWELL:
            return None
        if not word:
            return _Death("the run's process has died, or could not make its bench safe", is_hung=False)


def _kill(pid: int) -> None:
    """Kill the run, which is our parent as long as it lives; on Windows it is known to live by its lock."""
    if sys.platform == "win32" or os.getppid() == pid:
        with suppress(OSError):
            os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


class _Log:
    """Lines with their time, in a file of the run folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, message: str) -> None:
        """Write a line; a full disk must not keep anything from being made safe."""
        with suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(f"{WallClock().utc().isoformat(timespec='milliseconds')} {escaped(message)}\n")


if __name__ == "__main__":
    main()
