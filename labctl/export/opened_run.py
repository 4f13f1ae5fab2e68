"""A run as an object, for scripts and notebooks: what `labctl.open_run` returns."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from labctl.backend import WallClock
from labctl.errors import InputError
from labctl.escaped import escaped
from labctl.export.known_records import record_type, words_of
from labctl.export.layout import layout_of
from labctl.export.missing import require
from labctl.export.notebook import page_part
from labctl.export.provenance_attributes import provenance
from labctl.export.record_sequence import Records
from labctl.export.record_table import RecordTable
from labctl.export.run_figure import RunFigure
from labctl.report.experiment import Experiment, find_experiment
from labctl.report.facts import read_facts
from labctl.report.wording import mapping
from labctl.run_names import id_of
from labctl.run_reader import RunReader, find_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

    import xarray as xr

    from labctl.report.facts import RunFacts


def open_run(run: str | Path | None, data: str | Path) -> Run:
    """Return a run; see `labctl.open_run`."""
    return Run(find_run(Path(data), None if run is None else str(run)))


class Run:
    """One run, finished or under way; it is only read. Close it, or use it in a `with` statement.

    Args:
        folder: of the run.

    Raises:
        StoreError: if the folder holds no run that can be read; any look at a damaged one may raise it.
    """

    def __init__(self, folder: Path) -> None:
        self._reader = RunReader(folder)
        self._experiment = find_experiment(self._reader.manifest)
        self._records: Records | None = None

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._reader.folder

    @property
    def id(self) -> str:
        """Its name."""
        return id_of(dict(self.manifest), self.folder)

    @property
    def protocol(self) -> str:
        """The name of its protocol."""
        return str(self.manifest.get("protocol", ""))

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What was asked, on what, with which software, as JSON keeps it; quantities are in SI units."""
        return MappingProxyType(self._reader.manifest)

    @property
    def parameters(self) -> Any:
        """The protocol's parameters: `run.parameters.read_voltage`.

        Where the protocol is not installed here, or means something else by them, a mapping of what it wrote down.
        """
        if isinstance(self._experiment, Experiment):
            return self._experiment.parameters
        return MappingProxyType(dict(mapping(self.manifest.get("parameters"))))

    @property
    def records(self) -> Records:
        """Its records, as the protocol's dataclass where that is installed here, as one like it otherwise."""
        if self._records is None:
            self._records = Records(self._reader, record_type(self._reader))
        return self._records

    @property
    def state(self) -> str:
        """The state that it is in: "finished", "running", "paused", "stopped", "failed", "died" and "starting"."""
        return self._facts().state

    @property
    def passed(self) -> bool | None:
        """Whether it met its criteria; None if nobody judged it."""
        return self._facts().passed

    @property
    def summary(self) -> Mapping[str, Any]:
        """What it came to, by name; of a run that could not say, what its records amount to here."""
        return MappingProxyType({finding.name: finding.value for finding in self._facts().findings})

    @property
    def log(self) -> list[tuple[str, str]]:
        """Everything that was written down beside the records: (UTC time, message)."""
        return self._reader.log()

    def to_xarray(self) -> xr.Dataset:
        """Return the records as a dataset in memory, as `labctl export` writes it.

        Raises:
            InputError: if there is no xarray.
        """
        require("a dataset", "xarray")
        from labctl.export.dataset import dataset_of

        table = RecordTable(self._reader)
        return dataset_of(table, layout_of(table, words_of(self._reader)), provenance(self._reader, WallClock().utc()))

    def figure(self) -> RunFigure:
        """Return what the records look like; a notebook shows it.

        Raises:
            InputError: if the protocol is not here, has no figure, or there is no record.
        """
        if not isinstance(self._experiment, Experiment):
            raise InputError(f"{self.id} cannot be drawn: {self._experiment}")
        look = self._experiment.look(self._reader, with_figure=True, is_summed_up=True)
        if look.figure is None:
            raise InputError(f"{self.id} cannot be drawn: {'; '.join(look.remarks)}")
        return RunFigure(look.figure)

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Run {escaped(self.id)}: {escaped(self.protocol)}, {len(self.records):,} records>"

    def __rich_repr__(self) -> Iterator[tuple[str, Any]]:
        yield "id", escaped(self.id)
        yield "protocol", escaped(self.protocol)
        yield "state", escaped(self.state)
        yield "passed", self.passed
        yield "records", len(self.records)
        yield "summary", dict(self.summary)

    def _repr_html_(self) -> str:
        return page_part(self._facts(), len(self.records))

    def _facts(self) -> RunFacts:
        return read_facts(self.folder, with_figure=False)
