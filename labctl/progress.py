"""Progress of a run on stderr: bar, rate, time left, last values; quiet where stderr is no terminal."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text
from typing_extensions import override

from labctl.backend import WallClock
from labctl.engine import Watcher
from labctl.escaped import escaped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from rich.progress import Task


REDRAW_TIME = 0.1
"""Least time (s) between two drawings of the progress line."""


class _Rate(ProgressColumn):
    """Steps a second."""

    @override
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "")


class ProgressWatcher(Watcher):
    """Shows a run on stderr; use as a context manager.

    A terminal that goes away, or a stderr that cannot be written, ends the showing, never the run.

    Args:
        on_begin: called once the run folder exists, as to open a window on it, with the folder and with what tells
            the person at the terminal something.
        is_dry: nothing is sent, and the run folder is none that anybody looks at.
    """

    def __init__(
        self, on_begin: Callable[[Path, Callable[[str], None]], None] | None = None, is_dry: bool = False
    ) -> None:
        self._on_begin = on_begin
        self._is_dry = is_dry
        self._clock = WallClock()
        self._shown_at = 0.0
        self._steps = 0
        self._console = Console(stderr=True, markup=False, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[caption]}", markup=False),
            console=self._console,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task("", caption="")

    def __enter__(self) -> ProgressWatcher:
        with suppress(OSError):
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._progress.update(self._task, completed=self._steps)
            self._progress.stop()

    @override
    def began(self, folder: Path, steps: int, done: int) -> None:
        self.said("a dry run on a twin of this bench: nothing is sent" if self._is_dry else f"run {folder}")
        self._steps = done
        self._progress.update(self._task, total=steps, completed=done, description="steps")
        if self._on_begin is not None:
            self._on_begin(folder, self.said)

    @override
    def step_done(self, caption: Callable[[], str]) -> None:
        self._steps += 1
        if self._progress.disable or self._clock.now() - self._shown_at < REDRAW_TIME:
            return
        self._shown_at = self._clock.now()
        with suppress(OSError):
            self._progress.update(self._task, completed=self._steps, caption=escaped(caption()))

    @override
    def said(self, message: str) -> None:
        with suppress(OSError):
            self._console.print(escaped(message), soft_wrap=True)
