"""Options of the command line whose text has a form of its own."""

from __future__ import annotations

from labctl.errors import InputError


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """Return NAME=VALUE options as a mapping.

    Raises:
        InputError: for one without "=", or a name given twice.
    """
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"{option} {text!r}: write it NAME=VALUE")
        if name in found:
            raise InputError(f"{option} {name} is given twice")
        found[name] = value
    return found
