"""Runs on a twin that faults disturb, gone on with until they end, and what truly happened meanwhile."""

from __future__ import annotations

import functools
import shutil
import signal
import tempfile
import traceback
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from campaigns.fault_protocols import MADE_UP, SIZE, Measured, expected_current
from campaigns.frame import HungError
from campaigns.rigged_twin import RiggedTwin, Truth
from typing_extensions import override

from labctl import engine, plugins, provenance
from labctl.backend import BackendOptions
from labctl.board_data import BoardState
from labctl.engine import Watcher
from labctl.errors import BugError, InputError, LabctlError
from labctl.levels import REFERENCE_VOLTAGE
from labctl.plan import RunRequest
from labctl.records import values_of
from labctl.run_reader import RunReader
from labctl.store import RunWriter
from labctl.toml_source import TomlSource

if TYPE_CHECKING:
    from collections.abc import Generator

    from labctl.engine import RunResult
    from sim_backend.die import Die

SHARES: Final = 12
"""Processes, as it were, that a run may take to its end."""
WRITE_VERIFY: Final = "write-verify"
LEVELS: Final = (40, 150)
BENCH: Final = """
[bench]
name = "campaign"
{smu}
[instruments.board]
driver = "probe-board"
address = "/dev/ttyACM0"

[envelope]
voltage = "1.3 V"
read_voltage = "0.25 V"
cell_current = "15 mA"
line_current = "250 mA"
pulse_width = "10 ms"
pulses_per_cell = 1e9

[die]
id = "W12-D3"
rows = {size}
columns = {size}

[twin]
front_end = "ideal"
pulses = "isolated"
"""
SMUS: Final = {
    "keithley-2400": "GPIB0::24::INSTR",
    "keithley-2450": "TCPIP0::192.168.1.50::5025::SOCKET",
    "keithley-2600": "TCPIP0::192.168.1.50::5025::SOCKET",
    "keysight-b2900": "TCPIP0::192.168.1.50::5025::SOCKET",
}


class _Witness(Watcher):
    """Is told what became durable; looks at the world at that moment.

    Args:
        outcome: of the run.
    """

    def __init__(self, outcome: RunOutcome) -> None:
        self._outcome = outcome
        self.pending: list[Any] = []

    @override
    def step_done(self, caption: Any) -> None:
        twin = RiggedTwin.last
        assert twin is not None
        die = twin.world.die
        self._outcome.acknowledged.append([(record, expected(record, die)) for record in self.pending])
        self.pending = []


def expected(record: Any, die: Die) -> float:
    """Return the current (A) that a record should show, from the cells as they truly are."""
    if isinstance(record, Measured):
        return expected_current(record, die)
    return float(die.current(np.array([record.row * die.columns + record.column]), REFERENCE_VOLTAGE)[0])


@dataclass(slots=True)
class RunOutcome:
    """What a run came to.

    Args:
        ending: "finished", "refused", "unfinished", or "not begun" where there is no run folder.
        errors: that ended its shares.
        acknowledged: for each step, its records, each with the true current (A) when it became durable.
        truth: what truly happened.
        complaints: what broke a promise.
        result: of the last share, if the run is finished.
        folder: of the run; gone by now.
        database: path of a copy of what is on disk.
    """

    ending: str = "unfinished"
    errors: list[LabctlError] = field(default_factory=list[LabctlError])
    acknowledged: list[list[tuple[Any, float]]] = field(default_factory=list[list[tuple[Any, float]]])
    truth: Truth = field(default_factory=Truth)
    complaints: list[str] = field(default_factory=list[str])
    result: RunResult | None = None
    records: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    writes: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    pulses: dict[int, list[tuple[Any, ...]]] = field(default_factory=dict[int, list[tuple[Any, ...]]])
    log: list[str] = field(default_factory=list[str])
    progress: Any = None

    def complain(self, what: str) -> None:
        """Note a broken promise."""
        self.complaints.append(what)


