"""Finds what other packages offer: backends, drivers, panels, protocols and commands, through entry points.

labctl names none of its siblings; a third party adds a driver or a protocol in a package of its own.
Nothing is imported before it is asked for by name.
"""

from __future__ import annotations

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from labctl.errors import InputError, PluginError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

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
_NEEDED = {
    BACKENDS: ("for_bench", "open_visa", "open_serial"),
    DRIVERS: ("Settings", "models", "open"),
    PANELS: ("receive", "power_cycle"),
    PROTOCOLS: ("title", "parameters", "record", "run", "summarise"),
    COMMANDS: (),
}
"""Some of what is asked of each: whatever has it was meant to be one."""


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
        PluginError: if it cannot be imported, or is something else.
    """
    point = _find(group, name)
    what = f"the {_WORDS[group]} {name!r} of {origin(group, name)}"
    remedy = "update or uninstall that package"
    try:
        thing = point.load()
    except Exception as error:
        # A stranger's module may raise anything.
        raise PluginError(f"{what} cannot be loaded: {type(error).__name__}: {error}; {remedy}") from error
    missing = sorted({need for need in _NEEDED[group] if not hasattr(thing, need)} | _unfinished(thing))
    if missing:
        raise PluginError(f"{what} is none: {point.value} has no {', '.join(missing)}; {remedy}")
    return thing


def origin(group: str, name: str) -> str:
    """Return which distribution offers `name`, as "labctl 0.1.0", for the run's provenance.

    Raises:
        UnknownNameError: if nobody offers it.
    """
    return " and ".join(
        f"{point.dist.name} {point.dist.version}" if point.dist else "unknown" for point in _all(group, name)
    )


def place(group: str, name: str) -> tuple[str, str]:
    """Return the module that offers `name`, and what it is called there; nothing is imported.

    Raises:
        UnknownNameError: if nobody offers it.
        InputError: if two distributions do.
    """
    point = _find(group, name)
    return point.module, point.attr


def at_fault(error: BaseException) -> str | None:
    """Return which other distribution's code raised an error, as "loud 1.2"; None if labctl's own did.

    What a library raised counts for whoever called it.
    """
    while error.__cause__ is not None:
        error = error.__cause__
    owners = _owners()
    for frame in reversed(list(_frames(error))):
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package in owners:
            return owners[package]
    return None


def _frames(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames that an error passed through, the innermost last."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _owners() -> dict[str, str | None]:
    """Return by top-level package whose it is; None stands for labctl."""
    owners: dict[str, str | None] = {_OWN: None}
    for group in _WORDS:
        for points in _offered(group).values():
            for point in points:
                if point.dist is not None:
                    own = point.dist.name == _OWN
                    owners[point.module.partition(".")[0]] = None if own else f"{point.dist.name} {point.dist.version}"
    return owners


def _unfinished(thing: object) -> frozenset[str]:
    """Return the methods that a class promises and has not written."""
    return getattr(thing, "__abstractmethods__", frozenset[str]())


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
