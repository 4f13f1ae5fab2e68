"""Eight processes race for one address: exactly one gets it, the others are told who has it; its death sets it free."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from campaigns.frame import Campaign, CampaignReport, Tally, dice

from labctl.backend import WallClock

NAME: Final = "lock-races"
RACERS: Final = 8
LIMIT: Final = 1.0
"""How long (s) the next one may take after the owner was killed."""
CLIENT: Final = Path(__file__).with_name("racing_client.py")


class Racer:
    """A process that races."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, str(CLIENT), str(folder), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def hear(self) -> str:
        """Return what it says next; "" if it is dead."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def say(self, text: str) -> None:
        """Tell it something."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")

    def close(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.communicate()


class Race:
    """Eight racers, of whom those that are killed are replaced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.racers = [Racer(folder, f"run-{number}") for number in range(RACERS)]
        self._names = RACERS
        for racer in self.racers:
            racer.hear()

    def replace(self, racer: Racer) -> Racer:
        """Kill a racer; return the one in its place, which gets ready."""
        racer.close()
        self._names += 1
        fresh = Racer(self._folder, f"run-{self._names}")
        self.racers[self.racers.index(racer)] = fresh
        return fresh

    def close(self) -> None:
        """Kill all."""
        for racer in self.racers:
            racer.close()


def trial(race: Race, address: str, heir: int) -> tuple[str, float]:
    """Let all race once, kill the owner, and let one of the others try again.

    Returns:
        What broke the promise, "" if nothing did; and how long (s) the heir took after the owner was killed.
    """
    clock = WallClock()
    for racer in race.racers:
        racer.say(address)
    said = [(racer, racer.hear()) for racer in race.racers]
    owners = [racer for racer, words in said if words == "owns"]
    if len(owners) != 1:
        return f"{len(owners)} owners: {[words for _, words in said]}", 0.0
    owner = owners[0]
    parts = (address, repr(owner.name), f"process {owner.process.pid} of user of {owner.name}", "since 2026-01-01T")
    for racer, words in said:
        if racer is not owner and not (words.startswith("refused") and all(part in words for part in parts)):
            return f"{racer.name} is told {words!r} while {owner.name} ({owner.process.pid}) owns it", 0.0
    others = [racer for racer in race.racers if racer is not owner]
    for racer in others:
        racer.say("let go")
        racer.hear()
    killed = clock.now()
    owner.process.kill()
    next_one = others[heir % len(others)]
    next_one.say(address)
    words, took = next_one.hear(), clock.now() - killed
    next_one.say("let go")
    next_one.hear()
    race.replace(owner).hear()
    if words != "owns":
        return f"after the owner was killed, the next one is told {words!r}", took
    return "" if took < LIMIT else f"the next one got it after {took:.2f} s", took


def _run(numbers: range, seed: int) -> CampaignReport:
    tally = Tally(NAME, seed, numbers)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as races:
        race = races.enter_context(closing(Race(Path(folder) / "locks")))
        for number in numbers:
            wrong, took = trial(race, f"socket://bench:{number}", dice(NAME, seed, number).randrange(RACERS))
            tally.count(number, f"races of {RACERS}")
            tally.measure("longest wait of the next owner (ms)", 1e3 * took)
            if wrong:
                tally.fail(number, wrong)
                race.close()  # nobody knows what is still held
                race = races.enter_context(closing(Race(Path(folder) / f"locks-{number}")))
    return tally.report()


LOCK_RACES: Final[tuple[Campaign, ...]] = (
    Campaign(NAME, "one owner an address, and everybody else knows who it is", 200, 10_000, _run),
)
