"""The packaged devices side by side: the same figures for each, without targets, so that the worse ones show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.levels import REFERENCE_VOLTAGE
from sim_backend.device_models.catalogue import model_of, profile_named
from sim_backend.validation.disturb import largest_change, read_disturb
from sim_backend.validation.pulses import PULSES
from sim_backend.validation.staircase import STEPS, Staircase, climb
from sim_backend.validation.write_noise import step_deviation

if TYPE_CHECKING:
    from sim_backend.device_models.interface import DeviceModel

_POINTS = 401
_SIGMAS = 3
"""Half the distance of two levels that one read tells apart, in deviations of one sample."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """What a device amounts to under the published pulses; it is asked for, not judged.

    Args:
        device: name of its profile.
        lowest: conductance of an erased cell (S).
        highest: conductance after 16,519 pulses up (S).
        last: level reached then.
        left: level after 16,519 pulses down again.
        half: pulses up to the middle of what is reached.
        nonlinearity_up: nu of the way up.
        nonlinearity_down: nu of the way down.
        asymmetry: mean distance between both ways, as a share of their range.
        step_noise: deviation of a step in the middle of the window, in steps.
        told_apart: levels that one sample of a read tells apart, 6 deviations from one to the next.
        read_disturb: largest change by one read of 110 us at 0.2 V, in levels.
        half_select: largest change by one pulse of half the write voltage, in levels.
        staircase: both ways.
    """

    device: str
    lowest: float
    highest: float
    last: float
    left: float
    half: float
    nonlinearity_up: float
    nonlinearity_down: float
    asymmetry: float
    step_noise: float
    told_apart: float
    read_disturb: float
    half_select: float
    staircase: Staircase


def portrait(device: str, seed: int, side: int) -> Portrait:
    """Return the portrait of a packaged device, in its own range; `side` x `side` cells show its step noise."""
    model = model_of(profile_named(device))
    profile = model.profile
    found = climb(model, _POINTS)
    level = (profile.g_max - profile.g_min) / STEPS
    middle = float(found.up[0] + found.up[-1]) / 2
    return Portrait(
        device=device,
        lowest=float(found.up[0]),
        highest=float(found.up[-1]),
        last=float(found.up[-1] - profile.g_min) / level,
        left=float(found.down[-1] - profile.g_min) / level,
        half=float(np.interp(middle, found.up, found.pulses)),
        nonlinearity_up=found.nonlinearity_up,
        nonlinearity_down=found.nonlinearity_down,
        asymmetry=found.asymmetry,
        step_noise=step_deviation(model, seed, side),
        told_apart=_told_apart(model, found),
        read_disturb=read_disturb(model, REFERENCE_VOLTAGE, 1),
        half_select=max(largest_change(model, pulse.voltage / 2, pulse.times(1)) for pulse in (PULSES.up, PULSES.down)),
        staircase=found,
    )


def _told_apart(model: DeviceModel, found: Staircase) -> float:
    """Return the number of levels: the integral of dG / (6 sigma(G)) over the range that is reached."""
    conductance = np.linspace(float(found.up[0]), float(found.up[-1]), _POINTS)
    sigma = model.profile.noise.read + model.profile.noise.read_slope * conductance
    return float(np.trapezoid(1 / (2 * _SIGMAS * sigma), conductance))
