"""Drives a protocol: everything is checked before a byte leaves, everything is safe when it ends, however it ends.

Order: parameters, bench and envelope are checked; addresses are locked; instruments are identified; the manifest is
written; the bench comes up; the protocol runs; the bench comes down. This file draws nothing: a watcher is told.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl import plugins
from labctl.backend import WallClock
from labctl.bench import Bench
from labctl.between_steps import BetweenSteps, unsafe_error
from labctl.errors import (
    BugError,
    DeniedError,
    EquipmentError,
    InputError,
    InterruptedRunError,
    LabctlError,
    LinkError,
    StoreError,
)
from labctl.guardian_process import guardian_of
from labctl.life_left import check_life_left
from labctl.locks import Holder, locked
from labctl.plan import plan, plan_again
from labctl.protocol import StepEnd, pack_memory
from labctl.provenance import manifest, user
from labctl.pulse_history import LIFE, fold, pulses_before
from labctl.recognised import recognise
from labctl.run_cost import meter
from labctl.run_end import RunResult, end_detail
from labctl.run_lock import run_lock_name
from labctl.run_names import check_data, run_name
from labctl.run_reader import RunReader
from labctl.sleep_watch import LapsedError, Waking
from labctl.starting import check_goes_on, find_start, tell_outcomes
from labctl.steering import Steering
from labctl.stop_requests import StopNowError, StopRequests
from labctl.store import RunWriter, make_run_folder, write_manifest, write_run_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from labctl.backend import Backend
    from labctl.guardian_process import GuardianProcess
    from labctl.instruments import Identity
    from labctl.plan import Plan, RunRequest
    from labctl.protocol import Outcome

RECORDS = "record"
"""Name of the table that a protocol's records fill."""


class Watcher:
    """Is told what happens during a run; this one does nothing with it."""

    def began(self, folder: Path, steps: int, done: int) -> None:
        """The run folder exists, and the instruments are identified; `done` of `steps` steps were done before."""

    def step_done(self, caption: Callable[[], str]) -> None:
        """A step is durable; `caption` makes a few words on its last record, for who has a place for them."""

    def said(self, message: str) -> None:
        """Something happened that a person should know."""


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
    return _Execution(checked, request.data.absolute() / name, watcher, wall).carry_out(is_new=True)


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
        return _Execution(again, folder, watcher, wall or WallClock()).carry_out(is_new=False)
    except LabctlError as error:
        error.run = folder
        raise


def rehearse(plan: Plan, folder: Path, watcher: Watcher, wall: WallClock) -> RunResult:
    """Run a plan on a backend that nobody else can reach, in a folder that nobody else knows: no lock is taken.

    Raises:
        InputError, EquipmentError, InterruptedRunError: as `run` does.
    """
    return _Execution(plan, folder, watcher, wall).rehearse()


