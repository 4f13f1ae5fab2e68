"""`labctl safe`: the panic button. Makes every instrument of a bench safe, whatever runs or has died; asks nothing.

Instruments first; then the runs that hold them are ended, lest they switch something on again, or because they hold a
port that nobody else can open; then, if there were any, instruments once more.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

from labctl import plugins
from labctl.backend import BackendOptions, WallClock
from labctl.bench_file import load_bench
from labctl.console import complain, print_json, print_lines, table
from labctl.errors import InputError
from labctl.locks import holder_of, unguarded
from labctl.make_safe import instruments_of, make_safe, make_safe_again

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.backend import Backend
    from labctl.locks import Holder
    from labctl.make_safe import SafeOutcome, Target

_FIRST = 2.0
"""How long (s) instruments have to answer before the runs that hold them are ended."""
_TERM = 1.0
"""How long (s) a run has to end after it was told to, twice; the second time says at once."""
_KILL = 0.5
"""How long (s) the system has to end it."""
_GUARD = 1.5
"""How long (s) the guardian of a run that was killed is let work alone; it may hold ports."""
_LAST = 3.0
"""How long (s) instruments that were not confirmed to be safe have, at the end. All together stay below 10 s."""
_POLL = 0.02


def make_bench_safe(bench: Path, backend: str, json: bool) -> int:
    """Make a bench safe and print what came of it; return the exit code.

    Raises:
        InputError: if the bench file is wrong, or its instruments live in the run's own process.
    """
    file = load_bench(bench)
    backend_class = cast("type[Backend]", plugins.load(plugins.BACKENDS, backend))
    if not backend_class.outlives_us:
        raise InputError(f"the instruments of the {backend} backend live and die with their run; nothing is left to do")
    names = backend_class.lock_names(file, BackendOptions())
    with closing(backend_class.for_bench(file, BackendOptions())) as opened:
        targets = instruments_of(file, opened)
        outcomes = make_safe(targets, _FIRST)
        ended, left = _end_runs(names)
        unguarded(names, _GUARD)
        outcomes = _again(targets, outcomes, everything=bool(ended))
    safe = not left and not any(outcome.trouble for outcome in outcomes)
    if json:
        instruments = [asdict(outcome) for outcome in outcomes]
        print_json({"safe": safe, "instruments": instruments, "ended": ended, "still_running": left})
    else:
        rows = [(outcome.name, outcome.address, outcome.trouble or "safe") for outcome in outcomes]
        print_lines([*table(rows), *(f"run {run} was ended" for run in ended)])
    return 0 if safe else 3


def _again(targets: list[Target], before: list[SafeOutcome], everything: bool) -> list[SafeOutcome]:
    """Make safe once more what was not confirmed, or `everything`; a port may still be held for a moment."""
    clock = WallClock()
    until = clock.now() + _LAST
    if everything:
        before = make_safe(targets, _LAST)
    outcomes = {outcome.name: outcome for outcome in before}
    while any(outcome.trouble for outcome in outcomes.values()) and clock.now() < until:
        clock.sleep(_POLL)
        outcomes = make_safe_again(targets, outcomes.values(), max(_POLL, until - clock.now()))
    return list(outcomes.values())


def _end_runs(names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """End the runs that hold one of the addresses `names`, side by side; return those that ended and those that not."""
    holders = {name: holder for name in names if (holder := holder_of(name)) is not None and holder.pid != os.getpid()}
    runs = {holder.pid: holder for holder in holders.values()}
    for number, patience in _ORDERS:
        for pid in runs:
            _tell(runs[pid], number)
        if not _wait_for_end(holders, patience):
            break
    left = {holder.pid for name, holder in holders.items() if holder_of(name) == holder}
    for pid in left:
        complain(f"{runs[pid]} does not end; it may switch something on again")
    ended = [holder.run for pid, holder in runs.items() if pid not in left]
    return ended, [runs[pid].run for pid in left]


_ORDERS = (
    ((signal.SIGTERM, _KILL),)
    if sys.platform == "win32"
    else ((signal.SIGTERM, _TERM), (signal.SIGTERM, _TERM), (signal.SIGKILL, _KILL))
)
"""What a run is told, more firmly each time, and how long (s) it has; on Windows SIGTERM ends a process at once."""


def _tell(holder: Holder, number: int) -> None:
    """Tell a run to end, if it is there to be told."""
    with suppress(OSError):  # gone, or another user's: whether it still holds its locks is what counts
        os.kill(holder.pid, number)


def _wait_for_end(holders: dict[str, Holder], patience: float) -> bool:
    """Return whether one of the holders is left after `patience` (s)."""
    clock = WallClock()
    until = clock.now() + patience
    while left := any(holder_of(name) == holder for name, holder in holders.items()):
        if clock.now() >= until:
            return left
        clock.sleep(_POLL)
    return False
