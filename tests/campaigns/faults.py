"""Runs that faults disturb: nothing acknowledged is lost, no pulse repeated, no wrong quantity accepted.

Each trial is a short run on a twin with a fault plan of its own. If it ends early it is gone on with, as a person
would, until it is finished or refused; then its folder is held against what truly happened. A trial has five to six
faults on average: 2,000 trials have 10,000 faults, 200,000 a million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from campaigns.fault_judge import judge, levels
from campaigns.fault_protocols import MADE_UP, SIZE
from campaigns.fault_rig import SMUS, WRITE_VERIFY, awake, rigged, run_with
from campaigns.frame import Campaign, HungError, Tally, dice, origin

from labctl.errors import LabctlError
from sim_backend.faults.kinds import BOARD_ONLY, MESSAGES, FaultKind

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from campaigns.frame import CampaignReport

NAME: Final = "faults"
PATIENCE: Final = 60.0
"""Longest time of one trial (s): hundreds of times what it takes."""
MESSAGES_PASSED: Final = {
    WRITE_VERIFY: 70, "pulses": 24, "pulse-reads": 20, "reads": 28, "products": 22, "sweeps": 140, "levels": 140,
    "glance": 40,
}  # fmt: skip
"""About how many messages pass on the busiest link in an undisturbed run."""
WRITES: Final = 60
"""About how often an undisturbed run writes to its database."""
DURATIONS: Final = ("1 ms", "20 ms", "260 ms", "600 ms", "1.2 s", "3 s")
QUIET_EVERY: Final = 50
"""One trial in so many is not disturbed: it measures what the judge tolerates."""


def _trials(numbers: range, seed: int) -> CampaignReport:
    tally = Tally(NAME, seed, numbers)
    with rigged() as data:
        for number in numbers:
            _trial(tally, number, dice(NAME, seed, number), data)
    return tally.report()


def _trial(tally: Tally, number: int, throw: random.Random, data: Path) -> None:
    protocol = throw.choice([WRITE_VERIFY, *MADE_UP])
    smu = throw.choice(list(SMUS)) if protocol in ("sweeps", "levels", "glance") else None
    plan = "" if number % QUIET_EVERY == 0 else draw_plan(throw, protocol, smu is not None)
    try:
        with awake(PATIENCE):
            outcome = run_with(data, protocol, smu, plan, seed=throw.randrange(1000))
            worst = judge(outcome, protocol)
    except (HungError, LabctlError, AssertionError) as error:
        tally.fail(number, f"{protocol} {smu}: {origin(error)}\n{plan}")
        return
    struck = sum(outcome.truth.struck.values())
    tally.count(number, f"protocol {protocol}", f"ending {outcome.ending}" if plan else "undisturbed", *[
        f"fault {kind}" for kind, count in outcome.truth.struck.items() for _ in range(count)
    ], *["faults in all"] * struck, *[f"error {type(error).__name__}" for error in outcome.errors])  # fmt: skip
    tally.measure("shares of one run", len(outcome.errors) + 1)
    tally.measure(
        "largest error undisturbed (levels)" if not plan else "largest error accepted (levels)", levels(worst)
    )
    if not plan and outcome.ending != "finished":
        outcome.complain("it did not finish undisturbed")
    if outcome.ending == "unfinished" and "[random]" not in plan and "disk-full" not in plan:
        outcome.complain("it came to no end")
    if outcome.complaints:
        errors = "; ".join(f"{type(error).__name__}: {error}" for error in outcome.errors)
        tally.fail(number, f"{protocol} {smu}: {outcome.complaints[0]}\nerrors: {errors}\n{plan}\nlog: {outcome.log}")


def draw_plan(throw: random.Random, protocol: str, has_smu: bool) -> str:
    """Return a fault plan: some scripted faults, or dice, or both."""
    style = throw.random()
    parts = [_scripted(throw, protocol, has_smu) for _ in range(throw.choice((1, 1, 2, 3)))] if style < 0.85 else []
    if style >= 0.75:
        rate = throw.choice((0.01, 0.03, 0.08))
        kinds = throw.sample(sorted(kind.value for kind in MESSAGES), throw.randrange(1, 5))
        kinds += throw.choice(([], [], ["link-gone"], ["reboot"], ["trip"]))
        parts.append(f"[random]\nseed = {throw.randrange(10**6)}\nrate = {rate}\nkinds = {kinds}")
    return "\n".join(parts)


def _scripted(throw: random.Random, protocol: str, has_smu: bool) -> str:
    kind = throw.choice(list(FaultKind))
    passed = MESSAGES_PASSED[protocol]
    lines = ["[[fault]]", f'kind = "{kind.value}"']
    if kind is FaultKind.DISK_FULL:
        lines.append(f"write = {throw.randrange(1, WRITES)}")
        if throw.random() < 0.8:
            lines.append(f"writes = {throw.choice((1, 1, 2, 5))}")
        return "\n".join(lines) + "\n"
    if kind is FaultKind.STUCK_CELL:
        lines += [f"row = {throw.randrange(SIZE)}", f"column = {throw.randrange(SIZE)}", _moment(throw)]
        return "\n".join(lines) + "\n"
    channel = "smu" if has_smu and kind not in BOARD_ONLY and throw.random() < 0.7 else "board"
    lines += [f'channel = "{channel}"', f'direction = "{throw.choice(("request", "reply"))}"']
    when = throw.random()
    if when < 0.6:
        lines.append(f"message = {throw.randrange(1, passed)}")
    elif when < 0.8:
        lines.append(f"byte = {throw.randrange(passed * (12 if channel == 'smu' else 28))}")
    else:
        lines.append(_moment(throw))
    if kind in (FaultKind.CUT, FaultKind.SPLIT, FaultKind.FLIP):
        lines.append(f"at = {throw.randrange(30)}")
    if kind is FaultKind.FLIP:
        lines.append(f"bit = {throw.randrange(8)}")
    if kind is FaultKind.TRIP:
        lines.append(f'cause = "{throw.choice(("compliance", "supply"))}"')
    if kind in (FaultKind.DELAY, FaultKind.SPLIT, FaultKind.MERGE, FaultKind.REORDER, FaultKind.LINK_GONE,
                FaultKind.OVER_TEMPERATURE, FaultKind.INTERLOCK):  # fmt: skip
        lines.append(f'for = "{throw.choice(DURATIONS)}"')
    return "\n".join(lines) + "\n"


def _moment(throw: random.Random) -> str:
    match throw.randrange(3):
        case 0:
            return f'time = "{throw.randrange(1, 600)} ms"'
        case 1:
            return f"step = {throw.randrange(1, 4)}"
        case _:
            return f"pulse = {throw.randrange(1, 300)}"


FAULTS: Final = (
    Campaign(NAME, "a run disturbed by faults loses, repeats and mistakes nothing", 2_000, 200_000, _trials),
)
