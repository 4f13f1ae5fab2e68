"""The trigger system of one B2900A channel: it runs beside the conversation with the host, on the clock's timers.

A channel has two device actions, transient (source) and acquire (measure), each with an arm and a trigger layer. The
twin runs both in step, trigger by trigger, with counts and delays of their own; in each layer the acquire action's
events lead, unless they are left to the instrument (AINT) while the transient action's are not. On timers with
different intervals each action goes its own way.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Final

from sim_backend.panels.keysight_b2900_facts import CONVERSION_OVERHEAD, MOST_READINGS, SHORTEST_INTERVAL
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
SIMULTANEOUS: Final = 1e-9
"""s within which two moments are one: far below the resolution of all times, far above that of the clock."""
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
        apart = len(chosen) > 1 and self._independent()
        self._begin(chosen, self._whole(chosen, plan, apart=apart), endless=endless)

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

    def _whole(self, actions: frozenset[DeviceAction], plan: Plan, *, apart: bool) -> Generator[float, None, None]:
        """Yield as `_run` does, to the moment at which the output has returned to its own level."""
        yield from self._run_apart(plan) if apart else self._run(actions, plan)
        if DeviceAction.TRANSIENT in actions:
            self._rest()

    def _run(self, actions: frozenset[DeviceAction], plan: Plan) -> Generator[float, None, None]:
        """Yield the times (s) between the steps of a run; infinite where an event is waited for."""
        arm_lead, trigger_lead = self._leading(actions, 0), self._leading(actions, 1)
        arm, trigger = self._layers(arm_lead)[0], self._layers(trigger_lead)[1]
        totals = {action: self._total(action) for action in actions}
        most = max(totals.values())
        arm_due = trigger_due = -math.inf
        began = self._clock.now()
        index = 0
        while index < most and not self._output.tripped:
            if index % trigger.count == 0:
                arm_due = yield from self._await(arm, arm_due, arm_lead, armed=False)
                yield arm.delay
                trigger_due = -math.inf
            trigger_due = yield from self._await(trigger, trigger_due, trigger_lead, armed=True)
            self._note()
            start = self._clock.now()
            yield from self._point({action for action in actions if index < totals[action]}, plan, index)
            interval = SHORTEST_INTERVAL if index < MOST_READINGS else THINNING * (start - began)
            yield start + interval - self._clock.now()
            index += 1

    def _leading(self, actions: frozenset[DeviceAction], place: int) -> DeviceAction:
        """Return whose events the arm (0) or trigger (1) layers of a run wait for."""
        transient, acquire = (self._layers(action)[place].source for action in DeviceAction)
        if len(actions) == 1:
            return next(iter(actions))
        left_alone = acquire == "AINT" and transient != "AINT"
        return DeviceAction.TRANSIENT if left_alone else DeviceAction.ACQUIRE

    def _independent(self) -> bool:
        """Whether both actions' triggers come from timers of different intervals, and their arms by themselves."""
        layers = [self._layers(action) for action in DeviceAction]
        timed = all(arm.source in INTERNAL and trigger.source == "TIM" for arm, trigger in layers)
        return timed and len({trigger.period for _, trigger in layers}) > 1

    def _run_apart(self, plan: Plan) -> Generator[float, None, None]:
        """Yield as `_run` does for both actions, each on its own timer; at the same moment the source goes first."""
        runs = {action: self._run(frozenset({action}), plan) for action in DeviceAction}
        due = dict.fromkeys(runs, self._clock.now())
        while due:
            action = min(due, key=lambda action: due[action])
            yield due[action] - self._clock.now()
            pause = next(runs[action], None)
            if pause is None:
                del due[action]
            else:
                due[action] = self._clock.now() + max(pause, 0.0)

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
        moments: list[tuple[float, float | None]] = [(rise, peak[0]), (end, settings.source.level)]
        if DeviceAction.ACQUIRE in actions:
            # A reading stands for the time in which it was converted: it is taken when that ends, and one that ends
            # together with the pulse is in it.
            converted = start + settings.acquire.trigger.delay + self._meter.aperture
            moments.append((converted - SIMULTANEOUS, None))
        for moment, level in sorted(moments, key=lambda entry: entry[0]):
            yield moment - self._clock.now()
            if level is None:
                self._keep(self._meter.in_pulse())
            else:
                self._output.apply(level, peak[1])
                self._output.settled_at = self._clock.now()
        yield CONVERSION_OVERHEAD

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
        except Exception:
            self._finish()  # what the world refuses ends the run, and is the caller's affair
            raise
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
