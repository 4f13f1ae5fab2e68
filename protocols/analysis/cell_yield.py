"""Which cells of an array work, from how far a burst up and a burst down moved them.

What a burst does depends on the device, on where the cell stands (a nonlinear film moves differently at each
conductance) and on its place (wires take a part of the pulse). A cell is therefore held against the median of cells
that are near in all three: row, column and conductance. How their swing follows each of these is reckoned in, by the
median of the slopes between any two of them (Theil and Sen), swing and conductance logarithmic.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]

NEIGHBOURS = 33
"""Cells whose median says what is to be expected; 16 of them may be faulty."""
STUCK = 0.05
"""Share of the expected swing up to which a cell counts as stuck."""
DEVIATIONS = 6.0
"""Standard deviations of noise beyond which a swing is one: 4,096 cells show none of their noise alone."""
LEAST_SWING = 0.5
"""Swing (levels) below which a cell is never said to move, however quiet reads are."""
OPEN_DEVIATIONS = 4.0
"""Standard deviations of noise below which no current is seen."""
SHARE_OF_TOP = 1e-3
"""Conductance, in those of the last level, below which cells count as alike in their neighbourhood."""
OPEN_LINE = 0.9
"""Share of open cells from which a line is open as a whole."""
SLOPES_LEAST = (0.1, 0.5, 0.5)
"""Difference of two cells, in the logarithm of conductance, in rows and in columns, from which they tell of a slope."""
CHUNK = 4096
"""Cells whose neighbours are looked at together: 528 pairs of numbers each."""
LINE_LEAST = 4
"""Cells that a line must have in the region to be judged as a whole."""
MAD = 1.4826
"""Standard deviation of a normal distribution in its median absolute deviations."""


class Kind(IntEnum):
    """What a cell is."""

    GOOD = 0
    OPEN = 1
    """It conducts nothing, and no burst changes that."""
    SHORT = 2
    """It conducts far more than its last level, or more than its reader holds."""
    STUCK_HIGH = 3
    """No burst moves it, from the upper half of the range."""
    STUCK_LOW = 4
    """Likewise from the lower half."""
    WEAK = 5
    """It moves, but much less than cells like it."""
    LEAKY = 6
    """It moves, but does not block as it should."""
    UNTESTED = 7
    """It got no burst: its line was held back, or the envelope did not allow one."""

    @property
    def words(self) -> str:
        """As a person reads it."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is asked of cells.

    Args:
        top: conductance of the last level (S).
        one_level: conductance of a level (S).
        bottom: conductance of level 0 (S).
        open_below: share of `bottom` below which a cell that does not move is open.
        short_above: multiple of `top` beyond which a cell is shorted.
        weak_below: share of the expected swing below which a cell is weak.
        rectification: that a cell must have at least; 0: none.
    """

    top: float
    one_level: float
    bottom: float
    open_below: float
    short_above: float
    weak_below: float
    rectification: float


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What reads showed; conductances (S) of shape (rows, columns), not a number where there was no such read.

    Args:
        before: first of all.
        again: once more, without a pulse between them.
        start: right before the burst up.
        raised: after it.
        lowered: after the burst down that followed it.
        start_reverse: right before another burst up, read at the negative voltage.
        raised_reverse: after it, likewise.
        lowered_reverse: after another burst down, likewise.
        saturated: shape (rows, columns): a reader was at its end in any of them.
    """

    before: Array
    again: Array
    start: Array
    raised: Array
    lowered: Array
    start_reverse: Array
    raised_reverse: Array
    lowered_reverse: Array
    saturated: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Yield:
    """What became of it; arrays of shape (rows, columns).

    Args:
        kind: a `Kind`.
        swing: by how much the burst up raised the cell or the burst down lowered it, whichever is more (S): a film may
            move much less in one direction, and no cell moves beyond the end of its range.
        expected: the same of cells like it; not a number where none moved (S).
        reverse: the same of the burst that the swing is of, as seen at the negative voltage (S).
        noise: standard deviation of one read, of all cells together (S).
    """

    kind: NDArray[np.int64]
    swing: Array
    expected: Array
    reverse: Array
    noise: float


def read_noise(before: Array, again: Array) -> float:
    """Return the standard deviation of one read (S), from two in a row; what all change by alike is no noise."""
    difference = (again - before)[np.isfinite(again - before)]
    if not difference.size:
        return 0.0
    return float(MAD * np.median(np.abs(difference - np.median(difference))) / np.sqrt(2))


