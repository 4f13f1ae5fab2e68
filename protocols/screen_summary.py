"""What the reads of `screen` amount to: which cells work, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import LEVELS, LevelScale
from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Count, Fraction, Levels, Seconds
from protocols.analysis.cell_yield import Bounds, Kind, Seen, Yield, judge_cells, open_lines, rectification
from protocols.screen_bursts import FORWARD, REVERSE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.screen import ScreenParameters
    from protocols.screen_bursts import ScreenRead

    Array = NDArray[np.float64]

UNIT_SCALE = LevelScale.up_to(1.0)
"""Of a die whose last level is 1 S: all others are multiples of it."""
LEAKY_LINE = 0.5
"""Share of leaky cells from which it is the line that leaks."""


@dataclass(frozen=True, slots=True)
class ScreenSummary:
    """What a run amounts to.

    `good` is the share of cells that work. Every other cell is one of `opens`, `shorts`, `stuck_high`, `stuck_low`,
    `weak`, `leaky` (only if `rectification` was asked for) and `untested`. Cells of `open_rows` and `open_columns` are
    among the opens; `held_rows` had their driver held back by its limit. `swing` is the median, over cells that work,
    of what a burst did, up or down, whichever was more, `swing_spread` its standard deviation. `rectification` is
    forward over reverse current, None where the reverse one is too small to be seen, and `rectification_at_least` its
    bound. `noise` is that of one read. `displaced_rms` says how far the cells that work stand from where they were.
    """

    cells: Count
    good: Fraction
    opens: Count
    shorts: Count
    stuck_high: Count
    stuck_low: Count
    weak: Count
    leaky: Count
    untested: Count
    open_rows: Count
    open_columns: Count
    leaky_lines: Count
    held_rows: Count
    swing: Levels | None
    swing_spread: Levels | None
    rectification: float | None
    rectification_at_least: float | None
    noise: Levels
    displaced_rms: Levels | None
    pulses: Count
    duration: Seconds


@dataclass(frozen=True, slots=True, eq=False)
class Screened:
    """Cells of a region and what they are; arrays of shape (rows, columns).

    Args:
        row: first row of the region.
        column: its first column.
        one_level: conductance of a level (S).
        seen: what reads showed.
        after: the last reads of all (S).
        found: what each cell is.
        held: the row's driver was held back in any read.
    """

    row: int
    column: int
    one_level: float
    seen: Seen
    after: Array
    found: Yield
    held: NDArray[np.bool_]


def screened(records: Sequence[ScreenRead], parameters: ScreenParameters) -> Screened:
    """Return what each cell is, from the records of a run, whole or broken off."""
    rows, columns = (np.array([getattr(one, name) for one in records]) for name in ("row", "column"))
    first = int(rows.min()), int(columns.min())
    shape = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    at = rows - first[0], columns - first[1]
    phases = np.array([one.phase for one in records])
    conductance = np.array([one.conductance for one in records])

    def of(phase: str) -> Array:
        found, own = np.full(shape, np.nan), phases == phase
        found[at[0][own], at[1][own]] = conductance[own]
        return found

    def flags(values: list[bool]) -> NDArray[np.bool_]:
        found, own = np.zeros(shape, np.bool_), np.array(values)
        found[at[0][own], at[1][own]] = True
        return found

    saturated = flags([one.saturated for one in records])
    start, raised, lowered = (of(phase) for phase in FORWARD)
    start_reverse, raised_reverse, lowered_reverse = (of(phase) for phase in REVERSE)
    seen = Seen(
        of("before"), of("again"), start, raised, lowered, start_reverse, raised_reverse, lowered_reverse, saturated
    )
    step = records[0].one_level
    held = flags([one.in_compliance for one in records])
    return Screened(*first, step, seen, of("after"), judge_cells(seen, _bounds(step, parameters)), held)


def summarise(records: Sequence[ScreenRead], parameters: ScreenParameters) -> Outcome:
    """Judge a die by the share of cells that work."""
    if not records:
        return Outcome(passed=False, summary=None)
    all_cells = screened(records, parameters)
    found, step = all_cells.found, all_cells.one_level
    count = {kind: int(np.count_nonzero(found.kind == kind)) for kind in Kind}
    good = found.kind == Kind.GOOD
    swing = found.swing[good & np.isfinite(found.swing)] / step
    ratio = rectification(found)
    displaced = ((all_cells.after - all_cells.seen.before) / step)[good]
    displaced = displaced[np.isfinite(displaced)]
    summary = ScreenSummary(
        cells=found.kind.size,
        good=count[Kind.GOOD] / found.kind.size,
        opens=count[Kind.OPEN],
        shorts=count[Kind.SHORT],
        stuck_high=count[Kind.STUCK_HIGH],
        stuck_low=count[Kind.STUCK_LOW],
        weak=count[Kind.WEAK],
        leaky=count[Kind.LEAKY],
        untested=count[Kind.UNTESTED],
        open_rows=int(np.count_nonzero(open_lines(found.kind, 1))),
        open_columns=int(np.count_nonzero(open_lines(found.kind, 0))),
        leaky_lines=_leaky_lines(found.kind),
        held_rows=int(np.count_nonzero(all_cells.held.any(axis=1))),
        swing=float(np.median(swing)) if swing.size else None,
        swing_spread=float(swing.std()) if swing.size else None,
        rectification=None if ratio is None else ratio.ratio,
        rectification_at_least=None if ratio is None else ratio.at_least,
        noise=found.noise / step,
        displaced_rms=float(np.sqrt(np.mean(displaced**2))) if displaced.size else None,
        pulses=sum(one.pulses for one in records if one.phase == "after"),
        duration=records[-1].time,
    )
    return judge(summary, Criterion("good", at_least=parameters.required))


def _bounds(step: float, parameters: ScreenParameters) -> Bounds:
    top = step / UNIT_SCALE.step
    return Bounds(
        top=top,
        one_level=step,
        bottom=top - (LEVELS - 1) * step,
        open_below=parameters.open_below,
        short_above=parameters.short_above,
        weak_below=parameters.weak_below,
        rectification=parameters.rectification,
    )


def _leaky_lines(kind: NDArray[np.int64]) -> int:
    """Return how many rows and columns have mostly leaky cells."""
    leaky = kind == Kind.LEAKY
    return sum(int(np.count_nonzero(leaky.mean(axis=axis) > LEAKY_LINE)) for axis in (0, 1))
