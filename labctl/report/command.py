"""`labctl report` and `labctl show`: what they write and print."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from labctl.backend import WallClock
from labctl.console import print_json, print_lines, table
from labctl.errors import InputError, OutputError
from labctl.report.comparison import short_name
from labctl.report.facts import read_facts
from labctl.report.page import Picture, comparison_page, page_of
from labctl.report.palette import DARK, LIGHT
from labctl.report.tables import tables_of
from labctl.report.wording import mapping, moment
from labctl.run_reader import find_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from labctl.report.facts import RunFacts
    from labctl.report.tables import Table

MOST = 6
"""Runs that stand side by side: more have no room."""
FOLDER, PAGE = "report", "report.html"


def write_report(data: Path, names: Sequence[str], out: Path | None, json: bool) -> None:
    """Write the page and the figures of a run, or of several side by side; print where they are.

    Args:
        data: where runs are kept.
        names: of the runs; none: the newest.
        out: folder for the files; None: one in the folder of the (first) run.
        json: print one JSON object in place of the path.

    Raises:
        InputError: if there is no matplotlib, no such run, or `out` is no folder.
        StoreError: if a run cannot be read.
        OutputError: if the files cannot be written.
    """
    folders = _folders(data, names)
    _require_matplotlib()
    runs = [read_facts(folder, with_figure=True) for folder in folders]
    place = _place(runs, out)
    runs, pictures, files = _draw(runs)
    clock = WallClock()
    made = f"made {moment(clock.utc().isoformat())} by labctl {version('labctl')}"
    page = page_of(runs[0], pictures[0], made) if len(runs) == 1 else comparison_page(runs, pictures, made)
    _write(place, {PAGE: page.encode("utf-8", "backslashreplace"), **files})
    written, figures = str(place / PAGE), [str(place / name) for name in files]
    if json:
        print_json({"runs": [str(facts.folder) for facts in runs], "page": written, "figures": figures})
    else:
        print_lines([written, *figures])


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
    lines = [f"{facts.run}", f"{facts.protocol}{title}", *(f"note: {remark}" for remark in facts.remarks)]
    for part in tables_of(facts):
        lines += ["", part.title, *(f"  {line}".rstrip() for line in table(_text_rows(part)))]
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
    place = first.folder / FOLDER if out is None else out.absolute()
    if out is None and others:
        place = place / "_".join(["with", *(_plain(short_name(facts, runs)) for facts in others)])
    with suppress(OSError):
        if place.exists() and not place.is_dir():
            raise InputError(f"--out {place}: this is no folder")
    return place


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
    """Write files, each whole or not at all."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            part = place / f"{name}.part"
            part.write_bytes(content)
            part.replace(place / name)
    except OSError as error:
        raise OutputError(f"cannot write {place}: {error.strerror or error}; choose another with --out") from None


def _text_rows(part: Table) -> list[tuple[str, ...]]:
    """Return a table's rows as the terminal shows them; what a parameter does is `labctl protocols NAME`'s to say."""
    if part.title != "Parameters":
        return [part.head, *part.rows] if part.head else list(part.rows)
    return [row[:3] for row in part.rows]


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