def judge_cells(seen: Seen, bounds: Bounds) -> Yield:
    """Return what each cell is."""
    noise = read_noise(seen.before, seen.again)
    rise, fall = seen.raised - seen.start, seen.raised - seen.lowered
    swing = np.maximum(rise, fall)
    least = max(DEVIATIONS * np.sqrt(2) * noise, LEAST_SWING * bounds.one_level)
    tested = np.isfinite(swing)
    with np.errstate(invalid="ignore"):
        moved = swing > least
    expected = _expected(seen.start, swing, moved, bounds)
    reads = np.stack([seen.before, seen.again, seen.start, seen.raised, seen.lowered])
    known = np.isfinite(reads).any(axis=0)
    typical, largest = np.zeros(known.shape), np.zeros(known.shape)
    typical[known] = np.nanmedian(reads[:, known], axis=0)
    largest[known] = np.nanmax(reads[:, known], axis=0)
    with np.errstate(invalid="ignore"):
        stuck = tested & (~moved | (swing < STUCK * expected))
        weak = tested & (swing < bounds.weak_below * expected)
    nothing = max(bounds.open_below * bounds.bottom, OPEN_DEVIATIONS * noise)
    rise_reverse, fall_reverse = (seen.raised_reverse - other for other in (seen.start_reverse, seen.lowered_reverse))
    reverse = np.where(rise >= fall, rise_reverse, fall_reverse)
    kind = np.full(swing.shape, int(Kind.GOOD))
    kind[_leaky(swing, reverse, noise, bounds.rectification)] = Kind.LEAKY
    kind[weak] = Kind.WEAK
    kind[stuck] = Kind.STUCK_LOW
    kind[stuck & (typical > (bounds.bottom + bounds.top) / 2)] = Kind.STUCK_HIGH
    kind[stuck & (typical < nothing)] = Kind.OPEN
    kind[~tested] = Kind.UNTESTED
    kind[seen.saturated | (largest > bounds.short_above * bounds.top)] = Kind.SHORT
    return Yield(kind, swing, expected, reverse, noise)


def open_lines(kind: NDArray[np.int64], axis: int) -> NDArray[np.bool_]:
    """Return which lines are open as a whole; `axis` is 1 for rows, 0 for columns."""
    share: Array = (kind == Kind.OPEN).mean(axis=axis, dtype=np.float64)
    is_open: Flags = (share >= OPEN_LINE) & (kind.shape[axis] >= LINE_LEAST)
    return is_open


@dataclass(frozen=True, slots=True)
class Rectification:
    """Forward over reverse current at the read voltage.

    Args:
        ratio: None where the reverse current is too small to be seen.
        at_least: its bound, with three standard deviations.
    """

    ratio: float | None
    at_least: float


def rectification(found: Yield) -> Rectification | None:
    """Return the ratio of the cells that move, all together; None if it was not measured."""
    use = ((found.kind == Kind.GOOD) | (found.kind == Kind.LEAKY)) & np.isfinite(found.reverse)
    if not use.any():
        return None
    forward, reverse = float(found.swing[use].sum()), float(found.reverse[use].sum())
    sigma = found.noise * float(np.sqrt(2 * np.count_nonzero(use)))
    bound = max(reverse, 0.0) + 3 * sigma
    if bound <= 0:
        return None
    return Rectification(forward / reverse if reverse > 3 * sigma else None, forward / bound)


def _leaky(swing: Array, reverse: Array, noise: float, least: float) -> Flags:
    """Return which cells let more through than a ratio of `least` allows, beyond doubt."""
    if least <= 0:
        return np.zeros(swing.shape, np.bool_)
    sure: Array = reverse - 3 * np.sqrt(2) * noise
    with np.errstate(invalid="ignore"):
        found: Flags = np.asarray(sure > swing / least, np.bool_)
    return found


def _expected(start: Array, swing: Array, moved: Flags, bounds: Bounds) -> Array:
    """Return the median swing of the nearest cells that moved: in row, column, and logarithm of the conductance."""
    expected = np.full(swing.shape, np.nan)
    if not moved.any():
        return expected
    rows, columns = swing.shape
    grid = np.indices(swing.shape).astype(np.float64)
    row: Array = grid[0]
    column: Array = grid[1]
    own = np.nan_to_num(start, nan=0.0).clip(0.0)
    state: Array = np.log(own + bounds.top * SHARE_OF_TOP)
    places = np.stack([row / rows, column / columns, state], axis=-1)
    count = min(NEIGHBOURS, int(np.count_nonzero(moved)))
    _, found = cKDTree(places[moved]).query(places.reshape(-1, 3), k=np.arange(1, count + 1))
    nearest = np.asarray(found, np.int64)
    logarithms = np.log(swing[moved])
    flat = expected.reshape(-1)
    axes = (state, row, column)
    for first in range(0, len(flat), CHUNK):
        part = slice(first, first + CHUNK)
        near: Array = logarithms[nearest[part]]
        for axis, least in zip(axes, SLOPES_LEAST, strict=True):
            aside: Array = axis[moved][nearest[part]] - axis.reshape(-1)[part, None]
            near = np.subtract(near, _slopes(aside, near, least)[:, None] * aside)
        flat[part] = np.exp(np.median(near, axis=1))
    return expected


def _slopes(x: Array, y: Array, least: float) -> Array:
    """Return the slopes of robust lines through points, shape (n, points), as an array of shape (n,).

    Pairs of points that are no further apart than `least` say nothing; where hardly any are, the slope is 0.
    """
    one, other = np.triu_indices(x.shape[1], 1)
    across = x[:, one] - x[:, other]
    usable = np.abs(across) > least
    found = np.zeros(len(x))
    enough = np.count_nonzero(usable, axis=1) > x.shape[1]
    if enough.any():
        slopes = np.full(usable.shape, np.nan)
        np.divide(y[:, one] - y[:, other], across, out=slopes, where=usable)
        found[enough] = np.nanmedian(slopes[enough], axis=1)
    return found
