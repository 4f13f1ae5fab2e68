"""One source-measure unit of a 2600B: its parts, wired together, and what measuring and resetting mean to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim_backend.panels.keithley_2600_buffers import ReadingBuffer
from sim_backend.panels.keithley_2600_errors import TspError
from sim_backend.panels.keithley_2600_facts import DEDICATED_CAPACITY
from sim_backend.panels.keithley_2600_meter import Meter
from sim_backend.panels.keithley_2600_output import Output
from sim_backend.panels.keithley_2600_settings import Settings
from sim_backend.panels.keithley_2600_source import Source
from sim_backend.panels.keithley_2600_sweep import TriggerModel

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from sim_backend.front_end.meter_accuracy import MeterAccuracy
    from sim_backend.panels.keithley_2600_buffers import Reading
    from sim_backend.panels.keithley_2600_output import Terminals
    from sim_backend.panels.keithley_2600_surroundings import Surroundings


class Channel:
    """A source-measure unit that was switched on just now.

    Args:
        letter: a or b.
        terminals: what it is connected to.
        surroundings: what it shares with the rest of the instrument.
        accuracy: its errors and its noise; None: it has none.
    """

    def __init__(
        self, letter: str, terminals: Terminals, surroundings: Surroundings, accuracy: MeterAccuracy | None
    ) -> None:
        clock, options = surroundings.clock, surroundings.options
        self.letter = letter
        self.settings = Settings(surroundings.family)
        self.output = Output(self.settings, terminals, clock, options.interlock, accuracy)
        self.source = Source(letter, self.settings, self.output)
        self.meter = Meter(self.settings, self.output, terminals, clock, options.line_frequency, accuracy)
        self.model = TriggerModel(
            letter, self.settings, self.source, self.output, self.meter, surroundings.bus, clock, surroundings.fail
        )
        self.buffers = tuple(ReadingBuffer(letter, DEDICATED_CAPACITY) for _ in range(2))
        self._clock = clock
        # The output relay is open for a moment at power-up, then the output-off state holds.
        terminals.release()
        self.output.refresh()

    def reset(self) -> None:
        """Return to the settings of `reset()`: output off; the dedicated buffers keep their readings."""
        self.model.reset()
        self.output.switch(on=False)
        self.settings.restore_defaults()
        self.output.refresh()
        self.meter.forget_references()
        self.meter.in_compliance = self.meter.overflown = False

    def abort(self) -> None:
        """Stop a sweep."""
        self.model.abort()

    def measure(
        self, quantities: Sequence[str], buffers: Sequence[ReadingBuffer]
    ) -> Generator[float, None, list[Reading]]:
        """Take `measure.count` readings of each quantity into its buffer, if it has one; return the last of each.

        The measure delay comes before the first of them only (Rev. C p. 7-218).

        Raises:
            TspError: 5042 while a sweep runs, 5025 with a filter, 5040 for one buffer twice.
        """
        if self.model.running:
            raise TspError(5042, channel=self.letter)
        if len(buffers) != len(set(map(id, buffers))):
            raise TspError(5040, channel=self.letter)
        for buffer in buffers:
            buffer.prepare()
        start = self._clock.now()
        readings: list[Reading] = []
        for number in range(int(self.settings.count)):
            if number and self.settings.interval:
                yield start + number * self.settings.interval - self._clock.now()
            readings = yield from self.meter.take(quantities, delays=number == 0)
            for buffer, reading in zip(buffers, readings, strict=False):
                buffer.store(reading)
        return readings
