"""The report of every cell that `program-array` leaves in its run folder."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from labctl.protocol import RunFile
from protocols.program_array_summary import latest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.program_array import CellProgrammed, ProgramArrayParameters

COLUMNS = (
    "row", "column", "level (levels)", "target (S)", "conductance (S)", "error (levels)", "sigma (levels)", "written",
    "given up", "at rail", "readable", "bursts", "pulses", "reads", "samples",
)  # fmt: skip


def files(records: Sequence[CellProgrammed], parameters: ProgramArrayParameters) -> tuple[RunFile, ...]:  # noqa: ARG001
    """Return `cells.csv`, a line for each cell (RFC 4180); yes and no are 1 and 0."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for one in latest(records):
        numbers = (f"{value:.7g}" for value in (one.level, one.target, one.conductance, one.error, one.sigma))
        flags = map(int, (one.written, one.given_up, one.at_rail, one.readable))
        writer.writerow((one.row, one.column, *numbers, *flags, one.bursts, one.pulses, one.reads, one.samples))
    return (RunFile("cells.csv", text.getvalue().encode()),)
