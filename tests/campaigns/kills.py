"""A client of a served twin is killed at some moment and its run resumed: nothing is lost, nothing is pulsed twice.

The bench is served from this process, the client is one of its own. What depends on the time that passes (drift,
1/f and telegraph noise) is off, so that a run that was killed between two steps must end exactly as one that was not.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from campaigns.frame import Campaign, CampaignReport, Tally, dice, origin
from campaigns.served_rig import PATIENCE, ServedBench

from labctl.backend import WallClock
from labctl.errors import LabctlError
from labctl.levels import LevelScale
from labctl.run_reader import RunReader, find_run
from protocols.write_verify import LevelWritten
from sim_backend.noise.kinds import Noise
from sim_backend.noise.read_noise import ReadNoise

if TYPE_CHECKING:
    import random

NAME: Final = "kills"
LEVELS: Final = tuple(range(40, 16_000, 400))
ROW, COLUMN = 3, 4
TOLERANCE: Final = 1.5
"""Largest true error of a level (levels): the protocol's tolerance of 0.35, and reader and write noise beyond it; a
single pulse too many or too few of those that write a level is several levels."""
CLIENT: Final = Path(__file__).with_name("stepping_client.py")


class KillBench(ServedBench):
    """A served bench without what depends on time, which counts what is done to its cells."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, hurry=True)
        self.operations = 0
        world: Any = self.twin.world
        die = world.die
        noise = Noise(drift=False, flicker=False, telegraph=False)
        die.noise, die._drifts = noise, False
        cells = die.rows * die.columns
        die._read_noise = ReadNoise(die.seed, cells, die.profile.noise, noise)
        for name in ("read_cells", "pulse_cell"):
            setattr(world, name, self._counted(getattr(world, name)))

    def _counted(self, method: Any) -> Any:
        def counted(*arguments: Any, **names: Any) -> Any:
            self.operations += 1
            return method(*arguments, **names)

        return counted

    @property
    def delivered(self) -> int:
        """Pulses that the board has put out."""
        return self.twin.world.counters.delivered

    def conductances(self) -> Any:
        """Return the true conductances (S) of all cells."""
        die = self.twin.world.die
        return np.array(die.conductance_of(np.arange(die.rows * die.columns))).reshape(die.rows, die.columns)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run came to.

    Args:
        records: of its levels, without the time that they took.
        conductances: true ones, of all cells (S).
        after_step: operations on cells until the end of each step, of a run that was not killed.
        duration: from its beginning to its end (s).
    """

    records: list[LevelWritten]
    conductances: Any
    after_step: list[int]
    duration: float


def uninterrupted() -> Ended:
    """Return what comes of a run that nobody kills."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, closing(KillBench(Path(name))) as bench:
        client = _client(bench, Path(name), "levels", 0)
        begun = WallClock().now()
        _finish(client)
        duration = WallClock().now() - begun
        records = _records(_run_folder(Path(name)))
        done = np.cumsum([record.reads + record.bursts for record in records])
        first = bench.operations - int(done[-1])
        return Ended(records, bench.conductances(), [first, *(int(count) + first for count in done)], duration)


def trial(whole: Ended, die: random.Random, folder: Path) -> tuple[str, str]:
    """Kill one run and resume it.

    Returns:
        When it was killed, and what broke the promise, "" if nothing did.
    """
    with closing(KillBench(folder)) as bench:
        when = _kill_one(bench, whole, die, folder)
        bench.wait_until_safe()
        found = find_run(folder / "runs", None)
        with closing(RunReader(found)) as reader:
            steps, state = reader.steps(), reader.state().state
        when = "late" if state == "finished" else when
        between = when != "late" and bench.operations == whole.after_step[steps] and not _open_writes(found)
        if when != "late":
            _finish(_client(bench, folder, "resume", 0))
        wrong = _wrong_records(found) or _wrong_ledger(found, bench)
        if between and not wrong:
            when = "between steps"
            if _records(found) != whole.records:
                wrong = f"killed after step {steps}: the records are not those of the uninterrupted run"
            elif not np.array_equal(bench.conductances(), whole.conductances):
                wrong = f"killed after step {steps}: the conductances are not those of the uninterrupted run"
        return when, wrong


