"""How wrong one instrument that sources and measures is, from what its data sheet guarantees for all of its kind.

A guaranteed limit is read as three standard deviations, cut off at the limit: instruments leave the factory adjusted,
so most are far inside, and none that was checked is outside. Each range of each function has a gain and an offset
error of its own, fixed for one instrument; a reading adds noise. The temperature is that of the specification.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from labctl.errors import ModelError
from sim_backend.front_end.kinds import FrontEndKind
from sim_backend.noise.keyed import KeyedNoise

if TYPE_CHECKING:
    from collections.abc import Mapping

DEVIATIONS: Final = 3.0
"""Standard deviations between no error and the guaranteed limit (assumption)."""


@dataclass(frozen=True, slots=True)
class RangeAccuracy:
    """One range of one function; V or A.

    Args:
        full_scale: the range as it is named.
        gain: guaranteed part of the value, relative.
        offset: guaranteed part beside it.
        noise: of one reading over one power line cycle (rms).
        resolution: of a programmed level; 0 for what is measured, which the instrument rounds by itself.
    """

    full_scale: float
    gain: float
    offset: float
    noise: float = 0.0
    resolution: float = 0.0


@dataclass(frozen=True, slots=True)
class Specification:
    """What a data sheet says about a model.

    Args:
        source: ranges of each function that can be sourced, by the function's name.
        measure: ranges of each function that can be measured.
        noise_floor: part of the noise over one cycle that a longer integration does not reduce.
        line_rejection: what is left of a disturbance at the line frequency over whole cycles, relative.
        pickup: such a disturbance, in full scales of the range (rms); 0: a bench without.
    """

    source: Mapping[str, tuple[RangeAccuracy, ...]]
    measure: Mapping[str, tuple[RangeAccuracy, ...]]
    noise_floor: float
    line_rejection: float
    pickup: float = 0.0


@dataclass(frozen=True, slots=True)
class _Errors:
    """The errors that one instrument has in one range, and the key of its noise."""

    accuracy: RangeAccuracy
    gain: float
    offset: float
    key: int


class MeterAccuracy:
    """One instrument: the same seed always gives the same errors and the same noise.

    Args:
        specification: of its model.
        seed: of the instrument.
    """

    def __init__(self, specification: Specification, seed: int) -> None:
        self._specification = specification
        sides = (("source", specification.source), ("measure", specification.measure))
        entries = [
            (side, function, accuracy)
            for side, functions in sides
            for function, ranges in functions.items()
            for accuracy in ranges
        ]
        keys = np.arange(len(entries))
        once = np.zeros_like(keys)
        gains = _within_limits(KeyedNoise(seed, FrontEndKind.METER_GAIN, len(keys)).normal(keys, once))
        offsets = _within_limits(KeyedNoise(seed, FrontEndKind.METER_OFFSET, len(keys)).normal(keys, once))
        self._errors = {
            (side, function, accuracy.full_scale): _Errors(
                accuracy, accuracy.gain * gains[key], accuracy.offset * offsets[key], key
            )
            for key, (side, function, accuracy) in enumerate(entries)
        }
        self._noise = KeyedNoise(seed, FrontEndKind.METER_NOISE, len(keys))
        self._pickup = KeyedNoise(seed, FrontEndKind.METER_PICKUP, len(keys))

    def sourced(self, function: str, full_scale: float, level: float) -> float:
        """Return what the output really gives, without its noise.

        Args:
            function: that is sourced.
            full_scale: its range, as it is named (V or A).
            level: that is programmed (V or A).

        Raises:
            ModelError: if the specification has no such range.
        """
        errors = self._find("source", function, full_scale)
        resolution = errors.accuracy.resolution
        level = round(level / resolution) * resolution if resolution else level
        return level * (1 + errors.gain) + errors.offset

    def measured(self, function: str, full_scale: float, value: float, nplc: float, count: int) -> float:
        """Return what the instrument makes of a value, before it rounds it.

        Args:
            function: that is measured.
            full_scale: its range, as it is named (V or A).
            value: mean over the integration time (V or A).
            nplc: integration time in power line cycles (> 0).
            count: how-manieth reading of this range it is; each has its own noise.

        Raises:
            ModelError: if the specification has no such range.
        """
        errors = self._find("measure", function, full_scale)
        key, number = np.array([errors.key]), np.array([count])
        noise = self.deviation(function, full_scale, nplc) * float(self._noise.normal(key, number)[0])
        if pickup := self._specification.pickup * full_scale * self._line_share(nplc):
            # The phase of the line at the reading's start is anything.
            phase = 2 * math.pi * float(self._pickup.uniform(key, number)[0])
            noise += math.sqrt(2) * pickup * math.sin(phase)
        return value * (1 + errors.gain) + errors.offset + noise

    def deviation(self, function: str, full_scale: float, nplc: float) -> float:
        """Return the standard deviation of a reading's noise without pickup (V or A); arguments as for `measured`."""
        floor = self._specification.noise_floor**2
        noise = self._find("measure", function, full_scale).accuracy.noise
        return noise * math.sqrt((1 - floor) / nplc + floor)

    def _line_share(self, nplc: float) -> float:
        """Return what integration over `nplc` cycles leaves of a disturbance at the line frequency."""
        return max(abs(float(np.sinc(nplc))), self._specification.line_rejection)

    def _find(self, side: str, function: str, full_scale: float) -> _Errors:
        try:
            return self._errors[side, function, full_scale]
        except KeyError:
            raise ModelError(f"no accuracy is known of {side} {function} in the range {full_scale:g}") from None


def _within_limits(normal: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> list[float]:
    """Return shares of the guaranteed limits, -1 to 1, for standard normal numbers."""
    return np.clip(normal / DEVIATIONS, -1.0, 1.0).tolist()
