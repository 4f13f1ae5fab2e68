"""A client of a served bench, as a process of its own: python held_client.py HOW BENCH DATA [labctl run options].

Its protocol keeps the SMU on a cell at a read voltage, its output on, from step to step, and says on stdout what it
does when, each line with the time of the clock that all processes of this computer share.
HOW is `hold` (short steps for ever), `long` (steps of many readings), `endless` (a step that never ends), or `raise` (a
bug after the third step).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labctl import cli, plugins
from labctl.backend import WallClock
from labctl.board_data import Cell
from labctl.instruments import ProbeBoard, SourceMeter
from labctl.protocol import Outcome, Parameters, Protocol, Start, StepEnd
from labctl.smu_data import SourceSetup
from labctl.units import Amperes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.protocol_bench import ProtocolBench

CELL = Cell(1, 2)
LEVEL = 0.2
"""A read voltage (V)."""
SETUP = SourceSetup(0.25, 15e-3, current_range=15e-3, nplc=0.1)
"""Readings of a fixed range take 3 to 20 ms: one that is under way is finished before an instrument switches off. One
that looks for its range may take a second where the board has just disconnected the cell."""
BUG_AT = 3
NEVER = 1_000_000
READINGS = {"hold": 1, "long": 50, "endless": NEVER, "raise": 1}
"""Of each step."""


@dataclass(frozen=True, slots=True)
class Held:
    """One reading of the cell that is held."""

    number: int
    current: Amperes


@dataclass(frozen=True, slots=True)
class HeldSummary:
    """How many readings there are."""

    readings: int


def tell(word: str) -> None:
    """Say on stdout what happens at this moment."""
    print(f"{word} {WallClock().now():.6f}", flush=True)  # noqa: T201


def protocol(how: str) -> Protocol[Parameters, Held]:
    """Return the protocol that behaves in one of the ways."""

    def run(bench: ProtocolBench, parameters: Parameters, start: Start[Any]) -> Iterator[Held | StepEnd]:
        bench.smu.configure(SETUP)
        with bench.routed(CELL) as smu:
            smu.source(LEVEL)
            for step in range(start.steps, NEVER):
                tell("step")
                for _ in range(READINGS[how]):
                    yield Held(step, smu.measure().current)
                if how == "raise" and step == BUG_AT:
                    tell("raises")
                    raise ZeroDivisionError("a bug in a protocol")
                tell("ends")
                yield StepEnd()

    return Protocol(
        name="held",
        title="keeps a cell at a read voltage",
        parameters=Parameters,
        record=Held,
        needs=(ProbeBoard, SourceMeter),
        check=lambda die, envelope, parameters: None,
        steps=lambda parameters: NEVER,
        run=run,
        summarise=lambda records, parameters: Outcome(True, HeldSummary(len(records))),
        caption=lambda record: str(record.number),
    )


def main(how: str, bench: str, data: str, *options: str) -> None:
    """Run it as `labctl run` runs any protocol."""
    load, offered = plugins.load, protocol(how)

    def find(group: str, name: str) -> Any:
        return offered if name == offered.name else load(group, name)

    plugins.load = find
    plugins.origin = lambda group, name: f"{group} {name} of a campaign"
    cli.main(["run", "held", "--bench", bench, "--data", data, *options])


if __name__ == "__main__":
    main(*sys.argv[1:])
