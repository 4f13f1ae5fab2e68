"""Brings a cell near a conductance with few reads, on films where a pulse is a level and on those where it is not.

How far a train leads is learned from the last one: a first guess of one level a pulse, the secant from then on. Where
nothing moves, the next train is longer; at the end of a cell's range the approach ends, and says so.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.board_data import Pulse
from protocols.board_requests import pulse_slot
from protocols.repeated_reads import conductances

if TYPE_CHECKING:
    from labctl.board_data import Cell, PulseReceipt
    from labctl.instruments import ProbeBoard
    from labctl.protocol_bench import ProtocolBench
    from protocols.cell_parameters import PulsedCellParameters

BURST_TIME = 2.0
"""Longest burst (s): a board gives 5 s to one request."""
UNMOVED = 0.1
"""A train that leads less than this share of the way expected has hardly moved the cell: the next one is longer."""
SURE = 4.0
"""Moves and ways of so many tolerances, or deviations of a read, tell of the cell; shorter ones may be noise."""
NOISE_READS = 8
"""Reads that show how noisy they are, before the first train."""
LONGER, SLIGHTLY_LONGER = 8.0, 2.0
"""By how much: a guess that is off by a thousand is made good in four trains. Where noise may hide the move, the next
train is not so much longer that it could lead far astray."""
STANDSTILL = 4096.0
"""Trains that have become so much longer without moving the cell: it stands at the end of its range."""


@dataclass(frozen=True, slots=True)
class Drive:
    """How a cell is pulsed and read.

    Args:
        potentiation: amplitude that raises the conductance (V).
        depression: amplitude that lowers it (V).
        potentiation_width: of one pulse (s).
        depression_width: of one pulse (s).
        step: first guess of what one pulse does (S).
        read_voltage: V.
        samples: of one read.
        width_max: longest pulse that the die may see (s).
    """

    potentiation: float
    depression: float
    potentiation_width: float
    depression_width: float
    step: float
    read_voltage: float
    samples: int
    width_max: float = math.inf

    @classmethod
    def of(cls, bench: ProtocolBench, parameters: PulsedCellParameters, read_voltage: float, samples: int) -> Drive:
        """Return the drive that a protocol's parameters ask for; a pulse is taken for a level at first."""
        return cls(
            potentiation=parameters.potentiation,
            depression=parameters.depression,
            potentiation_width=parameters.potentiation_width,
            depression_width=parameters.depression_width,
            step=bench.die.scale.step,
            read_voltage=read_voltage,
            samples=samples,
            width_max=bench.envelope.pulse_width,
        )

    def pulse(self, upwards: bool) -> tuple[float, float]:
        """Return amplitude (V) and width (s) of a pulse."""
        return (self.potentiation, self.potentiation_width) if upwards else (self.depression, self.depression_width)


@dataclass(frozen=True, slots=True)
class Approached:
    """Where a cell was brought.

    Args:
        conductance: the last read (S).
        reached: whether it is as near as was asked for.
        pulses: put out on the way.
        receipt: the board's, of the last train; None if no pulse was needed.
    """

    conductance: float
    reached: bool
    pulses: int
    receipt: PulseReceipt | None


def approach(
    board: ProbeBoard, cell: Cell, target: float, tolerance: float, drive: Drive, *, trains: int = 48
) -> Approached:
    """Pulse a cell until its conductance is within `tolerance` of `target` (S), or no pulse brings it nearer.

    Args:
        board: armed.
        cell: which.
        target: S.
        tolerance: S.
        drive: how.
        trains: the most that are put out.

    Raises:
        EquipmentError: if a read is no measurement.
    """
    able = board.capabilities()
    gains = {up: drive.step / drive.pulse(up)[1] for up in (True, False)}
    now = float(conductances(board.read([cell], drive.read_voltage, drive.samples), cell)[0])
    receipt: PulseReceipt | None = None
    pulses, stretched, noise = 0, 1.0, -1.0
    for _ in range(trains):
        distance = target - now
        if abs(distance) <= tolerance or stretched >= STANDSTILL:
            break
        if noise < 0:
            noise = _noise(board, cell, drive)
        up = distance > 0
        pulse = _train(cell, drive, up, abs(distance) / gains[up], able.width_min, able.count_max)
        receipt, readings = board.pulse_read([pulse], drive.read_voltage, drive.samples)
        before, now = now, float(conductances(readings, cell)[0])
        pulses += pulse.count
        time = pulse.width * pulse.count
        moved, expected = (now - before) * math.copysign(1.0, distance), time * gains[up]
        is_sure = max(moved, expected) > SURE * max(tolerance, noise)
        if moved > UNMOVED * expected:
            gains[up], stretched = moved / time if is_sure else gains[up], 1.0
        else:
            factor = LONGER if is_sure else SLIGHTLY_LONGER
            gains[up] /= factor
            stretched *= factor
    return Approached(now, abs(target - now) <= tolerance, pulses, receipt)


def _noise(board: ProbeBoard, cell: Cell, drive: Drive) -> float:
    """Return the standard deviation of a read (S)."""
    reads = [board.read([cell], drive.read_voltage, drive.samples) for _ in range(NOISE_READS)]
    return statistics.stdev(float(conductances(read, cell)[0]) for read in reads)


def _train(cell: Cell, drive: Drive, up: bool, time: float, width_min: float, count_max: int) -> Pulse:
    """Return the train whose pulses last `time` (s) in all, as nearly as whole pulses or nanoseconds allow."""
    amplitude, width = drive.pulse(up)
    most = min(count_max, int(BURST_TIME / pulse_slot(width)))
    if time >= 1.5 * width:
        return Pulse(cell, amplitude, width, min(most, round(time / width)))
    shortest, longest = min(width, width_min), max(width, min(1.5 * width, drive.width_max))
    return Pulse(cell, amplitude, min(max(shortest, round(time * 1e9) / 1e9), longest), 1)
