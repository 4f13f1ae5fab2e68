"""What repeated reads did to each cell at each voltage, and to all of them on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from protocols.analysis.disturb import CONFIDENCE as CONFIDENCE
from protocols.analysis.disturb import Disturb, pooled
from protocols.analysis.walking_line import WalkingLine, fit_walking_line
from protocols.read_noise import FLOOR_SHARE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.read_disturb import ReadsDone


@dataclass(frozen=True, slots=True)
class CellDisturb:
    """One cell at one voltage: its level, its line against the number of reads, and the disturb that it means."""

    level: int
    line: WalkingLine | None
    disturb: Disturb | None


@dataclass(frozen=True, slots=True)
class VoltageDisturb:
    """All cells at one voltage.

    Args:
        voltage: V.
        under: time that one read keeps a cell under voltage (s).
        cells: each.
        mean: of all cells; None if no cell has readings enough.
    """

    voltage: float
    under: float
    cells: tuple[CellDisturb, ...]
    mean: Disturb | None


def voltage_disturbs(records: Sequence[ReadsDone]) -> list[VoltageDisturb]:
    """Return what the records show, by rising voltage."""
    found: list[VoltageDisturb] = []
    for voltage in sorted({record.voltage for record in records}):
        own = [record for record in records if record.voltage == voltage]
        cells = tuple(_cell([one for one in own if one.row == row]) for row in sorted({one.row for one in own}))
        mean = pooled([cell.disturb for cell in cells if cell.disturb is not None])
        found.append(VoltageDisturb(voltage, own[0].under, cells, mean))
    return found


def _cell(records: list[ReadsDone]) -> CellDisturb:
    """Fit the line of one cell at one voltage."""
    reads = [record.reads for record in records]
    line = fit_walking_line([record.reading for record in records], reads, FLOOR_SHARE)
    events = float(sum(reads))
    return CellDisturb(records[0].level, line, None if line is None else _disturb(line, events))


def _disturb(line: WalkingLine, events: float) -> Disturb:
    reach = line.quantile(CONFIDENCE) * line.slope_sigma
    return Disturb(
        per_event=line.slope,
        sigma=line.slope_sigma,
        at_most=abs(line.slope) + reach,
        found=abs(line.slope) > reach,
        events=events,
        confidence=CONFIDENCE,
    )
