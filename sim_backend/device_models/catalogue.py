"""The devices that a bench file can name."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import BenchFileError, ModelError, UnknownNameError
from sim_backend.device_models.profile_files import PACKAGED, load_profile, packaged_profile
from sim_backend.device_models.ru_azo import RuAzo
from sim_backend.device_models.ru_azo_profile import RuAzoProfile
from sim_backend.device_models.vteam import Vteam
from sim_backend.device_models.vteam_profile import VteamProfile

if TYPE_CHECKING:
    from labctl.units import Siemens
    from sim_backend.device_models.base_profile import DeviceProfile
    from sim_backend.device_models.interface import DeviceModel


def device_named(name: str, g_max: Siemens) -> DeviceModel:
    """Return the model of a device.

    Args:
        name: as in the bench file's `[twin]` table: a packaged profile, or a user's TOML file, which is any other
            name that ends in ".toml" or holds a path separator.
        g_max: conductance of its last level (S); scales the profile.

    Raises:
        BenchFileError: for a profile file that cannot be read or is wrong, or a `g_max` that is not above 0.
        UnknownNameError: for any other name.
    """
    if not (math.isfinite(g_max) and g_max > 0):
        raise BenchFileError(f"g_max = {g_max} S must be above 0")
    return model_of(profile_named(name).scaled(g_max))


def profile_named(name: str) -> DeviceProfile:
    """Return the profile of a device as its file has it. Arguments and errors as for `device_named`."""
    if name in PACKAGED:
        return _packaged(name)
    if name.endswith(".toml") or "/" in name or "\\" in name:
        return load_profile(Path(name))
    raise UnknownNameError("device", name, PACKAGED)


def model_of(profile: DeviceProfile) -> DeviceModel:
    """Return the model that a profile is for.

    Raises:
        ModelError: for a kind of profile that no model has, or numbers with which it cannot compute.
    """
    try:
        with np.errstate(over="raise", divide="raise", invalid="raise"):
            if isinstance(profile, RuAzoProfile):
                return RuAzo(profile)
            if isinstance(profile, VteamProfile):
                return Vteam(profile)
    except ArithmeticError as error:
        raise ModelError(f"device {profile.name}: its profile cannot be computed with: {error}") from None
    raise ModelError(f"device {profile.name}: a {type(profile).__name__} is of no model that can be simulated")


@cache
def _packaged(name: str) -> DeviceProfile:
    return packaged_profile(name)
