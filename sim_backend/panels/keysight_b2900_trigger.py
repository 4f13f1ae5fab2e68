"""The trigger system of one B2900A channel: it runs beside the conversation with the host, on the clock's timers.

A channel has two device actions, transient (source) and acquire (measure), each with an arm and a trigger layer. The
twin runs both in step: trigger by trigger, the acquire action's layers lead if it takes part. The other action's count
and delay are its own.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_facts import MOST_READINGS, SHORTEST_INTERVAL
from sim_backend.panels.keysight_b2900_status import Measurement, Operation
from sim_backend.panels.scpi_errors import ScpiError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from labctl.backend import Timer
    from sim_backend.clock import VirtualClock
    from sim_backend.panels.keysight_b2900_meter import Meter
    from sim_backend.panels.keysight_b2900_output import Output
    from sim_backend.panels.keysight_b2900_readings import Reading
    from sim_backend.panels.keysight_b2900_settings import ChannelSettings, Layer
    from sim_backend.panels.keysight_b2900_status import ChannelStatus
    from sim_backend.panels.keysight_b2900_sweep import Plan

MOST_WAITED_FOR: Final = 1_000_000
"""Triggers of a run from which on it counts as endless: nobody waits for its end."""
THINNING: Final = 1e-3
"""Shortest interval between triggers, as a part of the time since the start, once a run has filled the data buffer.

