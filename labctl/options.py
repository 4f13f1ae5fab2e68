"""Options of the command line whose text has a form of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.errors import InputError

if TYPE_CHECKING:
    import typer

_BESIDE_RESUME = ("--resume", "--bench", "--data", "--live", "--json")
"""A run goes on with what was asked for when it began; its bench may stand at other addresses by now."""


def check_beside_resume(context: typer.Context) -> None:
    """Refuse everything that was typed beside `--resume` and does not go with it, whatever its value.

    Raises:
        InputError: names it.
    """
    typed: list[str] = []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name) if parameter.name else None
        if source is not None and source.name == "COMMANDLINE":
            typed += parameter.opts[:1]
    wrong = [name if name.startswith("-") else f"a {name}" for name in typed if name not in _BESIDE_RESUME]
    if wrong:
        raise InputError(
            f"--resume goes on with what was asked for, without {', '.join(wrong)}; beside it go "
            f"{', '.join(_BESIDE_RESUME[1:])}"
        )


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
