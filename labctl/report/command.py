"""`labctl report` and `labctl show`: what they write and print."""

from __future__ import annotations

import shutil
import sys
import textwrap
from contextlib import suppress
from dataclasses import asdict, replace
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from labctl.backend import WallClock
from labctl.console import print_json, print_lines, table
from labctl.errors import InputError, InterruptedRunError
from labctl.report.comparison import short_name
from labctl.report.facts import read_facts
from labctl.report.page import Picture, comparison_page, page_of
from labctl.report.palette import DARK, LIGHT
from labctl.report.tables import place_and_time, tables_of
from labctl.report.whole_files import own_folder, whole_files
from labctl.report.wording import mapping, moment
from labctl.run_reader import find_run
from labctl.stop_requests import StopRequests

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labctl.report.facts import RunFacts
    from labctl.report.tables import Table

MOST = 6
"""Runs that stand side by side: more have no room."""
FOLDER, PAGE = "report", "report.html"


def write_report(data: Path, names: Sequence[str], out: Path | None, json: bool) -> None:
    """Make a report and print where it is, or one JSON object in place of the paths; see `make_report`."""
    folders = _folders(data, names)
    page, *figures = make_report(folders, out)
    if json:
        print_json({"runs": [str(folder) for folder in folders], "page": page, "figures": figures})
    else:
        print_lines([page, *figures])


def make_report(folders: Sequence[Path], out: Path | None) -> list[str]:
    """Write the page and the figures of a run, or of several side by side; return where they are, the page first.

    Args:
        folders: of the runs.
        out: folder for the files; None: one in the folder of the (first) run.

    Raises:
        InputError: if there is no matplotlib, or `out` is no folder.
        StoreError: if a run cannot be read.
        OutputError: if the files cannot be written.
        InterruptedRunError: if a signal ended it.
    """
    _require_matplotlib()
    try:
        runs = [read_facts(folder, with_figure=True) for folder in folders]
        place = _place(runs, out)
        files = _made(runs)
        _write(place, files)
    except InterruptedRunError as stopped:
        raise InterruptedRunError(stopped.signal_number, "stopped; no file was written") from None
    return [str(place / name) for name in files]


def show_run(data: Path, name: str | None, json: bool) -> None:
    """Print what a run is and came to.

    Raises:
        RunNotFoundError: if there is no such run.
        StoreError: if it cannot be read.
    """
    facts = read_facts(find_run(data, name), with_figure=False)
    if json:
        print_json(_facts_json(facts))
        return
    title = "" if facts.experiment is None else f": {facts.experiment.protocol.title}"
    lines = [
        facts.run,
        f"{facts.protocol}{title}",
        place_and_time(facts),
        *(f"note: {remark}" for remark in facts.remarks),
    ]
    lines = _folded(lines, "  ")
    for part in tables_of(facts):
        lines += ["", part.title, *_shown(_text_rows(part))]
    print_lines(lines)


def _folders(data: Path, names: Sequence[str]) -> list[Path]:
    folders = [find_run(data, name) for name in names or [None]]
    if len(folders) > MOST:
        raise InputError(f"at most {MOST} runs have room side by side, not {len(folders)}")
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise InputError("a run is named twice; name each once")
    return folders


def _require_matplotlib() -> None:
    try:
        import_module("matplotlib")
    except ImportError:
        raise InputError('the report needs matplotlib: pip install "labctl[report]"') from None


def _place(runs: Sequence[RunFacts], out: Path | None) -> Path:
    """Return the folder of the files: a comparison does not take the place of the report of its first run."""
    first, *others = runs
    if out is None:
        beside = ["_".join(["with", *(_plain(short_name(facts, runs)) for facts in others)])] if others else []
        place = own_folder(first.folder, FOLDER, *beside)
    else:
        place = out.absolute()
    with suppress(OSError):
        if place.exists() and not place.is_dir():
            raise InputError(f"{place} is no folder; choose another with --out")
    return place


