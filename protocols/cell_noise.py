"""The noises of one cell, told apart: of the cell and of its reader, of reads and of writes, white and 1/f.

A cell's noise is one of its conductance: the current that it makes grows with the voltage of the read. A reader's noise
is one of current, whatever the voltage. Reads at two voltages tell them apart:

    (s1 V1)^2 = (c V1)^2 + r^2,  (s2 V2)^2 = (c V2)^2 + r^2

with the scatter s of reads (S), the cell's own c (S) and the reader's r (A).

That is all but true. Part of the reader's noise is a voltage: it comes as a current through the cell's differential
conductance, which in a cell with a bent characteristic grows with the voltage of the read. Where r grows with the
conductance of the cell shows how large that part is, and the means at both voltages show the bend.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from labctl.errors import ParameterError
from labctl.units import Hertz, Siemens
from protocols.analysis.spectrum import SpectrumFit, fit_spectrum
from protocols.analysis.variogram import NoiseSplit, split_noise
from protocols.analysis.weighted_line import weighted_line
from protocols.board_requests import SAMPLE_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

DEGREE = 3
"""Of the polynomial that is taken out of a block of reads: drift and slow noise are no scatter of a read."""
BLOCK = 64
"""Reads of a block."""
BEND_MAX = 3.0
"""Largest bend looked for: read voltage over V0 of the sinh."""
MOVES_LEAST, MOVED = 5, 4.0
"""Fewest steps from block to block, and deviations of a read, for reads to be said to move the cell: six steps of a
request go one way by chance once in 60, and go nowhere then."""
UNLIKE_ONE = 6.0
"""Gain in twice the log-likelihood above which an exponent other than 1 is believed: 1 in 70 by chance."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """How single reads scatter.

    Args:
        variance: of one read about the slow course of its block (S^2).
        freedom: degrees of freedom of that.
        mean: of all reads (S).
        slow: variance of the means of blocks within a request, beyond what the scatter of reads makes (S^2); may be
            below 0 by chance.
        slow_error: standard deviation of that (S^2).
        drift: change from one read to the next (S).
    """

    variance: float
    freedom: int
    mean: Siemens
    slow: float
    slow_error: float
    drift: Siemens


@dataclass(frozen=True, slots=True)
class ReadNoise:
    """What a read's noise is made of; standard deviations of one read.

    Args:
        cell: of the conductance (S); 0 if none is seen.
        cell_error: standard deviation of that figure (S).
        reader: of the reader, at the voltage of the reads (S).
        reader_error: standard deviation of that figure (S).
    """

    cell: Siemens
    cell_error: Siemens
    reader: Siemens
    reader_error: Siemens


@dataclass(frozen=True, slots=True)
class WriteNoise:
    """How the step of one pulse scatters.

    Args:
        sigma: standard deviation of a step (S).
        sigma_error: standard deviation of that figure (S).
        step: mean size of a step (S).
        relative: sigma as a share of the step.
        relative_error: standard deviation of that share.
        conductance: at which, on average (S).
        read: standard deviation of a read after a pulse (S).
    """

    sigma: Siemens
    sigma_error: Siemens
    step: Siemens
    relative: float
    relative_error: float
    conductance: Siemens
    read: Siemens


@dataclass(frozen=True, slots=True)
class Corner:
    """Where the 1/f noise of a cell meets its white noise, for samples without a gap.

    Args:
        frequency: Hz.
        error: standard deviation of its natural logarithm.
        exponent: of the frequency; 1 unless the reads say otherwise.
    """

    frequency: Hertz
    error: float
    exponent: float


def block_scatter(reads: ArrayLike) -> tuple[float, float, int]:
    """Return mean (S), variance (S^2) about a cubic course, and its degrees of freedom, of one block of reads.

    Raises:
        ParameterError: for fewer than 8 reads.
    """
    block = np.asarray(reads, np.float64)
    if block.ndim != 1 or len(block) < 2 * (DEGREE + 1):
        raise ParameterError(f"a block has {2 * (DEGREE + 1)} reads at least")
    powers = np.polynomial.legendre.legvander(np.linspace(-1, 1, len(block)), DEGREE)
    left: Array = block - powers @ (np.linalg.pinv(powers) @ block)
    freedom = len(block) - DEGREE - 1
    return float(block.mean()), float(left @ left) / freedom, freedom


def join_blocks(means: ArrayLike, variances: ArrayLike, freedom: int, reads: int) -> Scatter | None:
    """Return the scatter of blocks of equal length.

    Args:
        means: of blocks, shape (requests, blocks of a request) (S).
        variances: within them, same shape (S^2).
        freedom: of each variance.
        reads: in a block.

    Returns:
        None without a block.
    """
    middle: Array = np.atleast_2d(np.asarray(means, np.float64))
    within = np.asarray(variances, np.float64)
    if not middle.size:
        return None
    variance = float(within.mean())
    count = middle.shape[1]
    slow = slow_error = drift = 0.0
    if count >= 3:
        place: Array = np.arange(count, dtype=np.float64) - (count - 1) / 2
        slopes: Array = middle @ place / float(place @ place)
        left: Array = middle - middle.mean(axis=1, keepdims=True) - slopes[:, None] * place
        rest = middle.shape[0] * (count - 2)
        between = float((left**2).sum()) / rest
        slow, slow_error = between - variance / reads, between * math.sqrt(2 / rest)
        drift = float(slopes.mean()) / reads
    return Scatter(variance, freedom * middle.size, float(middle.mean()), slow, slow_error, drift)


def moves(means: ArrayLike, sigma: float) -> bool:
    """Return whether reads move the cell: block after block leads the same way, and far beyond the noise.

    Args:
        means: of the blocks of one request, in order, shape (n,) (S).
        sigma: standard deviation of one read (S).
    """
    middle = np.asarray(means, np.float64)
    steps = np.diff(middle)
    one_way = len(steps) >= MOVES_LEAST and bool((steps > 0).all() or (steps < 0).all())
    return one_way and abs(float(middle[-1] - middle[0])) > MOVED * sigma


def split_reader(high: Scatter, high_voltage: float, low: Scatter, low_voltage: float) -> ReadNoise:
    """Tell the cell's noise from its reader's.

    Args:
        high: scatter of reads at the voltage at which the noise is wanted.
        high_voltage: V.
        low: scatter of the same reads at a lower voltage.
        low_voltage: V.

    Raises:
        ParameterError: if the voltages do not differ.
    """
    if not 0 < low_voltage < high_voltage:
        raise ParameterError("the lower voltage of two is above 0 and below the other one")
    share = (low_voltage / high_voltage) ** 2
    first, second = high.variance, low.variance * share
    errors = first * math.sqrt(2 / high.freedom), second * math.sqrt(2 / low.freedom)
    cell = (first - second) / (1 - share)
    reader = (second - first * share) / (1 - share)
    return ReadNoise(
        *_root(cell, math.hypot(*errors) / (1 - share)),
        *_root(reader, math.hypot(errors[1], errors[0] * share) / (1 - share)),
    )


def rise_of_slope(high: float, low: float, high_voltage: float, low_voltage: float) -> float:
    """Return by which factor a cell's differential conductance grows from the lower to the higher voltage, less 1.

    From the chord conductances I / V at both, for a current I ~ sinh(V / V0).

    Args:
        high: chord conductance at the higher voltage (S).
        low: at the lower one (S).
        high_voltage: V.
        low_voltage: V.
    """
    share = low_voltage / high_voltage

    def too_bent(x: float) -> float:
        return math.sinh(x) / math.sinh(share * x) * share * low - high

    # A cell that is straight or bends the other way passes on no more; beyond 3 V0 the reads are no sinh.
    if not 0 < low < high or too_bent(BEND_MAX) <= 0:
        return 0.0
    x = float(brentq(too_bent, 1e-6, BEND_MAX)) if too_bent(1e-6) < 0 else 0.0
    return math.cosh(x) / math.cosh(share * x) - 1


def less_bend(noises: Sequence[ReadNoise], places: Sequence[float], rises: Sequence[float]) -> list[ReadNoise]:
    """Return read noises of several conductances without what the bend of the cell adds to the reader's.

    Args:
        noises: as `split_reader` has them.
        places: conductance of each (S).
        rises: of the differential conductance of each (`rise_of_slope`).
    """
    squares = np.square(places)
    errors = [2 * max(one.reader, one.reader_error) * one.reader_error for one in noises]
    if min(errors, default=0.0) <= 0:
        return list(noises)
    line = weighted_line(squares, [one.reader**2 for one in noises], errors)
    if line is None or line.slope <= 2 * line.slope_sigma:
        return list(noises)
    found: list[ReadNoise] = []
    for one, square, rise in zip(noises, squares.tolist(), rises, strict=True):
        more = square * ((1 + rise) ** 2 - 1)
        moved = min(line.slope * more, one.cell**2)
        error = math.hypot(2 * max(one.cell, one.cell_error) * one.cell_error, line.slope_sigma * more)
        cell, reader = _root(one.cell**2 - moved, error), math.sqrt(one.reader**2 + moved)
        found.append(ReadNoise(*cell, reader, math.hypot(one.reader_error, line.slope_sigma * more / (2 * reader))))
    return found


def join_steps(splits: Sequence[NoiseSplit]) -> WriteNoise | None:
    """Return the write noise of several staircases, up or down, each weighted by how well it is known; None of none."""
    if not splits:
        return None
    variance = np.array([split.write_variance for split in splits])
    # Errors follow from the variances themselves: weights by them would favour what is small by chance.
    weight = np.array([float(split.trains) for split in splits])
    weight /= weight.sum()
    errors = np.array([split.write_variance_error for split in splits])
    sigma, error = _root(float(weight @ variance), math.sqrt(float(weight**2 @ errors**2)))
    step = float(weight @ np.abs([split.step for split in splits]))
    if not step > 0:
        return None
    return WriteNoise(
        sigma,
        error,
        step,
        sigma / step,
        error / step,
        float(weight @ [split.conductance for split in splits]),
        float(weight @ [split.read_sigma for split in splits]),
    )


def staircase_noise(readings: ArrayLike) -> NoiseSplit | None:
    """Return the split of one staircase of single pulses, read after each: shape (n + 1,) (S)."""
    return split_noise(readings, trend=2)


def fit_series(series: ArrayLike, spacing: float) -> SpectrumFit | None:
    """Fit white and 1/f noise to requests of evenly spaced reads; the exponent is 1 unless the reads say otherwise.

    Args:
        series: shape (requests, reads) (S).
        spacing: of the reads, by the clock (s).

    Returns:
        None for fewer than 64 reads a request.
    """
    one = fit_spectrum(series, spacing, 1.0)
    free = fit_spectrum(series, spacing)
    return free if one is not None and free is not None and free.gain > one.gain + UNLIKE_ONE else one


def contiguous_corner(fit: SpectrumFit | None, noise: ReadNoise) -> Corner | None:
    """Return the corner of a cell sampled without a gap, from reads with gaps.

    The density of 1/f noise at a frequency does not depend on how often it is looked at, that of white noise does:
    samples of variance c^2, one every `SAMPLE_TIME`, have the one-sided density 2 c^2 `SAMPLE_TIME`.

    Returns:
        None if no 1/f noise was found, or no white noise.
    """
    if fit is None or fit.corner is None or not noise.cell > 0:
        return None
    white = 2 * noise.cell**2 * SAMPLE_TIME
    frequency = (fit.flicker / white) ** (1 / fit.exponent)
    error = math.hypot(fit.corner_sigma, 2 * noise.cell_error / noise.cell / fit.exponent)
    return Corner(frequency, error, fit.exponent)


def _root(variance: float, error: float) -> tuple[float, float]:
    """Return the root of a variance and its standard deviation; one that is hardly above 0 could be as large as that.

    A variance below 0 is chance: its root is 0.
    """
    root = math.sqrt(max(0.0, variance))
    return root, error / (2 * root) if variance > 2 * error else math.sqrt(max(0.0, variance) + 2 * error) - root
