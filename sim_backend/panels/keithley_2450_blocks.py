"""Trigger models of the 2450 that are built of blocks, by the user or by a predefined model."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from sim_backend.panels.keithley_2450_buffers import Buffers, Reading
    from sim_backend.panels.keithley_2450_config_lists import ConfigLists, SenseState, SourceState
    from sim_backend.panels.keithley_2450_meter import Meter
    from sim_backend.panels.keithley_2450_output import Output

MOST_BLOCKS: Final = 63
"""Blocks of one trigger model (manual of the family)."""
STEP_TIME: Final = 1e-6
"""s that a block takes besides what it waits for (assumption): no loop of blocks is without end in no time."""
MOST_IN_NO_TIME: Final = 10_000
MOST_STEPS: Final = 3_000_000
"""Blocks that a run passes without waiting or measuring, and in all: a loop that goes on further stands still in the
twin until it is aborted, as it would go round on the bench."""
FOR_EVENT: Final = math.inf
"""What a block yields that ends with an event, not with time."""


@dataclass(slots=True)
class Machine:
    """What blocks work on.

    Args:
        output: of the instrument.
        meter: which measures.
        buffers: where readings go.
        sources: source configuration lists.
        senses: measure configuration lists.
        now: the time (s).
    """

    output: Output
    meter: Meter
    buffers: Buffers
    sources: ConfigLists[SourceState]
    senses: ConfigLists[SenseState]
    now: Callable[[], float]
    started: float = 0.0
    counters: dict[int, int] = field(default_factory=dict[int, int])
    """How often each counting branch was reached, by its number."""
    readings: dict[int, Reading] = field(default_factory=dict[int, "Reading"])
    """The latest reading of each measuring block, by its number."""
    present: int = 0
    """The block that is at work, or that was last; 0 before the first run."""

    def begin(self) -> None:
        """Start from the first block."""
        self.started = self.now()
        self.counters.clear()
        self.readings.clear()


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Args:
        title: what a list of blocks calls it.
        run: does it, given the machine and its own number: yields times (s), and returns the block to go on with,
            None for the one behind it.
    """

    title: str
    run: Callable[[Machine, int], Generator[float, None, int | None]]


def run(blocks: dict[int, Block], machine: Machine) -> Generator[float, None, None]:
    """Yield the times (s) between the steps of a run, from the first block to behind the last.

    Raises:
        ScpiError: whatever a block runs into; -221 if a branch leads to a block that there is none of.
    """
    machine.begin()
    number, last, steps, idle = 1, max(blocks, default=0), 0, 0
    while number <= last:
        block = blocks.get(number)
        machine.present = number
        target = None
        if block is not None:
            steps, idle, before = steps + 1, idle + 1, machine.now()
            yield FOR_EVENT if idle > MOST_IN_NO_TIME or steps > MOST_STEPS else STEP_TIME
            target = yield from block.run(machine, number)
            idle = 0 if machine.now() - before > 2 * STEP_TIME else idle
        if target is not None and target not in blocks:
            raise ScpiError(-221)
        number = number + 1 if target is None else target


def _at_once(title: str, act: Callable[[Machine, int], int | None]) -> Block:
    """Return a block that waits for nothing; `act` returns the block to go on with, None for the one behind it."""

    def steps(machine: Machine, number: int) -> Generator[float, None, int | None]:
        yield from ()
        return act(machine, number)

    return Block(title, steps)


def nothing(title: str) -> Block:
    """Return a block whose effect stays outside: nothing is connected to it."""
    return _at_once(title, lambda machine, number: None)  # noqa: ARG005


def act_once(title: str, act: Callable[[Machine], None]) -> Block:
    """Return a block that does something in no time: empties a buffer, switches the output, recalls settings."""
    return _at_once(title, lambda machine, number: act(machine))  # noqa: ARG005


def clear_buffer(name: str) -> Block:
    """Return a block that empties a reading buffer."""
    return act_once(f"BUFFER_CLEAR BUFFER: {name}", lambda machine: machine.buffers.get(name).clear())


def switch_output(on: bool) -> Block:
    """Return a block that switches the output."""
    return act_once(f"SOURCE_OUTPUT OUTPUT: {'ON' if on else 'OFF'}", lambda machine: machine.output.switch(on))


def delay(seconds: Callable[[], float], title: str) -> Block:
    """Return a block that waits."""

    def steps(machine: Machine, number: int) -> Generator[float, None, int | None]:  # noqa: ARG001
        yield seconds()
        return None

    return Block(title, steps)


def wait_for_event(name: str) -> Block:
    """Return a block that waits for an event from outside."""
    return delay(lambda: FOR_EVENT, f"WAIT EVENT: {name}")


