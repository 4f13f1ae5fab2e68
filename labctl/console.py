"""What commands print: a summary or one strict JSON object on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from labctl.errors import OutputError
from labctl.escaped import escaped
from labctl.store import strict_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_WHOLE = 1 << 20
"""Characters of a line on stdout: who asks for a result gets all of it."""


def print_json(value: Mapping[str, Any]) -> None:
    """Print one strict JSON object on stdout: no NaN, no Infinity.

    Raises:
        OutputError: if stdout cannot be written.
    """
    print_lines([json.dumps(strict_json(value), allow_nan=False)])


def print_lines(lines: Iterable[str]) -> None:
    """Print lines on stdout, so that they are out when this returns; whatever stands in one stays in it.

    Raises:
        OutputError: if stdout cannot be written.
    """
    try:
        for line in lines:
            print(escaped(line, _WHOLE))  # noqa: T201
        sys.stdout.flush()
    except OSError as error:
        raise OutputError(f"cannot print the result: {error.strerror or error}") from None


def print_beside(lines: Iterable[str]) -> None:
    """Print lines on stderr, for people, where stdout is for one JSON object."""
    with suppress(OSError):
        for line in lines:
            print(escaped(line, _WHOLE), file=sys.stderr)  # noqa: T201


def complain(message: str) -> None:
    """Print one line on stderr; what an instrument said in it cannot move the cursor or add lines."""
    # An error of a library may have several lines of its own; they become one.
    words = escaped(" ".join(message.split("\n")))
    with suppress(OSError):
        print(f"labctl: {words}", file=sys.stderr)  # noqa: T201


def error_json(kind: str, message: str, run: Path | None) -> dict[str, Any]:
    """Return what `--json` prints on failure."""
    return {"error": {"type": kind, "message": message}, "run": None if run is None else str(run)}


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of text with their columns aligned; the last column runs free."""
    if not rows:
        return []
    rows = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]
