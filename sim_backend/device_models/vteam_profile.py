"""The numbers of a VTEAM cell."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from labctl.units import Volts
from sim_backend.device_models.base_profile import DeviceProfile, Positive
from sim_backend.device_models.profile_units import Metres, MetresPerSecond


class VteamProfile(DeviceProfile):
    """Everything that the model of a VTEAM cell takes from outside.

    The literature's voltages have the other sign: here a positive one potentiates, towards the on-state.

    Args:
        set_voltage: |v_on|, beyond which a cell is potentiated (V, positive).
        set_speed: |k_on| (m/s).
        set_exponent: alpha_on.
        reset_voltage: -|v_off|, beyond which a cell is depressed (V, negative).
        reset_speed: |k_off| (m/s).
        reset_exponent: alpha_off.
        thickness: of the film, over which the state moves (m).
        window: "none", or "biolek": the closer to the end it moves to, the slower.
        window_power: p of Biolek's window 1 - z^(2p).
        resistance: "linear" or "exponential" in the state.
        conduction_voltage: V0 of I ~ sinh(V/V0) (V); a large one makes the I-V law linear.
    """

    set_voltage: Annotated[Volts, Field(gt=0)]
    set_speed: Annotated[MetresPerSecond, Field(gt=0)]
    set_exponent: Positive
    reset_voltage: Annotated[Volts, Field(lt=0)]
    reset_speed: Annotated[MetresPerSecond, Field(gt=0)]
    reset_exponent: Positive
    thickness: Annotated[Metres, Field(gt=0)]
    window: Literal["none", "biolek"]
    window_power: Literal[1, 2]
    resistance: Literal["linear", "exponential"]
    conduction_voltage: Annotated[Volts, Field(ge=0.02)]

    @model_validator(mode="after")
    def _of_this_model(self) -> Self:
        if self.model != "vteam":
            raise ValueError(f"a profile of model {self.model!r} is no VTEAM cell's")
        return self
