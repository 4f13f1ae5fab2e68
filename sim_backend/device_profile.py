"""The numbers that make a cell: one frozen profile a device."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from labctl.errors import BenchFileError

if TYPE_CHECKING:
    from labctl.units import Seconds, Siemens, Volts


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """Everything the model of a cell takes from outside, at 298 K.

    Args:
        name: as in the bench file.
        g_min: conductance of level 0 at the reference read voltage (S).
        g_max: conductance of the last level at the reference read voltage (S).
        g_floor: the least conductance a cell can have, whatever its spread (S).
        conduction_voltage: V0 of I ~ sinh(V/V0) (V).
        conduction_bend: relative change of 1/V0 per unit of normalised conduction.
        rectification: forward over reverse current at equal magnitude of voltage.
        kinetic_voltage: Vt, where the softplus overpotential bends (V).
        kinetic_softness: Vs, how softly it bends (V).
        kinetic_exponent: alpha, power of the overpotential in the rate.
        overdrive_exponent: what alpha gains far above `up_voltage`.
        hard_threshold: below this magnitude nothing changes at all (V).
        up_voltage: amplitude of the pulse that potentiates by one level (V, positive).
        up_width: its width (s).
        down_voltage: amplitude of the pulse that depresses by one level (V, negative).
        down_width: its width (s).
        top_margin: states below the highest over which potentiation slows down to nothing.
        bottom_margin: states above the lowest over which depression slows down to nothing.
        read_noise: standard deviation of one sample at zero conductance (S).
        read_noise_slope: what it gains per S of conductance.
        write_noise: standard deviation of a one-level step at level 0, in steps.
        write_noise_rise: what it gains up to the last level, in steps.
        spread: standard deviation of a cell's conductance from its nominal one (S).

    Raises:
        BenchFileError: if a number is not finite, or no cell could have it.
    """

    name: str
    g_min: Siemens
    g_max: Siemens
    g_floor: Siemens
    conduction_voltage: Volts
    conduction_bend: float
    rectification: float
    kinetic_voltage: Volts
    kinetic_softness: Volts
    kinetic_exponent: float
    overdrive_exponent: float
    hard_threshold: Volts
    up_voltage: Volts
    up_width: Seconds
    down_voltage: Volts
    down_width: Seconds
    top_margin: float
    bottom_margin: float
    read_noise: Siemens
    read_noise_slope: float
    write_noise: float
    write_noise_rise: float
    spread: Siemens

    def __post_init__(self) -> None:
        for name, value in self.numbers().items():
            if not math.isfinite(value):
                raise BenchFileError(f"device {self.name}: {name} = {value} is no number of a cell")
            if value <= 0 and name in _POSITIVE:
                raise BenchFileError(f"device {self.name}: {name} = {value} must be above 0")
        if not self.g_floor <= self.g_min < self.g_max:
            raise BenchFileError(f"device {self.name}: g_floor <= g_min < g_max must hold")
        if not self.down_voltage <= -self.hard_threshold < self.hard_threshold <= self.up_voltage:
            raise BenchFileError(f"device {self.name}: both write voltages must reach the hard threshold")

    def numbers(self) -> dict[str, float]:
        """Return every number of the profile by name."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}

    def scaled(self, g_max: Siemens) -> DeviceProfile:
        """Return the profile with every conductance, its noise and its spread scaled so that the top is `g_max` (S).

        Raises:
            BenchFileError: if `g_max` is not above 0.
        """
        if not (math.isfinite(g_max) and g_max > 0):
            raise BenchFileError(f"g_max = {g_max} S must be above 0")
        factor = g_max / self.g_max
        return replace(
            self,
            g_min=self.g_min * factor,
            g_max=g_max,
            g_floor=self.g_floor * factor,
            read_noise=self.read_noise * factor,
            spread=self.spread * factor,
        )


_POSITIVE = frozenset(
    {
        "g_floor", "conduction_voltage", "rectification", "kinetic_voltage", "kinetic_softness", "kinetic_exponent",
        "hard_threshold", "up_width", "down_width", "top_margin", "bottom_margin",
    }
)  # fmt: skip