class _Execution:
    """One process's share of a run: locks, channels, identities; `_Run` does the rest."""

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
                return _Run(
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


class _Run:
    """One execution, from the first setting to the last."""

    def __init__(
        self,
        plan: Plan,
        backend: Backend,
        bench: Bench,
        folder: Path,
        stop: StopRequests,
        steering: Steering,
        watcher: Watcher,
        wall: WallClock,
        guardian: GuardianProcess | None,
        waking: Waking,
    ) -> None:
        self._plan = plan
        self._backend = backend
        self._bench = bench
        self._folder = folder
        self._stop = stop
        self._watcher = watcher
        self._wall = wall
        self._guardian = guardian
        self._waking = waking
        self._life = plan.life()
        spent = meter(bench.clock, wall, waking.begun)
        tables = {RECORDS: plan.protocol.record}
        self._store = RunWriter(folder, tables, backend.outlives_us, backend.open_database, spent)
        self._between = BetweenSteps(
            bench,
            wall,
            stop,
            steering,
            guardian,
            lambda: recognise(folder, plan.asked, plan.file, bench.identify()),
            lambda state: self._store.set_state(wall.utc(), state),
            self._say,
        )
        self._bench_start = bench.clock.now() - self._store.bench_time

    def carry_out(self) -> RunResult:
        """Bring up, drive, bring down, sum up."""
        with closing(self._store):
            try:
                self._store.set_state(self._wall.utc(), "running")
                self._backend.begin_run(self._folder)
                steps = self._plan.protocol.steps(self._plan.parameters)
                if self._waking.is_first:
                    self._watcher.began(self._folder, steps, self._store.steps)
                self._drive_safely()
                return self._finish(self._outcome())
            except (InterruptedRunError, StopNowError) as stopped:
                raise self._stopped(stopped.signal_number) from None
            except InputError as error:
                denied = DeniedError(str(error))
                self._end("failed", None, denied)
                raise denied from error
            except BaseException as error:
                self._end("failed", None, error)
                if self._between.has_lapsed(error):
                    self._say(f"this process did not run for a while (asleep or stopped), and broke off: {error}")
                    raise LapsedError(self._bench.heartbeat.lapse, str(error)) from error
                raise

    def _drive_safely(self) -> None:
        """Drive the protocol; whatever happens, and however often somebody hits Ctrl-C, the bench comes down."""
        failure: BaseException | None = None
        try:
            try:
                self._drive()
            except BaseException as error:
                failure = error
                raise
            finally:
                self._stop.shield()
        finally:
            unsafe = self._bench.bring_down(at_once=failure is not None)
            if self._guardian is not None and not unsafe:
                self._guardian.dismiss()
            self._report(unsafe, failure)
            self._settle_last()

    def _drive(self) -> None:
        if self._guardian is not None:
            self._guardian.wait()
            self._stop.check()
            self._bench.heartbeat.on_beat = self._guardian.beat
            self._guardian.beat()
        had = self._store.ledger.pulses_had()
        if self._life is not None:
            had += pulses_before(self._folder, self._life)
        self._bench.keep_ledger(self._store.ledger, had)
        self._between.tell_trips(self._bench.bring_up())
        start = find_start(self._store, self._bench, self._plan.protocol.memory, self._backend.outlives_us, self._say)
        self._stop.check()
        record: Any = None
        for item in self._plan.protocol.run(self._bench.offered(), self._plan.parameters, start):
            self._bench.heartbeat.touch()
            if isinstance(item, StepEnd):
                self._end_step(item)
                self._watcher.step_done(lambda last=record: "" if last is None else self._plan.protocol.caption(last))
                self._between.look()
            else:
                record = item
                self._store.add(item)

    def _end_step(self, end: StepEnd) -> None:
        """Make a step durable, with what the protocol needs to go on from here."""
        self._bench.check_route()
        self._say_notices()
        memory = None if end.memory is None else pack_memory(end.memory)
        self._store.end_step(self._bench.clock.now() - self._bench_start, memory)
        self._backend.step_done(self._store.steps)

    def _settle_last(self) -> None:
        """Find out what came of a write that was broken off; what nobody can tell now is settled on resuming."""
        with suppress(EquipmentError):
            tell_outcomes(self._bench.settle(), self._say)

    def _report(self, unsafe: list[LabctlError], failure: BaseException | None) -> None:
        """Say what could not be made safe; nothing is worse than silence about it."""
        if not unsafe:
            return
        error = unsafe_error(unsafe, failure)
        with suppress(StoreError):
            self._say(str(error))
        raise error from failure

    def _stopped(self, signal_number: int) -> InterruptedRunError:
        """Return what a stopped run amounts to."""
        outcome = self._outcome()
        stopped = InterruptedRunError(signal_number, "stopped; what was recorded is saved, and every output is off")
        stopped.summary = outcome.summary
        self._end("stopped", outcome, stopped)
        return stopped

    def _outcome(self) -> Outcome:
        """Sum up what is on disk: the whole run, whatever process wrote it."""
        return self._plan.protocol.summarise(self._records(), self._plan.parameters)

    def _records(self) -> list[Any]:
        with closing(RunReader(self._folder)) as reader:
            return reader.typed(RECORDS, self._plan.protocol.record)

    def _keep_files(self) -> None:
        """Write what the protocol makes of its records beside them."""
        make = self._plan.protocol.files
        for file in () if make is None else make(self._records(), self._plan.parameters):
            write_run_file(self._folder, file.name, file.content)

    def _finish(self, outcome: Outcome) -> RunResult:
        self._keep_files()
        cost = self._store.cost()
        self._end("finished", outcome, None)
        return RunResult(
            folder=self._folder,
            protocol=self._plan.asked.protocol,
            backend=self._plan.asked.backend,
            passed=outcome.passed,
            summary=outcome.summary,
            bench_time=cost.bench_time,
            wall_time=cost.wall_time,
            criteria=outcome.criteria,
            energy=self._backend.energy(),
        )

    def _end(self, state: str, outcome: Outcome | None, error: BaseException | None) -> None:
        """Write down how the run ended; a graceful end also keeps what the backend's world needs to go on."""
        entered = partial(self._store.set_state, self._wall.utc(), state, end_detail(outcome, error))
        for part in (self._say_notices, entered, partial(self._backend.end_run, self._folder)):
            try:
                part()
            except LabctlError as trouble:
                if error is None:
                    raise
                with suppress(LabctlError):  # what ended the run is the better message, and each part a chance
                    self._say(str(trouble))
        if self._life is not None:
            with suppress(StoreError):  # the next run on this die reads this one's ledger
                fold(self._folder, self._life)

    def _say_notices(self) -> None:
        """Write down what the backend has to say."""
        for notice in self._backend.notices():
            self._say(notice)

    def _say(self, message: str) -> None:
        self._store.log(self._wall.utc(), message)
        self._watcher.said(message)