def _made(runs: Sequence[RunFacts]) -> dict[str, bytes]:
    """Return the files by name, the page first."""
    runs, pictures, figures = _draw(runs)
    made = f"made {moment(WallClock().utc().isoformat())} by labctl {version('labctl')}"
    page = page_of(runs[0], pictures[0], made) if len(runs) == 1 else comparison_page(runs, pictures, made)
    return {PAGE: page.encode("utf-8", "backslashreplace"), **figures}


def _draw(runs: Sequence[RunFacts]) -> tuple[list[RunFacts], list[Picture | None], dict[str, bytes]]:
    """Return the runs, their figures for the page, and as files; a figure that makes no picture leaves a remark."""
    from labctl.report.drawing import render

    shown: list[RunFacts] = []
    pictures: list[Picture | None] = []
    files: dict[str, bytes] = {}
    columns = 2 if len(runs) == 1 else 1
    for facts in runs:
        others = [each.figure for each in runs if each is not facts and each.figure is not None]
        picture, remarks = None, facts.remarks
        if facts.figure is not None:
            try:
                light = render(facts.figure, LIGHT, ("png", "pdf"), others, columns)
                dark = render(facts.figure, DARK, ("png",), others, columns)
            except ValueError as error:
                remarks = (*remarks, f"the figure cannot be drawn: {error}")
            else:
                picture = Picture(light["png"], dark["png"])
                stem = "figure" if len(runs) == 1 else f"figure_{_plain(short_name(facts, runs))}"
                files |= {f"{stem}.{kind}": data for kind, data in light.items()}
        shown.append(replace(facts, remarks=remarks))
        pictures.append(picture)
    return shown, pictures, files


def _plain(name: str) -> str:
    """Return a run's name as a part of a file's name."""
    return "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in name)[:60]


def _write(place: Path, files: dict[str, bytes]) -> None:
    """Write files, all of them or none."""
    with StopRequests() as stop:
        stop.shield()
        with whole_files([place / name for name in files]) as parts:
            for part, content in zip(parts, files.values(), strict=True):
                part.write_bytes(content)


def _text_rows(part: Table) -> list[tuple[str, ...]]:
    """Return a table's rows as the terminal shows them; what a parameter does is `labctl protocols NAME`'s to say."""
    if part.title != "Parameters":
        return [part.head, *part.rows] if part.head else list(part.rows)
    return [row[:3] for row in part.rows]


def _shown(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the lines of a table; in a terminal, what has no room in one goes on below its column."""
    starts = 2 + sum(max(len(row[k]) for row in rows) + 2 for k in range(len(rows[0]) - 1))
    return _folded([f"  {line}".rstrip() for line in table(rows)], " " * starts)


def _folded(lines: Sequence[str], below: str) -> list[str]:
    """Return lines that have room in the terminal, with `below` before what goes on; into a pipe they stay whole."""
    width = _terminal_width()
    if width is None:
        return list(lines)
    below = below if len(below) <= width // 2 else "    "
    return [part for line in lines for part in textwrap.wrap(line, max(width, 20), subsequent_indent=below) or [""]]


def _terminal_width() -> int | None:
    """Return how many characters a line of the terminal has; None where stdout is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _facts_json(facts: RunFacts) -> dict[str, Any]:
    manifest = facts.manifest
    return {
        "run": str(facts.folder),
        "id": facts.run,
        "protocol": facts.protocol,
        "backend": mapping(manifest.get("backend")).get("name"),
        "state": facts.state,
        "passed": facts.passed,
        "error": facts.error or None,
        "steps": facts.steps,
        "of": facts.of,
        "bench_time": facts.cost.bench_time,
        "wall_time": facts.cost.wall_time,
        "pulses": facts.pulses,
        "summary": {each.name: each.value for each in facts.findings},
        "units": {each.name: each.unit for each in facts.findings},
        "criteria": [asdict(each) | {"met": each.is_met} for each in facts.findings if each.is_asked],
        "remarks": list(facts.remarks),
        "manifest": dict(manifest),
        "states": [{"utc": utc, "state": state} for utc, state in facts.states],
        "log": [{"utc": utc, "message": message} for utc, message in facts.log],
    }
