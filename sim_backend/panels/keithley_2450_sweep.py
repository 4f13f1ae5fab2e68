"""The trigger model of the 2450: what is set up, and how it runs beside the conversation with the host."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from labctl.errors import ModelError
from sim_backend.panels.keithley_2450_blocks import FOR_EVENT, run
from sim_backend.panels.keithley_2450_buffers import SourceStatus
from sim_backend.panels.scpi_errors import ScpiError
from sim_backend.panels.scpi_events import EventKind

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from labctl.backend import Timer
    from sim_backend.clock import VirtualClock
    from sim_backend.panels.keithley_2450_blocks import Block, Machine
    from sim_backend.panels.keithley_2450_buffers import Buffers
    from sim_backend.panels.keithley_2450_facts import Function
    from sim_backend.panels.keithley_2450_meter import Meter
    from sim_backend.panels.keithley_2450_output import Output
    from sim_backend.panels.keithley_2450_source import Source
    from sim_backend.panels.scpi_status import Status

ABORTED: Final = 2728, "Trigger model was running, but then aborted by user action"
FAILED: Final = 2730, "Trigger model was running, but has failed"
STARTED: Final = 2731, "Trigger model was idle, but is now running"
COMPLETED: Final = 2732, "Trigger model was running, but completed successfully"
STOPPED: Final = 2733, "Trigger model has ended due to the specified condition"


class ModelState(Enum):
    """What `:TRIGger:STATe?` calls the state of the trigger model."""

    EMPTY = "EMPTY"
    IDLE = "IDLE"
    BUILDING = "BUILDING"
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    ABORTED = "ABORTED"


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep as set up.

    Args:
        function: what is sourced.
        levels: in V or A, one run through.
        ranges: the source range of each level.
        delay: between source and measurement in s; negative for the source delay of the settings alone.
        added: `delay` comes after the source delay, not in its place.
        count: how many times it runs; 0 for ever.
        fail_abort: it stops at the first reading that the source limit held back.
        buffer: where its readings go.
    """

    function: Function
    levels: Sequence[float]
    ranges: Sequence[float]
    delay: float
    added: bool
    count: int
    fail_abort: bool
    buffer: str


