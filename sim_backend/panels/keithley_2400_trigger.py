"""The trigger model of the 2400: arm layer, trigger layer, and the cycle of source, delay and measure in them."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2400_facts import INFINITE, MOST_POINTS, SOURCE_TIME, TRIGGER_LATENCY
from sim_backend.panels.keithley_2400_math import judge
from sim_backend.panels.keithley_2400_readings import StatusWord
from sim_backend.panels.keithley_2400_source_memory import memory_plan, put_setup
from sim_backend.panels.keithley_2400_status import Measurement, Operation
from sim_backend.panels.keithley_2400_sweep import Point, plan
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from labctl.backend import Timer
    from sim_backend.clock import VirtualClock
    from sim_backend.panels.keithley_2400_facts import Settings
    from sim_backend.panels.keithley_2400_meter import Meter
    from sim_backend.panels.keithley_2400_output import Output
    from sim_backend.panels.keithley_2400_readings import Reading
    from sim_backend.panels.keithley_2400_source import Source
    from sim_backend.panels.keithley_2400_source_memory import Setup
    from sim_backend.panels.keithley_2400_status import Registers, Status2400
    from sim_backend.panels.keithley_2400_store import ReadingStore

_FOR_EVENT: Final = math.inf
"""What a step yields that ends with an event, not with time."""


class TriggerModel:
    """Runs source-delay-measure cycles on the clock's timers.

    Args:
        settings: of the instrument.
        source: whose level it moves, and puts back at the end.
        output: which it switches, if the settings say so.
        meter: which measures.
        store: where readings go, if they are stored.
        registers: where it says what it does.
        status: where it reports what fails on the way.
        clock: the time.
        places: of the source memory.
    """

    def __init__(
        self,
        settings: Settings,
        source: Source,
        output: Output,
        meter: Meter,
        store: ReadingStore,
        registers: Registers,
        status: Status2400,
        clock: VirtualClock,
        places: Mapping[int, Setup],
    ) -> None:
        self._settings = settings
        self._source = source
        self._output = output
        self._meter = meter
        self._store = store
        self._registers = registers
        self._status = status
        self._clock = clock
        self._places = places
        self._steps: Generator[float, None, None] | None = None
        self._timer: Timer | None = None
        self._due = 0.0
        self._endless = False
        self._when_idle: list[Callable[[], None]] = []
        self.sample: list[Reading] = []
        """The readings of the latest run."""

    @property
    def running(self) -> bool:
        """Whether it is out of idle."""
        return self._steps is not None

    @property
    def waits_for_bus(self) -> bool:
        """Whether it stands at the arm layer until a bus trigger comes."""
        return self.running and self._due == _FOR_EVENT and self._settings.trigger.arm_source == "BUS"

    def start(self) -> None:
        """Leave idle.

        Raises:
            ScpiError: +803 if the output is off and would stay off, -221 if a sweep cannot be.
        """
        if not self._output.on and not self._settings.clear_auto:
            raise ScpiError(803)
        memory = self._settings.memory_sweep
        points = memory_plan(self._settings, self._places) if memory else plan(self._settings)
        source = self._settings.source
        if source.mode == "FIX" and not memory:
            source.level, source.range = points[0].level, points[0].range
        self._meter.forget()
        self.sample = []
        if self._settings.time_reset:
            self._meter.reset_timer()
        self._endless = self._settings.trigger.arm_count >= INFINITE
        self._steps = self._run(points)
        self._advance()

    def abort(self) -> None:
        """Return to idle at once; the output stays on or off as it is."""
        if self._steps is not None:
            self._steps.close()
            self._finish()

    def bus_trigger(self) -> None:
        """Pass on a bus trigger.

        Raises:
            ScpiError: -211 if none is waited for.
        """
        if not self.waits_for_bus:
            raise ScpiError(-211)
        self._advance()

    def wait(self, patience: float) -> bool:
        """Let time pass until it is idle, at most `patience` s; return whether it is.

        No time passes for a run that only an event from outside can end.
        """
        give_up = self._clock.now() + patience
        while self.running:
            if self._endless or self._due > give_up:
                return False
            self._clock.sleep(self._due - self._clock.now())
        return True

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` once it is idle, at once if it is."""
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
            self._status.fail(error)
            self._finish()
        except StopIteration:
            self._finish()
        except Exception:
            # The world has no answer (a voltage that its model knows nothing of): the run cannot go on.
            self._steps = None
            self._registers.operate(Operation.IDLE)
            raise
        else:
            self._due = self._clock.now() + pause
            if pause < _FOR_EVENT:
                self._timer = self._clock.every(pause, self._advance)

    def _finish(self) -> None:
        """Be idle."""
        if self._timer is not None:
            self._timer.cancel()
        self._steps = self._timer = None
        self._source.restore()
        self._registers.operate(Operation.IDLE)
        waiting, self._when_idle = self._when_idle, []
        for action in waiting:
            action()

    def _run(self, points: Sequence[Point]) -> Generator[float, None, None]:
        """Yield the times (s) between the steps of a run."""
        trigger, settings = self._settings.trigger, self._settings
        passes = itertools.count() if self._endless else range(int(trigger.arm_count))
        cycle = itertools.cycle(points)
        timer = -math.inf
        for _ in passes:
            self._registers.operate(Operation.WAITING_FOR_ARM)
            if trigger.arm_source == "TIM":
                yield timer + trigger.arm_timer - self._clock.now()
                timer = max(self._clock.now(), timer + trigger.arm_timer)
            elif trigger.arm_source != "IMM":
                yield _FOR_EVENT
            stopped = False
            for _ in range(trigger.count):
                stopped = yield from self._cycle(next(cycle))
                if stopped:
                    break
            if settings.clear_auto:
                self._output.switch(on=False)
            if stopped:
                return

    def _cycle(self, point: Point) -> Generator[float, None, bool]:
        """Source, delay, measure; return whether the sweep stops here."""
        settings = self._settings
        if settings.trigger.source == "TLIN":
            self._registers.operate(Operation.WAITING_FOR_TRIGGER)
            yield _FOR_EVENT
        self._registers.operate(Operation.SWEEPING)
        yield TRIGGER_LATENCY + settings.trigger.delay
        if point.setup is not None:
            put_setup(settings, point.setup)
        self._output.drive(point.level, point.range)
        if settings.clear_auto:
            self._output.switch(on=True)
        yield SOURCE_TIME
        yield max(0.0, self._output.settled_at - self._clock.now())
        if self._aborts({"EARL"}) and self._output.limited:
            return True
        yield self._output.delay
        self._registers.measure(Measurement.READING, holds=False)
        reading = yield from self._meter.take()
        self._keep(reading)
        if settings.clear_auto and settings.clear_mode == "ALW":
            self._output.switch(on=False)
        return self._stops(reading)

    def _stops(self, reading: Reading) -> bool:
        """Return whether compliance ends the sweep with a reading."""
        return reading.in_compliance and self._aborts({"EARL", "LATE"})

    def _aborts(self, when: set[str]) -> bool:
        """Return whether compliance ends a sweep when it is found at one of these times."""
        return self._settings.compliance_abort in when and self._settings.source.mode != "FIX"

    def _keep(self, reading: Reading) -> None:
        """Put a reading where it belongs, and say so in the measurement register."""
        if len(self.sample) >= MOST_POINTS:
            self.sample.clear()
        self.sample.append(reading)
        self._store.store(reading)
        registers = self._registers
        registers.measure(Measurement.READING, holds=True)
        raised, cleared = judge(self._settings.calc, reading)
        registers.measure(cleared, holds=False)
        registers.measure(raised, holds=True)
        registers.measure(Measurement.OVERFLOW, bool(reading.status & StatusWord.OVERFLOW))
        registers.measure(Measurement.PROTECTED, bool(reading.status & StatusWord.PROTECTED))
        registers.measure(Measurement.COMPLIANCE, reading.in_compliance)
        registers.measure(Measurement.BUFFER_AVAILABLE, len(self._store) >= 2)
        registers.measure(Measurement.BUFFER_FULL, self._store.full)
