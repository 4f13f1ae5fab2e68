"""What a source of voltage may be asked for, checked before a byte leaves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from drivers.failures import failure
from labctl.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.scpi import ScpiLink
    from labctl.smu_data import SourceSetup

LINE_PERIOD = 0.02
"""Of a 50 Hz power line (s), the longer of the two."""


def holding(link: ScpiLink, ranges: Sequence[float], value: float, what: str, unit: str) -> float:
    """Return the smallest of `ranges`, ascending, that holds `value`.

    Raises:
        SettingError: if none does.
    """
    for full in ranges:
        if 0 <= value <= full:
            return full
    raise failure(link, SettingError, f"no {what} holds {value:g} {unit}; the largest is {ranges[-1]:g} {unit}")


def check_levels(
    link: ScpiLink, levels: Sequence[float], setup: SourceSetup | None, protection: float = math.inf
) -> SourceSetup:
    """Return the setup that holds `levels` (V).

    Args:
        link: to the instrument.
        levels: what is to be sourced (V).
        setup: what is configured; None if nothing is.
        protection: the over-voltage protection (V), which would clamp a level that reaches it.

    Raises:
        SettingError: if nothing is configured, or a level is beyond it.
    """
    if setup is None:
        raise failure(link, SettingError, "no source range is set; configure the instrument")
    for level in levels:
        if not abs(level) <= setup.voltage:
            raise failure(
                link, SettingError, f"{level:g} V is beyond the configured source range of {setup.voltage:g} V"
            )
        if abs(level) >= protection:
            raise failure(
                link,
                SettingError,
                f"{level:g} V is beyond the over-voltage protection of {protection:g} V; "
                "configure the instrument for this voltage",
            )
    return setup


def check_sweep(link: ScpiLink, levels: Sequence[float], delay: float, points_max: int, delay_max: float) -> None:
    """Make sure that a sweep is neither too long nor too slow.

    Raises:
        SettingError: if it is.
    """
    if len(levels) > points_max:
        raise failure(link, SettingError, f"a sweep holds at most {points_max} points, not {len(levels)}")
    if not 0 <= delay <= delay_max:
        raise failure(link, SettingError, f"a sweep delay of {delay:g} s is out of range, 0 to {delay_max:g} s")
