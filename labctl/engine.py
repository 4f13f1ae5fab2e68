"""Drives a protocol: everything is checked before a byte leaves, everything is safe when it ends, however it ends.

Order: parameters, bench and envelope are checked; addresses are locked; instruments are identified; the manifest is
written; the bench comes up; the protocol runs; the bench comes down. This file draws nothing: a watcher is told.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from labctl import plugins
from labctl.backend import BackendOptions, WallClock
from labctl.bench import Bench, Die, Driver
from labctl.bench_file import BenchFile, load_bench
from labctl.errors import BugError, DeniedError, EquipmentError, InputError, InterruptedRunError, LabctlError
from labctl.locks import Holder, locked
from labctl.protocol import Parameters, Protocol, StepEnd, check_parameters, read_parameters
from labctl.provenance import Asked, manifest, user
from labctl.records import columns
from labctl.run_reader import RunReader
from labctl.stop_requests import StopRequests
from labctl.store import RunWriter, make_run_folder, run_name, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from labctl.backend import Backend
    from labctl.protocol import Outcome

RECORDS = "record"
"""Name of the table that a protocol's records fill."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a person asks for; see the options of `labctl run`."""

    protocol: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    bench: Path | None = None
    backend: str | None = None
    twin: Mapping[str, str] = field(default_factory=dict[str, str])
    options: BackendOptions = field(default_factory=BackendOptions)
    data: Path = Path("runs")
    note: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that came to its end.

    Args:
        folder: its run folder.
        protocol: its name.
        backend: the name of the backend.
        passed: whether it met its own criteria.
        summary: a dataclass of figures.
        bench_time: what it cost on the bench's clock (s).
        wall_time: what it cost on the wall's (s).
    """

    folder: Path
    protocol: str
    backend: str
    passed: bool
    summary: Any
    bench_time: float
    wall_time: float


class Watcher:
    """Is told what happens during a run; this one does nothing with it."""

    def began(self, folder: Path, steps: int) -> None:
        """The run folder exists, and the instruments are identified."""

    def step_done(self, caption: Callable[[], str]) -> None:
        """A step is durable; `caption` makes a few words on its last record, for who has a place for them."""

    def said(self, message: str) -> None:
        """Something happened that a person should know."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A request that has been checked; nothing has been sent."""

    protocol: Protocol[Parameters, Any]
    parameters: Parameters
    file: BenchFile
    backend_class: type[Backend]
    asked: Asked


def run(request: RunRequest, watcher: Watcher) -> RunResult:
    """Run a protocol from beginning to end.

    Raises:
        InputError: the request makes no sense; nothing was sent.
        EquipmentError: an instrument, link, lock or disk failed; everything was made safe, or the message says what
            was not. The error's `run` is the run folder, if there is one.
        InterruptedRunError: a signal stopped the run.
    """
    wall = WallClock()
    plan = _plan(request)
    started = wall.utc()
    name = run_name(request.protocol, started)
    holder = Holder(name, os.getpid(), user(), started.isoformat(timespec="seconds"))
    with ExitStack() as stack:
        stack.enter_context(locked(plan.backend_class.lock_names(plan.file, request.options), holder))
        backend = stack.enter_context(closing(plan.backend_class.for_bench(plan.file, request.options)))
        stop = stack.enter_context(StopRequests())
        bench = stack.enter_context(closing(Bench(plan.file, backend)))
        identities = bench.identify()
        stop.check()
        folder = make_run_folder(request.data, name)
        about = manifest(name, started, plan.asked, plan.file, identities, backend.describe())
        try:
            write_manifest(folder, about)
            return _Run(plan, backend, bench, folder, stop, watcher, wall).carry_out()
        except LabctlError as error:
            error.run = folder
            raise
        except Exception as error:
            bug = BugError(f"{type(error).__name__}: {error}")
            bug.run = folder
            raise bug from error


def _plan(request: RunRequest) -> _Plan:
    """Check everything that can be checked without an instrument.

    Raises:
        InputError: says what is wrong and what would be right.
    """
    protocol = cast("Protocol[Parameters, Any]", plugins.load(plugins.PROTOCOLS, request.protocol))
    parameters = read_parameters(protocol.parameters, request.settings)
    default = "twin" if request.bench is None else "hardware"
    backend_name = default if request.backend is None else request.backend
    backend_class = cast("type[Backend]", plugins.load(plugins.BACKENDS, backend_name))
    _check_options(request, backend_name, backend_class)
    file = load_bench(request.bench, request.twin)
    envelope = Bench.envelope_of(file)
    check_parameters(parameters, envelope)
    _check_needs(protocol, file)
    protocol.check(Die.of(file), envelope, parameters)
    return _Plan(
        protocol,
        parameters,
        file,
        backend_class,
        Asked(
            protocol=request.protocol,
            origin=plugins.origin(plugins.PROTOCOLS, request.protocol),
            parameters=parameters,
            steps=protocol.steps(parameters),
            backend=backend_name,
            seed=request.options.seed,
            note=request.note,
            operator=request.operator,
        ),
    )


