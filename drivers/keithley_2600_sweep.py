"""Sweeps of a Keithley 2600B: the channel's trigger model steps through a list and fills its two buffers.

The sweep runs while the link stays free, so that an abort is heard at any time. It goes on through compliance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from drivers.keithley_2600_knobs import Keithley2600Knobs
    from labctl.backend import Clock
    from labctl.smu_data import Reading

    MakeReading = Callable[[float, float, float, float], Reading]

POINTS_MAX = 2500
"""Points of one sweep; the buffers hold more than 60 000."""
GROUP = 50
"""Levels that one line appends to the list."""
DELAY_MAX = 1e4
"""Longest source delay (s); assumed, for the manual gives none."""
PATIENCE = 10.0
"""A sweep that gives no reading for this long (s), and for ten times its delay, has stopped."""
HOLD_COUNT = "labctl_readings, labctl_voltages = smuX.nvbuffer1.n, smuX.nvbuffer2.n"
COUNT = "labctl_readings, labctl_voltages"
"""A query is evaluated twice, and a count that grows meanwhile would contradict itself."""
COLUMNS = (
    "smuX.nvbuffer1.readings",
    "smuX.nvbuffer2.readings",
    "smuX.nvbuffer1.timestamps",
    "smuX.nvbuffer1.statuses",
)
"""Currents, voltages, times and status words. A sweep is read with each of them twice, so that damage is seen."""


class Sweep:
    """One sweep of a channel that is configured.

    Args:
        channel: its settings and its link.
        clock: the backend's.
        reading: makes a reading of voltage (V), current (A), time (s) and status word.
        levels: what to source (V), at the most `POINTS_MAX`.
        delay: from each level to its measurement (s), at the most `DELAY_MAX`.
    """

    def __init__(
        self, channel: Keithley2600Knobs, clock: Clock, reading: MakeReading, levels: Sequence[float], delay: float
    ) -> None:
        self._channel = channel
        self._link = channel.link
        self._clock = clock
        self._reading = reading
        self._levels = levels
        self._delay = delay

    def load(self) -> None:
        """Send the levels and set the trigger model up; what is refused stands in the error queue."""
        self._link.write("labctl_levels = {}")
        for start in range(0, len(self._levels), GROUP):
            group = ", ".join(f"{level:.9g}" for level in self._levels[start : start + GROUP])
            self._link.write(f"for _, level in ipairs({{{group}}}) do table.insert(labctl_levels, level) end")
        self._channel.source_delay = self._delay
        for line in (
            "smuX.nvbuffer1.clear() smuX.nvbuffer2.clear()",
            "smuX.trigger.source.listv(labctl_levels)",
            "smuX.trigger.source.limiti = smuX.LIMIT_AUTO",
            "smuX.trigger.source.action = smuX.ENABLE",
            "smuX.trigger.measure.iv(smuX.nvbuffer1, smuX.nvbuffer2)",
            "smuX.trigger.measure.action = smuX.ENABLE",
            "smuX.trigger.endpulse.action = smuX.SOURCE_HOLD",
            "smuX.trigger.endsweep.action = smuX.SOURCE_IDLE",
            "smuX.trigger.arm.count = 1",
            f"smuX.trigger.count = {len(self._levels)}",
        ):
            self._link.write(line)
        # What the source returns to when the sweep is over.
        self._channel.source_level = 0.0

    def confirm(self) -> None:
        """Make sure that the instrument holds the sweep's times.

        Raises:
            SettingError: if it holds others.
        """
        type(self._channel).source_delay.confirm(self._channel, self._delay)

    def run(self, point: float) -> int:
        """Start the sweep, wait until all readings are there or no more come, and return how many there are.

        Args:
            point: about how long each level takes (s).
        """
        count = len(self._levels)
        pause = min(max(count * point / 50, 0.01), 0.5)
        self._link.write("smuX.trigger.initiate()")
        done, moved = 0, self._clock.now()
        while (found := self._found()) < count:
            if found != done:
                done, moved = found, self._clock.now()
            elif self._clock.now() - moved > PATIENCE + 10 * point:
                return found
            self._clock.sleep(pause)
        self._link.write("waitcomplete()")
        self.finish()
        return count

    def finish(self) -> None:
        """Undo what `load` changed of the channel's configuration."""
        self._channel.source_delay = 0.0

    def read(self) -> list[Reading]:
        """Return the readings of the sweep.

        Raises:
            LinkError: if they are damaged.
            TrippedError: if the instrument was too hot.
        """
        count, width = len(self._levels), len(COLUMNS)
        query = f"printbuffer(1, {count}, {', '.join(COLUMNS * 2)})"
        self._channel.data_format = "binary"
        table = self._link.query_block(query, 2 * count * width, "<f8").reshape(count, 2 * width)
        self._channel.data_format = "text"
        rows, again = table[:, :width], table[:, width:]
        times = rows[:, 2]
        if not np.array_equal(rows, again, equal_nan=True):
            raise self._link.garbled(query, "readings that are not the same twice")
        if not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise self._link.garbled(query, "times that do not ascend")
        return [
            self._reading(voltage, current, time - float(times[0]), status)
            for current, voltage, time, status in rows.tolist()
        ]

    def _found(self) -> int:
        self._link.write(HOLD_COUNT)
        values = self._link.query_values(COUNT)
        if len(values) != 2 or not all(0 <= value <= 1e9 for value in values):
            raise self._link.garbled(COUNT, ",".join(map(str, values)))
        return int(min(values))
