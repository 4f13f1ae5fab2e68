"""labctl: instrument control for analog memristor crossbars, on a bench or on its twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.export.opened_run import Run

__all__ = ["open_run"]


def open_run(run: str | Path | None = None, data: str | Path = "runs") -> Run:
    """Return a run, to look at its records in Python or in a notebook.

    Args:
        run: a run folder, an id or its unique beginning; None: the newest.
        data: where runs are kept.

    Raises:
        RunNotFoundError: if there is no such run.
        StoreError: if it cannot be read.
    """
    from labctl.export import opened_run  # numpy and more come with it, which most commands do not need

    return opened_run.open_run(run, data)
