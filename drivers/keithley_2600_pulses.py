"""Pulses of a Keithley 2600B: a sweep whose levels last as long as a timer says, and go back to the base level.

Two of the instrument's eight trigger timers belong to each channel: one starts the pulses, the other one ends them
(Series 2600B reference manual, 2600BS-901-01, "Timers"). A pulse is as wide as the time from the event that starts the
source to the one that ends the pulse ("Pulse mode sweeps"); the trigger model ends none before its measurement is done.

Assumptions: pulses last at least 100 us, as the data sheet of the family is remembered; a measurement of current and
voltage takes two integration times and up to 100 us, although the channel has a converter for each; `AUTOZERO_ONCE`
leaves auto zero off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from drivers.keithley_2600_sweep import POINTS_MAX, Sweep
from drivers.knobs import number
from drivers.pulse_bounds import PulseBounds
from drivers.source_bounds import LINE_PERIOD

if TYPE_CHECKING:
    from drivers.keithley_2600_knobs import Keithley2600Knobs
    from drivers.keithley_2600_sweep import MakeReading
    from drivers.knobs import Knob
    from labctl.backend import Clock
    from labctl.smu_data import PulseTrain

OVERHEAD = 100e-6
INTEGRATIONS = 2
NPLC_MIN = 0.001
WIDTH_MIN = round(max(100e-6, INTEGRATIONS * NPLC_MIN * LINE_PERIOD + OVERHEAD), 6)
"""Shortest pulse that can be measured (s)."""
WIDTH_MAX = 1e4
"""Longest delay of a timer (s); the manual allows ten times more."""
BOUNDS = PulseBounds(WIDTH_MIN, WIDTH_MAX, POINTS_MAX, INTEGRATIONS, OVERHEAD)
TIMERS = {"smua": (1, 2), "smub": (3, 4)}
"""Numbers of a channel's timers: of the period, of the width."""


def timer(delay: str, what: str) -> Knob[float]:
    """Return the knob for the delay of a timer, as in "trigger.timer[1].delay"."""
    return number(f"{delay} = {{}}", delay, "s", 0, 2 * WIDTH_MAX, what)


class PulseSweep(Sweep):
    """A train of pulses of a channel that is configured for it, its output on.

    Args:
        channel: its settings and its link.
        clock: the backend's.
        reading: makes a reading of voltage (V), current (A), time (s) and status word.
        train: the pulses.
        nplc: integration time in power line cycles.
    """

    def __init__(
        self, channel: Keithley2600Knobs, clock: Clock, reading: MakeReading, train: PulseTrain, nplc: float
    ) -> None:
        super().__init__(channel, clock, reading, [train.level] * train.count, 0.0)
        self._train = train
        self._wait = train.width - BOUNDS.measuring(nplc)
        self._timers = TIMERS[channel.link.smu]

    @override
    def load(self) -> None:
        super().load()
        train, channel = self._train, self._channel
        period, width = (f"trigger.timer[{number}]" for number in self._timers)
        for line in (
            f"{period}.reset() {width}.reset()",
            f"{period}.delay = {train.width + train.rest:.9g}",
            # The first pulse begins with the train; a count of 0 would go on for ever.
            f"{period}.passthrough = true {period}.count = {max(train.count - 1, 1)}",
            f"{period}.stimulus = smuX.trigger.ARMED_EVENT_ID",
            f"{width}.delay = {train.width:.9g}",
            f"{width}.passthrough = false {width}.count = 1",
            f"{width}.stimulus = {period}.EVENT_ID",
            f"smuX.trigger.source.stimulus = {period}.EVENT_ID",
            "smuX.trigger.measure.stimulus = 0",
            f"smuX.trigger.endpulse.stimulus = {width}.EVENT_ID",
            "smuX.trigger.endpulse.action = smuX.SOURCE_IDLE",
            # Auto zero would add its own conversions to each measurement.
            "smuX.measure.autozero = smuX.AUTOZERO_ONCE",
        ):
            self._link.write(line)
        channel.auto_zero = "off"
        channel.measure_wait = max(self._wait, 0.0)
        # What the source idles at.
        channel.source_level = train.base

    @override
    def confirm(self) -> None:
        """Make sure that the instrument holds the train's times.

        Raises:
            SettingError: if it holds others.
        """
        cls, channel = type(self._channel), self._channel
        cls.auto_zero.confirm(channel, "off")
        cls.measure_wait.confirm(channel, max(self._wait, 0.0))
        period, width = (f"trigger.timer[{number}].delay" for number in self._timers)
        timer(period, "pulse period").confirm(channel, self._train.width + self._train.rest)
        timer(width, "pulse width").confirm(channel, self._train.width)

    @override
    def finish(self) -> None:
        super().finish()
        channel = self._channel
        period, width = (f"trigger.timer[{number}]" for number in self._timers)
        channel.source_level = 0.0
        for line in (
            f"{period}.reset() {width}.reset()",
            "smuX.trigger.source.stimulus = 0",
            "smuX.trigger.endpulse.stimulus = 0",
        ):
            self._link.write(line)
        channel.auto_zero = "auto"
        channel.measure_delay = "auto"
