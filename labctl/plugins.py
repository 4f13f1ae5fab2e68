"""Finds what other packages offer: backends, drivers, panels, protocols and commands, through entry points.

labctl names none of its siblings; a third party adds a driver or a protocol in a package of its own.
Nothing is imported before it is asked for by name.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from labctl.errors import InputError, UnknownNameError

BACKENDS = "labctl.backends"
DRIVERS = "labctl.drivers"
PANELS = "labctl.panels"
PROTOCOLS = "labctl.protocols"
COMMANDS = "labctl.commands"

_OWN = "labctl"
"""The distribution that this file belongs to."""
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


def is_own(group: str, name: str) -> bool:
    """Return whether labctl itself offers `name`, so that to list it is no reason to import anybody else's code."""
    return all(point.dist is not None and point.dist.name == _OWN for point in _offered(group)[name])


def load(group: str, name: str) -> Any:
    """Import and return what `group` offers under `name`.

    Raises:
        UnknownNameError: if nobody offers it; the message gives the nearest name.
        InputError: if two distributions do.
    """
    return _find(group, name).load()


def origin(group: str, name: str) -> str:
    """Return which distribution offers `name`, as "labctl 0.1.0", for the run's provenance.

    Raises:
        UnknownNameError: if nobody offers it.
    """
    return " and ".join(
        f"{point.dist.name} {point.dist.version}" if point.dist else "unknown" for point in _all(group, name)
    )


@functools.cache
def _offered(group: str) -> dict[str, list[EntryPoint]]:
    """Return what is offered in `group`; looked up once, because every distribution's files are read for it."""
    offered: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=group):
        others = offered.setdefault(point.name, [])
        if point not in others:
            others.append(point)
    return offered


def _all(group: str, name: str) -> list[EntryPoint]:
    offered = _offered(group)
    if name not in offered:
        raise UnknownNameError(_WORDS[group], name, offered)
    return offered[name]


def _find(group: str, name: str) -> EntryPoint:
    points = _all(group, name)
    if len(points) > 1:
        who = " and ".join(sorted(point.dist.name if point.dist else point.value for point in points))
        raise InputError(f"the {_WORDS[group]} {name!r} is offered by {who}; uninstall all but one")
    return points[0]
