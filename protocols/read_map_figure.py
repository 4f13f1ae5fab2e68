"""The figure of `read-map`, and the maps that a run leaves as files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Figure, Map, Panel, curve, histogram
from labctl.protocol import RunFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.read_map import CellRead, ReadMapParameters

    Array = NDArray[np.float64]


def map_of(records: Sequence[CellRead], values: Sequence[float]) -> Array:
    """Return values of cells as an array of shape (rows, columns); not a number where a cell is missing or flagged."""
    rows = np.array([one.row for one in records])
    columns = np.array([one.column for one in records])
    found = np.full((int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1), np.nan)
    sound = np.array([not one.is_flagged for one in records])
    found[rows - rows.min(), columns - columns.min()] = np.where(sound, values, np.nan)
    return found


def figure(records: Sequence[CellRead], parameters: ReadMapParameters) -> Figure:
    """Return what a map, whole or broken off, looks like."""
    first, step = records[0], records[0].one_level
    levels = [one.level for one in records]
    corner = min(one.row for one in records), min(one.column for one in records)
    panels = [
        _map("Conductance", map_of(records, [one.conductance for one in records]), "conductance", "S", corner),
        _map("Levels", map_of(records, levels), "level", "levels", corner),
        Panel("Levels", Axis("level", "levels"), Axis("cells"), (histogram(map_of(records, levels)),)),
    ]
    if first.repeats > 1:
        panels.append(_noise(records))
        panels.append(
            _map("Noise of a read", map_of(records, [one.sigma / step for one in records]), "sigma", "levels", corner)
        )
    if parameters.reference is not None:
        error = map_of(records, [one.level - one.reference for one in records])
        panels.append(_map("Less the reference", error, "difference", "levels", corner, diverging=True))
    return Figure(f"read-map: {len(records)} cells, scheme {parameters.scheme}", tuple(panels))


def files(records: Sequence[CellRead], parameters: ReadMapParameters) -> tuple[RunFile, ...]:  # noqa: ARG001
    """Return the map as csv, in S and in levels; cells that are no measurement are nan."""
    conductance = map_of(records, [one.conductance for one in records])
    levels = map_of(records, [one.level for one in records])
    return RunFile("conductance.csv", _csv(conductance, "%.9e")), RunFile("levels.csv", _csv(levels, "%.4f"))


def _csv(values: Array, form: str) -> bytes:
    text = io.BytesIO()
    np.savetxt(text, values, fmt=form, delimiter=",")
    return text.getvalue()


def _map(title: str, values: Array, label: str, unit: str, corner: tuple[int, int], diverging: bool = False) -> Panel:
    return Panel(title, Axis("column"), Axis("row"), (Map(values, label, unit, diverging, first=corner),))


def _noise(records: Sequence[CellRead]) -> Panel:
    """Return the noise of each cell's read against its conductance, and that of the board alone."""
    step = records[0].one_level
    at = [one.conductance for one in records]
    marks = [curve(at, [one.sigma / step for one in records], "cell and board", "points")]
    if any(one.amplifier for one in records):
        marks.append(curve(at, [one.amplifier / step for one in records], "board alone", "points"))
    return Panel("Noise of a read", Axis("conductance", "S"), Axis("sigma", "levels"), tuple(marks))
