"""Gains and offsets of column readers, from currents that readers and one meter made of the same cells.

A point is one row at one conductance and voltage: every column's cell is read by the board, at the voltage, at half of
it and at 0 V, and by the meter. The meter is a transfer standard: whatever its error, and that of the row's driver, is
common to all columns of a point. What differs between columns, and stays when the current changes, is their readers'
gain.

A reader's zero grows with the conductance on its line, because its amplifier's offset voltage drives a current through
it. What is left at no conductance is the offset that a board can store.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LOADS_DIFFER = 1.5
"""Largest over smallest conductance on the lines from which on offset current and offset voltage are told apart."""
SIGNAL_MIN = 0.1
"""Share of a point's median current that a cell must carry: one that does not, as a stuck one, tells nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Transfers:
    """Currents of K points and J columns; NaN where there is no measurement.

    Args:
        board: as reported, at `voltage`, shape (K, J) (A).
        half: as reported at half of it, shape (K, J) (A).
        zero: as reported at 0 V, shape (K, J) (A).
        meter: as reported at `voltage`, shape (K, J) (A).
        meter_zero: as reported at 0 V, shape (K, J) (A).
        load: conductance on the column beside the point's cell, shape (K, J) (S).
        voltage: of the reads, shape (K,) (V).
        row: of each point, shape (K,).
        found_zero: zero on the array as it was found, shape (J,) (A).
        found_load: conductance on the column then, shape (J,) (S).
    """

    board: Array
    half: Array
    zero: Array
    meter: Array
    meter_zero: Array
    load: Array
    voltage: Array
    row: NDArray[np.int64]
    found_zero: Array
    found_load: Array


@dataclass(frozen=True, slots=True, eq=False)
class Offsets:
    """What the zeros of J columns come from.

    Args:
        current: that no load causes, shape (J,) (A); 0 where the loads do not differ enough to tell.
        current_sigma: its standard deviation (A); NaN where it is not known.
        voltage: of the amplifiers, shape (J,) (V); what is seen at 0 V comes from it alone where loads do not differ.
    """

    current: Array
    current_sigma: float
    voltage: Array


@dataclass(frozen=True, slots=True, eq=False)
class ColumnGains:
    """Gains of J columns relative to their mean, as the board reports currents.

    Args:
        gain: mean 1, shape (J,); NaN where no cell of a column could be measured.
        sigma: standard deviation of one of them.
        scatter: standard deviation of one transfer, as a current (A); NaN where there is one point only.
        dependence: by how much gains change from no current to the largest, standard deviation from column to column.
        agreement: board over meter, mean of all columns, at each point, shape (K,).
        by_point: gain that each point alone shows, relative to its mean, shape (K, J).
        current: mean that cells carried at each point, shape (K,) (A).
    """

    gain: Array
    sigma: float
    scatter: float
    dependence: float
    agreement: Array
    by_point: Array
    current: Array

    @property
    def spread(self) -> float:
        """Standard deviation of the gains from column to column."""
        known = self.gain[np.isfinite(self.gain)]
        return float(np.std(known, ddof=1)) if len(known) > 1 else float("nan")


def bend(transfers: Transfers) -> Array:
    """Return V / V0 of the cells' current, I ~ sinh(V / V0), at each point, shape (K,); 0 for ohmic cells.

    A current at V is 2 cosh(V / 2 V0) times that at V / 2.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (transfers.board - transfers.zero) / (transfers.half - transfers.zero)
    typical = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 2.0 for row in ratio])
    found: Array = 2 * np.arccosh(np.maximum(1.0, typical / 2))
    return found


def rise(bends: Array) -> Array:
    """Return dI/dV at V over I / V, x coth x."""
    safe = np.where(bends > 0, bends, 1.0)
    return np.where(bends > 0, safe / np.tanh(safe), 1.0)


def start(bends: Array) -> Array:
    """Return dI/dV at 0 V over I / V, x / sinh x."""
    safe = np.where(bends > 0, bends, 1.0)
    return np.where(bends > 0, safe / np.sinh(safe), 1.0)


def column_offsets(transfers: Transfers) -> Offsets:
    """Tell the offset current of each column's reader from its amplifier's offset voltage."""
    own = (transfers.board - transfers.zero) / transfers.voltage[:, None]
    load: Array = np.vstack([transfers.found_load, transfers.load + own * start(bend(transfers))[:, None]])
    zero: Array = np.vstack([transfers.found_zero, transfers.zero])
    known = np.isfinite(load) & np.isfinite(zero)
    loads = load[known]
    if loads.size == 0 or loads.max() < LOADS_DIFFER * max(float(loads.min()), 0.0) or len(zero) < 3:
        each: Array = np.where(known, zero / np.where(known & (load > 0), load, 1.0), np.nan)
        return Offsets(np.zeros_like(transfers.found_zero), math.nan, _mean(each, axis=0))
    return _against_load(np.where(known, load, np.nan), np.where(known, zero, np.nan))


def _against_load(load: Array, zero: Array) -> Offsets:
    """Return the straight line of each column's zeros (A) against the load (S), both of shape (n, J)."""
    known = np.isfinite(load)
    count = known.sum(axis=0)
    middle, mean = _mean(load, axis=0), _mean(zero, axis=0)
    off = np.where(known, load - middle, 0.0)
    squares: Array = (off**2).sum(axis=0)
    fits = squares > 0
    slope: Array = np.where(fits, np.where(known, off * zero, 0.0).sum(axis=0) / np.where(fits, squares, 1.0), 0.0)
    rest: Array = np.where(known, zero - mean - slope * off, 0.0)
    current: Array = np.where(fits, mean - slope * middle, 0.0)
    freedom = int((count[fits] - 2).sum())
    if freedom <= 0:
        return Offsets(current, math.nan, slope)
    variance = float((rest[:, fits] ** 2).sum()) / freedom
    each: Array = 1 / count[fits] + middle[fits] ** 2 / squares[fits]
    return Offsets(current, math.sqrt(variance * float(each.mean())), slope)


