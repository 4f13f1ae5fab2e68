"""How long a source-measure unit writes: no level above the die's read voltage lasts longer than a pulse may.

A level that is sourced stays until somebody changes it, so it may be as high as a read is, and no higher; so may the
level between pulses. A sweep leaves each level by itself: a point above the read voltage is a pulse as wide as the
point lasts, neighbouring points at one level are one pulse, and a sweep that ends above it goes on to 0 V, for a host
that falls silent must not leave the last point standing.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.errors import EnvelopeError, InputError
from labctl.forwarding import ForwardingSourceMeter
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.instruments import SourceMeter
    from labctl.limits import Envelope
    from labctl.smu_data import PulseTrain, Reading, SourceSetup

LINE_PERIOD = 0.02
"""Of a 50 Hz power line (s), the longer of the two."""
INTEGRATIONS = 6
"""Integration times that a point of a sweep lasts at the most: voltage and current, each with the reference and the
zero of auto zero. Assumption: the makers' manuals give reading rates and no bound; this is the 2400 with auto zero, the
slowest of the known instruments."""
OVERHEAD = 6e-3
"""Everything else that a point lasts, in a fixed measure range (s). Assumption, as above; beside the sweep's delay."""


def point_time(nplc: float, delay: float) -> float:
    """Return how long (s) a point of a sweep lasts at the most, in a fixed measure range.

    Args:
        nplc: integration time in power line cycles.
        delay: of the sweep (s).
    """
    return INTEGRATIONS * nplc * LINE_PERIOD + OVERHEAD + delay


class TimedSourceMeter(ForwardingSourceMeter):
    """A source-measure unit whose writes end by themselves, in time.

    Args:
        smu: the instrument.
        envelope: of the die.
    """

    def __init__(self, smu: SourceMeter, envelope: Envelope) -> None:
        super().__init__(smu)
        self._envelope = envelope
        self._setup: SourceSetup | None = None

    @override
    def configure(self, setup: SourceSetup) -> SourceSetup:
        self._setup = None
        self._setup = super().configure(setup)
        return self._setup

    @override
    def source(self, voltage: float) -> None:
        self._check_standing(voltage, "a source voltage", "sweep to it, or pulse")
        super().source(voltage)

    @override
    def pulse(self, train: PulseTrain) -> list[Reading]:
        self._check_standing(train.base, "a pulse's base level", "go back to a lower one")
        return super().pulse(train)

    @override
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        if not 0 <= delay < math.inf:
            raise InputError(f"a delay is 0 s or longer, not {delay:g} s")
        if not any(map(self._writes, voltages)):
            return super().sweep(voltages, delay)
        if not self.sweeps_by_itself:
            highest = max(filter(self._writes, voltages), key=abs)
            self._check_standing(
                highest,
                f"{self.name} is stepped by this computer: a level of its sweep",
                "sweep lower, or use the probe board",
            )
        self._check_points(voltages, delay)
        if self._writes(voltages[-1]):
            return super().sweep([*voltages, 0.0], delay)[:-1]
        return super().sweep(voltages, delay)

    def _writes(self, voltage: float) -> bool:
        return not abs(voltage) <= self._envelope.read_voltage

    def _check_standing(self, voltage: float, what: str, remedy: str) -> None:
        if self._writes(voltage):
            raise EnvelopeError(
                f"{what} of {format_quantity(voltage, 'V')} writes for as long as it stands; this die allows "
                f"read_voltage up to {format_quantity(self._envelope.read_voltage, 'V')} without end, and voltage up "
                f"to {format_quantity(self._envelope.voltage, 'V')} for pulse_width; {remedy}"
            )

    def _check_points(self, voltages: Sequence[float], delay: float) -> None:
        """Refuse a sweep in which a level above the read voltage would last too long.

        Raises:
            EnvelopeError: says how to make it shorter.
        """
        setup, allowed = self._setup, self._envelope.pulse_width
        if setup is None:
            raise InputError(f"{self.name} must be configured before it sweeps above the die's read voltage")
        if setup.current_range is None:
            raise EnvelopeError(
                "a sweep above the die's read voltage needs a fixed measure range: with auto range nobody can say how "
                "long a point lasts; configure current_range"
            )
        longest, level = max(
            (len(list(same)), level) for level, same in itertools.groupby(voltages) if self._writes(level)
        )
        lasts = longest * point_time(setup.nplc, delay)
        if lasts <= allowed:
            return
        points = "a point" if longest == 1 else f"{longest} points in a row"
        fits = (allowed / longest - OVERHEAD) / (INTEGRATIONS * LINE_PERIOD)
        remedy = f"lower nplc to {_floor(fits):g} or less" if fits >= 0.01 and not delay else "lower nplc and delay"
        if longest > 1:
            remedy += ", or have fewer of them"
        raise EnvelopeError(
            f"{points} at {format_quantity(level, 'V')} may last {format_quantity(lasts, 's')} (nplc {setup.nplc:g}, "
            f"delay {format_quantity(delay, 's')}), and writes as long; this die allows pulse_width up to "
            f"{format_quantity(allowed, 's')}; {remedy}"
        )


def _floor(nplc: float) -> float:
    """Return an integration time (power line cycles) cut to a hundredth."""
    return math.floor(nplc * 100) / 100