class TriggerModel:
    """Runs a sweep point by point, or a model of blocks, on the clock's timers.

    A sweep clears its buffer, switches the output on, and switches it off at its end, as the instrument's sweep
    templates do; the source keeps its last level.

    Args:
        source: which sweeps set.
        output: which they switch.
        meter: which measures.
        buffers: where readings go.
        status: where it reports what happens.
        clock: the time.
        machine: what blocks work on.
    """

    def __init__(
        self,
        source: Source,
        output: Output,
        meter: Meter,
        buffers: Buffers,
        status: Status,
        clock: VirtualClock,
        machine: Machine,
    ) -> None:
        self._source = source
        self._output = output
        self._meter = meter
        self._buffers = buffers
        self._status = status
        self._clock = clock
        self.machine = machine
        self._plan: Sweep | dict[int, Block] | None = None
        self._steps: Generator[float, None, None] | None = None
        self._outcome = COMPLETED
        self._timer: Timer | None = None
        self._due = 0.0
        self._when_idle: list[Callable[[], None]] = []
        self.state = ModelState.EMPTY

    @property
    def running(self) -> bool:
        """Whether a sweep is under way."""
        return self._steps is not None

    @property
    def blocks(self) -> dict[int, Block]:
        """The blocks that are set up; none while a sweep is (its blocks cannot be edited here)."""
        return self._plan if isinstance(self._plan, dict) else {}

    def load(self, plan: Sweep | dict[int, Block] | None) -> None:
        """Take a sweep or blocks in place of what was set up before; None empties the trigger model."""
        self._plan = plan
        self.state = ModelState.IDLE if plan else ModelState.EMPTY

    def put_block(self, number: int, block: Block) -> None:
        """Set a block in place of the one that has its number."""
        self.load({**self.blocks, number: block})
        self.state = ModelState.BUILDING
        self.machine.present = 0

    @property
    def shown_state(self) -> str:
        """What `:TRIGger:STATe?` calls the state."""
        waiting = self.running and self._due == FOR_EVENT
        return (ModelState.WAITING if waiting else self.state).value

    @property
    def last_block(self) -> int:
        """The block that is at work or was last; 0 for a sweep, whose blocks are not modelled."""
        return self.machine.present if isinstance(self._plan, dict) else 0

    def command_event(self) -> None:
        """Pass on the event of `*TRG`; it is lost if nothing waits."""
        if self.running and self._due == FOR_EVENT:
            self._advance()

    def start(self) -> None:
        """Start what is set up.

        Raises:
            ScpiError: -213 if nothing is, or if it runs.
        """
        if not self._plan or self.running:
            raise ScpiError(-213)
        self._steps = self._run(self._plan) if isinstance(self._plan, Sweep) else self._run_blocks(self._plan)
        self.state = ModelState.RUNNING
        self._status.report(*STARTED, EventKind.INFORMATION)
        self._advance()

    def abort(self) -> None:
        """Stop at once; the output stays as it is (assumption: only the template's last block switches it off)."""
        if self._steps is not None:
            self._steps.close()
            self._finish(ModelState.ABORTED, ABORTED)

    def wait(self, patience: float) -> None:
        """Let time pass until the run is over, at most `patience` s; then it is aborted."""
        give_up = self._clock.now() + patience
        while self.running and self._clock.now() < give_up:
            self._clock.sleep(min(self._due, give_up) - self._clock.now())
        self.abort()

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` once nothing runs, at once if nothing does."""
        if self.running:
            self._when_idle.append(action)
        else:
            action()

    def _advance(self) -> None:
        """Do what is due and set a timer for the next step."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._steps is None:
            return
        try:
            pause = next(step for step in self._steps if step > 0)
        except ScpiError as error:
            # The output stays as it is (assumption: as after an abort).
            self._status.fail(error)
            self._finish(ModelState.FAILED, FAILED)
        except StopIteration:
            self._finish(ModelState.IDLE, self._outcome)
        except ModelError:
            # The world has no answer (a voltage that its model knows nothing of): the run cannot go on.
            self._finish(ModelState.FAILED, FAILED)
            raise
        else:
            self._due = self._clock.now() + pause
            if pause < FOR_EVENT:
                self._timer = self._clock.every(pause, self._advance)

    def _run(self, sweep: Sweep) -> Generator[float, None, None]:
        """Yield the times (s) between the steps of a run; the event it ends with is left in `_outcome`."""
        buffer = self._buffers.get(sweep.buffer)
        buffer.clear()
        self._source.select(sweep.function)
        rounds = itertools.count() if sweep.count == 0 else range(sweep.count)
        self._outcome = COMPLETED
        points = (
            (level, full_range) for _ in rounds for level, full_range in zip(sweep.levels, sweep.ranges, strict=True)
        )
        for level, full_range in points:
            yield from self._settle(sweep, level, full_range)
            reading = yield from self._meter.take()
            buffer.store(reading)
            if sweep.fail_abort and reading.source_status & SourceStatus.LIMITED:
                self._outcome = STOPPED
                break
        self._output.switch(on=False)

    def _run_blocks(self, plan: dict[int, Block]) -> Generator[float, None, None]:
        """Yield the times (s) between the steps of a run of blocks."""
        self._outcome = COMPLETED
        yield from run(plan, self.machine)

    def _settle(self, sweep: Sweep, level: float, full_range: float) -> Generator[float, None, None]:
        """Source a level and wait for the delay that the sweep names in place of, or beyond, the source delay."""
        self._output.check_interlock(level)
        self._source.apply(sweep.function, level, full_range)
        self._output.switch(on=True)
        if sweep.delay >= 0:
            source_delay = self._output.settled_at - self._clock.now() if sweep.added else 0.0
            yield max(source_delay, 0.0) + sweep.delay
            self._output.settled_at = self._clock.now()

    def _finish(self, state: ModelState, event: tuple[int, str]) -> None:
        """Note that the run is over."""
        if self._timer is not None:
            self._timer.cancel()
        self._steps = self._timer = None
        self.state = state
        self._status.report(*event, EventKind.INFORMATION)
        waiting, self._when_idle = self._when_idle, []
        for action in waiting:
            action()