def true_meter_currents(transfers: Transfers) -> Array:
    """Return the meter's currents without its offsets, shape (K, J) (A).

    With 0 V at its output it shows the offset of its current, and that of its voltage times what a cell conducts: cells
    of different conductance tell one from the other.
    """
    bends = bend(transfers)
    own = transfers.meter / transfers.voltage[:, None] * start(bends)[:, None]
    known: NDArray[np.bool_] = np.isfinite(own) & np.isfinite(transfers.meter_zero)
    if not known.any():
        return transfers.meter
    conductance, zero = own[known], transfers.meter_zero[known]
    if conductance.max() < LOADS_DIFFER * max(float(conductance.min()), 0.0):
        # One conductance does not tell them apart: all is taken for the voltage's, whose share is the larger one.
        offset, voltage = 0.0, float(zero.mean() / conductance.mean())
    else:
        off = conductance - conductance.mean()
        voltage = float((off * zero).sum() / (off * off).sum())
        offset = float(zero.mean()) - voltage * float(conductance.mean())
    own_at_voltage = transfers.meter / transfers.voltage[:, None] * rise(bends)[:, None]
    corrected: Array = transfers.meter - offset - own_at_voltage * voltage
    return corrected


def column_gains(transfers: Transfers) -> ColumnGains:
    """Return the columns' gains by least squares: a factor for each column, and one for each point.

    Every transfer counts as much as its current: what scatters (noise, a converter's steps and curve) is a current.
    """
    currents = true_meter_currents(transfers)
    offsets = column_offsets(transfers)
    own = (transfers.board - transfers.zero) / transfers.voltage[:, None]
    slope = transfers.load + own * rise(bend(transfers))[:, None]
    board = transfers.board - offsets.current - offsets.voltage * slope
    least = SIGNAL_MIN * np.array([_median(row) for row in currents])[:, None]
    known = np.isfinite(board) & np.isfinite(currents) & (currents > np.maximum(least, 0.0))
    if not known.any():
        nothing = np.full(known.shape[1], np.nan)
        points = np.full(known.shape[0], np.nan)
        return ColumnGains(nothing, np.nan, np.nan, np.nan, points, np.full(known.shape, np.nan), points)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(known, board / currents, np.nan)
    weight = np.where(known, currents, 0.0)
    column, point = _two_way(ratio, weight)
    rest: Array = np.where(known, ratio - column - point[:, None], 0.0)
    measured = np.isfinite(column)
    freedom = int(known.sum()) - int(measured.sum()) - int(known.any(axis=1).sum()) + 1
    scatter = float(np.sqrt(((rest * weight) ** 2).sum() / freedom)) if freedom > 0 else float("nan")
    information: Array = (weight[:, measured] ** 2).sum(axis=0)
    by_point = ratio / np.array([_mean_of(row) for row in ratio])[:, None]
    return ColumnGains(
        gain=1 + (column - _mean_of(column)) / _mean_of(ratio.ravel()),
        sigma=scatter * float(np.sqrt(np.mean(1 / information) * (1 - 1 / measured.sum()))),
        scatter=scatter,
        dependence=_dependence(rest, weight),
        agreement=np.array([_mean_of(row) for row in ratio - column + _mean_of(column)]),
        by_point=by_point,
        current=np.array([_mean_of(row) for row in np.where(known, currents, np.nan)]),
    )


def _two_way(ratio: Array, weight: Array) -> tuple[Array, Array]:
    """Return a term for each column, NaN where there is none, and for each point, whose sums fit best."""
    points, columns = ratio.shape
    entries = np.argwhere(weight > 0)
    model = np.zeros((len(entries), points + columns))
    rows = np.arange(len(entries))
    strength = weight[weight > 0] / weight.max()
    model[rows, entries[:, 0]] = strength
    model[rows, points + entries[:, 1]] = strength
    fitted = np.asarray(np.linalg.lstsq(model, ratio[weight > 0] * strength, rcond=None)[0], np.float64)
    measured = (weight > 0).any(axis=0)
    return np.where(measured, fitted[points:], np.nan), fitted[:points]


def _dependence(rest: Array, weight: Array) -> float:
    """Return the spread of the columns' gain changes up to the largest current; `weight` are the currents (A)."""
    squared = weight**2
    total = squared.sum(axis=0)
    enough = (np.count_nonzero(weight, axis=0) > 1) & (total > 0)
    if np.count_nonzero(enough) < 2:
        return float("nan")
    rest, weight, squared, total = rest[:, enough], weight[:, enough], squared[:, enough], total[enough]
    off = np.where(weight > 0, weight - (squared * weight).sum(axis=0) / total, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (squared * off * rest).sum(axis=0) / (squared * off**2).sum(axis=0)
    slope = slope[np.isfinite(slope)]
    return float(np.std(slope, ddof=1) * weight.max()) if len(slope) > 1 else float("nan")


def _mean(values: Array, axis: int) -> Array:
    """Return means of what is finite, 0 where nothing is."""
    finite = np.isfinite(values)
    sums = np.where(finite, values, 0.0).sum(axis=axis)
    found: Array = sums / np.maximum(finite.sum(axis=axis), 1)
    return found


def _mean_of(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _median(values: Array) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
