"""A profile without noise, and whatever part of it a test switches on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim_backend.device_models.catalogue import device_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.device_models.base_profile import NoiseProfile

_OFF = {
    "read", "read_slope", "flicker_share", "telegraph_share", "telegraph_amplitude", "write", "write_rise", "spread",
    "rate_spread", "drift_exponent", "stuck_share", "dead_share", "wear_exponent",
}  # fmt: skip


@pytest.fixture(scope="session")
def sizes() -> Callable[..., NoiseProfile]:
    """Return a maker of noise profiles in which every noise that its arguments do not name is off."""
    packaged = device_named("ru-azo", 5.9e-3).profile.noise

    def make(**changes: float) -> NoiseProfile:
        return packaged.model_copy(update=dict.fromkeys(_OFF, 0.0) | changes)

    return make


@pytest.fixture(scope="session")
def packaged() -> NoiseProfile:
    """Return the noises of the packaged Ru-azo film."""
    return device_named("ru-azo", 5.9e-3).profile.noise
