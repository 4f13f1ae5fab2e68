"""How straight a cell follows its pulses: the best line's slope, INL, DNL, and the nonlinearity nu of NeuroSim's form.

Conductances in S; pulses are counted from the start of each branch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize_scalar

from labctl.units import Siemens
from protocols.analysis.measured_values import finite_points, positive

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

NU_MAX = 30.0
"""Nonlinearities are looked for up to this magnitude: beyond, a branch is over within a thirtieth of its pulses."""
STRAIGHT = 1e-5
"""Below this magnitude of nu the exponential form is computed from the first terms of its series."""


@dataclass(frozen=True, slots=True)
class Line:
    """The line of least squares.

    Args:
        slope: S a pulse.
        offset: at pulse 0 (S).
        slope_sigma: standard deviation of the slope, if the points scatter independently (S a pulse).
        rms: of the points' distances (S).
    """

    slope: Siemens
    offset: Siemens
    slope_sigma: Siemens
    rms: Siemens


@dataclass(frozen=True, slots=True)
class UpdateFit:
    """NeuroSim's form of an update, fitted to one branch: G = first + (last - first) (1 - e^(-nu p)) / (1 - e^(-nu)).

    With p = P / Pmax that is G = B (1 - e^(-P/A)) + Gmin for a rising branch and its mirror for a falling one.

    Args:
        nu: Pmax / A: 0 is straight, above 0 the branch slows on its way, below 0 it gets faster.
        nu_sigma: its standard deviation, if the points scatter independently.
        first: fitted conductance at the first point (S).
        last: fitted conductance at the last point (S).
        rms: of the points' distances (S).
    """

    nu: float
    nu_sigma: float
    first: Siemens
    last: Siemens
    rms: Siemens


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps of a branch against their nominal size.

    Args:
        dnl_min: least DNL, (G[k+1] - G[k]) / step - 1 with the sign of the branch, for one pulse.
        dnl_max: largest one.
        dnl_rms: root mean square.
        backward: steps that go the wrong way or stand still (DNL <= -1): 0 is monotonic.
        backward_for_sure: those that go the wrong way by more than three deviations of a difference of two reads.
    """

    dnl_min: float
    dnl_max: float
    dnl_rms: float
    backward: int
    backward_for_sure: int


def best_line(pulses: ArrayLike, conductance: ArrayLike) -> Line | None:
    """Return the line of least squares; None for fewer than three points, or all at one pulse."""
    x, y = finite_points(pulses, conductance)
    if len(x) < 3 or np.ptp(x) == 0:
        return None
    away = x - x.mean()
    square = float(away @ away)
    slope = float(away @ (y - y.mean())) / square
    offset = float(y.mean()) - slope * float(x.mean())
    residual = y - offset - slope * x
    power = float(residual @ residual)
    return Line(slope, offset, math.sqrt(power / (len(x) - 2) / square), math.sqrt(power / len(x)))


def integral_nonlinearity(pulses: ArrayLike, conductance: ArrayLike) -> float | None:
    """Return the largest distance from the best line, as a share of the range; None if there is no line or range."""
    line = best_line(pulses, conductance)
    x, y = finite_points(pulses, conductance)
    if line is None or np.ptp(y) == 0:
        return None
    return float(np.abs(y - line.offset - line.slope * x).max() / np.ptp(y))


def steps(pulses: ArrayLike, conductance: ArrayLike, step: float, read_sigma: float = 0.0) -> Steps | None:
    """Return how a branch's steps differ from `step`; None for fewer than two points.

    Points may be some pulses apart: a step is then the mean of those between two points.

    Args:
        pulses: rising, shape (n,).
        conductance: shape (n,), in S.
        step: nominal step of one pulse (S), below 0 for a falling branch.
        read_sigma: standard deviation of one point (S).
    """
    positive(abs(step), "the size of a nominal step")
    x, y = finite_points(pulses, conductance)
    if len(x) < 2 or not bool((np.diff(x) > 0).all()):
        return None
    moved = math.copysign(1.0, step) * np.diff(y)
    dnl = moved / np.diff(x) / abs(step) - 1
    for_sure = moved < -3 * math.sqrt(2) * read_sigma
    return Steps(
        dnl_min=float(dnl.min()),
        dnl_max=float(dnl.max()),
        dnl_rms=float(np.sqrt(np.mean(dnl**2))),
        backward=int((moved <= 0).sum()),
        backward_for_sure=int(for_sure.sum()),
    )


def fit_update(pulses: ArrayLike, conductance: ArrayLike) -> UpdateFit | None:
    """Fit NeuroSim's form to one branch, rising or falling; both ends are free.

    For any nu the ends follow from a linear fit, so that only nu is searched for.

    Returns:
        None for fewer than five points, or a branch without range. A nu of +-30 is the end of the search.
    """
    x, y = finite_points(pulses, conductance)
    if len(x) < 5 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None
    share = (x - x.min()) / np.ptp(x)
    scaled = (y - y.min()) / np.ptp(y)

    def misfit(nu: float) -> float:
        return _ends(share, scaled, nu)[1]

    grid = np.concatenate([-np.geomspace(NU_MAX, 0.1, 40), [0.0], np.geomspace(0.1, NU_MAX, 40)])
    best = int(np.argmin([misfit(float(nu)) for nu in grid]))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
    nu = float(minimize_scalar(misfit, bounds=(low, high), method="bounded", options={"xatol": 1e-7}).x)
    (first, last), power = _ends(share, scaled, nu)
    variance = power / (len(x) - 3)
    bent = (last - first) * (exponential_form(share, nu + 1e-4) - exponential_form(share, nu - 1e-4)) / 2e-4
    form = exponential_form(share, nu)
    information = np.column_stack([1 - form, form, bent])
    covariance = variance * np.linalg.pinv(information.T @ information)
    size, floor = float(np.ptp(y)), float(y.min())
    return UpdateFit(
        nu=nu,
        nu_sigma=math.sqrt(float(covariance[2, 2])),
        first=floor + size * first,
        last=floor + size * last,
        rms=size * math.sqrt(power / len(x)),
    )


def exponential_form(share: Array, nu: float) -> Array:
    """Return (1 - e^(-nu p)) / (1 - e^(-nu)) at the shares p of a branch's pulses, 0 to 1; p itself for nu = 0."""
    if abs(nu) < STRAIGHT:
        return share + nu * share * (1 - share) / 2
    return np.expm1(-nu * share) / math.expm1(-nu)


def _ends(share: Array, scaled: Array, nu: float) -> tuple[tuple[float, float], float]:
    """Return the first and last value that fit best for one nu, and the sum of squares that is left."""
    form = exponential_form(share, nu)
    base = np.column_stack([1 - form, form])
    ends, *_ = np.linalg.lstsq(base, scaled)
    left = scaled - base @ ends
    return (float(ends[0]), float(ends[1])), float(left @ left)