def measure(name: str, count: int) -> Block:
    """Return a block that measures into a buffer."""

    def steps(machine: Machine, number: int) -> Generator[float, None, int | None]:
        buffer = machine.buffers.get(name)
        for _ in range(count):
            reading = yield from machine.meter.take()
            buffer.store(reading)
            machine.readings[number] = reading
        return None

    return Block(f"MEASURE BUFFER: {name}, COUNT: {count}", steps)


def branch_always(target: int) -> Block:
    """Return a block that goes to another."""
    return _at_once(f"BRANCH_ALWAYS BRANCH_BLOCK: {target}", lambda machine, number: target)  # noqa: ARG005


def branch_count(count: int, target: int) -> Block:
    """Return a block that goes back until it was reached `count` times; reached again, it counts anew."""

    def act(machine: Machine, number: int) -> int | None:
        before = machine.counters.get(number, 0)
        reached = 1 if before > count else before + 1
        machine.counters[number] = reached if reached < count else count + 1
        return target if reached < count else None

    return _at_once(f"BRANCH_COUNTER VALUE: {count}, BRANCH_BLOCK: {target}", act)


def branch_once(target: int, excluded: bool) -> Block:
    """Return a block that goes to another the first time it is reached, or every time but the first."""

    def act(machine: Machine, number: int) -> int | None:
        first = machine.counters.get(number, 0) == 0
        machine.counters[number] = machine.counters.get(number, 0) + 1
        return target if first is not excluded else None

    return _at_once(f"BRANCH_ONCE{'_EXCLUDED' if excluded else ''} BRANCH_BLOCK: {target}", act)


def branch_limit(kind: str, low: float, high: float, target: int, measured_by: int) -> Block:
    """Return a block that goes to another if a reading lies below, above, inside or outside of limits.

    Args:
        kind: BEL, ABOV, INS or OUT.
        low: lower limit, in the reading's unit.
        high: upper limit.
        target: where to go.
        measured_by: the block that took the reading; 0: the measuring block before this one.
    """

    def act(machine: Machine, number: int) -> int | None:
        before = [place for place in machine.readings if place < number]
        reading = machine.readings.get(measured_by or max(before, default=0))
        if reading is None:
            return None
        below, above = reading.value < low, reading.value > high
        met = {"BEL": below, "ABOV": above, "INS": not (below or above), "OUT": below or above}[kind]
        return target if met else None

    return _at_once(f"BRANCH_ON_CONSTANT_LIMIT TYPE: {kind}, BRANCH_BLOCK: {target}", act)


def branch_until(duration: float, target: int) -> Block:
    """Return a block that goes back until a time (s) since the start of the run has passed."""

    def act(machine: Machine, number: int) -> int | None:  # noqa: ARG001
        return target if machine.now() - machine.started < duration else None

    return _at_once(f"BRANCH_ON_TIMER DURATION: {duration:g}, BRANCH_BLOCK: {target}", act)


def simple_loop(count: int, pause: float, buffer: str) -> dict[int, Block]:
    """Return the predefined model that takes a number of readings; the output stays as it is."""
    steps = (*_taking(pause, buffer), branch_count(count, 2))
    return dict(enumerate(steps, 1))


def duration_loop(duration: float, pause: float, buffer: str) -> dict[int, Block]:
    """Return the predefined model that takes readings for a time (s).

    It switches the output on at its start, as the manual says, and off at its end (assumption).
    """
    clear, *taking = _taking(pause, buffer)
    steps = (clear, switch_output(on=True), *taking, branch_until(duration, 3), switch_output(on=False))
    return dict(enumerate(steps, 1))


def config_list(sense: str, source: str, pause: float, buffer: str) -> dict[int, Block]:
    """Return the predefined model that steps through a measure and a source configuration list together.

    It switches the output on for the steps, and off at its end (assumption), of which there are as many as the source
    list has.
    """

    def first(machine: Machine) -> None:
        machine.senses.recall(sense)
        machine.sources.recall(source)

    def following(machine: Machine) -> None:
        machine.senses.step(sense, 1)
        machine.sources.step(source, 1)

    clear, wait, take = _taking(pause, buffer)
    steps = (
        clear,
        act_once("CONFIG_RECALL", first),
        switch_output(on=True),
        wait,
        take,
        act_once("CONFIG_NEXT", following),
        _at_once("BRANCH_COUNTER BRANCH_BLOCK: 4", lambda machine, number: _again(machine, number, source)),
        switch_output(on=False),
    )
    return dict(enumerate(steps, 1))


def _again(machine: Machine, number: int, source: str) -> int | None:
    """Return block 4 until every entry of a source list had its turn."""
    machine.counters[number] = machine.counters.get(number, 0) + 1
    return 4 if machine.counters[number] < machine.sources.size(source) else None


def _taking(pause: float, buffer: str) -> tuple[Block, Block, Block]:
    """Return the blocks that empty a buffer, wait, and measure."""
    wait = delay(lambda: pause, f"DELAY_CONSTANT DELAY: {pause:.9f}")
    return clear_buffer(buffer), wait, measure(buffer, 1)
