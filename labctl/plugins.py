"""Finds what other packages offer: backends, drivers, panels, protocols and commands, through entry points.

labctl names none of its siblings; a third party adds a driver or a protocol in a package of its own.
Nothing is imported before it is asked for by name.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from labctl.errors import UnknownNameError

BACKENDS = "labctl.backends"
DRIVERS = "labctl.drivers"
PANELS = "labctl.panels"
PROTOCOLS = "labctl.protocols"
COMMANDS = "labctl.commands"

_WORDS = {
    BACKENDS: "backend",
    DRIVERS: "driver",
    PANELS: "panel",
    PROTOCOLS: "protocol",
    COMMANDS: "command",
}


def names(group: str) -> list[str]:
    """Return the names that are offered in `group`, sorted."""
    return sorted(_offered(group))


def load(group: str, name: str) -> Any:
    """Import and return what `group` offers under `name`.

    Raises:
        UnknownNameError: if nobody offers it; the message gives the nearest name.
    """
    return _find(group, name).load()


def origin(group: str, name: str) -> str:
    """Return which distribution offers `name`, as "labctl 0.1.0", for the run's provenance."""
    distribution = _find(group, name).dist
    return f"{distribution.name} {distribution.version}" if distribution else "unknown"


@functools.cache
def _offered(group: str) -> dict[str, EntryPoint]:
    """Return what is offered in `group`; looked up once, because every distribution's files are read for it."""
    return {point.name: point for point in entry_points(group=group)}


def _find(group: str, name: str) -> EntryPoint:
    offered = _offered(group)
    if name not in offered:
        raise UnknownNameError(_WORDS[group], name, offered)
    return offered[name]
