"""Brings one cell to one level after another, and knows how sure it is.

A burst aims by the learned gain and reads where the state went; far away one sample is enough to aim again, near by the
read is as good as the tolerance asks. What is asked for and what becomes of it is declared in `write_verify.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.errors import EquipmentError
from labctl.instruments import Pulse, PulseReceipt
from labctl.levels import LEVELS
from protocols.cell_filter import CellFilter, FilterMemory
from protocols.read_noise import ReadNoise

if TYPE_CHECKING:
    from labctl.instruments import Cell, CellReadings, ProbeBoard
    from labctl.levels import LevelScale
    from protocols.cell_filter import Prior

SURVEY_READS = 32
"""Reads of a survey: their scatter is known to 13 %."""
SURVEY_SAMPLES = 8
"""Samples of each of them, about what a deciding read takes."""
SURVEY_SPACING = LEVELS / 16
"""Levels that one survey serves on either side."""
READ_SHARE = 1 / 6
"""Share of the tolerance that the noise of a deciding read may take: leaves room for the error itself."""
FAR = 4.0
"""A state known no better than this many tolerances is far: one sample is enough to aim again."""
PROBE = 64.0
"""Longest move (levels) while its gain is a guess: long enough to measure a gain to 2 %."""
PROBE_SHARE = 0.1
"""Share of the way to the end of the range that such a move may aim for: a gain ten times as large stays inside."""
PROBE_MIN = 8.0
"""Such a move (levels) is allowed everywhere: close to an end cells slow down on their way there."""
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
        read_voltage: of the verifying reads (V).
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
    read_voltage: float
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
        filter: of the cell's state and gains.
        surveys: (state, deviation) of its read noise, in levels.
        last_read: in levels.
        decided: whether that read was good enough to decide.
        receipt: what the board said of the last burst.
    """

    filter: FilterMemory
    surveys: tuple[tuple[float, float], ...]
    last_read: float
    decided: bool
    receipt: PulseReceipt | None


