"""Leads one cell up and down a staircase of equal pulses, reading it on the way, a list of pulses a request.

A branch is cut into flights, each one request to the board and one step of the run: what a broken run had put out of a
flight is told from the board's counter, and never put out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from labctl.board_data import Cell, Pulse
from labctl.errors import EquipmentError
from labctl.units import Siemens
from protocols.board_requests import pulse_slot, read_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.board_data import CellReadings
    from labctl.instruments import ProbeBoard
    from protocols.erasure import Erased

FLIGHT_READS = 500
"""Most reads of a flight: a board takes 1,023 entries, and a run is durable after each flight."""
FLIGHT_TIME = 3.0
"""Longest flight (s), unless a single entry takes longer: a board gives 5 s to one request."""
FLIGHTS_MIN = 8
"""Fewest flights of a branch, as long as a flight has a read: their ends show the read noise along the range."""
REPEATS = 8
"""Reads at the end of a flight without a pulse between them: what they scatter by is the read noise there."""

Branch = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Stair:
    """One read of a staircase.

    `branch` is "up" or "down"; "repeat up" or "repeat down" where the cell is read again without a pulse; "erased"
    before the first branch, or "not erased" where the low end was not found. `pulse` counts the pulses of the branch
    before it; `boot` and `delivered` are the board's counters at the read.
    """

    row: int
    column: int
    cycle: int
    branch: str
    pulse: int
    conductance: Siemens
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class Train:
    """The pulses of one branch.

    Args:
        branch: "up" or "down".
        amplitude: V, with sign.
        width: s.
        pulses: how many.
        every: a read follows each so-manieth pulse, and the last one.
    """

    branch: Branch
    amplitude: float
    width: float
    pulses: int
    every: int

    def entry_time(self, samples: int) -> float:
        """Return how long (s) the pulses between two reads and the second of these take."""
        return self.every * pulse_slot(self.width) + read_time(samples)


@dataclass(frozen=True, slots=True)
class Flight:
    """A part of a branch: from a read after `first` pulses to one after `last`."""

    cycle: int
    train: Train
    first: int
    last: int

    def reads(self, after: int) -> list[int]:
        """Return after how many pulses of the branch reads follow, beyond `after`."""
        every = self.train.every
        grid = range((after // every + 1) * every, self.last, every)
        return [*grid, self.last] if after < self.last else []


@dataclass(frozen=True, slots=True)
class StairsMemory:
    """Where a staircase stands between two flights.

    Args:
        conductance: read last (S).
        step: mean step of a pulse in the last flight (S).
        boot: power-ups of the board.
        delivered: pulses since.
    """

    conductance: float
    step: float
    boot: int
    delivered: int


def flights(trains: tuple[Train, ...], cycles: int, samples: int) -> list[Flight]:
    """Return all flights of a run, in order."""
    parts: list[Flight] = []
    for cycle in range(cycles):
        for train in trains:
            share = -(-train.pulses // train.every) // FLIGHTS_MIN
            reads = max(1, min(FLIGHT_READS, share, int(FLIGHT_TIME / train.entry_time(samples))))
            borders = [*range(0, train.pulses, reads * train.every), train.pulses]
            parts += [Flight(cycle, train, first, last) for first, last in pairwise(borders)]
    return parts


class Staircase:
    """Climbs flights of one cell.

    Args:
        board: in an open session, armed.
        cell: where.
        voltage: of the reads (V).
        samples: of each.
        memory: where the cell stands.
    """

    def __init__(self, board: ProbeBoard, cell: Cell, voltage: float, samples: int, memory: StairsMemory) -> None:
        self._board = board
        self._cell = cell
        self._voltage = voltage
        self._samples = samples
        self.memory = memory

    def stand(self, conductance: float, step: float, found: Erased) -> Stair:
        """Take up a cell that was brought to its low end; its `conductance` there and a nominal `step` in S."""
        receipt = found.receipt
        self.memory = StairsMemory(conductance, step, receipt.boot, receipt.delivered)
        branch = "erased" if found.erased else "not erased"
        return self._stair(-1, branch, found.pulses, conductance, receipt.delivered)

    def climb(self, flight: Flight, doubtful: bool) -> Iterator[Stair]:
        """Put out the pulses of a flight and read after each so-manieth.

        Args:
            flight: the next one.
            doubtful: whether some of its pulses may have been put out: it is found out how many, and these are left
                out, with the reads between them.

        Raises:
            EquipmentError: if a reading is no measurement.
        """
        put_out = self._find_out(flight) if doubtful else 0
        begin = flight.first + put_out
        if begin == 0 or put_out:
            yield self._stair(flight.cycle, flight.train.branch, begin, self._read(), self.memory.delivered)
        reads = flight.reads(begin)
        if reads:
            yield from self._pulses(flight, begin, reads)
        for _ in range(REPEATS):
            name = f"repeat {flight.train.branch}"
            yield self._stair(flight.cycle, name, flight.last, self._read(), self.memory.delivered)

    def _pulses(self, flight: Flight, begin: int, reads: list[int]) -> Iterator[Stair]:
        """Put out what is left of a flight after `begin` pulses of its branch."""
        first, conductance = self.memory.conductance, self.memory.conductance
        counts = [after - before for before, after in pairwise([begin, *reads])]
        train = flight.train
        pulses = [Pulse(self._cell, train.amplitude, train.width, count) for count in counts]
        receipt, readings = self._board.pulse_read(pulses, self._voltage, self._samples)
        before = receipt.delivered - sum(counts)
        self.memory = StairsMemory(first, 0.0, receipt.boot, receipt.delivered)
        for index, after in enumerate(reads):
            conductance = self._conductance(readings, index)
            yield self._stair(flight.cycle, train.branch, after, conductance, before + after - begin)
        step = (conductance - first) / sum(counts)
        self.memory = StairsMemory(conductance, step, receipt.boot, receipt.delivered)

    def _find_out(self, flight: Flight) -> int:
        """Return how many pulses of a flight that broke off were put out.

        The board's counter tells, unless it started anew: then it is how far the cell went from where it stood.
        """
        status, known = self._board.status(), self.memory
        if status.boot == known.boot:
            put_out = status.delivered - known.delivered
        else:
            put_out = round(abs((self._read() - known.conductance) / known.step)) if known.step else 0
        self.memory = StairsMemory(known.conductance, known.step, status.boot, status.delivered)
        return min(max(put_out, 0), flight.last - flight.first)

    def _read(self) -> float:
        conductance = self._conductance(self._board.read([self._cell], self._voltage, self._samples), 0)
        known = self.memory
        self.memory = StairsMemory(conductance, known.step, known.boot, known.delivered)
        return conductance

    def _conductance(self, readings: CellReadings, index: int) -> float:
        if readings.saturated[index] or readings.in_compliance[index]:
            what = "saturated its reader" if readings.saturated[index] else "was held back by the line's current limit"
            raise EquipmentError(f"a read of {self._cell} {what}; lower read_voltage, or look for a short")
        return float(readings.current[index]) / readings.voltage

    def _stair(self, cycle: int, branch: str, pulse: int, conductance: float, delivered: int) -> Stair:
        return Stair(
            row=self._cell.row,
            column=self._cell.column,
            cycle=cycle,
            branch=branch,
            pulse=pulse,
            conductance=conductance,
            boot=self.memory.boot,
            delivered=delivered,
        )
