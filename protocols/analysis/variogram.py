"""Read noise told apart from write noise, from reads between pulses.

A cell gets the same train of pulses again and again and is read a few times after each. Two readings that lie n pulses
apart differ, beyond the mean step, with the variance 2 r + n w: r is the variance of a read, w what each pulse adds.
The semivariance, half of that, against n is the variogram: its nugget is r, its slope w / 2.

A line through the variogram wastes most of the data, because its points are correlated. The estimate here is that of
maximum likelihood: the differences of successive readings are a normal process whose covariance matrix (w p + 2 r on
the diagonal, -r beside it) is diagonal in sine waves, so that the likelihood is exact and costs one transform.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.fft import dst
from scipy.optimize import minimize

from labctl.errors import ParameterError
from labctl.units import Siemens
from protocols.analysis.measured_values import positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

LEAST = 16
"""Fewest trains that a split is made from."""
_SMALL = 1e-9
"""Least share that either variance is taken for: its logarithm is searched."""


@dataclass(frozen=True, slots=True, eq=False)
class Variogram:
    """Semivariance of readings against the pulses between them.

    Args:
        pulses: between two readings, shape (n,).
        semivariance: half the variance of their differences beyond the trend (S^2), shape (n,).
        pairs: from how many pairs each comes, shape (n,).
    """

    pulses: Array
    semivariance: Array
    pairs: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NoiseSplit:
    """Read and write noise of one cell over a stretch of its range.

    Args:
        conductance: mean over the stretch (S).
        step: mean step of one pulse (S).
        read_sigma: standard deviation of one read (S).
        read_sigma_error: standard deviation of that figure (S).
        write_sigma: standard deviation of the step of one pulse (S); 0 if none is seen.
        write_sigma_error: standard deviation of that figure (S).
        write_variance: its square (S^2), never below 0.
        write_variance_error: standard deviation of that figure (S^2).
        write_found: whether the write noise is more than two deviations above none.
        trains: how many.
    """

    conductance: Siemens
    step: Siemens
    read_sigma: Siemens
    read_sigma_error: Siemens
    write_sigma: Siemens
    write_sigma_error: Siemens
    write_variance: float
    write_variance_error: float
    write_found: bool
    trains: int


def variogram(readings: ArrayLike, pulses: int = 1, lags: int = 16, trend: int = 1) -> Variogram | None:
    """Return the semivariance of single readings, for a figure and for a look at what the model leaves out.

    Args:
        readings: (S), shape (n, k): k reads before the first train and after each; or (n,) for one.
        pulses: of a train.
        lags: semivariances are given for 0 to this many trains, at most a quarter of all; 0 is the spread of reads
            without a pulse between them.
        trend: degree of the polynomial that the mean staircase is taken for.

    Returns:
        None for fewer than 16 trains, or a reading that is not a number.
    """
    rows = _rows(readings)
    _whole(pulses, lags, trend)
    if rows is None:
        return None
    count, width = rows.shape
    left = _without_trend(rows, trend)
    distances = range(0 if width > 1 else 1, min(lags, (count - 1) // 4) + 1)
    values: list[float] = []
    pairs: list[int] = []
    for distance in distances:
        if distance:
            gaps: Array = left[distance:, :, None] - left[:-distance, None, :]
            values.append(float(np.mean(gaps**2)) / 2)
            pairs.append(gaps.size)
        else:
            spread: Array = left.var(axis=1, ddof=1)
            values.append(float(spread.mean()))
            pairs.append(count * width * (width - 1) // 2)
    return Variogram(
        float(pulses) * np.array([float(distance) for distance in distances]),
        np.array(values, np.float64),
        np.array(pairs, np.int64),
    )


def split_noise(readings: ArrayLike, pulses: int = 1, trend: int = 1) -> NoiseSplit | None:
    """Tell read noise from write noise.

    Args:
        readings: (S), shape (n + 1, k): k reads before the first train and after each of n; or (n + 1,) for one.
        pulses: of a train, the same for all.
        trend: degree of the polynomial that the mean staircase is taken for; 1: equal steps, 2: a slope that changes.

    Returns:
        None for fewer than 16 trains, a reading that is not a number, or readings without any scatter.
    """
    rows = _rows(readings)
    _whole(pulses, 1, trend)
    if rows is None:
        return None
    trains, reads = len(rows) - 1, rows.shape[1]
    means = rows.mean(axis=1)
    within = float(((rows - means[:, None]) ** 2).sum())
    differences = np.diff(_without_trend(means[:, None], trend)[:, 0])
    # A trend costs the differences one degree of freedom for each power above the constant.
    differences *= math.sqrt(trains / (trains - trend))
    power = dst(differences, type=1, norm="ortho") ** 2
    scale = float(power.mean())
    if scale <= 1e-24 * float(np.abs(means).max()) ** 2:
        return None
    return _result(rows, pulses, *_most_likely(power / scale, within / scale, len(rows), reads), scale)


def split_by_conductance(readings: ArrayLike, bins: int, pulses: int = 1, trend: int = 1) -> tuple[NoiseSplit, ...]:
    """Return the splits of equal stretches of a staircase, in order of conductance; stretches without one are left out.

    Arguments as for `split_noise`; `bins` is how many stretches.
    """
    rows = _rows(readings)
    positive(bins, "the number of bins")
    if rows is None:
        return ()
    edges = np.linspace(0, len(rows) - 1, bins + 1).round().astype(int).tolist()
    splits = (split_noise(rows[a : b + 1], pulses, trend) for a, b in pairwise(edges))
    return tuple(sorted((split for split in splits if split is not None), key=lambda split: split.conductance))


def _rows(readings: ArrayLike) -> Array | None:
    try:
        array = np.asarray(readings, np.float64)
    except (TypeError, ValueError):
        raise ParameterError("the readings are not all numbers, or some trains have more than others") from None
    if array.ndim not in (1, 2):
        raise ParameterError(f"readings of shape (n,) or (n, k) are wanted, not {array.shape}")
    rows = array[:, None] if array.ndim == 1 else array
    return rows if len(rows) > LEAST and rows.shape[1] and bool(np.isfinite(rows).all()) else None


def _whole(pulses: int, lags: int, trend: int) -> None:
    if pulses < 1 or lags < 1 or not 0 <= trend <= 4:
        raise ParameterError("a train has a pulse at least, a variogram a lag, and a trend a degree of 0 to 4")


def _without_trend(rows: Array, degree: int) -> Array:
    """Return the rows less the polynomial that leads through the mean steps.

    It is fitted to the differences of the means, whose errors hardly add up, not to the means, whose errors do.
    """
    means = rows.mean(axis=1)
    place = np.linspace(-1, 1, len(means) - 1)
    if degree == 0:
        return rows - means.mean()
    powers = np.polynomial.legendre.legvander(place, degree - 1)
    steps: Array = powers @ (np.linalg.pinv(powers) @ np.diff(means))
    return rows - means[0] - np.append(0.0, np.cumsum(steps))[:, None]


def _most_likely(power: Array, within: float, blocks: int, reads: int) -> tuple[Array, Array]:
    """Return the variances of a train's write noise and of one read, and their covariance.

    Args:
        power: squared sine components of the differences of means, shape (trains,).
        within: sum of squares of the readings about the means of their block.
        blocks: how many.
        reads: in each.
    """
    count = len(power)
    waves = (2 - 2 * np.cos(np.pi * np.arange(1, count + 1) / (count + 1))) / reads
    freedom = blocks * (reads - 1)

    def cost(logs: Array) -> tuple[float, Array]:
        write, read = np.exp(logs).tolist()
        total = write + waves * read
        weight = (1 - power / total) / total
        value = float((np.log(total) + power / total).sum()) + freedom * math.log(read) + within / read
        return value, np.array([write * weight.sum(), read * float(waves @ weight) + freedom - within / read])

    bounds = [(math.log(_SMALL), math.log(1e3))] * 2
    starts = ([0.5, 0.25 * reads], [0.05, 0.5 * reads], [0.95, 0.02 * reads])
    tries = [minimize(cost, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds) for start in starts]
    best = min(tries, key=lambda found: float(found.fun))
    variances = np.exp(np.asarray(best.x, np.float64))
    total = variances[0] + waves * variances[1]
    slopes = np.stack([np.ones(count), waves]) / total
    information = slopes @ slopes.T / 2
    information[1, 1] += freedom / 2 / variances[1] ** 2
    return variances, np.asarray(np.linalg.pinv(information), np.float64)


def _result(rows: Array, pulses: int, variances: Array, covariance: Array, scale: float) -> NoiseSplit:
    write, read = (scale * variances).tolist()
    write_error, read_error = (scale * np.sqrt(np.diag(covariance))).tolist()
    write, write_error = write / pulses, write_error / pulses
    found = write > 2 * write_error
    # Far below its uncertainty a variance says nothing of its root's error but how large the root could be.
    write_sigma = math.sqrt(write)
    root_error = write_error / (2 * write_sigma) if found else math.sqrt(write + 2 * write_error) - write_sigma
    means = rows.mean(axis=1)
    return NoiseSplit(
        conductance=float(rows.mean()),
        step=float(means[-1] - means[0]) / (len(rows) - 1) / pulses,
        read_sigma=math.sqrt(read),
        read_sigma_error=read_error / (2 * math.sqrt(read)),
        write_sigma=write_sigma,
        write_sigma_error=root_error,
        write_variance=write,
        write_variance_error=write_error,
        write_found=found,
        trains=len(rows) - 1,
    )