def _check_options(request: RunRequest, name: str, backend: type[Backend]) -> None:
    """Refuse options that mean nothing to the backend."""
    given = {"twin": bool(request.twin), "die": request.options.die is not None, "audit": request.options.audit}
    for option, is_given in given.items():
        if is_given and option not in backend.takes:
            raise InputError(f"--{option} means nothing to the {name} backend; leave it out, or use --backend twin")


def _check_needs(protocol: Protocol[Parameters, Any], file: BenchFile) -> None:
    """Refuse a bench that lacks a kind of instrument that the protocol asks."""
    drivers = [cast("type[Driver]", plugins.load(plugins.DRIVERS, entry.driver)) for entry in file.instruments.values()]
    for interface in protocol.needs:
        if not any(issubclass(driver, interface) for driver in drivers):
            raise InputError(f"{protocol.name} needs a {interface.__name__}, and the bench file names none")


class _Run:
    """One execution, from the first setting to the last."""

    def __init__(
        self,
        plan: _Plan,
        backend: Backend,
        bench: Bench,
        folder: Path,
        stop: StopRequests,
        watcher: Watcher,
        wall: WallClock,
    ) -> None:
        self._plan = plan
        self._backend = backend
        self._bench = bench
        self._folder = folder
        self._stop = stop
        self._watcher = watcher
        self._wall = wall
        self._start = bench.clock.now()
        self._wall_start = wall.now()
        self._store = RunWriter(folder, {RECORDS: plan.protocol.record}, power_safe=backend.outlives_us)

    def carry_out(self) -> RunResult:
        """Bring up, drive, bring down, sum up."""
        with closing(self._store):
            try:
                self._store.set_state(self._wall.utc(), "running")
                self._backend.begin_run(self._folder)
                self._watcher.began(self._folder, self._plan.asked.steps)
                self._drive_safely()
                outcome = self._outcome()
            except InterruptedRunError as stopped:
                raise self._stopped(stopped.signal_number) from None
            except InputError as error:
                denied = DeniedError(str(error))
                self._end("failed", None, denied)
                raise denied from error
            except BaseException as error:
                self._end("failed", None, error)
                raise
            return self._finish(outcome)

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
            self._report(self._bench.bring_down(at_once=failure is not None), failure)

    def _drive(self) -> None:
        trips = self._bench.bring_up()
        if trips:
            self._say(f"the board had tripped before this run: {trips.name}; cleared")
        self._stop.check()
        record: Any = None
        for item in self._plan.protocol.run(self._bench, self._plan.parameters):
            self._bench.touch()
            if isinstance(item, StepEnd):
                self._say_notices()
                self._store.end_step(self._bench.clock.now() - self._start)
                self._watcher.step_done(lambda last=record: "" if last is None else self._plan.protocol.caption(last))
                self._stop.check()
            else:
                record = item
                self._store.add(item)

    def _report(self, unsafe: list[LabctlError], failure: BaseException | None) -> None:
        """Say what could not be made safe; nothing is worse than silence about it."""
        if not unsafe:
            return
        words = "NOT SAFE: " + "; ".join(str(error) for error in unsafe)
        self._say(words)
        raise EquipmentError(f"{failure}; {words}" if failure else words) from failure

    def _stopped(self, signal_number: int) -> InterruptedRunError:
        """Return what a stopped run amounts to."""
        outcome = self._outcome()
        stopped = InterruptedRunError(signal_number, "stopped; what was recorded is saved, and every output is off")
        stopped.summary = outcome.summary
        self._end("stopped", outcome, stopped)
        return stopped

    def _outcome(self) -> Outcome:
        """Sum up what is on disk: the whole run, whatever process wrote it."""
        with closing(RunReader(self._folder)) as reader:
            records = reader.typed(RECORDS, self._plan.protocol.record)
        return self._plan.protocol.summarise(records, self._plan.parameters)

    def _finish(self, outcome: Outcome) -> RunResult:
        bench_time = self._bench.clock.now() - self._start
        self._end("finished", outcome, None)
        return RunResult(
            folder=self._folder,
            protocol=self._plan.asked.protocol,
            backend=self._plan.asked.backend,
            passed=outcome.passed,
            summary=outcome.summary,
            bench_time=bench_time,
            wall_time=self._wall.now() - self._wall_start,
        )

    def _end(self, state: str, outcome: Outcome | None, error: BaseException | None) -> None:
        """Write down how the run ended; a graceful end also keeps what the backend's world needs to go on."""
        detail: dict[str, Any] = {}
        summary: Any = outcome.summary if outcome is not None else None
        if summary is not None:
            detail["summary"] = asdict(summary)
            detail["units"] = {column.name: column.unit for column in columns(summary.__class__)}
        if outcome is not None and error is None:
            detail["passed"] = outcome.passed
        if error is not None:
            detail["error"] = {"type": type(error).__name__, "message": str(error)}
        self._say_notices()
        self._store.set_state(self._wall.utc(), state, detail)
        try:
            self._backend.end_run(self._folder)
        except LabctlError as trouble:
            if error is None:
                raise
            self._say(str(trouble))  # what ended the run is the better message

    def _say_notices(self) -> None:
        """Write down what the backend has to say."""
        for notice in self._backend.notices():
            self._say(notice)

    def _say(self, message: str) -> None:
        self._store.log(self._wall.utc(), message)
        self._watcher.said(message)