The instrument has no such thing: it lets a twin pass a day beside a run that nobody ends.
"""
INTERNAL: Final = frozenset({"AINT", "TIM"})
"""Sources that come by themselves; nothing in the twin gives the others but `*TRG` and the immediate commands."""


class DeviceAction(Enum):
    """What a trigger makes a channel do."""

    TRANSIENT = "TRAN"
    ACQUIRE = "ACQ"


class TriggerSystem:
    """Runs a channel's device actions.

    Args:
        settings: of the channel.
        output: of the channel.
        meter: of the channel.
        status: the channel's status bits.
        clock: the time.
        keep: called with each reading.
    """

    def __init__(
        self,
        settings: ChannelSettings,
        output: Output,
        meter: Meter,
        status: ChannelStatus,
        clock: VirtualClock,
        keep: Callable[[Reading], None],
    ) -> None:
        self._settings = settings
        self._output = output
        self._meter = meter
        self._status = status
        self._clock = clock
        self._keep = keep
        self._steps: Generator[float, None, None] | None = None
        self._running: frozenset[DeviceAction] = frozenset()
        self._waiting_for: frozenset[str] = frozenset()
        self._timer: Timer | None = None
        self._when_idle: list[Callable[[], None]] = []
        self.due = math.inf
        self.endless = False
        self._note()

    @property
    def running(self) -> bool:
        """Whether a device action is not idle."""
        return self._steps is not None

    def idle(self, action: DeviceAction) -> bool:
        """Return whether a device action is idle."""
        return action not in self._running

    def start(self, actions: Iterable[DeviceAction], plan: Plan) -> None:
        """Leave the idle state.

        Raises:
            ScpiError: -213 if the channel is not idle.
        """
        chosen = frozenset(actions)
        layers = [layer for action in chosen for layer in self._layers(action)]
        total = max(self._total(action) for action in chosen)
        endless = total > MOST_WAITED_FOR or any(layer.source not in INTERNAL for layer in layers)
        self._begin(chosen, self._run(chosen, plan), endless=endless)

    def spot(self) -> None:
        """Measure once, without arm and trigger layers.

        Raises:
            ScpiError: -213 if the channel is not idle (assumption: the number).
        """
        self._begin(frozenset({DeviceAction.ACQUIRE}), self._acquire(), endless=False)

    def fire(self, source: str) -> None:
        """Let an event of a trigger source come, if the channel waits for one of it."""
        if source in self._waiting_for:
            self._waiting_for = frozenset()
            self._advance()

    def abort(self) -> None:
        """Return to the idle state at once; the output stays as it is."""
        if self._steps is not None:
            self._steps.close()
            self._finish()

    def when_idle(self, action: Callable[[], None]) -> None:
        """Call `action` once nothing runs, at once if nothing does."""
        if self.running:
            self._when_idle.append(action)
        else:
            action()

    def _begin(self, actions: frozenset[DeviceAction], steps: Generator[float, None, None], *, endless: bool) -> None:
        if self.running:
            raise ScpiError(-213)
        self._steps = steps
        self._running = actions
        self.endless = endless
        if DeviceAction.ACQUIRE in actions:
            available = Measurement.READING_AVAILABLE | Measurement.READING_OVERFLOW
            self._status.put_measurement(available, Measurement(0))
        self._note()
        self._advance()

    def _layers(self, action: DeviceAction) -> tuple[Layer, Layer]:
        settings = self._settings.acquire if action is DeviceAction.ACQUIRE else self._settings.transient
        return settings.arm, settings.trigger

    def _total(self, action: DeviceAction) -> float:
        arm, trigger = self._layers(action)
        return arm.count * trigger.count

    def _run(self, actions: frozenset[DeviceAction], plan: Plan) -> Generator[float, None, None]:
        """Yield the times (s) between the steps of a run; infinite where an event is waited for."""
        lead = DeviceAction.ACQUIRE if DeviceAction.ACQUIRE in actions else DeviceAction.TRANSIENT
        arm, trigger = self._layers(lead)
        totals = {action: self._total(action) for action in actions}
        most = max(totals.values())
        arm_due = trigger_due = -math.inf
        began = self._clock.now()
        index = 0
        while index < most and not self._output.tripped:
            if index % trigger.count == 0:
                arm_due = yield from self._await(arm, arm_due, lead, armed=False)
                yield arm.delay
                trigger_due = -math.inf
            trigger_due = yield from self._await(trigger, trigger_due, lead, armed=True)
            self._note()
            start = self._clock.now()
            yield from self._point({action for action in actions if index < totals[action]}, plan, index)
            interval = SHORTEST_INTERVAL if index < MOST_READINGS else THINNING * (start - began)
            yield start + interval - self._clock.now()
            index += 1
        if DeviceAction.TRANSIENT in actions:
            self._rest()

    def _await(self, layer: Layer, due: float, lead: DeviceAction, *, armed: bool) -> Generator[float, None, float]:
        """Wait for a layer's next event; return when the one after it is due (s), by the layer's timer."""
        if layer.source == "TIM":
            yield max(0.0, due - self._clock.now())
            return max(due, self._clock.now()) + layer.period
        if layer.source != "AINT":
            self._waiting_for = frozenset({layer.source, "IMM"})
            self._note(lead, armed=armed)
            yield math.inf
        return due

    def _point(self, actions: set[DeviceAction], plan: Plan, index: int) -> Generator[float, None, None]:
        """Do what one trigger starts."""
        start = self._clock.now()
        if DeviceAction.TRANSIENT not in actions:
            yield from self._acquire_if(actions, start)
        elif self._settings.shape == "PULS":
            yield from self._pulse(actions, plan.at(index), start)
        else:
            ready = max(start + self._settings.transient.trigger.delay, self._output.changeable_at)
            yield ready - self._clock.now()
            self._output.apply(*plan.at(index))
            yield from self._acquire_if(actions, start)

    def _pulse(
        self, actions: set[DeviceAction], peak: tuple[float, float], start: float
    ) -> Generator[float, None, None]:
        """Put out one pulse on the immediate level and measure at the acquire delay, in it, before or after it."""
        settings = self._settings
        rise = start + settings.transient.trigger.delay + settings.pulse_delay
        end = rise + settings.pulse_width
        # A reading stands for the time in which it was converted: it is taken when that ends.
        middle = start + settings.acquire.trigger.delay + self._meter.aperture
        measured = DeviceAction.ACQUIRE not in actions
        for moment, level in ((rise, peak[0]), (end, settings.source.level)):
            if not measured and middle <= moment:
                yield from self._acquire_if(actions, start)
                measured = True
            yield moment - self._clock.now()
            self._output.apply(level, peak[1])
            self._output.settled_at = self._clock.now()
        if not measured:
            yield from self._acquire_if(actions, start)

    def _acquire_if(self, actions: set[DeviceAction], start: float) -> Generator[float, None, None]:
        """Measure at the acquire delay after `start` (s), if that is asked for."""
        if DeviceAction.ACQUIRE in actions:
            yield start + self._settings.acquire.trigger.delay - self._clock.now()
            yield from self._acquire()

    def _acquire(self) -> Generator[float, None, None]:
        reading = yield from self._meter.take()
        self._keep(reading)

    def _rest(self) -> None:
        """Return from the triggered to the immediate level, unless it is to stay (assumption)."""
        source = self._settings.source
        if not self._settings.continuous and not self._output.tripped:
            self._output.apply(source.level, source.range)

    def _advance(self) -> None:
        """Do what is due and set a timer for the next step."""
        self._cancel()
        if self._steps is None:
            return
        try:
            pause = next(step for step in self._steps if step > 0)
        except StopIteration:
            self._finish()
            if self._settings.output.off_auto:
                self._output.switch(on=False)
            return
        if math.isinf(pause):
            self.due = math.inf
            return
        now = self._clock.now()
        # Time must move on, however late it is.
        pause = max(pause, 2 * math.ulp(now))
        self.due = now + pause
        self._timer = self._clock.every(pause, self._advance)

    def _finish(self) -> None:
        """Note that the run is over."""
        self._cancel()
        self._steps = None
        self._running = frozenset()
        self._waiting_for = frozenset()
        self._note()
        waiting, self._when_idle = self._when_idle, []
        for action in waiting:
            action()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note(self, lead: DeviceAction | None = None, *, armed: bool = False) -> None:
        """Set the status bits: what is idle, and for which event the leading action waits."""
        bits = Operation(0)
        if self.idle(DeviceAction.TRANSIENT):
            bits |= Operation.TRANSITION_IDLE
        if self.idle(DeviceAction.ACQUIRE):
            bits |= Operation.ACQUIRE_IDLE
        if lead is DeviceAction.ACQUIRE:
            bits |= Operation.ACQUIRE_TRIGGER if armed else Operation.ACQUIRE_ARM
        elif lead is DeviceAction.TRANSIENT:
            bits |= Operation.TRANSITION_TRIGGER if armed else Operation.TRANSITION_ARM
        self._status.put_operation(bits)
