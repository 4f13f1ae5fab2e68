"""What a run comes to: for who asked for it, and on disk."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from labctl.summaries import summary_columns

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.protocol import Outcome
    from labctl.summaries import Criterion


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that came to its end.

    Args:
        folder: its run folder.
        protocol: its name.
        backend: the name of the backend.
        passed: whether it met its own criteria.
        summary: a dataclass of figures.
        bench_time: what it cost on the bench's clock (s), in all processes that worked on it.
        wall_time: what it cost on the wall's (s), likewise.
        criteria: what was asked of the summary.
        energy: electrical, that went into the array in this process (J); None where nobody can tell.
    """

    folder: Path
    protocol: str
    backend: str
    passed: bool
    summary: Any
    bench_time: float
    wall_time: float
    criteria: tuple[Criterion, ...] = ()
    energy: float | None = None


def end_detail(outcome: Outcome | None, error: BaseException | None) -> dict[str, Any]:
    """Return the details of a run's last state, as plain JSON values.

    Args:
        outcome: what its records amount to, where they were summed up.
        error: what ended it; None if it came to its end.
    """
    detail: dict[str, Any] = {}
    summary: Any = outcome.summary if outcome is not None else None
    if summary is not None:
        detail["summary"] = asdict(summary)
        detail["units"] = {column.name: column.unit for column in summary_columns(summary.__class__)}
    if outcome is not None and error is None:
        detail["passed"] = outcome.passed
        detail["criteria"] = [asdict(criterion) for criterion in outcome.criteria]
    if error is not None:
        detail["error"] = {"type": type(error).__name__, "message": str(error)}
    return detail
