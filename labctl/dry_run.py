"""A dry run: the whole run on a twin of its bench, with a fresh die and another seed; nothing is sent.

Everything is checked that a run checks before it opens an instrument; then a twin with the same drivers at the same
addresses goes through all of it, inside this process. Nothing is left of it, and nothing that is there is changed: no
address is locked, no die file is read, and the history of a die's pulses is only looked at.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from typing_extensions import override

from labctl import plugins
from labctl.backend import Backend, BackendOptions, WallClock
from labctl.engine import rehearse
from labctl.errors import DeniedError, EnvelopeError, InputError, InterruptedRunError, LabctlError, StoreError
from labctl.limits import Envelope
from labctl.plan import plan
from labctl.pulse_history import pulses_so_far
from labctl.run_names import check_data, run_name
from labctl.run_reader import RunReader
from labctl.stop_requests import StopRequests

if TYPE_CHECKING:
    from collections.abc import Generator

    from labctl.board_data import Cell
    from labctl.engine import Watcher
    from labctl.plan import Plan, RunRequest
    from labctl.run_end import RunResult

TWIN = "twin"
"""The backend that estimates, whatever backend was asked for."""
_LAST_SEED = (1 << 63) - 1
"""The largest seed of a twin."""
_LEVELS = frozenset({"voltage", "read_voltage", "pulse_width"})
"""Limits that bound what is put out; the others are compared with predictions and counts."""
_RANGE = "a source range"
"""What the envelope is asked about for a range of a source, which by itself puts nothing out."""


@dataclass(frozen=True, slots=True)
class LimitUse:
    """A limit of the envelope, and how much of it a run would ask for; SI units.

    Args:
        allowed: what the bench file allows.
        asked: the largest magnitude that would be asked for; None if nothing would.
    """

    allowed: float
    asked: float | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a run would come to.

    Args:
        result: of the run on the twin.
        pulses: that would be put out.
        pulses_per_cell: the most on one cell.
        limits: of the envelope, by name. Currents are predicted, and err upwards; pulses on one cell include those of
            the die's earlier runs.
    """

    result: RunResult
    pulses: int
    pulses_per_cell: int
    limits: dict[str, LimitUse]


@dataclass(frozen=True, slots=True)
class _WatchedEnvelope(Envelope):
    """An envelope that keeps the largest magnitude that was within each of its limits."""

    asked: dict[str, float] = field(default_factory=dict[str, float])

    @override
    def check(self, limit: str, value: float, what: str) -> float:
        number = Envelope.check(self, limit, value, what)
        if limit in _LEVELS and what != _RANGE:
            self._note(limit, number)
        return number

    @override
    def expect(self, limit: str, current: float) -> None:
        self._note(limit, current)

    def _note(self, limit: str, value: float) -> None:
        self.asked[limit] = max(self.asked.get(limit, 0.0), abs(value))


def dry_run(request: RunRequest, watcher: Watcher, wall: WallClock | None = None) -> DryRun:
    """Estimate a run on a twin of its bench.

    Args:
        request: what a person asks for; its die file is taken for a fresh die.
        watcher: is told what happens.
        wall: the computer's clocks; None: as they are.

    Raises:
        InputError: the request makes no sense, or the run would be refused what it asks for.
        EquipmentError: the run would fail on this bench's instruments, or there is no room for what it records.
        InterruptedRunError: a signal stopped it.
    """
    wall = wall or WallClock()
    _refuse(request.options)
    asked = plan(request)
    check_data(request.data)
    envelope = _WatchedEnvelope(**asdict(asked.envelope))
    with _left_nothing() as folder:
        name = run_name(request.protocol, wall.utc())
        result = rehearse(_twin_of(asked, envelope), folder / name, watcher, wall)
        with closing(RunReader(result.folder)) as reader:
            pulses = reader.pulses_had()
    before = _pulses_before(asked, request.data)
    _check_life(pulses, before, envelope)
    if pulses:
        envelope.asked["pulses_per_cell"] = max(count + before[cell] for cell, count in pulses.items())
    allowed = asdict(asked.envelope)
    return DryRun(
        result,
        pulses.total(),
        max(pulses.values(), default=0),
        {limit: LimitUse(most, envelope.asked.get(limit)) for limit, most in allowed.items()},
    )


def _refuse(options: BackendOptions) -> None:
    """Refuse what a run that leaves nothing can do nothing with."""
    if options.audit:
        raise InputError(
            "--audit writes down what a run truly did, and a dry run leaves nothing; leave one of them out"
        )
    if options.faults is not None:
        raise InputError("--faults disturbs a run, and a dry run estimates an undisturbed one; leave one of them out")


def _twin_of(asked: Plan, envelope: Envelope) -> Plan:
    """Return the plan of the same run on a twin of its bench, with a fresh die and another seed."""
    file, seed = asked.file, asked.options.seed
    if asked.asked.backend != TWIN:
        # What the real instruments answer to *IDN?, as a serial number, no virtual one does.
        entries = {name: entry.model_copy(update={"expect": None}) for name, entry in file.instruments.items()}
        file = file.model_copy(update={"instruments": entries})
    return replace(
        asked,
        file=file,
        backend_class=cast("type[Backend]", plugins.load(plugins.BACKENDS, TWIN)),
        options=BackendOptions(seed=0 if seed == _LAST_SEED else seed + 1),
        envelope=envelope,
    )


def _pulses_before(asked: Plan, data: Path) -> Counter[Cell]:
    """Return how many pulses each cell of the run's own die has had before."""
    life = asked.life()
    return pulses_so_far(data.absolute(), life) if life is not None else Counter()


def _check_life(pulses: Counter[Cell], before: Counter[Cell], envelope: Envelope) -> None:
    """Refuse a run that would exceed the life of a cell.

    Raises:
        EnvelopeError: names the cell of which least is left.
    """
    if not pulses:
        return
    cell = max(pulses, key=lambda one: pulses[one] + before[one])
    if pulses[cell] + before[cell] > envelope.pulses_per_cell:
        left = max(0, int(envelope.pulses_per_cell) - before[cell])
        raise EnvelopeError(
            f"the run would put about {pulses[cell]} pulses on row {cell.row}, column {cell.column}, "
            f"which has {left} left: it has had {before[cell]}, and this die allows pulses_per_cell up to "
            f"{envelope.pulses_per_cell:.10g}; use another cell"
        )


@contextmanager
def _left_nothing() -> Generator[Path]:
    """Give a folder that is gone afterwards, and tell what ended a run without instruments in words that fit.

    Raises:
        StoreError: if there is no temporary folder.
    """
    with StopRequests() as stop:
        try:
            folder = Path(tempfile.mkdtemp(prefix="labctl-dry-run-"))
        except OSError as error:
            raise StoreError(f"cannot make a temporary folder: {error.strerror or error}") from None
        try:
            yield folder
            stop.check()
        except InterruptedRunError as stopped:
            raise InterruptedRunError(stopped.signal_number, "the dry run was stopped; nothing was sent") from None
        except DeniedError as denied:
            refused = denied.__cause__
            raise (refused if isinstance(refused, InputError) else InputError(str(denied))) from None
        except LabctlError as error:
            error.run = None
            raise
        finally:
            stop.shield()
            shutil.rmtree(folder, ignore_errors=True)
