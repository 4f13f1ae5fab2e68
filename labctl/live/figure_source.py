"""The protocol's own figure, made again as records come in: beside the window, at a bounded share of the time."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from labctl.errors import StoreError
from labctl.live.status import duration, one_line
from labctl.report.experiment import RECORDS, Experiment, find_experiment
from labctl.run_reader import RunReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from labctl.figure import Figure

SHORTEST = 0.5
"""Time in s from one figure to the next, at least."""
SHARE = 0.2
"""Part of the time that may go into making figures."""
MOST_RECORDS = 100_000
"""Records that a figure is made of, at most: a protocol gets all of them at once, and each costs memory and time."""


@dataclass(frozen=True, slots=True)
class Made:
    """A figure, or why there is none.

    Args:
        figure: of the records; None if there is none.
        remark: why.
        records: how many it was made of.
        time: at which (s, of the window's clock).
    """

    figure: Figure | None = None
    remark: str = ""
    records: int = 0
    time: float = 0.0


class FigureSource:
    """Makes the figures of one run in a thread, which reads the store by itself.

    Args:
        folder: of the run.
        manifest: of the run.
        now: the time in s, from any start.
    """

    def __init__(self, folder: Path, manifest: Mapping[str, Any], now: Callable[[], float]) -> None:
        self._folder = folder
        found = find_experiment(manifest)
        self._experiment = found if isinstance(found, Experiment) else None
        missing = found if isinstance(found, str) else ""
        if self._experiment is not None and self._experiment.protocol.figure is None:
            missing = f"{self._experiment.protocol.name} has no figure"
        self.made = Made(remark=missing)
        self.can_draw = not missing
        self._now = now
        self._due = now()
        self._asked: int | None = None
        self._thread: threading.Thread | None = None
        self._result: tuple[int, float, Made] | None = None

    def ask(self, records: int) -> bool:
        """Ask for the figure of the first `records`; return whether `made` has changed since the last time."""
        changed = self._take()
        count = min(records, MOST_RECORDS)
        if not count and self.can_draw and self._thread is None and self.made.figure is not None:
            # Somebody looks back to the run's beginning.
            self.made, self._asked = Made(), None
            return True
        wanted = self.can_draw and count > 0 and count != self._asked
        if wanted and self._thread is None and self._now() >= self._due:
            self._asked = count
            self._thread = threading.Thread(target=self._work, args=(count,), name="figure", daemon=True)
            self._thread.start()
        return changed

    def remark(self, records: int) -> str:
        """Return what is to be known of the figure while there are so many records: of how many it is, and when made.

        Args:
            records: that are shown.
        """
        made = self.made
        if made.remark or not self.can_draw:
            return made.remark
        if made.figure is None:
            return "it is being made" if records else "no records yet"
        if made.records == records:
            return f"of {records:,} {'record' if records == 1 else 'records'}"
        if made.records > records:
            return f"of {made.records:,} records; the one of the {records:,} that are shown is being made"
        if made.records == MOST_RECORDS < records:
            return f"of the first {made.records:,} of {records:,} records; `labctl report` draws all"
        return f"of {made.records:,} of {records:,} records, made {duration(max(0.0, self._now() - made.time))} ago"

    def finish(self, records: int) -> None:
        """Wait for the figure of the first `records`, as for a picture."""
        self.close()
        self._take()
        self._due = self._now()
        self.ask(records)
        self.close()
        self._take()

    def close(self, patience: float | None = None) -> None:
        """Wait for the figure that is being made, for `patience` (s) at most; None: until it is there."""
        if self._thread is not None:
            self._thread.join(patience)

    def _take(self) -> bool:
        if self._result is None:
            return False
        _, took, self.made = self._result
        self._result, self._thread = None, None
        self._due = self._now() + max(SHORTEST - took, took / SHARE - took)
        return True

    def _work(self, records: int) -> None:
        begin = self._now()
        made = self._make(records)
        self._result = records, self._now() - begin, made

    def _make(self, count: int) -> Made:
        experiment = self._experiment
        if experiment is None or experiment.protocol.figure is None:
            return self.made
        try:
            with closing(RunReader(self._folder)) as reader:
                records = reader.typed(RECORDS, experiment.protocol.record, limit=count)
            figure = experiment.protocol.figure(records, experiment.parameters) if records else None
        except StoreError as error:
            return replace(self.made, remark=one_line(str(error)))
        except Exception as error:  # noqa: BLE001 (a plug-in may raise anything; the window goes on)
            said = f"{type(error).__name__}: {error}"
            return replace(self.made, remark=one_line(f"{experiment.protocol.name} cannot draw this: {said}"))
        return Made(figure, "", len(records), self._now())
