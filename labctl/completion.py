"""What the Tab key offers: names of protocols, parameters, drivers and runs; nothing heavy is imported, nothing said.

The shell asks by running labctl with `_LABCTL_COMPLETE` set; typer answers, and asks the functions here for what it
does not know. Files are the shell's own business: where nothing is offered, it offers those.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer  # noqa: TC002 (typer reads what the functions take)

from labctl import plugins
from labctl.errors import LabctlError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labctl.source_fields import SourceField

ASKED = "_LABCTL_COMPLETE"
"""The variable in which a shell's script says that it asks, and which shell it is."""
_NEWEST = 40
"""Runs that are offered: of older ones a person knows the beginning."""
_parted: list[str] = []
"""What bash has parted from the word that is completed: `join_words` puts it here."""


def is_asked() -> bool:
    """Return whether a shell asks what could be typed."""
    return bool(os.environ.get(ASKED))


def join_words() -> None:
    """Undo that bash parts words at each `=`, before typer reads them."""
    _parted.clear()
    if os.environ.get(ASKED) == "complete_bash":
        place = int(os.environ.get("COMP_CWORD", "0"))
        words, head = joined(os.environ.get("COMP_WORDS", "").split("\n"), place)
        _parted.append(head)
        os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(words), str(len(words) - 1)


def joined(words: Sequence[str], place: int) -> tuple[list[str], str]:
    """Return words as they were typed, from how bash parts them: `--set`, `mode`, `=`, `fa` for `--set mode=fa`.

    Args:
        words: as bash has them.
        place: of the one that is completed.

    Returns:
        The words up to that one, and what stands before the part of it that bash completes: it takes no more back.
    """
    whole: list[str] = []
    is_open = False
    for word in words[:place]:
        if word == "=":
            is_open = bool(whole) and not _is_option(whole[-1])
            whole[-1:] = [f"{whole[-1]}="] if is_open else whole[-1:]
        elif is_open:
            whole[-1], is_open = whole[-1] + word, False
        else:
            whole.append(word)
    last = words[place] if place < len(words) else ""
    if last == "=":
        is_value = not whole or _is_option(whole[-1])
        return ([*whole, ""], "") if is_value else ([*whole[:-1], ""], f"{whole[-1]}=")
    return ([*whole[:-1], last], whole[-1]) if is_open else ([*whole, last], "")


def protocols(incomplete: str) -> list[str]:
    """Offer the names of protocols."""
    return _begun(plugins.names(plugins.PROTOCOLS), incomplete)


def drivers(incomplete: str) -> list[str]:
    """Offer the names of drivers."""
    return _begun(plugins.names(plugins.DRIVERS), incomplete)


def backends(incomplete: str) -> list[str]:
    """Offer the names of backends."""
    return _begun(plugins.names(plugins.BACKENDS), incomplete)


def formats(incomplete: str) -> list[str]:
    """Offer what `labctl export` writes."""
    return _begun(["csv", "netcdf"], incomplete)


def settings(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer parameters of the protocol that was named, as `NAME=`, and what may stand behind."""
    from labctl.source_fields import parameters_of

    try:
        fields = parameters_of(*plugins.place(plugins.PROTOCOLS, ctx.params.get("protocol") or ""))
    except LabctlError:
        return []
    return _assignments(fields, ctx.params.get("settings"), incomplete)


def twin_keys(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Offer keys of the bench file's `[twin]` table, as `NAME=`, and what may stand behind."""
    from labctl.source_fields import fields_of

    return _assignments(
        fields_of("labctl.bench_file", "TwinTable"), ctx.params.get("twin") or ctx.params.get("settings"), incomplete
    )


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer runs."""
    return _runs(ctx, incomplete, Path.is_dir)


def runs_under_way(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer runs that a process works on."""
    from labctl.run_lock import is_alive

    return _runs(ctx, incomplete, is_alive)


def runs_to_resume(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer runs that ended early."""
    return _runs(ctx, incomplete, _ended_early)


def _runs(ctx: typer.Context, incomplete: str, is_meant: Callable[[Path], bool]) -> list[str]:
    """Offer the newest runs by their ids, or by the ends of these where such a one was begun."""
    from labctl.run_names import RUN_NAME

    data = Path(ctx.params.get("data") or "runs")
    try:
        names = sorted((path.name for path in data.iterdir() if RUN_NAME.fullmatch(path.name)), reverse=True)
    except OSError:
        return []
    given = ctx.params.get("runs") or ()
    fitting = [name for name in names if name.startswith(incomplete) and name not in given]
    ends = {name.rpartition("_")[2]: name for name in names if incomplete}
    fitting += [end for end in ends if end.startswith(incomplete) and end not in given]
    return [name for name in fitting[:_NEWEST] if is_meant(data / ends.get(name, name))]


def _ended_early(folder: Path) -> bool:
    from labctl.run_lock import is_alive
    from labctl.run_reader import RunReader

    try:
        with closing(RunReader(folder)) as reader:
            return reader.state().state != "finished" and not is_alive(folder)
    except (StoreError, ValueError):
        return False


def _assignments(fields: Sequence[SourceField], given: Sequence[str] | None, incomplete: str) -> list[tuple[str, str]]:
    """Offer `NAME=` for each field; where only one is left, what may stand behind it, too.

    A shell puts a space behind the only thing that is offered, and none behind what several have in common.
    """
    head = "".join(_parted)
    name, equals, _ = (head + incomplete).partition("=")
    if equals:
        before = "" if head else f"{name}="
        words = [(f"{before}{word}", "") for field in fields if field.name == name for word in field.words]
        return [each for each in words if each[0].startswith(incomplete)]
    before = {text.partition("=")[0] for text in given or ()}
    left = [field for field in fields if field.name.startswith(name) and field.name not in before]
    if len(left) != 1:
        return [(f"{field.name}=", field.says) for field in left]
    names = [(f"{left[0].name}=", left[0].says)] if len(left[0].words) < 2 else []
    return names + [(f"{left[0].name}={word}", "") for word in left[0].words]


def _begun(names: Sequence[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _is_option(word: str) -> bool:
    return word.startswith("-") and "=" not in word
