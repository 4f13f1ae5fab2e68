"""Brings one cell to one level after another, and knows how sure it is.

A burst is what the algorithm asks for, as the board can put it out; the read after it says where the state went. Far
away one sample is enough to aim again, near by the read is as good as the tolerance asks. Where reads themselves move
the state, a burst aims beside its target by what the read after it will add. What is asked for and what becomes of it
is declared in `write_verify.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.board_data import Pulse, PulseReceipt
from labctl.levels import LEVELS
from protocols.read_noise import ReadNoise, Survey
from protocols.write_algorithms.catalogue import AlgorithmMemory  # noqa: TC001 (read at run time from a memory)

if TYPE_CHECKING:
    from typing import Any

    from labctl.board_data import Cell
    from protocols.cell_reader import CellReader
    from protocols.write_algorithms.interface import Shot, WriteAlgorithm

SURVEY_READS = 32
"""Reads of a survey: their scatter is known to 13 %."""
SURVEY_SPACING = LEVELS / 16
"""Levels that one survey serves on either side."""
READ_SHARE = 1 / 6
"""Share of the tolerance that the noise of a deciding read may take: leaves room for the error itself."""
FAR = 4.0
"""A state known no better than this many tolerances is far: one sample is enough to aim again."""
LOOKS = 3
"""Reads in a row without a pulse: what is undecided then does not become clearer by more of them."""
STANDSTILL = 2
"""Bursts in a row that hardly move the cell: it stands at the end of its range, and the level is given up."""
TRIES = 4
"""Bursts and extra reads together, in multiples of the bursts allowed: where a level that stays undecided ends."""


@dataclass(frozen=True, slots=True)
class Aim:
    """How levels are to be written.

    Args:
        tolerance: largest error of a written level (levels).
        confidence: probability that a level called written is within it.
        potentiation: amplitude of pulses that raise the conductance (V).
        depression: amplitude of pulses that lower it (V).
        width_min: narrowest pulse (ns).
        width_max: widest pulse (ns).
        count_max: most pulses of one burst.
        max_samples: most samples that one read averages.
        max_bursts: bursts after which a level is given up.
    """

    tolerance: float
    confidence: float
    potentiation: float
    depression: float
    width_min: int
    width_max: int
    count_max: int
    max_samples: int
    max_bursts: int


@dataclass(slots=True)
class Cost:
    """What a level has cost so far; `pulse_time` in s."""

    bursts: int = 0
    pulses: int = 0
    reads: int = 0
    samples: int = 0
    pulse_time: float = 0.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where the cell stands when a level is done with; all in levels.

    Args:
        reading: the read that decided.
        state: the estimate, which weighs that read with what was known before.
        sigma: the estimate's standard deviation.
        written: whether the tolerance is met with the confidence asked for.
        cost: what it took.
    """

    reading: float
    state: float
    sigma: float
    written: bool
    cost: Cost


@dataclass(frozen=True, slots=True)
class WriterMemory:
    """What a writer knows between two levels.

    Args:
        algorithm: what it knows of the cell.
        surveys: of its read noise.
        last_read: in levels.
        decided: whether that read was good enough to decide.
        receipt: what the board said of the last burst.
    """

    algorithm: AlgorithmMemory
    surveys: tuple[Survey, ...]
    last_read: float
    decided: bool
    receipt: PulseReceipt | None


