"""The trigger model of one channel of a 2600B: arm and trigger layer, and the sweep that it runs.

It runs beside the conversation with the host, on the clock's timers.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keithley_2600_errors import RUNTIME, TspError
from sim_backend.panels.keithley_2600_events import Detector
from sim_backend.panels.keithley_2600_facts import Function

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from labctl.backend import Timer
    from sim_backend.clock import VirtualClock
    from sim_backend.panels.keithley_2600_buffers import Reading, ReadingBuffer
    from sim_backend.panels.keithley_2600_events import EventBus
    from sim_backend.panels.keithley_2600_meter import Meter
    from sim_backend.panels.keithley_2600_output import Output
    from sim_backend.panels.keithley_2600_settings import Settings
    from sim_backend.panels.keithley_2600_source import Source

LAYER_TIME: Final = 10e-6
"""s that one turn of the trigger layer takes beside its actions (assumption)."""
SOURCE_IDLE, SOURCE_HOLD = 0, 1
LIMIT_AUTO: Final = 0.0
"""`trigger.source.limiti` and its like keep the limit of the settings (assumption: the number)."""
EVENT_NAMES: Final = (
    "ARMED", "SOURCE_COMPLETE", "MEASURE_COMPLETE", "PULSE_COMPLETE", "SWEEP_COMPLETE", "SWEEPING", "IDLE",
)  # fmt: skip
LAYERS: Final = ("arm", "source", "measure", "endpulse")


@dataclass(slots=True)
class SweepSettings:
    """What a reset of the channel restores of its trigger model."""

    arm_count: float = 1.0
    count: float = 1.0
    source_action: int = 0
    measure_action: int = 0
    end_pulse: int = SOURCE_HOLD
    end_sweep: int = SOURCE_IDLE
    function: Function = Function.VOLTAGE
    levels: list[float] = field(default_factory=list[float])
    quantities: tuple[str, ...] = ()
    buffers: tuple[ReadingBuffer, ...] = ()
    limits: dict[Function, float] = field(default_factory=lambda: dict.fromkeys(Function, LIMIT_AUTO))
    autoclear: int = 0


class TriggerModel:
    """Runs the sweep that is set up, point by point.

    Args:
        letter: of the channel.
        settings: of the channel.
        source: checks levels.
        output: puts them out.
        meter: measures.
        bus: carries the events.
        clock: the time.
        fail: takes errors on the way.
    """

    def __init__(
        self,
        letter: str,
        settings: Settings,
        source: Source,
        output: Output,
        meter: Meter,
        bus: EventBus,
        clock: VirtualClock,
        fail: Callable[[TspError], None],
    ) -> None:
        self._letter = letter
        self._settings = settings
        self._source = source
        self._output = output
        self._meter = meter
        self._bus = bus
        self._clock = clock
        self._fail = fail
        self._steps: Generator[float | Detector, None, None] | None = None
        self._waiting: Detector | None = None
        self._timer: Timer | None = None
        self._due = 0.0
        self.set_up = SweepSettings()
        self.events = {name: bus.new_event() for name in EVENT_NAMES}
        self.detectors = {name: Detector(bus, self._wake) for name in LAYERS}

    @property
    def running(self) -> bool:
        """Whether a sweep is under way."""
        return self._steps is not None

    @property
    def due(self) -> float | None:
        """When it goes on by itself, in s on the clock; None while it waits for an event or nothing runs."""
        return self._due if self._timer is not None else None

    def reset(self) -> None:
        """Stop and return to the default settings."""
        self.abort()
        self.set_up = SweepSettings()
        for detector in self.detectors.values():
            detector.stimulus = 0
            detector.clear()

    def set_levels(self, function: Function, levels: Sequence[float]) -> None:
        """Take the levels of a sweep, in V or A.

        Raises:
            TspError: -224 without any, 1101 or 1102 beyond the instrument.
        """
        if not levels:
            raise TspError(-224)
        largest = 1.01 * self._settings.family.largest(function)
        for level in levels:
            if not -largest <= level <= largest:
                raise TspError(1101 if level > 0 else 1102 if level < 0 else -104)
        self.set_up.function, self.set_up.levels = function, list(levels)

    def initiate(self) -> None:
        """Start what is set up.

        Raises:
            TspError: 5059 or 5060 if an action is enabled and not set up, 5028 for pulses with source autorange,
                -221 if a sweep runs.
        """
        plan = self.set_up
        if self.running:
            raise TspError(-221)
        if plan.source_action and not plan.levels:
            raise TspError(5059, channel=self._letter)
        if plan.measure_action and not plan.quantities:
            raise TspError(5060, channel=self._letter)
        source = self._settings.sources[plan.function]
        if plan.source_action:
            # Seen on a real instrument with pulses (5028); the manual asks for fixed ranges there.
            if plan.end_pulse == SOURCE_IDLE and source.auto_range:
                raise TspError(5028, channel=self._letter)
            largest = max(plan.levels, key=abs)
            self._source.select(plan.function)
            _, source.range = self._source.checked_level(plan.function, largest)
            if self._output.on:
                limit = self._settings.sources[Function.VOLTAGE].limit
                self._output.check_line(plan.function, source.range, limit)
        for detector in self.detectors.values():
            detector.clear()
        # What is set while it runs is for the next one.
        self._steps = self._run(replace(plan, limits=dict(plan.limits)))
        self._advance()

    def abort(self) -> None:
        """Stop at once; the output goes back to its programmed level."""
        if self._steps is not None:
            self._finish()
            self._output.step(None)

    def _wake(self, detector: Detector) -> None:
        if detector is self._waiting:
            detector.take()
            self._waiting = None
            self._advance()

    def _advance(self) -> None:
        """Do what is due, up to the next pause or to an event that has not come."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._steps is not None:
            try:
                step = next(self._steps)
            except StopIteration:
                self._finish()
                self._bus.fire(self.events["IDLE"])
                return
            except TspError as error:
                self._fail(error)
                self.abort()
                return
            if isinstance(step, Detector):
                if not step.bypassed and not step.take():
                    self._waiting = step
                    return
                step.take()
            elif step > 0:
                self._due = self._clock.now() + step
                self._timer = self._clock.every(step, self._advance)
                return

    def _run(self, plan: SweepSettings) -> Generator[float | Detector, None, None]:
        """Yield pauses (s) and the detectors that are waited for."""
        for buffer in dict.fromkeys(plan.buffers if plan.measure_action else ()):
            buffer.prepare()
        detectors, events = self.detectors, self.events
        for _ in _turns(plan.arm_count):
            yield detectors["arm"]
            self._bus.fire(events["ARMED"])
            self._bus.fire(events["SWEEPING"])
            for turn in _turns(plan.count):
                if not self._bus.spend():
                    raise TspError(RUNTIME, text="TSP Runtime error at line 1: sweep aborted")
                yield LAYER_TIME
                yield detectors["source"]
                if plan.source_action:
                    self._output.step(plan.levels[turn % len(plan.levels)], self._limit(plan))
                    yield self._output.settled_at - self._clock.now()
                self._bus.fire(events["SOURCE_COMPLETE"])
                yield detectors["measure"]
                if plan.measure_action:
                    yield from self._measure(plan)
                    self._bus.fire(events["MEASURE_COMPLETE"])
                yield detectors["endpulse"]
                if plan.source_action and plan.end_pulse == SOURCE_IDLE:
                    self._output.step(None)
                self._bus.fire(events["PULSE_COMPLETE"])
            self._end_sweep(plan)
            self._bus.fire(events["SWEEP_COMPLETE"])

    def _measure(self, plan: SweepSettings) -> Generator[float, None, None]:
        readings: list[Reading] = yield from self._meter.take(plan.quantities)
        for buffer, reading in zip(plan.buffers, readings, strict=True):
            buffer.store(reading)

    def _end_sweep(self, plan: SweepSettings) -> None:
        """Go back to the programmed level, or keep the last one as if it were programmed."""
        if plan.source_action and plan.levels:
            if plan.end_sweep == SOURCE_HOLD and plan.end_pulse == SOURCE_HOLD:
                self._settings.sources[plan.function].level = self._output.level
            self._output.step(None)

    def _limit(self, plan: SweepSettings) -> float | None:
        limit = plan.limits[plan.function.other]
        return None if limit == LIMIT_AUTO else limit

    def _finish(self) -> None:
        steps, self._steps, self._waiting = self._steps, None, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if steps is not None:
            steps.close()


def _turns(count: float) -> range | itertools.count[int]:
    """Return the turns of a layer; 0 is for ever."""
    return range(int(count)) if count else itertools.count()


def linear_levels(start: float, stop: float, points: int) -> list[float]:
    """Return the levels of a linear sweep."""
    if points == 1:
        return [start]
    step = (stop - start) / (points - 1)
    return [*(start + step * place for place in range(points - 1)), stop]


def logarithmic_levels(start: float, stop: float, points: int, asymptote: float) -> list[float]:
    """Return the levels of a logarithmic sweep.

    Raises:
        TspError: -224 if the asymptote does not lie beyond both ends.
    """
    first, last = start - asymptote, stop - asymptote
    if first * last <= 0:
        raise TspError(-224)
    if points == 1:
        return [start]
    ratio = math.log(last / first) / (points - 1)
    return [*(asymptote + first * math.exp(ratio * place) for place in range(points - 1)), stop]
