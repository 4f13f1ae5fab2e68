"""Anything may come on a wire, in a file or on the command line: only labctl's own errors, no hang, little memory."""

from __future__ import annotations

import functools
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from campaigns.frame import Campaign, Tally, dice
from campaigns.fuzz_dies import Dies
from campaigns.fuzz_exports import Exports
from campaigns.fuzz_frames import Frames
from campaigns.fuzz_judge import Judge, Watch, bounded_addresses
from campaigns.fuzz_names import Names
from campaigns.fuzz_runs import Runs
from campaigns.fuzz_tables import Benches, Plans

if TYPE_CHECKING:
    from campaigns.frame import CampaignReport
    from campaigns.fuzz_judge import Giver

MEMORY: Final = Path("/dev/shm")
"""Where files need no disk."""


def run(name: str, family: type[Giver], numbers: range, seed: int) -> CampaignReport:
    """Hand over the inputs of these numbers."""
    tally = Tally(name, seed, numbers)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None))
        stack.enter_context(bounded_addresses())
        giver = family(Path(folder))
        judge = Judge(tally)
        watch = stack.enter_context(closing(Watch(name)))
        for number in numbers:
            watch.number = number
            judge.judge(number, giver.draw(dice(name, seed, number)))
        judge.end(numbers[-1])
    return tally.report()


_FAMILIES: Final[tuple[tuple[str, type[Giver], int, int], ...]] = (
    ("frames", Frames, 60_000, 30_000_000),
    ("names", Names, 64_000, 32_000_000),
    ("bench", Benches, 40_000, 20_000_000),
    ("plans", Plans, 20_000, 10_000_000),
    ("die", Dies, 8_000, 4_000_000),
    ("runs", Runs, 8_000, 4_000_000),
    ("exports", Exports, 4_000, 2_000_000),
)
FUZZ_FILES: Final = tuple(
    Campaign(
        f"fuzz/{name}",
        "hostile inputs: only errors of labctl's tree, no hang over 1 s, at most 60 MB more memory",
        short,
        long,
        functools.partial(run, f"fuzz/{name}", family),
    )
    for name, family, short, long in _FAMILIES
)
