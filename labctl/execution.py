"""One execution of a protocol on a bench that is open and identified, from the first setting to the last."""

from __future__ import annotations

from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from labctl.between_steps import BetweenSteps, unsafe_error
from labctl.errors import DeniedError, EquipmentError, InputError, InterruptedRunError, LabctlError, StoreError
from labctl.protocol import StepEnd, pack_memory
from labctl.pulse_history import fold, pulses_before
from labctl.recognised import recognise
from labctl.run_cost import meter
from labctl.run_end import RunResult, end_detail
from labctl.run_reader import RunReader
from labctl.sleep_watch import LapsedError
from labctl.starting import find_start, tell_outcomes
from labctl.stop_requests import StopNowError
from labctl.store import RunWriter, write_run_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labctl.backend import Backend, WallClock
    from labctl.bench import Bench
    from labctl.guardian_process import GuardianProcess
    from labctl.plan import Plan
    from labctl.protocol import Outcome
    from labctl.sleep_watch import Waking
    from labctl.steering import Steering
    from labctl.stop_requests import StopRequests

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


class Execution:
    """Drives a protocol through its steps; makes each durable, and the bench safe whatever happens."""

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
                return self._finish(self._records())
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
        outcome = self._outcome(self._records())
        stopped = InterruptedRunError(signal_number, "stopped; what was recorded is saved, and every output is off")
        stopped.summary = outcome.summary
        self._end("stopped", outcome, stopped)
        return stopped

    def _outcome(self, records: list[Any]) -> Outcome:
        return self._plan.protocol.summarise(records, self._plan.parameters)

    def _records(self) -> list[Any]:
        """Return what is on disk: the whole run, whatever process wrote it."""
        with closing(RunReader(self._folder)) as reader:
            return reader.typed(RECORDS, self._plan.protocol.record)

    def _keep_files(self, records: list[Any]) -> None:
        """Write what the protocol makes of its records beside them."""
        make = self._plan.protocol.files
        for file in () if make is None else make(records, self._plan.parameters):
            write_run_file(self._folder, file.name, file.content)

    def _finish(self, records: list[Any]) -> RunResult:
        outcome = self._outcome(records)
        self._keep_files(records)
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
