"""The numbers of a Ru-azo cell."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from labctl.units import Seconds, Volts
from sim_backend.device_models.base_profile import DeviceProfile, NotNegative, Positive, Share
from sim_backend.device_models.profile_units import Electronvolts, Kelvin, KelvinPerWatt


class RuAzoProfile(DeviceProfile):
    """Everything that the model of a Ru-azo cell takes from outside.

    Args:
        conduction_voltage: V0 of I ~ sinh(V/V0) (V); at 5 V, exp(V/V0) must still be a number.
        conduction_bend: relative change of 1/V0 per unit of normalised conduction.
        saturation: positions above the last level over which the conductance saturates.
        kinetic_voltage: Vt, where the softplus overpotential bends (V).
        kinetic_softness: Vs, how softly it bends (V).
        kinetic_exponent: alpha, power of the overpotential in the rate.
        overdrive_exponent: what alpha gains far above `up_voltage`.
        subthreshold: "hard", nothing changes below `hard_threshold`; "softplus", the fitted law holds there, too.
        hard_threshold: see there (V); without meaning for "softplus".
        up_voltage: amplitude of the pulse that potentiates by one level (V, positive).
        up_width: its width (s).
        down_voltage: amplitude of the pulse that depresses by one level (V, negative).
        down_width: its width (s).
        top_margin: positions below the highest over which potentiation slows down to nothing.
        bottom_margin: positions above the lowest over which depression slows down to nothing.
        shelf_depth: by how much, at most, depression from saturation is slower, as a share of its rate.
        shelf_exponent: power of the excursion with which the rate comes back.
        shelf_rush: by how much, relative to its rate on the levels, a cell is faster at the top of its excursion.
        shelf_edge: positions above the base over which the slowing sets in.
        overdrive_gain: how fast overdrive beyond `up_voltage` takes the shelf away.
        overdrive_base: the base of depression at full overdrive, as a share of the levels.
        temperature: of the surroundings (K).
        thermal_resistance: of the film to them (K/W).
        thermal_time: its time constant (s).
        activation_energy: of the rate (eV).
    """

    conduction_voltage: Annotated[Volts, Field(ge=0.02)]
    conduction_bend: Annotated[float, Field(gt=-0.5, lt=0.5)]
    saturation: Positive
    kinetic_voltage: Annotated[Volts, Field(gt=0)]
    kinetic_softness: Annotated[Volts, Field(gt=0)]
    kinetic_exponent: Annotated[float, Field(gt=0, le=20)]
    overdrive_exponent: NotNegative
    subthreshold: Literal["hard", "softplus"]
    hard_threshold: Annotated[Volts, Field(gt=0)]
    up_voltage: Annotated[Volts, Field(gt=0)]
    up_width: Annotated[Seconds, Field(gt=0)]
    down_voltage: Annotated[Volts, Field(lt=0)]
    down_width: Annotated[Seconds, Field(gt=0)]
    top_margin: Annotated[float, Field(gt=0, le=1000)]
    bottom_margin: Annotated[float, Field(gt=0, le=1000)]
    shelf_depth: Annotated[float, Field(ge=0, lt=1)]
    shelf_exponent: Positive
    shelf_rush: NotNegative
    shelf_edge: Positive
    overdrive_gain: NotNegative
    overdrive_base: Share
    temperature: Annotated[Kelvin, Field(gt=0)]
    thermal_resistance: Annotated[KelvinPerWatt, Field(ge=0)]
    thermal_time: Annotated[Seconds, Field(gt=0)]
    activation_energy: Annotated[Electronvolts, Field(ge=0)]

    @model_validator(mode="after")
    def _can_be_written(self) -> Self:
        if self.model != "ru-azo":
            raise ValueError(f"a profile of model {self.model!r} is no Ru-azo cell's")
        if self.kinetic_voltage >= self.up_voltage or self.kinetic_voltage >= -self.down_voltage:
            raise ValueError("both write voltages must lie beyond kinetic_voltage")
        if self.subthreshold == "hard" and self.hard_threshold > min(self.up_voltage, -self.down_voltage):
            raise ValueError("both write voltages must reach hard_threshold")
        return self
