"""Drives a protocol: everything is checked before a byte leaves, everything is safe when it ends, however it ends.

Order: parameters, bench and envelope are checked; addresses are locked; instruments are identified; the manifest is
written; the bench comes up; the protocol runs; the bench comes down. This file draws nothing: a watcher is told.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

from labctl import plugins
from labctl.backend import WallClock
from labctl.bench import Bench
from labctl.errors import BugError, LabctlError, LinkError
from labctl.execution import Execution, Watcher
from labctl.guardian_process import guardian_of
from labctl.life_left import check_life_left
from labctl.locks import Holder, locked
from labctl.plan import plan, plan_again
from labctl.provenance import manifest, user
from labctl.pulse_history import LIFE
from labctl.recognised import recognise
from labctl.run_end import RunResult
from labctl.run_lock import run_lock_name
from labctl.run_names import check_data, run_name
from labctl.run_reader import RunReader
from labctl.sleep_watch import LapsedError, Waking
from labctl.starting import check_goes_on
from labctl.steering import Steering, stopping_now
from labctl.stop_requests import StopRequests
from labctl.store import make_run_folder, write_manifest

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from labctl.backend import Backend
    from labctl.instruments import Identity
    from labctl.plan import Plan, RunRequest

__all__ = ["RunResult", "Watcher", "rehearse", "resume", "run"]


def run(request: RunRequest, watcher: Watcher, wall: WallClock | None = None) -> RunResult:
    """Run a protocol from beginning to end.

    Args:
        request: what a person asks for.
        watcher: is told what happens.
        wall: the computer's clocks; None: as they are.

    Raises:
        InputError: the request makes no sense; nothing was sent.
        EquipmentError: an instrument, link, lock or disk failed; everything was made safe, or the message says what
            was not. The error's `run` is the run folder, if there is one.
        InterruptedRunError: a signal stopped the run.
    """
    wall = wall or WallClock()
    checked = plan(request)
    check_data(request.data)
    name = run_name(request.protocol, wall.utc())
    return _Share(checked, request.data.absolute() / name, watcher, wall).carry_out(is_new=True)


def resume(folder: Path, watcher: Watcher, wall: WallClock | None = None, bench: Path | None = None) -> RunResult:
    """Go on with a run that ended early; the result covers the whole run.

    Args:
        folder: of the run.
        watcher: is told what happens.
        wall: the computer's clocks; None: as they are.
        bench: the same bench at other addresses; None: where it was.

    Raises:
        InputError: the run is finished, or cannot be gone on with; nothing was sent.
        EquipmentError, InterruptedRunError: as `run` does.
    """
    try:
        with closing(RunReader(folder)) as reader:
            again = plan_again(reader.manifest, folder, bench)
        return _Share(again, folder, watcher, wall or WallClock()).carry_out(is_new=False)
    except LabctlError as error:
        error.run = folder
        raise


def rehearse(plan: Plan, folder: Path, watcher: Watcher, wall: WallClock) -> RunResult:
    """Run a plan on a backend that nobody else can reach, in a folder that nobody else knows: no lock is taken.

    Raises:
        InputError, EquipmentError, InterruptedRunError: as `run` does.
    """
    return _Share(plan, folder, watcher, wall).rehearse()


class _Share:
    """One process's share of a run: locks, channels, identities; `Execution` does the rest."""

    def __init__(self, plan: Plan, folder: Path, watcher: Watcher, wall: WallClock) -> None:
        self._plan = plan
        self._folder = folder
        self._watcher = watcher
        self._wall = wall
        self._waking = Waking(wall)

    def carry_out(self, is_new: bool) -> RunResult:
        """Hold the locks and run; again, by itself, where the run broke off because this process did not run."""
        plan, started = self._plan, self._wall.utc()
        holder = Holder(self._folder.name, os.getpid(), user(), started.isoformat(timespec="seconds"))
        names = plan.backend_class.lock_names(plan.file, plan.options)
        with locked([run_lock_name(self._folder), *names], holder):
            if is_new:
                check_life_left(plan, self._folder)
            else:
                check_goes_on(self._folder, plan.backend_class)
            steering = Steering(self._folder)
            while True:
                try:
                    return self._attempt(holder, started if is_new and self._waking.is_first else None, steering)
                except LapsedError as lapse:
                    with closing(RunReader(self._folder)) as reader:
                        self._waking.lapsed(lapse, reader.steps())
                except LinkError as error:
                    self._waking.wait(error)
                self._watcher.said("going on by itself")

    def rehearse(self) -> RunResult:
        """Run once, without locks."""
        started = self._wall.utc()
        holder = Holder(self._folder.name, os.getpid(), user(), started.isoformat(timespec="seconds"))
        return self._attempt(holder, started, Steering(self._folder))

    def _attempt(self, holder: Holder, started: datetime | None, steering: Steering) -> RunResult:
        """Open and identify; then run, from the beginning if it is said when the run `started`."""
        plan = self._plan
        with ExitStack() as stack:
            guardian = guardian_of(plan, self._folder, holder)
            if guardian is not None:
                stack.enter_context(closing(guardian))
            backend = stack.enter_context(closing(plan.backend_class.for_bench(plan.file, plan.options)))
            stop = stack.enter_context(StopRequests())
            stack.enter_context(stopping_now(self._folder, stop, self._wall))
            bench = stack.enter_context(closing(Bench(plan.file, backend, plan.envelope)))
            identities = bench.identify()
            plan.check_board(bench)
            stop.check()
            if started is not None:
                make_run_folder(self._folder.parent, self._folder.name)
            try:
                if started is not None:
                    write_manifest(self._folder, self._manifest(started, identities, backend))
                else:
                    recognise(self._folder, plan.asked, plan.file, identities)
                return Execution(
                    plan,
                    backend,
                    bench,
                    self._folder,
                    stop,
                    steering,
                    self._watcher,
                    self._wall,
                    guardian,
                    self._waking,
                ).carry_out()
            except LabctlError as error:
                error.run = self._folder
                raise
            except Exception as error:
                bug = BugError(f"{type(error).__name__}: {error}")
                bug.run = self._folder
                raise bug from error

    def _manifest(self, started: datetime, identities: dict[str, Identity], backend: Backend) -> dict[str, Any]:
        plan, life = self._plan, self._plan.life()
        found = manifest(
            self._folder.name,
            started,
            plan.asked,
            plan.parameters,
            plan.protocol.steps(plan.parameters),
            plugins.origin(plugins.PROTOCOLS, plan.asked.protocol),
            plan.file,
            identities,
            backend.describe(),
        )
        return found | {LIFE: None if life is None else life.name}
