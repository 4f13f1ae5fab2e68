"""`labctl twin validate`: measure the acceptance table, print it, write its page."""

from __future__ import annotations

import sys
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from labctl.backend import WallClock
from labctl.console import complain, print_json, print_lines, table
from labctl.errors import InputError, OutputError
from sim_backend.validation.acceptance import FULL, QUICK, validate
from sim_backend.validation.page import Occasion, render_page, worded

if TYPE_CHECKING:
    from pathlib import Path

    from sim_backend.validation.acceptance import Section, Validation

_PACKAGES = ("labctl", "numpy", "scipy", "matplotlib")


def validate_twin(page: Path | None, quick: bool, long: bool, seed: int, json: bool) -> int:
    """Measure, print and write; return the exit code.

    Args:
        page: file of the page; None: no page.
        quick: measure on smaller samples.
        long: measure what takes minutes, too.
        seed: of all noise.
        json: print one JSON object in place of the table.

    Raises:
        InputError: if the page cannot stand there.
        OutputError: if it cannot be written.
    """
    if page is not None:
        _check(page)
    clock = WallClock()
    started, start = clock.utc(), clock.now()
    found = validate(QUICK if quick else FULL, seed, long, None if json else _print_section)
    if page is not None and not _can_draw():
        complain('the page needs matplotlib: pip install "labctl[report]"')
        page = None
    if page is not None:
        versions = {"python": sys.version.split()[0], **{name: version(name) for name in _PACKAGES}}
        _write(found, page, Occasion(started, clock.now() - start, versions))
    if json:
        rows, others = [asdict(row) for row in found.rows], [asdict(pending) for pending in found.pending]
        place = None if page is None else str(page.resolve())
        print_json({"passed": found.passed, "rows": rows, "not_judged": others, "page": place})
    else:
        _print_end(found, page)
    return 0 if found.passed else 1


def _check(page: Path) -> None:
    try:
        is_folder, has_folder = page.is_dir(), page.parent.is_dir()
    except OSError as error:
        raise InputError(f"--page {page}: {error.strerror or error}") from None
    if is_folder:
        raise InputError(f"--page {page}: this is a folder; name a file in it")
    if not has_folder:
        raise InputError(f"--page {page}: there is no folder {page.parent}")


def _can_draw() -> bool:
    try:
        import_module("matplotlib")
    except ImportError:
        return False
    return True


def _write(found: Validation, page: Path, occasion: Occasion) -> None:
    from sim_backend.validation.figures import pictures

    text = render_page(found, pictures(found), occasion)
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {page}: {error.strerror or error}") from None


def _print_section(section: Section) -> None:
    rows = [
        ("passed" if row.passed else "NOT PASSED", row.name, worded(row.value, row.unit), row.target)
        for row in section.rows
    ]
    print_lines([section.title, *(f"  {line}" for line in table(rows)), ""])


def _print_end(found: Validation, page: Path | None) -> None:
    good = sum(row.passed for row in found.rows)
    lines = [f"{good} of {len(found.rows)} rows passed"]
    lines += [f"  not passed: {row.name}; {row.note or row.source}" for row in found.rows if not row.passed]
    lines += ["not judged here:", *(f"  {pending.what}" for pending in found.pending)]
    if page is not None:
        lines.append(f"page: {page.resolve()}")
    print_lines(lines)