class LevelWriter:
    """Writes level after level into one cell; it looks around first, or recalls what another one knew.

    Args:
        board: in an open session, armed.
        scale: which conductance a level is.
        cell: where.
        aim: how well.
        prior: what is assumed of the device until it is learned.
    """

    def __init__(self, board: ProbeBoard, scale: LevelScale, cell: Cell, aim: Aim, prior: Prior) -> None:
        self._board = board
        self._scale = scale
        self._cell = cell
        self._aim = aim
        self._cost = Cost()
        self._last_read = 0.0
        self._decided = False
        self._still = 0
        self._noise = ReadNoise(SURVEY_SAMPLES, SURVEY_SPACING)
        self._filter = CellFilter(prior, 0.0, 0.0)
        self.receipt: PulseReceipt | None = None
        """What the board said of the last burst; None if none was sent since the writer last looked around."""

    def look_around(self) -> None:
        """Find out where the cell stands, and how noisy reads are there; before the first level, and where in doubt.

        Raises:
            EquipmentError: if a read of the cell is no measurement.
        """
        self._filter.locate(*self._survey())
        self.receipt = None  # pulses that nobody knows of may have been counted since

    def memory(self) -> WriterMemory:
        """Return what is known between two levels."""
        return WriterMemory(self._filter.memory(), self._noise.memory(), self._last_read, self._decided, self.receipt)

    def recall(self, memory: WriterMemory) -> None:
        """Go on as the writer would have whose memory this is, on the same cell."""
        self._filter.recall(memory.filter)
        self._noise.recall(memory.surveys)
        self._last_read, self._decided, self.receipt = memory.last_read, memory.decided, memory.receipt

    def write(self, level: int) -> Arrival:
        """Bring the cell to `level`, or give up: after `max_bursts`, or where no pulse brings it nearer."""
        self._still = 0
        looks = 0
        for _ in range(TRIES * self._aim.max_bursts):
            likely = self._is_likely(level)
            if (likely and self._decided) or self._is_given_up():
                break
            distance = level - self._filter.state
            self._filter.prepare(distance)
            closest = self._closest(distance)
            if looks < LOOKS and (likely or abs(distance) <= max(self._filter.sigma, closest)):
                self._look()
                looks += 1
            elif abs(distance) <= closest:
                break
            else:
                self._burst(distance)
                looks = 0
        cost, self._cost = self._cost, Cost()
        written = self._decided and self._is_likely(level)
        return Arrival(self._last_read, self._filter.state, self._filter.sigma, written, cost)

    def _is_given_up(self) -> bool:
        return self._cost.bursts == self._aim.max_bursts or self._still == STANDSTILL

    def _is_likely(self, level: int) -> bool:
        return self._filter.probability_within(level, self._aim.tolerance) >= self._aim.confidence

    def _closest(self, distance: float) -> float:
        """Return from how near (levels) on not even the narrowest pulse comes nearer; 0 while that is not known."""
        if not self._filter.has_learned(distance):
            return 0.0
        return self._filter.moves(self._aim.width_min / 1e9, distance) / 2

    def _burst(self, distance: float) -> None:
        """Move the state by `distance` levels, or less if the gain is a guess, and look where it went."""
        aim = self._aim
        learned = self._filter.has_learned(distance)
        if not learned:
            room = LEVELS - 1 - self._filter.state if distance > 0 else self._filter.state
            distance = math.copysign(min(abs(distance), PROBE, max(PROBE_SHARE * room, PROBE_MIN)), distance)
        time = round(self._filter.pulse_time(distance) * 1e9)
        count = min(max(-(-time // aim.width_max), 1), aim.count_max)
        width = min(max(round(time / count), aim.width_min), aim.width_max) / 1e9
        amplitude = aim.potentiation if distance > 0 else aim.depression
        self._filter.predict(count * width, distance)
        near = self._filter.sigma <= FAR * aim.tolerance
        # Where the gain is a guess the move may turn out short: a better read tells it from noise.
        samples = self._samples() if near or not learned else 1
        pulse = Pulse(self._cell, amplitude, width, count)
        self.receipt, readings = self._board.pulse_read([pulse], aim.read_voltage, samples)
        self._cost.bursts += 1
        self._cost.pulses += count
        self._cost.pulse_time += count * width
        moved = self._take(readings, samples, decides=near and self._noise.knows(self._filter.state))
        self._still = 0 if moved else self._still + 1

    def _look(self) -> None:
        """Read without a pulse, well enough to decide."""
        if self._noise.knows(self._filter.state):
            samples = self._samples()
            self._take(self._read(samples), samples, decides=True)
        else:
            self._filter.update(*self._survey())
            self._decided = True

    def _survey(self) -> tuple[float, float]:
        """Learn the read noise where the cell stands; return the state read on the way, and its variance."""
        reads = [self._level_of(self._read(SURVEY_SAMPLES)) for _ in range(SURVEY_READS)]
        self._cost.reads += SURVEY_READS
        self._cost.samples += SURVEY_READS * SURVEY_SAMPLES
        self._noise.survey(reads)
        state = sum(reads) / SURVEY_READS
        self._last_read = state
        return state, self._noise.variance(state, SURVEY_READS * SURVEY_SAMPLES)

    def _samples(self) -> int:
        return self._noise.samples_for(self._filter.state, READ_SHARE * self._aim.tolerance, self._aim.max_samples)

    def _read(self, samples: int) -> CellReadings:
        return self._board.read([self._cell], self._aim.read_voltage, samples)

    def _take(self, readings: CellReadings, samples: int, decides: bool) -> bool:
        """Weigh a reading with what is known; return whether the cell moved as far as it should have, if it should."""
        self._cost.reads += 1
        self._cost.samples += samples
        self._last_read = self._level_of(readings)
        self._decided = decides
        state = self._filter.state
        return self._filter.update(self._last_read, self._noise.variance(state, samples), self._noise.floor(state))

    def _level_of(self, readings: CellReadings) -> float:
        """Return the level that a reading shows.

        Raises:
            EquipmentError: if the reading is no measurement: the run stops rather than pulse on a wrong figure.
        """
        if readings.saturated[0] or readings.in_compliance[0]:
            what = "saturated its reader" if readings.saturated[0] else "was held back by the line's current limit"
            raise EquipmentError(f"the read of {self._cell} {what}; lower read_voltage, or look for a short")
        return self._scale.level(float(readings.current[0]) / readings.voltage)