class LevelWriter:
    """Writes level after level into one cell; it looks around first, or recalls what another one knew.

    Args:
        reader: of the cell, and what pulses it.
        cell: where.
        aim: how well.
        algorithm: which pulse comes next.
    """

    def __init__(self, reader: CellReader, cell: Cell, aim: Aim, algorithm: WriteAlgorithm[Any]) -> None:
        self._reader = reader
        self._cell = cell
        self._aim = aim
        self._algorithm = algorithm
        self._cost = Cost()
        self._last_read = 0.0
        self._decided = False
        self._still = 0
        self._noise = ReadNoise(reader.survey_samples, SURVEY_SPACING)
        self.receipt: PulseReceipt | None = None
        """What the board said of the last burst; None if none was sent since the writer last looked around."""

    @property
    def read_drift(self) -> float:
        """By how many levels a read moves the state, where that was found the worst; 0: not at all."""
        return self._noise.worst_drift

    def look_around(self) -> None:
        """Find out where the cell stands, and how noisy reads are there; before the first level, and where in doubt.

        Raises:
            EquipmentError: if a read of the cell is no measurement.
        """
        self._algorithm.locate(*self._survey())
        self.receipt = None  # pulses that nobody knows of may have been counted since

    def memory(self) -> WriterMemory:
        """Return what is known between two levels."""
        return WriterMemory(
            self._algorithm.memory(), self._noise.memory(), self._last_read, self._decided, self.receipt
        )

    def recall(self, memory: WriterMemory) -> None:
        """Go on as the writer would have whose memory this is, on the same cell."""
        self._algorithm.recall(memory.algorithm)
        self._noise.recall(memory.surveys)
        self._last_read, self._decided, self.receipt = memory.last_read, memory.decided, memory.receipt

    def write(self, level: int) -> Arrival:
        """Bring the cell to `level`, or give up: after `max_bursts`, or where no pulse brings it nearer."""
        self._algorithm.begin()
        self._still = 0
        looks = 0
        for _ in range(TRIES * self._aim.max_bursts):
            likely = self._is_likely(level)
            if (likely and self._decided) or self._is_given_up():
                break
            if self._noise.disturbs and abs(level - self._algorithm.state) <= self._aim.tolerance:
                looks += 1  # as near as it gets: what the next read does to the cell is no surer
                if looks > LOOKS:
                    break
            aside = self._beside(level)
            shot = self._algorithm.aim(aside, self._aim.width_min / 1e9)
            if looks < LOOKS and self._is_look_due(level, shot.closest, likely):
                self._look()
                looks += 1
            elif abs(aside - self._algorithm.state) <= shot.closest:
                break
            else:
                self._burst(shot)
                looks = looks if self._noise.disturbs else 0
        cost, self._cost = self._cost, Cost()
        written = self._decided and self._is_likely(level)
        return Arrival(self._last_read, self._algorithm.state, self._algorithm.sigma, written, cost)

    def _is_given_up(self) -> bool:
        return self._cost.bursts == self._aim.max_bursts or self._still == STANDSTILL

    def _is_likely(self, level: int) -> bool:
        return self._algorithm.probability_within(level, self._aim.tolerance) >= self._aim.confidence

    def _beside(self, level: int) -> float:
        """Return where a burst should bring the cell so that it stands at `level` after the read that follows."""
        return level - self._noise.drift(level)

    def _is_look_due(self, level: int, closest: float, likely: bool) -> bool:
        """Return whether a read without a pulse is what helps most.

        Where reads move the cell, each is part of a burst's plan, and only an unknown noise is looked into.
        """
        distance = abs(level - self._algorithm.state)
        if self._noise.disturbs:
            return self._cost.bursts > 0 and distance <= SURVEY_SPACING / 2 and not self._noise.knows(level)
        return likely or distance <= max(self._algorithm.sigma, closest)

    def _burst(self, shot: Shot) -> None:
        """Put out what comes nearest to `shot`, and look where the state went."""
        aim, algorithm = self._aim, self._algorithm
        time = round(shot.time * 1e9)
        count = min(max(-(-time // aim.width_max), 1), aim.count_max)
        width = min(max(round(time / count), aim.width_min), aim.width_max) / 1e9
        sign = math.copysign(1.0, shot.distance)
        algorithm.predict(count * width, sign)
        near = algorithm.sigma <= FAR * aim.tolerance or self._noise.disturbs
        # Where the gain is a guess the move may turn out short: a better read tells it from noise.
        samples = self._samples() if near or shot.is_probe else 1
        pulse = Pulse(self._cell, aim.potentiation if sign > 0 else aim.depression, width, count)
        self.receipt, reading = self._reader.pulse_read(pulse, samples)
        self._cost.bursts += 1
        self._cost.pulses += count
        self._cost.pulse_time += count * width
        moved = self._take(reading, samples, decides=near and self._noise.knows(algorithm.state))
        self._still = 0 if moved else self._still + 1

    def _look(self) -> None:
        """Read without a pulse, well enough to decide."""
        if self._noise.knows(self._algorithm.state):
            samples = self._samples()
            self._take(self._reader.read(samples), samples, decides=True)
        else:
            self._algorithm.update(*self._survey())
            self._decided = True

    def _survey(self) -> tuple[float, float]:
        """Learn the read noise where the cell stands; return the state read on the way, and its variance."""
        reads = [self._reader.read(self._reader.survey_samples) for _ in range(SURVEY_READS)]
        self._cost.reads += SURVEY_READS
        self._cost.samples += SURVEY_READS * self._reader.survey_samples
        state, variance = self._noise.survey(reads)
        self._last_read = state
        return state, variance

    def _samples(self) -> int:
        return self._noise.samples_for(self._algorithm.state, READ_SHARE * self._aim.tolerance, self._aim.max_samples)

    def _take(self, reading: float, samples: int, decides: bool) -> bool:
        """Weigh a reading with what is known; return whether the cell moved as far as it should have, if it should.

        Where reads move the state, a reading is taken to show where it left the cell; samples taken on the way
        there are off by up to half of it, which no reading tells.
        """
        self._cost.reads += 1
        self._cost.samples += samples
        state = self._algorithm.state
        drift = self._noise.drift(state)
        if drift:
            self._algorithm.shift(drift)
        self._last_read = reading
        self._decided = decides
        return self._algorithm.update(self._last_read, self._noise.variance(state, samples), self._noise.floor(state))
