"""What `labctl` says when nothing was asked of it: what to do next, by what has been done here before."""

from __future__ import annotations

import shutil
import textwrap
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from labctl.console import print_lines, table
from labctl.errors import StoreError
from labctl.escaped import escaped
from labctl.run_list import DATA, RUNNING, can_go_on, run_word
from labctl.run_lock import is_alive
from labctl.run_names import RUN_NAME
from labctl.run_reader import RunReader, run_folders, step_words

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = 5
"""Runs that are listed: a screen holds more, a glance does not."""
_LOOKED_AT = 50
"""Newest runs among which those under way are looked for."""
_FIRST = (
    ("labctl demo", "programs, multiplies, transforms: a minute"),
    ("labctl run write-verify --live", "one cell to all levels, in the live window"),
    ("labctl protocols", "the experiments there are"),
    ("labctl bench init", "a bench file to fill in, for instruments"),
)
_ALWAYS = (
    ("labctl protocols", "the experiments there are, and what each takes"),
    ("labctl runs", "all runs"),
)

_LAST = "labctl --help lists all commands; labctl --install-completion lets the Tab key complete their names."


@dataclass(frozen=True, slots=True)
class _Line:
    """A run as it is listed.

    Args:
        started: when, UTC, to the minute.
        protocol: its name.
        state: in a few words.
        commands: what to do next with it.
    """

    started: str
    protocol: str
    state: str
    commands: tuple[str, ...]


def show_first_words() -> None:
    """Print what to do next."""
    width = shutil.get_terminal_size().columns
    folders = run_folders(DATA)
    lines = [f"labctl {version('labctl')}: analog memristor crossbars, on a bench or on its twin", ""]
    if folders:
        recent = folders[: -_LOOKED_AT - 1 : -1]
        under_way = [folder for folder in recent if is_alive(folder)]
        shown = [*under_way, *(folder for folder in recent if folder not in under_way)][:_SHOWN]
        count = "The run" if len(folders) == 1 else f"The newest of {len(folders)} runs"
        lines += [f"{count} in ./{DATA}, and what to do next (times are UTC):", ""]
        lines += _runs([_line(folder) for folder in shown], width)
        lines += ["", *_explained(_ALWAYS, width)]
    else:
        lines += [f"There are no runs in ./{DATA} yet. To begin, with nothing connected:", ""]
        lines += _explained(_FIRST, width)
    lines += ["", *textwrap.wrap(_LAST, width, break_on_hyphens=False)]
    print_lines(lines)


def _line(folder: Path) -> _Line:
    """Return a run as it stands; one that cannot be read says so."""
    name = run_word(folder, "")
    started = f"{folder.name[:4]}-{folder.name[4:6]}-{folder.name[6:8]} {folder.name[9:11]}:{folder.name[11:13]}"
    if RUN_NAME.fullmatch(folder.name):
        name = folder.name.rpartition("_")[2]
    else:
        started = "renamed"
    try:
        with closing(RunReader(folder)) as reader:
            manifest, last, steps = reader.manifest, reader.state(), reader.steps()
    except (StoreError, ValueError):
        return _Line(started, folder.name, "unreadable", ())
    state, of = last.state, manifest.get("steps")
    if state in RUNNING and not is_alive(folder):
        state = "died"
    expected = step_words(steps, of if isinstance(of, int) else 0)
    words = {
        "finished": "passed" if last.detail.get("passed") is True else "did not pass",
        "running": f"running, step {expected}",
        "paused": f"paused, step {expected}",
    }
    return _Line(
        started, str(manifest.get("protocol", "")), words.get(state, state), _next(folder, manifest, state, name)
    )


def _next(folder: Path, manifest: dict[str, Any], state: str, name: str) -> tuple[str, ...]:
    """Return the commands that go on from a state."""
    match state:
        case "finished":
            return (f"labctl report {name}",)
        case "running" | "starting":
            return f"labctl live {name}", f"labctl pause {name}"
        case "paused":
            return f"labctl continue {name}", f"labctl live {name}"
        case "stopped":  # gracefully: whatever it goes on with was saved
            return (f"labctl run --resume {name}",)
        case _:
            resume = (f"labctl run --resume {name}",) if can_go_on(folder, manifest, state) else ()
            return f"labctl show {name}", *resume


def _runs(lines: list[_Line], width: int) -> list[str]:
    """Return runs as a table; where that is too wide, what to do next stands below each."""
    rows: list[tuple[str, str, str, str]] = []
    for line in lines:
        first, *others = line.commands or ("",)
        rows += [(f"  {line.started}", line.protocol, line.state, first), *(("", "", "", other) for other in others)]
    whole = table(rows)
    if max(map(len, whole)) <= width:
        return whole
    return [
        part
        for line in lines
        for part in (
            escaped(f"  {line.started}  {line.protocol}  {line.state}"),
            *(f"    {escaped(command)}" for command in line.commands),
        )
    ]


def _explained(commands: tuple[tuple[str, str], ...], width: int) -> list[str]:
    """Return commands, each with what it does beside it, or below where that is too wide."""
    whole = table([(f"  {command}", words) for command, words in commands])
    if max(map(len, whole)) <= width:
        return whole
    wrapped: list[str] = []
    for command, words in commands:
        wrapped += [f"  {command}", *textwrap.wrap(words, width, initial_indent="    ", subsequent_indent="    ")]
    return wrapped
