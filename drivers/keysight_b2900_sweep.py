"""A list sweep of a Keysight B2900: load, start, wait, read out in binary, and make sure that it was this sweep.

The trigger system runs two actions side by side, source and measure; both get as many triggers as there are levels. A
sweep goes on through compliance unless the output is told to switch off there, which the driver forbids.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from drivers.failures import failure
from drivers.keysight_b2900_knobs import ELEMENTS
from drivers.keysight_b2900_readings import parse_table
from labctl.errors import RefusedError, SettingError, TrippedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.keysight_b2900_channel import B2900Channel
    from drivers.keysight_b2900_readings import Sample
    from drivers.scpi import ScpiLink
    from drivers.settings import AnySetting
    from labctl.backend import Clock

LIST_GROUP = 100
"""Levels sent in one line."""
PATIENCE = 10.0
"""A sweep may take this long (s), and ten times what its points should take."""
DELAY_STEP = 1e-6
"""Resolution of a trigger delay (s); an assumption, the B2900's data sheet gives 1 us for its timers."""
TOKEN = 99
"""What the event enable register, which labctl does not use, answers after a block."""
OPERATION_COMPLETE = 1
EVENT_ERRORS = 4 | 8 | 16 | 32
"""Bits of the event status register (IEEE 488.2, 11.5.1): done; query, device, execution and command error."""


class ListSweep:
    """A sweep through levels.

    Args:
        channel: configured, its output on.
        clock: the backend's.
        levels: to be sourced, at least one (V).
        delay: between a level and its measurement (s).
        tolerance: of a level as the instrument gives it (V).
    """

    _mode = "list"
    _trigger = "automatic"

    def __init__(
        self, channel: B2900Channel, clock: Clock, levels: Sequence[float], delay: float, tolerance: float
    ) -> None:
        self._channel = channel
        self._clock = clock
        self._levels = levels
        # In steps that the instrument can make, never shorter than what was asked for.
        self._delay = math.ceil(round(delay / DELAY_STEP, 3)) * DELAY_STEP
        self._tolerance = tolerance

    def run(self, point: float) -> list[Sample]:
        """Sweep, leave the source at 0 V, and return a sample a level.

        Args:
            point: about how long each level takes (s).

        Raises:
            RefusedError: if the instrument refuses, or does not end in time; its output is off in the second case.
            SettingError: if it holds another sweep than it was given.
            TrippedError: if the output dropped.
            LinkError: if what it says is damaged.
        """
        self._load()
        self._channel.link.write("*CLS")
        self._channel.link.write(f":INIT (@{self._channel.number})")
        self._wait(point)
        self._end()
        return self._read()

    def _load(self) -> None:
        channel, count = self._channel, len(self._levels)
        header = f":SOUR{channel.number}:LIST:VOLT"
        settings = self._settings()
        for start in range(0, count, LIST_GROUP):
            group = ",".join(f"{level:.9g}" for level in self._levels[start : start + LIST_GROUP])
            channel.link.write(f"{header}{':APP' if start else ''} {group}")
        self._apply(settings)
        if channel.link.query_values(f"{header}:POIN?") != [count]:
            raise failure(
                channel.link, SettingError, f"the instrument holds another list than the {count} levels it was given"
            )

    def _apply(self, settings: Sequence[AnySetting]) -> None:
        for setting in settings:
            setting.send()
        self._channel.raise_errors("the instrument refuses the sweep")
        for setting in settings:
            setting.confirm()

    def _settings(self) -> list[AnySetting]:
        channel, knobs, count = self._channel, self._channel.knobs, len(self._levels)
        return [
            knobs.source_mode.to(channel, self._mode),
            knobs.source_trigger.to(channel, self._trigger),
            knobs.measure_trigger.to(channel, self._trigger),
            knobs.source_count.to(channel, count),
            knobs.measure_count.to(channel, count),
            knobs.source_delay.to(channel, 0.0),
            knobs.measure_delay.to(channel, self._delay),
            knobs.data_format.to(channel, "binary"),
        ]

    def _wait(self, point: float) -> None:
        """Ask whether the sweep is done until it is: a blocking wait would hold up an abort.

        Args:
            point: about how long each level takes (s).
        """
        channel, duration = self._channel, len(self._levels) * point
        pause = min(max(duration / 50, 0.01), 0.5)
        deadline = self._clock.now() + PATIENCE + 10 * duration
        while not (events := self._events()) & OPERATION_COMPLETE:
            late = self._clock.now() > deadline
            if late or events & EVENT_ERRORS:
                channel.link.send_urgently(channel.shut_down())
                what = "is not done in time" if late else "stopped"
                raise failure(
                    channel.link, RefusedError, f"the sweep of {len(self._levels)} points {what}: {channel.reason()}"
                )
            self._clock.sleep(pause)

    def _events(self) -> int:
        """Return the event status register, to which the instrument adds at once whether all is done.

        Reading it clears it, so each question asks anew for the note that all is done: an answer that is lost on the
        way costs nothing.
        """
        query = "*OPC;*ESR?"
        values = self._channel.link.query_values(query)
        if len(values) != 1 or values[0] not in range(256):
            raise self._channel.link.garbled(query, ",".join(map(str, values)))
        return int(values[0])

    def _end(self) -> None:
        channel, knobs = self._channel, self._channel.knobs
        on = knobs.output.read(channel)
        knobs.source_level.send(channel, 0.0)
        knobs.source_mode.send(channel, "fixed")
        if not on:
            reason = channel.reason("check interlock, front panel and power")
            raise failure(channel.link, TrippedError, f"the output went off during the sweep: {reason}")
        channel.raise_errors("the sweep failed")
        knobs.source_mode.confirm(channel, "fixed")
        knobs.source_level.confirm(channel, 0.0)

    def _read(self) -> list[Sample]:
        channel, query = self._channel, f":FETC:ARR? (@{self._channel.number})"
        samples = fetch(channel.link, query, len(self._levels))
        for sample, level in zip(samples, self._levels, strict=True):
            if not abs(sample.level - level) <= self._tolerance:
                raise channel.link.garbled(query, f"a reading at {sample.level:g} V instead of {level:g} V")
        if any(later.time < earlier.time for earlier, later in itertools.pairwise(samples)):
            raise channel.link.garbled(query, "times that go back")
        channel.knobs.data_format.send(channel, "text")
        channel.knobs.data_format.confirm(channel, "text")
        return samples


def fetch(link: ScpiLink, query: str, count: int) -> list[Sample]:
    """Return the samples of the block that answers `query`.

    Args:
        link: to the instrument.
        query: for an array of readings.
        count: how many there must be.

    Raises:
        LinkError: if there is no answer, or a damaged one.
    """
    table = link.query_block(query, count * len(ELEMENTS), ">f8").reshape(count, len(ELEMENTS))
    # A block into which bytes slipped may still seem to end where it should. What is left of it then stands before the
    # next answer, so the very next line must be the one that was asked for.
    following = link.query_until(f"*ESE {TOKEN};*ESE?", lambda _: True)
    if following != str(TOKEN):
        raise link.garbled(query, f"more than {count} readings: {following}")
    try:
        return parse_table(table)
    except ValueError as error:
        raise link.garbled(query, str(error)) from None
