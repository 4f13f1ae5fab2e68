"""Puts what the code itself says of its commands, parameters and keys into the reference pages.

A page holds the comment `<!-- reference: NAME -->`, NAME one of `TABLES`; at the build what `TABLES` makes stands in
its place, so that the pages cannot tell of anything that is not there. Only what labctl itself offers is listed.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

import typer
import typer.main

from labctl import errors, plugins
from labctl.bench_file import BenchFile, InstrumentEntry
from labctl.cli import app
from labctl.protocol import list_parameters
from labctl.units import PREFIXES, UNITS, Unit, format_quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pydantic.fields import FieldInfo
    from sphinx.application import Sphinx

PLACE = re.compile(r"^<!-- reference: ([a-z-]+) -->$", re.MULTILINE)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a bar or a line's end inside a cell does not break it."""
    cells = [[" ".join(cell.replace("|", r"\|").split()) for cell in row] for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def code(text: object) -> str:
    """Return `text` as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def own(group: str) -> list[tuple[str, Any]]:
    """Return names and objects that labctl itself offers in a group of entry points."""
    return [(name, plugins.load(group, name)) for name in plugins.names(group) if plugins.is_own(group, name)]


def commands() -> str:
    """Return a section for each command: what it does, how it is called, its arguments and options."""
    found = dict(_flat("labctl", typer.main.get_command(app)))
    for name, offered in own(plugins.COMMANDS):
        alone = offered
        if not isinstance(offered, typer.Typer):
            alone = typer.Typer(rich_markup_mode=None, add_completion=False)
            alone.command(name)(offered)
        found.update(_flat(f"labctl {name}", typer.main.get_command(alone)))
    return "\n\n".join(_command(words, found[words]) for words in sorted(found))


def _flat(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Yield a command, or those of a group, each with the words that call it."""
    inner: dict[str, Any] | None = getattr(command, "commands", None)
    if inner is None:
        yield words, command
    for name, one in (inner or {}).items():
        yield from _flat(f"{words} {name}", one)


def _command(words: str, command: Any) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    usage = " ".join([words, *(["[OPTIONS]"] if options else []), *map(_argument, arguments)])
    rows = [(code(_argument(one)), one.help or "", _default(one)) for one in arguments]
    rows += [(code(_option(one)), one.help or "", _default(one)) for one in options]
    return "\n\n".join([f"## {words}", inspect.cleandoc(command.help or ""), code(usage), table(_OPTIONS, rows)])


_OPTIONS = ("argument or option", "does", "default")


def _argument(one: Any) -> str:
    name = one.name.upper() + ("..." if one.nargs == -1 else "")
    return name if one.required else f"[{name}]"


def _option(one: Any) -> str:
    names = ", ".join([*one.opts, *one.secondary_opts])
    return names if one.is_flag else f"{names} {one.metavar or one.name.upper()}"


def _default(one: Any) -> str:
    if one.required:
        return "must be given"
    return "" if one.default is None or one.default is False or one.default == "" else code(one.default)


def protocols() -> str:
    """Return a section for each protocol, with its parameters."""
    sections: list[str] = []
    for name, protocol in own(plugins.PROTOCOLS):
        rows = [
            (code(one.name), one.form, one.range, code(one.default), one.description)
            for one in list_parameters(protocol.parameters)
        ]
        head = ("parameter", "unit or form", "range", "default", "does")
        title = f"{protocol.title[:1].upper()}{protocol.title[1:]}"
        sections.append(f"## {name}\n\n{title} ([more](../protocols/{name}.md))\n\n{table(head, rows)}")
    return "\n\n".join(sections)


def bench_file() -> str:
    """Return a section for each table of a bench file, with its keys."""
    sections: list[str] = []
    for name, field in BenchFile.model_fields.items():
        model: Any = field.annotation
        words = inspect.cleandoc(model.__doc__ or "").partition(": ")[2]
        if name == "instruments":
            model, words = InstrumentEntry, _INSTRUMENTS
        rows = [_key(key, one) for key, one in model.model_fields.items()]
        title = f"[{name}.NAME]" if name == "instruments" else f"[{name}]"
        # The first line of a docstring begins with the table's name, which is the heading here.
        sections.append(f"## `{title}`\n\n{words[:1].upper()}{words[1:]}\n\n{table(_KEYS, rows)}")
    return "\n\n".join(sections)


def drivers() -> str:
    """Return a section for each driver, with the keys that it takes beyond those of every instrument."""
    sections: list[str] = []
    for name, driver in own(plugins.DRIVERS):
        more = [key for key in driver.Settings.model_fields if key not in InstrumentEntry.model_fields]
        rows = [_key(key, driver.Settings.model_fields[key]) for key in more]
        words = (inspect.getdoc(driver) or "").partition("\n")[0]
        keys = table(_KEYS, rows) if rows else "It takes the keys of every instrument, and no other."
        sections.append(f"## {name}\n\n{words}\n\n{keys}")
    return "\n\n".join(sections)


_KEYS = ("key", "value", "default")
_INSTRUMENTS = """Which driver speaks to which address; NAME is what you call the instrument. `expect` must stand in its
answer to `*IDN?`. [Some drivers](drivers.md) take more keys."""


def _key(name: str, field: FieldInfo) -> tuple[str, str, str]:
    unit = next((one.symbol for one in field.metadata if isinstance(one, Unit)), "")
    if field.is_required():
        return code(name), _form(field, unit), "must be given"
    default = format_quantity(field.default, unit) if unit else field.default
    if isinstance(default, bool):
        default = "true" if default else "false"
    return code(name), _form(field, unit), code("" if default is None else default) or "none"


def _form(field: FieldInfo, unit: str) -> str:
    kind: Any = field.annotation
    if unit:
        return f"a quantity in {unit}"
    words = [f"`{word}`" for word in getattr(kind, "__args__", ()) if isinstance(word, str | int)]
    if words:
        return " or ".join(words)
    return {str: "text", int: "a whole number", float: "a number", bool: "`true` or `false`"}.get(kind, "text")


def exit_codes() -> str:
    """Return a table of the exit codes of every command, from the errors that end one."""
    equipment, wrong, bug = (kind.exit_code for kind in (errors.EquipmentError, errors.InputError, errors.BugError))
    rows = [
        ("0", "it did what was asked; a run passed its own criteria"),
        ("1", "a run finished and did not pass"),
        (str(wrong), "bad input; nothing was sent"),
        (
            str(equipment),
            "an instrument, link, lock or disk failed; everything was made safe, or the message says what was not",
        ),
        (str(bug), "a bug of ours; `--traceback` shows where"),
        ("130, 143", "stopped by Ctrl-C, by SIGTERM; saved and safe"),
    ]
    return table(("exit code", "means"), rows)


def quantities() -> str:
    """Return which prefixes and units a quantity may have."""
    prefixes = ", ".join(f"`{sign}` (1e{power})" for sign, power in PREFIXES.items() if sign)
    return f"Prefixes: {prefixes}.\nUnits: {', '.join(map(code, UNITS))}."


TABLES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "protocols": protocols,
    "bench-file": bench_file,
    "drivers": drivers,
    "exit-codes": exit_codes,
    "quantities": quantities,
}


def put_in(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Replace each place of a page by its table."""
    source[0] = PLACE.sub(lambda place: TABLES[place[1]](), source[0])


def setup(sphinx: Sphinx) -> dict[str, bool]:
    """Tell Sphinx when to call."""
    sphinx.connect("source-read", put_in)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