@contextmanager
def rigged() -> Generator[Path]:
    """Offer the rigged twin and the made-up protocols; return a folder for runs, in memory where there is one."""
    load, origin, version = plugins.load, plugins.origin, provenance.version
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=memory if memory.is_dir() else None))

    def find(group: str, name: str) -> Any:
        if group == plugins.BACKENDS and name == "twin":
            return RiggedTwin
        return MADE_UP[name] if group == plugins.PROTOCOLS and name in MADE_UP else load(group, name)

    plugins.load = functools.cache(find)
    plugins.origin = lambda group, name: name if name in MADE_UP else origin(group, name)
    provenance.version = functools.cache(version)
    try:
        yield folder
    finally:
        plugins.load, plugins.origin, provenance.version = load, origin, version
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def awake(seconds: float) -> Generator[None]:
    """Raise HungError in what takes more than `seconds` on the wall: what waits for ever uses no processor time."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def stop(_signal: int, _frame: object) -> None:
        raise HungError(f"no end within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bench_text(smu: str | None) -> str:
    """Return a bench with a board, and a source-measure unit if a model is named."""
    table = f'[instruments.smu]\ndriver = "{smu}"\naddress = "{SMUS[smu]}"\n' if smu else ""
    return BENCH.format(smu=table, size=SIZE)


def run_with(data: Path, protocol: str, smu: str | None, plan: str, seed: int) -> RunOutcome:
    """Run a protocol under a fault plan; go on with it until it ends, or cannot go on.

    Args:
        data: for its folder, which is removed again.
        protocol: its name.
        smu: model of the source-measure unit, if the bench has one.
        plan: text of the fault plan; empty: without faults.
        seed: of the twin.
    """
    outcome = RunOutcome()
    RiggedTwin.truth = outcome.truth
    witness = _Witness(outcome)
    bench = data / f"{smu}.toml"
    if not bench.exists():
        bench.write_text(bench_text(smu), encoding="utf-8")
    request = RunRequest(
        protocol=protocol,
        settings={"levels": ",".join(map(str, LEVELS)), "row": "1", "column": "3"} if protocol == WRITE_VERIFY else {},
        bench=bench,
        backend="twin",
        options=BackendOptions(seed=seed, faults=TomlSource("plan", plan) if plan else None),
        data=data,
    )
    before = set(data.iterdir())
    with _watched(witness):
        for share in range(SHARES):
            if not _share(outcome, witness, request, share):
                break
            _check_safe(outcome)
            outcome.progress = RiggedTwin.last.progress if RiggedTwin.last else None
            folder = _new_folder(data, before)
            if folder is None or outcome.ending == "finished":
                break
            request = folder
            _check_disk(outcome, folder)
    folder = _new_folder(data, before)
    if folder is None and not outcome.complaints:
        outcome.ending = "not begun"
    if folder is not None:
        _check_disk(outcome, folder)
        _keep(outcome, folder)
        shutil.rmtree(folder)
    return outcome


def _share(outcome: RunOutcome, witness: _Witness, request: RunRequest | Path, share: int) -> bool:
    """Do one process's share of a run; return whether there may be another."""
    witness.pending = []
    RiggedTwin.last = None
    try:
        if isinstance(request, RunRequest):
            outcome.result = engine.run(request, witness)
        else:
            outcome.result = engine.resume(request, witness)
    except LabctlError as error:
        outcome.errors.append(error)
        if isinstance(error, BugError):
            outcome.complain(f"share {share}: {error!r} from {error.__cause__!r}")
            return False
        if isinstance(error, InputError) or "begin a new run" in str(error):
            outcome.ending = "refused"
            if share == 0:
                outcome.complain(f"the first share was refused: {error}")
            return False
        if error.exit_code != 3:
            outcome.complain(f"share {share}: exit code {error.exit_code}: {error!r}")
    except Exception as error:  # noqa: BLE001 (none of ours: that is what is looked for)
        outcome.complain(f"share {share}: {''.join(traceback.format_exception(error))[-1500:]}")
        return False
    else:
        outcome.ending = "finished"
    return True


def _check_safe(outcome: RunOutcome) -> None:
    """Complain if anything is on; a run that says so leaves the board to its watchdog."""
    twin = RiggedTwin.last
    if twin is None:
        return
    world = twin.world
    said = str(outcome.errors[-1]) if outcome.errors and outcome.ending != "finished" else ""
    unsafe_board = "NOT SAFE" in said and "board" in said.partition("NOT SAFE")[2]
    unsafe_smu = "NOT SAFE" in said and "smu" in said.partition("NOT SAFE")[2]
    panel: Any = twin.panels["board"]
    safe = [BoardState.SAFE]
    if unsafe_board:
        world.clock.sleep(1.0 + 0.01)
        safe.append(BoardState.IDLE)  # the watchdog guards what is armed; what is not has its lines grounded
    if panel._states.state not in safe or panel._states._routed is not None:
        outcome.complain(f"the board is left {panel._states.state!r}, routed to {panel._states._routed}; said: {said}")
    for name, terminals in world._smus.items():
        if terminals._on and terminals._voltage and not unsafe_smu:
            outcome.complain(f"{name} is left on at {terminals._voltage} V; said: {said}")


def _check_disk(outcome: RunOutcome, folder: Path) -> None:
    """Complain if a record that was acknowledged is not on the disk as it was, or one is there twice."""
    steps = len(outcome.acknowledged)
    try:
        with closing(RunReader(folder)) as reader:
            rows = reader._rows("SELECT * FROM record ORDER BY id")
            done = reader.steps()
    except LabctlError as error:
        if steps:
            outcome.complain(f"what was acknowledged cannot be read: {error}")
        return
    if done not in (steps, steps + 1) or (done > steps and not outcome.errors):
        outcome.complain(f"{steps} steps were acknowledged, {done} are on the disk")
    expected = [
        (number, *values_of(record.__class__)(record))
        for number, records in enumerate(outcome.acknowledged, 1)
        for record, _ in records
    ]
    found = [tuple(row[1:]) for row in rows if row[1] <= steps]
    if found != expected:
        outcome.complain(f"records on the disk differ: {found[:3]}... for {expected[:3]}...")


def _keep(outcome: RunOutcome, folder: Path) -> None:
    try:
        with closing(RunReader(folder)) as reader:
            outcome.records = reader._rows("SELECT * FROM record ORDER BY id")
            outcome.writes = reader._rows(
                "SELECT number, instrument, boot, delivered, state, put_out FROM write ORDER BY number"
            )
            for number, *pulse in reader._rows(
                'SELECT write, row, "column", amplitude, width, count FROM pulse ORDER BY rowid'
            ):
                outcome.pulses.setdefault(number, []).append(tuple(pulse))
            outcome.log = [message for _, message in reader.log()]
    except LabctlError:
        return


def _new_folder(data: Path, before: set[Path]) -> Path | None:
    return next((path for path in data.iterdir() if path not in before and (path / "run.sqlite").is_file()), None)


@contextmanager
def _watched(witness: _Witness) -> Generator[None]:
    """Let the witness see every record that a protocol yields."""
    add = RunWriter.add

    def keep(writer: Any, record: object) -> None:
        witness.pending.append(record)
        add(writer, record)

    RunWriter.add = keep  # type: ignore[method-assign]
    try:
        yield
    finally:
        RunWriter.add = add  # type: ignore[method-assign]
