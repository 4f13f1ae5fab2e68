"""Bringing instruments down together: 0 V and off, disconnected, board safe; nobody waits for one that is silent."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from labctl.errors import EquipmentError, LabctlError
from labctl.instruments import ProbeBoard
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.instruments import Instrument, SourceMeter
    from labctl.smu_route import SmuRoute

SMU_GRACE = 0.25
"""How long (s) the board's safe state waits for an SMU that is being shut down."""


def switch_off(
    smus: Sequence[SourceMeter], boards: Sequence[ProbeBoard], route: SmuRoute, why: str = "", *, at_once: bool = False
) -> list[LabctlError]:
    """Make instruments safe; return what could not be made safe.

    Args:
        smus: source-measure units, switched off side by side.
        boards: made safe one after the other, once the units are off or have not said so in time.
        route: of the first unit through the first board.
        why: what a protocol is told that took its cell away; "" where none goes on.
        at_once: a request may be under way: boards are made safe beside the units, not after them.
    """
    failures: list[LabctlError] = []
    off = [threading.Thread(target=_make_safe, args=(smu, failures), daemon=True) for smu in smus]
    for thread in off:
        thread.start()
    if not at_once:
        for thread in off:
            thread.join(SMU_GRACE)
    if not at_once and not any(thread.is_alive() for thread in off):
        with suppress(EquipmentError):  # a route is changed while the output is off, or not at all: SAFE comes next
            route.disconnect(why)
    for board in boards:
        _make_safe(board, failures)
    route.forget(why)
    for thread in off:
        thread.join()
    return failures


def _make_safe(instrument: Instrument, failures: list[LabctlError]) -> None:
    """Make one instrument safe; whatever goes wrong is noted, so that the next one is reached."""
    try:
        instrument.make_safe()
    except LabctlError as error:
        failures.append(EquipmentError(f"{error}{_rescue(instrument)}"))
    except Exception as error:  # noqa: BLE001 (a bug in one driver must not keep the others from being made safe)
        failures.append(EquipmentError(f"{instrument.name} at {instrument.address} may not be safe: {error!r}"))


def _rescue(instrument: Instrument) -> str:
    """Return what still makes an instrument safe that does not answer."""
    if not isinstance(instrument, ProbeBoard):
        return ""
    period = format_quantity(instrument.watchdog, "s")
    return f"; if it is armed, its watchdog makes it safe {period} after the last request"
