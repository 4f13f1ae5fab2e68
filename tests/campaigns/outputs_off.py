"""How soon everything is off, whatever ends a run: measured in the panels of a served bench, in real time.

The board's SAFE disconnects the cell. The source-measure unit's own output follows; where one of its readings is under
way, the instrument finishes that first, so readings are short here (`held_client.py`).
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from campaigns.frame import Campaign, Tally, dice, origin
from campaigns.served_rig import PATIENCE, WATCHDOG, Client, ServedBench
from campaigns.smu_rig import MODELS

from labctl.backend import WallClock
from labctl.steering import Wish, steer

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from campaigns.frame import CampaignReport

NAME: Final = "outputs-off"


@dataclass(frozen=True, slots=True)
class Ending:
    """One way in which a run ends.

    Args:
        how: the client behaves until then (`held_client.py`).
        limit: after which (s) everything must be off.
        end: ends it; returns the moment (s) from which the time counts.
        exit_code: that of the client.
        smu: whether somebody is left who switches the source-measure unit off.
    """

    how: str
    limit: float
    end: Callable[[Client, random.Random], float]
    exit_code: int
    smu: bool = True


def _settled(client: Client, die: random.Random) -> None:
    """Wait until the run is well under way, and for some random time more."""
    client.wait_for("ends", die.randint(1, 4))
    WallClock().sleep(die.uniform(0.0, 0.06))


def _exception(client: Client, die: random.Random) -> float:
    return client.wait_for("raises")


def _interrupted(client: Client, die: random.Random) -> float:
    """Send one Ctrl-C; it counts from the end of the step that is under way."""
    _settled(client, die)
    sent = client.signal(signal.SIGINT)
    client.process.wait(PATIENCE)
    client.wait_for_the_end_of_stdout()
    return max(sent, max(client.times("ends")))


def _interrupted_twice(client: Client, die: random.Random) -> float:
    client.wait_for("step")
    WallClock().sleep(die.uniform(0.0, 0.05))
    client.signal(signal.SIGINT)
    WallClock().sleep(die.uniform(0.002, 0.05))
    return client.signal(signal.SIGINT)


def _stopped_now(client: Client, die: random.Random) -> float:
    """Ask it from outside, as `labctl stop --now` does; it is heard within a tenth of a second."""
    client.wait_for("step")
    WallClock().sleep(die.uniform(0.0, 0.05))
    asked = WallClock().now()
    steer(client.folder, Wish.STOP_NOW)
    return asked


def _killed(client: Client, die: random.Random) -> float:
    _settled(client, die)
    return client.signal(signal.SIGKILL)


def _all_killed(client: Client, die: random.Random) -> float:
    """Leave nobody: as if the host had died, or its cable were gone."""
    guardian = client.guardian()
    _settled(client, die)
    os.kill(guardian, signal.SIGKILL)
    return client.signal(signal.SIGKILL)


ENDINGS: Final = {
    "exception": Ending("raise", 0.05, _exception, 70),
    "Ctrl-C": Ending("hold", 0.05, _interrupted, 130),
    "Ctrl-C twice": Ending("long", 0.05, _interrupted_twice, 130),
    "stop now": Ending("endless", 0.15, _stopped_now, 143),
    "SIGKILL": Ending("hold", 0.1, _killed, -9),
    "host gone": Ending("hold", WATCHDOG + 0.01, _all_killed, -9, smu=False),
}


@dataclass(frozen=True, slots=True)
class Times:
    """How long (s) after its end a run's bench took.

    Args:
        safe: until the board was SAFE, the cell disconnected.
        off: until the output was off; None where nobody is left who switches it off.
    """

    safe: float
    off: float | None


def measure(driver: str, ending: Ending, die: random.Random, folder: Path) -> Times:
    """End one run and return how long it took.

    Raises:
        AssertionError: if the run ended in another way than it should, or something is left on.
    """
    with closing(ServedBench(folder, driver)) as bench, closing(Client(bench, folder, ending.how)) as client:
        client.wait_for("step")
        begun = ending.end(client, die)
        safe = bench.when("SAFE", begun)
        off = bench.when("output off", begun) if ending.smu else None
        code, _, error = client.end()
        if code != ending.exit_code:
            raise AssertionError(f"exit code {code}, not {ending.exit_code}: {error}")
        if ending.smu and not bench.is_safe:
            raise AssertionError(f"output on: {bench.output_is_on}, board: {bench.state.name}")
        if bench.complaints:
            raise AssertionError(f"the twin complains: {bench.complaints}")
        return Times(safe - begun, None if off is None else off - begun)


def _run(driver: str, numbers: range, seed: int) -> CampaignReport:
    name = f"{NAME}/{driver}"
    tally = Tally(name, seed, numbers)
    found: dict[str, list[float]] = {}
    for number in numbers:
        words = list(ENDINGS)[number % len(ENDINGS)]
        ending = ENDINGS[words]
        tally.count(number, words)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                times = measure(driver, ending, dice(name, seed, number), Path(folder))
            except (AssertionError, OSError) as error:
                tally.fail(number, f"{words}: {origin(error)}")
                continue
        for what, time in (("board", times.safe), ("SMU", times.off)):
            if time is not None:
                found.setdefault(f"{words}, {what}", []).append(1e3 * time)
                if time > ending.limit:
                    tally.fail(number, f"{words}: {what} after {1e3 * time:.1f} ms, not {1e3 * ending.limit:.0f} ms")
    for what, times_ms in found.items():
        for figure, value in _distribution(times_ms).items():
            tally.measure(f"{what} {figure} (ms)", value)
    return tally.report()


def _distribution(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "min": ordered[0],
        "median": statistics.median(ordered),
        "p99": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "max": ordered[-1],
    }


OUTPUTS_OFF: Final[tuple[Campaign, ...]] = tuple(
    Campaign(
        f"{NAME}/{driver}",
        "everything is off in time, whatever ends a run (panels' truth)",
        18,
        3_000,
        partial(_run, driver),
    )
    for driver in MODELS
)
