"""Errors in words, at the end of a command: one line on stderr, one JSON object where that was asked for."""

from __future__ import annotations

import io
import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TextIO, cast

from labctl import plugins
from labctl.errors import BugError, InterruptedRunError, LabctlError, OutputError
from labctl.escaped import escaped
from labctl.stop_requests import ignore_signals


def complain_of(error: Exception, as_json: bool) -> int:
    """Say what went wrong in one line; return the exit code that it stands for."""
    from labctl.console import complain, error_json, print_json, print_lines
    from labctl.summaries import summary_lines

    ignore_signals()
    kind, message, code, run = type(error).__name__, str(error), BugError.exit_code, None
    if isinstance(error, LabctlError):
        code, run = error.exit_code, error.run
    if code == BugError.exit_code:
        stranger = plugins.at_fault(error)
        whose = "a bug of ours" if stranger is None else f"a bug of {stranger}, not of labctl"
        message = f"{whose}: {message or kind}; --traceback shows where"
    with suppress(OutputError):
        if isinstance(error, InterruptedRunError):
            print_lines([] if as_json else summary_lines(error.summary))
        complain(message)
        if as_json:
            print_json(error_json(kind, message, run))
    return code


def print_traceback() -> None:
    """Print where an error came from; the texts of exceptions may hold what an instrument said."""
    with suppress(OSError):
        for line in traceback.format_exc().splitlines():
            print(escaped(line), file=sys.stderr)  # noqa: T201


def usable(stream: TextIO | None) -> TextIO:
    """Return a stream that takes any character; one that leads nowhere in place of one that was closed."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return cast("TextIO", stream)
