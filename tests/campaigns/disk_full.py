"""The disk full at every write of a short run: a clear message, all that was recorded readable, everything off."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from campaigns.fault_judge import judge
from campaigns.fault_rig import WRITE_VERIFY, RunOutcome, awake, rigged, run_with
from campaigns.frame import Campaign, HungError, Tally, origin

from labctl.errors import EquipmentError, InputError, LabctlError

if TYPE_CHECKING:
    from pathlib import Path

    from campaigns.frame import CampaignReport

NAME: Final = "disk-full"
PROTOCOLS: Final = (("pulses", None), ("pulse-reads", None), (WRITE_VERIFY, None), ("levels", "keithley-2450"))
LASTS: Final = ("", "writes = 1\n", "writes = 2\n")
"""How long the disk stays full: for good, or for some writes."""
PATIENCE: Final = 60.0
"""Longest time of one trial (s): hundreds of times what it takes."""
SEED: Final = 5


def _run(data: Path, protocol: str, smu: str | None, write: int, lasts: str) -> RunOutcome:
    plan = f'[[fault]]\nkind = "disk-full"\nwrite = {write}\n{lasts}'
    return run_with(data, protocol, smu, plan, SEED)


@functools.cache
def _writes(protocol: str, smu: str | None) -> int:
    """Return how often an undisturbed run writes."""
    with rigged() as data:
        return _run(data, protocol, smu, 999_999, "").progress.writes


def places() -> list[tuple[str, str | None, int, str]]:
    """Return every trial: protocol, SMU, number of the write that fails, for how long."""
    return [
        (protocol, smu, write, lasts)
        for protocol, smu in PROTOCOLS
        for lasts in LASTS
        for write in range(1, _writes(protocol, smu) + 1)
    ]


def _trials(numbers: range, seed: int) -> CampaignReport:
    tally = Tally(NAME, seed, numbers)
    every = places()
    with rigged() as data:
        for number in numbers:
            _trial(tally, number, data, every[number % len(every)])
    return tally.report()


def _trial(tally: Tally, number: int, data: Path, place: tuple[str, str | None, int, str]) -> None:
    protocol, smu, write, lasts = place
    try:
        with awake(PATIENCE):
            outcome = _run(data, protocol, smu, write, lasts)
            judge(outcome, protocol)
    except (HungError, LabctlError, AssertionError) as error:
        tally.fail(number, f"{place}: {origin(error)}")
        return
    tally.count(number, f"protocol {protocol}", f"ending {outcome.ending}", f"full {lasts.strip() or 'for good'}")
    first = outcome.errors[0] if outcome.errors else None
    if not isinstance(first, EquipmentError) or "disk is full" not in str(first) or "free some space" not in str(first):
        outcome.complain(f"the message does not say that the disk is full: {first!r}")
    for error in outcome.errors[1:]:
        if not isinstance(error, InputError) and not any(
            text in str(error) for text in ("disk is full", "begin a new")
        ):
            outcome.complain(f"going on ended otherwise: {error!r}")
    if outcome.complaints:
        errors = "; ".join(f"{type(error).__name__}: {error}" for error in outcome.errors)
        tally.fail(number, f"{place}: {outcome.complaints[0]}\nerrors: {errors}\nlog: {outcome.log}")


DISK_FULL: Final = (
    Campaign(NAME, "the disk full at any write: said clearly, nothing lost, everything off", 700, 700, _trials),
)
