"""The protocol of a run, as it is installed here, looking at the run's records again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from labctl import plugins
from labctl.errors import InterruptedRunError, LabctlError, StoreError
from labctl.protocol import read_parameters
from labctl.report.findings import findings_from
from labctl.report.wording import mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.figure import Figure
    from labctl.protocol import Parameters, Protocol
    from labctl.report.findings import Finding
    from labctl.run_reader import RunReader

RECORDS = "record"
"""Name of the table that a protocol's records fill."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a protocol makes of a run's records.

    Args:
        findings: its summary; empty if it was not asked for, or there is none.
        figure: None if it was not asked for, or there is none.
        remarks: why something is not there.
    """

    findings: tuple[Finding, ...] = ()
    figure: Figure | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Experiment:
    """A protocol and what it was asked for."""

    protocol: Protocol[Parameters, Any]
    parameters: Parameters

    def look(self, reader: RunReader, with_figure: bool, is_summed_up: bool) -> Look:
        """Return what the records of a run, whole or broken off, amount to.

        Args:
            reader: of the run.
            with_figure: whether the figure is wanted.
            is_summed_up: whether the run itself has written down what it came to.
        """
        wants_figure = with_figure and self.protocol.figure is not None
        remarks: list[str] = []
        if with_figure and not wants_figure:
            remarks.append(f"{self.protocol.name} has no figure")
        if is_summed_up and not wants_figure:
            return Look(remarks=tuple(remarks))
        try:
            records = reader.typed(RECORDS, self.protocol.record)
        except StoreError as error:
            return Look(remarks=(*remarks, f"its records cannot be looked at: {error}"))
        if not records:
            return Look(remarks=(*remarks, "there are no records yet, and so nothing to show"))
        try:
            findings = () if is_summed_up else findings_from(self.protocol.summarise(records, self.parameters))
            if findings:
                remarks.append("the run has not summed itself up; the summary is of the records that are there")
            make = self.protocol.figure
            figure = make(records, self.parameters) if with_figure and make is not None else None
        except InterruptedRunError:
            raise
        except Exception as error:  # noqa: BLE001 (a plug-in may raise anything; the rest of the report stands)
            return Look(remarks=(*remarks, f"{self.protocol.name} failed at these records: {_said(error)}"))
        return Look(findings, figure, tuple(remarks))


def find_experiment(manifest: Mapping[str, Any]) -> Experiment | str:
    """Return the protocol and the parameters of a run, or why they cannot be had here."""
    asked = mapping(manifest.get("asked"))
    name = str(asked.get("protocol", manifest.get("protocol", "")))
    try:
        protocol = cast("Protocol[Parameters, Any]", plugins.load(plugins.PROTOCOLS, name))
        settings = {key: str(value) for key, value in mapping(asked.get("settings")).items()}
        parameters = read_parameters(protocol.parameters, settings)
    except InterruptedRunError:
        raise
    except LabctlError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (a plug-in that cannot be imported may raise anything)
        return f"protocol {name!r} cannot be loaded here: {_said(error)}"
    means = parameters.model_dump(mode="json")
    # A parameter that the version here has besides was not known to the run, and does not change its records.
    if any(means.get(key) != value for key, value in mapping(manifest.get("parameters")).items()):
        return f"its parameters mean something else in the version of {name!r} that is here"
    return Experiment(protocol, parameters)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
