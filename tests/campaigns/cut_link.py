"""The link of a short run, cut after every byte of every frame in both directions, of the board and of an SMU.

A trial is one place of the cut. The run goes on after it, as a person would have it; what it recorded must be what the
uncut run records where the cut fell between writes, and nothing is ever pulsed twice.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from campaigns.fault_judge import READ_ERROR, VOLTAGE_ERROR, judge
from campaigns.fault_rig import RunOutcome, awake, rigged, run_with
from campaigns.frame import Campaign, HungError, Tally, origin

from labctl.errors import LabctlError
from labctl.levels import REFERENCE_VOLTAGE

if TYPE_CHECKING:
    from pathlib import Path

    from campaigns.frame import CampaignReport

PATIENCE: Final = 60.0
"""Longest time of one trial (s): hundreds of times what it takes."""
SHORT: Final = {"board": ("pulses", None), "smu": ("glance", "keithley-2450")}
"""For each link, a protocol that uses it and the model of the SMU."""
BACK: Final = "50 ms"
"""After this long the link can be opened again."""
SEED: Final = 5
"""Of the twin: every run but for the cut is the same."""


def places(channel: str) -> list[tuple[str, int]]:
    """Return the places at which a link can be cut: direction, and bytes that pass before."""
    return [(direction, byte) for direction, size in _sizes(channel) for byte in range(size + 1)]


@functools.cache
def _sizes(channel: str) -> tuple[tuple[str, int], ...]:
    """Return how many bytes pass on a link in each direction during the uncut run."""
    with rigged() as data:
        outcome = _run(channel, data, "nothing", 0)
    passed = outcome.progress.bytes
    return tuple((direction, passed[f"{channel} {direction}"]) for direction in ("request", "reply"))


def _run(channel: str, data: Path, direction: str, byte: int) -> RunOutcome:
    """Do the run with its link cut; "nothing" cuts nothing."""
    protocol, smu = SHORT[channel]
    late = (
        'direction = "request"\nmessage = 999999'
        if direction == "nothing"
        else f'direction = "{direction}"\nbyte = {byte}'
    )
    plan = f'[[fault]]\nkind = "link-gone"\nchannel = "{channel}"\nfor = "{BACK}"\n{late}\n'
    return run_with(data, protocol, smu, plan, SEED)


def _trials(channel: str, numbers: range, seed: int) -> CampaignReport:
    name = f"cut-link/{channel}"
    tally = Tally(name, seed, numbers)
    every = places(channel)
    with rigged() as data:
        whole = _run(channel, data, "nothing", 0)
        for number in numbers:
            direction, byte = every[number % len(every)]
            _trial(tally, number, channel, data, (direction, byte), whole)
    return tally.report()


def _trial(tally: Tally, number: int, channel: str, data: Path, place: tuple[str, int], whole: RunOutcome) -> None:
    direction, byte = place
    try:
        with awake(PATIENCE):
            outcome = _run(channel, data, direction, byte)
            judge(outcome, SHORT[channel][0])
    except (HungError, LabctlError, AssertionError) as error:
        tally.fail(number, f"{direction} byte {byte}: {origin(error)}")
        return
    same = [row[1:] for row in outcome.records] == [row[1:] for row in whole.records]
    doubts = any(write[5] is None for write in outcome.writes)
    broken = len(outcome.writes) > len(whole.writes)
    tally.count(number, direction, f"ending {outcome.ending}", f"shares {len(outcome.errors) + 1}")
    tally.count(number, "same records to the last bit" if same else "same but for noise and a broken step")
    if doubts:
        tally.count(number, "a write in doubt")
    if outcome.ending not in ("finished", "not begun"):
        outcome.complain(f"the run is {outcome.ending}")
    if outcome.ending == "finished" and not same and not broken and not _is_near(outcome, whole):
        outcome.complain("the records are not those of the uncut run")
    if outcome.complaints:
        errors = "; ".join(f"{type(error).__name__}: {error}" for error in outcome.errors)
        tally.fail(number, f"{direction} byte {byte}: {outcome.complaints[0]}\nerrors: {errors}\nlog: {outcome.log}")


def _is_near(outcome: RunOutcome, whole: RunOutcome) -> bool:
    """Return whether two runs recorded the same but for the noise of what was measured again after a cut."""
    one, other = ([record for step in run.acknowledged for record, _ in step] for run in (outcome, whole))
    return len(one) == len(other) and all(
        replace(here, current=0.0, voltage=0.0) == replace(there, current=0.0, voltage=0.0)
        and abs(here.voltage - there.voltage) <= VOLTAGE_ERROR
        and abs(here.current - there.current) <= READ_ERROR * REFERENCE_VOLTAGE
        for here, there in zip(one, other, strict=True)
    )


CUT_LINK: Final = tuple(
    Campaign(
        f"cut-link/{channel}",
        f"the link of the {channel} cut after any byte: the same outcome, and nothing pulsed twice",
        count,
        count,
        functools.partial(_trials, channel),
    )
    for channel, count in (("board", 1300), ("smu", 2800))
)