def _kill_one(bench: KillBench, whole: Ended, die: random.Random, folder: Path) -> str:
    """Kill a run: at the end of a step, or at any moment; return which, "late" if it had ended by itself."""
    if die.random() < 1 / 3:
        client = _client(bench, folder, "levels", die.randint(1, len(LEVELS) - 1))
        client.wait(PATIENCE)
    else:
        client = _client(bench, folder, "levels", 0)
        WallClock().sleep(die.uniform(0.0, whole.duration))
        client.send_signal(signal.SIGKILL)
        client.wait(PATIENCE)
    _, error = client.communicate()
    if client.returncode == 0:
        return "late"
    if client.returncode != -signal.SIGKILL:
        raise AssertionError(f"exit code {client.returncode}: {error}")
    return "in a step"


def _client(bench: KillBench, folder: Path, what: str, dies: int) -> subprocess.Popen[str]:
    """Return a client whose run has begun."""
    levels = ",".join(map(str, LEVELS)) if what == "levels" else what
    process = subprocess.Popen(
        [sys.executable, str(CLIENT), str(bench.bench), str(folder / "runs"), levels, str(dies)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "began\n":
        raise AssertionError(f"the client does not begin: {process.communicate()[1]}")
    return process


def _finish(client: subprocess.Popen[str]) -> None:
    _, error = client.communicate(timeout=PATIENCE)
    if client.returncode != 0:
        raise AssertionError(f"exit code {client.returncode}: {error}")


def _run_folder(folder: Path) -> Path:
    return find_run(folder / "runs", None)


def _records(folder: Path) -> list[LevelWritten]:
    with closing(RunReader(folder)) as reader:
        return [replace(record, time=0.0) for record in reader.typed("record", LevelWritten)]


def _rows(folder: Path, query: str) -> list[Any]:
    with closing(RunReader(folder)) as reader:
        return reader._rows(query)


def _open_writes(folder: Path) -> int:
    return _rows(folder, "SELECT COUNT(*) FROM write WHERE state = 'intended'")[0][0]


def _wrong_records(folder: Path) -> str:
    """Return what is wrong with the records; "" if each level is there once and was reached."""
    records = _records(folder)
    if [record.level for record in records] != list(LEVELS):
        return f"levels recorded: {[record.level for record in records]}"
    scale = LevelScale()
    far = [record.level for record in records if abs(record.conductance - record.target) > TOLERANCE * scale.step]
    return f"levels {far} are out of tolerance" if far else ""


def _wrong_ledger(folder: Path, bench: KillBench) -> str:
    """Return what is wrong with the ledger; "" if it accounts for every pulse that the board has put out."""
    rows = _rows(folder, "SELECT state, COUNT(*), SUM(put_out) FROM write GROUP BY state")
    unsure = [row for row in rows if row[0] not in ("confirmed", "settled")]
    if unsure:
        return f"writes without known outcome: {unsure}"
    put_out = sum(row[2] for row in rows)
    if put_out != bench.delivered:
        return f"the ledger counts {put_out} pulses, the board put out {bench.delivered}"
    true = bench.conductances()[ROW, COLUMN]
    last = LevelScale().conductance(LEVELS[-1])
    error = abs(true - last) / LevelScale().step
    return "" if error <= TOLERANCE else f"the cell is {error:.2f} levels off its last target"


def _run(numbers: range, seed: int) -> CampaignReport:
    tally = Tally(NAME, seed, numbers)
    whole = uninterrupted()
    for number in numbers:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                when, wrong = trial(whole, dice(NAME, seed, number), Path(folder))
            except (AssertionError, OSError, LabctlError) as error:
                when, wrong = "broken", origin(error)
        tally.count(number, when)
        if wrong:
            tally.fail(number, f"killed {when}: {wrong}")
    return tally.report()


KILLS: Final[tuple[Campaign, ...]] = (
    Campaign(NAME, "killed and resumed: bit for bit between steps, in tolerance everywhere", 50, 10_000, _run),
)
