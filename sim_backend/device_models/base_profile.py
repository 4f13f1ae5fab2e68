"""The numbers that every device has, whatever its physics; a profile file (TOML) gives them with their units.

A quantity is written with its unit, as in "0.9 V"; a number without a unit is written bare.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from labctl.units import Seconds, Siemens, Volts

Share = Annotated[float, Field(ge=0, le=1)]
"""A fraction."""
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class Table(BaseModel):
    """A table of a profile file: no unknown key, no NaN, never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class NoiseProfile(Table):
    """How large the noises of a device are. What has no source is 0, which switches it off.

    Args:
        read: standard deviation of one sample (5 us) at zero conductance (S).
        read_slope: what it gains per S of conductance.
        flicker_share: standard deviation of the 1/f part, in deviations of one sample's white noise.
        flicker_shortest: shortest correlation time of the 1/f part (s).
        flicker_longest: longest correlation time of the 1/f part (s).
        telegraph_share: share of cells with random telegraph noise.
        telegraph_amplitude: distance of its two states, as a share of the conductance.
        telegraph_dwell: mean time in either state (s).
        write: standard deviation of a one-level step at level 0, in steps.
        write_rise: what it gains up to the last level, in steps.
        spread: standard deviation of a cell's conductance from its nominal one, as programmed (S).
        rate_spread: standard deviation of the logarithm of a cell's rate.
        drift_exponent: nu of G(t) = G0 (t/t0)^-nu since the last write.
        drift_start: t0 (s): until then a cell holds what was written.
        stuck_share: share of cells that no pulse changes.
        dead_share: share of cells that do not conduct.
        endurance: full cycles (up and down) after which the window begins to close.
        wear_exponent: w of the window's part (cycles / endurance)^-w that is left beyond.
    """

    read: Annotated[Siemens, Field(ge=0)]
    read_slope: NotNegative
    flicker_share: NotNegative
    flicker_shortest: Annotated[Seconds, Field(ge=1e-6)]
    flicker_longest: Annotated[Seconds, Field(gt=0, le=1e6)]
    telegraph_share: Share
    telegraph_amplitude: Share
    telegraph_dwell: Annotated[Seconds, Field(gt=0)]
    write: NotNegative
    write_rise: float
    spread: Annotated[Siemens, Field(ge=0)]
    rate_spread: Annotated[float, Field(ge=0, le=3)]
    drift_exponent: NotNegative
    drift_start: Annotated[Seconds, Field(gt=0)]
    stuck_share: Share
    dead_share: Share
    endurance: Positive
    wear_exponent: NotNegative


class DeviceProfile(Table):
    """What every device has; a model's own profile adds its physics.

    Args:
        model: which physics the profile is for.
        name: as in the bench file.
        g_min: conductance of level 0 at the reference read voltage (S).
        g_max: conductance of the last level at the reference read voltage (S).
        g_floor: the least conductance a cell can have, whatever its spread (S).
        rectification: forward over reverse current at equal magnitude of voltage; 1 does not rectify.
        voltage_known: up to this magnitude the model was fitted or checked (V).
        voltage_max: beyond this magnitude the model is not computed (V).
        noise: sizes of the noises.
    """

    model: Literal["ru-azo", "vteam"]
    name: Annotated[str, Field(min_length=1)]
    g_min: Annotated[Siemens, Field(gt=0)]
    g_max: Annotated[Siemens, Field(gt=0)]
    g_floor: Annotated[Siemens, Field(gt=0)]
    rectification: Annotated[float, Field(ge=1)]
    voltage_known: Annotated[Volts, Field(gt=0)]
    voltage_max: Annotated[Volts, Field(gt=0)]
    noise: NoiseProfile

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.g_floor <= self.g_min < self.g_max:
            raise ValueError("g_floor <= g_min < g_max must hold")
        if self.voltage_known > self.voltage_max:
            raise ValueError("voltage_known <= voltage_max must hold")
        if self.noise.flicker_shortest >= self.noise.flicker_longest:
            raise ValueError("noise: flicker_shortest < flicker_longest must hold")
        return self

    def scaled(self, g_max: float) -> Self:
        """Return the profile with every conductance, its noise and its spread scaled so that the top is `g_max` (S)."""
        factor = g_max / self.g_max
        noise = self.noise.model_copy(update={"read": self.noise.read * factor, "spread": self.noise.spread * factor})
        return self.model_copy(
            update={"g_min": self.g_min * factor, "g_max": g_max, "g_floor": self.g_floor * factor, "noise": noise}
        )
