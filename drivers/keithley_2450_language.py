"""The languages of a Keithley 2450: it is driven in SCPI, and switched off in any.

A 2450 changes its language (`*LANG`) at the next power-up only (2450 reference manual, section "Introduction to SCPI
commands").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.failures import failure
from labctl.errors import LinkError, SettingError

if TYPE_CHECKING:
    from drivers.scpi import ScpiLink

LANGUAGES = ("SCPI", "TSP", "SCPI2400")
SWITCH_OFF = "smu.source.level = 0 smu.source.output = smu.OFF print(smu.source.output)"
"""What shuts the instrument down where it speaks TSP, and says so."""
OFF = ("smu.OFF", "0", "0.00000e+00")
"""How that may be answered. Assumption: the manual's examples print such a constant by its name; older firmware may
print its number."""


def require_scpi(link: ScpiLink) -> None:
    """Make sure that the instrument speaks SCPI.

    Raises:
        SettingError: if it does not; its output is off if it was possible to switch it off.
    """
    language = _language(link)
    if language == "SCPI":
        return
    said = "" if language != "TSP" or switched_off_in_tsp(link) else "; its output may be on"
    raise failure(
        link,
        SettingError,
        f"'*LANG?' was answered with {language!r}: send it '*LANG SCPI', switch it off and on, and run again{said}",
    )


def switched_off_in_tsp(link: ScpiLink) -> bool:
    """Switch off an instrument that speaks TSP; return whether it does and is off."""
    try:
        return _language(link) == "TSP" and bool(link.query_until(SWITCH_OFF, OFF.__contains__))
    except LinkError:
        return False


def _language(link: ScpiLink) -> str:
    return link.query_until("*LANG?", LANGUAGES.__contains__)
