"""Voltages at which a model says nothing."""

from __future__ import annotations

import pytest

from labctl.errors import ModelError
from sim_backend.device_models.catalogue import profile_named
from sim_backend.device_models.profile_files import PACKAGED
from sim_backend.device_models.validity import check_voltage


@pytest.mark.parametrize("name", PACKAGED)
def test_voltages_up_to_the_largest_pass_and_others_do_not(name: str) -> None:
    profile = profile_named(name)
    for voltage in (0.0, 2.27, -2.28, 5.0, -5.0):
        check_voltage(profile, voltage)
    for voltage in (5.0001, -6.0, float("inf"), float("nan")):
        with pytest.raises(ModelError, match=f"device {name}"):
            check_voltage(profile, voltage)


def test_largest_safe_voltage_of_the_film_is_the_published_one() -> None:
    assert profile_named("ru-azo").voltage_known == 2.27
