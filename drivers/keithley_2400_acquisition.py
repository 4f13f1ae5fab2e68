"""How a configured Keithley 2400 with its output on takes readings: one, or a sweep of its source list.

What is never sent: `:MEAS?` and `:CONF`, which reset the current limit to 105 uA and switch the output on.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from drivers.failures import failure
from drivers.keithley_2400_errors import raise_errors, why_off
from drivers.keithley_2400_knobs import Keithley2400Knobs
from drivers.keithley_2400_link import TIMEOUT
from drivers.keithley_2400_readings import Timeline, parse_samples, read_samples
from drivers.keithley_2400_sweep import LIST_MAX
from labctl.errors import RefusedError, SettingError, TrippedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.keithley_2400_readings import Sample
    from drivers.keithley_2400_sweep import Pace
    from drivers.scpi import ScpiLink
    from labctl.backend import Clock
    from labctl.smu_data import Reading

PATIENCE = 0.5
"""The longest wait at a time (s)."""
TAGS = range(1, 101)
"""Numbers that tell an answer from older ones; the link's own token uses others."""


class Acquisition(Keithley2400Knobs):
    """Takes readings; their times count from the last reset of the instrument's timer.

    Args:
        link: to the instrument.
        clock: the backend's.
        byte_time: how long a byte takes on a serial line (s), which carries readings as text only; None on GPIB.
    """

    def __init__(self, link: ScpiLink, clock: Clock, byte_time: float | None) -> None:
        self.link = link
        self._clock = clock
        self._byte_time = byte_time
        self._timeline = Timeline()
        self._tags = itertools.cycle(TAGS)

    def restart(self) -> None:
        """Note that the instrument's timer was reset."""
        self._timeline = Timeline()

    def single(self) -> Reading:
        """Return one reading at the present level.

        Raises:
            TrippedError: if the output is off.
        """
        # Without its output the instrument has no answer to :READ?, so the state of the output comes before it.
        query, (state, *answers) = self._ask_tagged(":OUTP?;:READ?", once=True)
        if state == "0":
            raise failure(self.link, TrippedError, f"the output was off during a measurement: {why_off(self.link)}")
        if state != "1":
            raise self.link.garbled(query, ";".join((state, *answers)))
        try:
            return self._readings(parse_samples(";".join(answers), 1))[0]
        except ValueError as error:
            raise self.link.garbled(query, f"{';'.join(answers)}: {error}") from None

    def sweep(self, levels: Sequence[float], pace: Pace) -> list[Reading]:
        """Source `levels` (V) one after the other, in as many pieces as it takes, and return their readings.

        Raises:
            TrippedError: if the output went off.
        """
        step = pace.piece(self._byte_time)
        readings: list[Reading] = []
        for start in range(0, len(levels), step):
            readings += self._sweep_piece(levels[start : start + step], pace)
        return readings

    def _sweep_piece(self, levels: Sequence[float], pace: Pace) -> list[Reading]:
        self._load(levels)
        self._note_time()
        self.source_mode = "list"
        self.trigger_count = len(levels)
        Acquisition.trigger_count.confirm(self, len(levels))
        raise_errors(self.link, "the instrument refuses the sweep")
        begun = self._clock.now()
        self.link.write(":INIT")
        # The instrument keeps these back until the sweep is through: its last level lasts no longer than the others.
        self.source_mode = "fixed"
        self.source_level = 0.0
        while (left := begun + len(levels) * pace.least - self._clock.now()) > 0:
            self._clock.sleep(min(left, PATIENCE))
        self.link.query("*OPC?", timeout=TIMEOUT)
        raise_errors(self.link, "the sweep failed")
        if not self.output:
            raise failure(self.link, TrippedError, f"the output went off during a sweep: {why_off(self.link)}")
        try:
            return self._readings(self._fetch(len(levels)))
        except ValueError as error:
            raise self.link.garbled(":FETC?", f"{len(levels)} readings: {error}") from None

    def _load(self, levels: Sequence[float]) -> None:
        for start in range(0, len(levels), LIST_MAX):
            group = ",".join(f"{level:.9g}" for level in levels[start : start + LIST_MAX])
            self.link.write(f":SOUR:LIST:VOLT{':APP' if start else ''} {group}")
            # Asked after each group: without flow control the instrument's input overruns at 2048 bytes.
            held = self.link.query_values(":SOUR:LIST:VOLT:POIN?", timeout=TIMEOUT)
            wanted = min(start + LIST_MAX, len(levels))
            if held != [wanted]:
                raise_errors(self.link, "the instrument refuses the sweep")
                raise failure(self.link, SettingError, f"{wanted} levels were sent, but the source list holds {held}")

    def _note_time(self) -> None:
        """Ask for the time: readings that are fetched later must not be older."""
        values = self.link.query_values(":SYST:TIME?")
        try:
            (time,) = values
            self._timeline.at(time)
        except ValueError:
            raise self.link.garbled(":SYST:TIME?", ",".join(map(str, values))) from None

    def _fetch(self, count: int) -> list[Sample]:
        """Return the `count` samples that were taken last: in binary, or as text where the line has no other.

        Raises:
            ValueError: if the answer is damaged.
        """
        if self._byte_time is not None:
            _, answers = self._ask_tagged(":FETC?")
            return parse_samples(";".join(answers), count)
        self.data_format = "binary"
        values = self.link.query_block(":FETC?", 4 * count, ">f4", timeout=TIMEOUT)
        self.data_format = "text"
        return read_samples(values)

    def _ask_tagged(self, query: str, once: bool = False) -> tuple[str, list[str]]:
        """Ask in one message with a number that the answer must repeat; return the message and the other answers.

        Answers to `:READ?` are all alike: without a number an old one would be taken for the next.
        """
        tag = next(self._tags)
        message = f"*ESE {tag};*ESE?;{query}"
        reply = self.link.query(message, once=once, timeout=TIMEOUT)
        first, *answers = (part.strip(" ") for part in reply.split(";"))
        if first != str(tag) or not answers:
            raise self.link.garbled(message, reply)
        return message, answers

    def _readings(self, samples: Sequence[Sample]) -> list[Reading]:
        times = [self._timeline.at(sample.time) for sample in samples]
        if any(math.isnan(sample.current) for sample in samples):
            raise failure(self.link, RefusedError, "the instrument returned no reading (9.91E37)")
        return [sample.reading(time) for sample, time in zip(samples, times, strict=True)]
