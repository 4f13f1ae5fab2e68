"""Pulses of a Keysight B2900: the source in its pulsed shape, triggered by a timer, measured at the end of each pulse.

A pulse lasts from 10 % of its leading edge to 90 % of its trailing edge, 50 us at the least (B2900 user's guide,
"Pulse output"). The immediate level is the base, the triggered level the peak.

Assumptions: a measurement of current and voltage takes one integration time and up to 20 us; the source gives the peak
as its element of a reading, as it gives the level in a sweep.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from drivers.keysight_b2900_knobs import DELAY_MAX, LIST_MAX, PULSE_MIN
from drivers.keysight_b2900_sweep import ListSweep
from drivers.pulse_bounds import PulseBounds

if TYPE_CHECKING:
    from drivers.keysight_b2900_channel import B2900Channel
    from drivers.settings import AnySetting
    from labctl.backend import Clock
    from labctl.smu_data import PulseTrain

BOUNDS = PulseBounds(PULSE_MIN, DELAY_MAX, LIST_MAX, integrations=1, overhead=20e-6)


class PulseRun(ListSweep):
    """A train of pulses.

    Args:
        channel: configured, in its pulsed shape, its output on.
        clock: the backend's.
        train: the pulses.
        nplc: integration time in power line cycles.
        tolerance: of a level as the instrument gives it (V).
    """

    _mode = "fixed"
    _trigger = "timer"

    def __init__(self, channel: B2900Channel, clock: Clock, train: PulseTrain, nplc: float, tolerance: float) -> None:
        super().__init__(
            channel, clock, [train.level] * train.count, max(train.width - BOUNDS.measuring(nplc), 0.0), tolerance
        )
        self._train = train

    @override
    def _load(self) -> None:
        self._apply(self._settings())

    @override
    def _settings(self) -> list[AnySetting]:
        channel, knobs, train = self._channel, self._channel.knobs, self._train
        period = train.width + train.rest
        return [
            knobs.source_level.to(channel, train.base),
            knobs.peak.to(channel, train.level),
            knobs.pulse_width.to(channel, train.width),
            knobs.pulse_delay.to(channel, 0.0),
            *super()._settings(),
            knobs.source_period.to(channel, period),
            knobs.measure_period.to(channel, period),
        ]
