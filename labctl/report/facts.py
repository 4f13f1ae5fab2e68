"""What a run folder says of its run, put together for whoever looks at it: whole, running, broken off or killed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labctl.report.experiment import Experiment, find_experiment
from labctl.report.findings import findings_of
from labctl.report.wording import mapping
from labctl.run_lock import is_alive
from labctl.run_names import id_of
from labctl.run_reader import RunReader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from labctl.figure import Figure
    from labctl.report.experiment import Look
    from labctl.report.findings import Finding
    from labctl.run_cost import Cost
    from labctl.run_reader import RunState

UNDER_WAY = ("starting", "running", "paused")
"""States of a run that has not said how it ended."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run as it stands.

    Args:
        folder: where it is.
        run: its id.
        manifest: what it began with.
        experiment: its protocol as it is installed here; None if it is not.
        state: as it wrote it down; "died" where it wrote down no end and no process works on it.
        error: what ended it; "" if it came to its end.
        passed: whether it met its criteria; None if nobody judged it.
        states: (UTC time, state) of each that it entered.
        steps: how many are done.
        cost: what it has cost so far.
        pulses: how many its ledger knows of.
        findings: its summary, each figure with what was asked of it.
        remarks: what a reader must know of the findings, and of the figure that is not there.
        log: (UTC time, message) of everything written down.
        figure: what its records look like.
    """

    folder: Path
    run: str
    manifest: Mapping[str, Any]
    experiment: Experiment | None
    state: str
    error: str
    passed: bool | None
    states: tuple[tuple[str, str], ...]
    steps: int
    cost: Cost
    pulses: int
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]
    log: tuple[tuple[str, str], ...]
    figure: Figure | None

    @property
    def protocol(self) -> str:
        """The protocol's name, as the run was asked for."""
        return str(self.manifest.get("protocol", "unknown protocol"))

    @property
    def of(self) -> int | None:
        """How many steps it has in all, where it says so."""
        steps = self.manifest.get("steps")
        return steps if isinstance(steps, int) else None

    @property
    def verdict(self) -> str:
        """The state of the run in a few words."""
        if self.state != "finished" or self.passed is None:
            return self.state
        return "finished, passed" if self.passed else "finished, did not pass"


def read_facts(folder: Path, with_figure: bool) -> RunFacts:
    """Return what the run in `folder` is and came to; it is only read.

    Args:
        folder: of the run.
        with_figure: whether its figure is wanted: that takes all of its records.

    Raises:
        StoreError: if the folder holds no run that can be read.
    """
    with closing(RunReader(folder)) as reader:
        found = find_experiment(reader.manifest)
        experiment = found if isinstance(found, Experiment) else None
        remarks = [] if experiment is not None else [f"its records cannot be looked at: {found}"]
        last = reader.state()
        shown = None
        if experiment is not None:
            shown = experiment.look(reader, with_figure, is_summed_up=_is_summed_up(last))
            remarks.extend(shown.remarks)
        return RunFacts(
            folder=folder,
            run=id_of(dict(reader.manifest), folder),
            manifest=reader.manifest,
            experiment=experiment,
            state=_state(last, folder),
            error=_error(last),
            passed=_passed(last),
            states=tuple(reader.states()),
            steps=reader.steps(),
            cost=reader.cost(),
            pulses=sum(reader.pulses_had().values()),
            findings=_findings(last, shown),
            remarks=tuple(remarks),
            log=tuple(reader.log()),
            figure=None if shown is None else shown.figure,
        )


def _is_summed_up(last: RunState) -> bool:
    return bool(mapping(last.detail.get("summary"))) and "criteria" in last.detail


def _state(last: RunState, folder: Path) -> str:
    return "died" if last.state in UNDER_WAY and not is_alive(folder) else last.state


def _error(last: RunState) -> str:
    error = mapping(last.detail.get("error"))
    return f"{error.get('type', 'error')}: {error.get('message', '')}" if error else ""


def _passed(last: RunState) -> bool | None:
    passed = last.detail.get("passed")
    return passed if isinstance(passed, bool) else None


def _findings(last: RunState, shown: Look | None) -> tuple[Finding, ...]:
    """Return the summary as the run wrote it down; where it did not, what its records amount to here."""
    if shown is not None and shown.findings:
        return shown.findings
    return findings_of(last.detail)
