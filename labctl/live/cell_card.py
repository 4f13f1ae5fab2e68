"""The traces of the chosen cells, and how they are shown: against step or time, in siemens or levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Qt, Signal
from typing_extensions import override

from labctl.live.cards import Card
from labctl.live.cell_history import MOST_CELLS, CellHistory
from labctl.live.cell_view import CellView
from labctl.live.copying import csv_note, csv_text, headed
from labctl.live.labels import ElidedLabel, set_text
from labctl.live.manifest_facts import level_scale
from labctl.live.manner import Switches, in_levels, left_out
from labctl.live.status import duration, show_value, words
from labctl.records import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from labctl.levels import LevelScale
    from labctl.live.cell_history import Cell
    from labctl.live.cell_maps import Quantity
    from labctl.live.cell_view import Trace
    from labctl.live.follow import Follower, Table
    from labctl.live.theme import Theme


class CellCard(Card):
    """A plot of what became of the chosen cells.

    Args:
        follower: of the run.
        table: its records, with row and column.
    """

    changed = Signal()
    """Someone wants the same traces shown in another way."""

    def __init__(self, follower: Follower, table: Table) -> None:
        super().__init__("no cell chosen")
        self._table = table
        self._tolerance = follower.tolerance
        self._scale = level_scale(follower.manifest)
        self.history = CellHistory(table)
        self.view = CellView()
        self._quantity: Quantity | None = None
        self._values: NDArray[np.float64] = np.empty(0)
        self._left_out = 0
        self._readout = ElidedLabel("quiet")
        self._readout.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.switches = Switches()
        self.against, self.in_levels = self.switches.against, self.switches.in_levels
        self.log, self.freeze = self.switches.log, self.switches.freeze
        self.head.addWidget(self._readout, 1)
        self.head.addWidget(self.switches)
        self.put(self.view, 1)
        self.switches.changed.connect(self._again)
        self.freeze.toggled.connect(self._again)
        self.view.pointed.connect(self._point)
        self.view.moved.connect(lambda: self.freeze.setChecked(True))

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self.view.apply(theme)

    def choose(self, cells: Sequence[Cell]) -> None:
        """Show these cells, as many as can be told apart."""
        self.history.choose(cells)
        if not self.freeze.isChecked():
            self.view.follow()

    def redraw(self, quantity: Quantity, values: NDArray[np.float64]) -> None:
        """Draw `quantity`, whose value in each record is in `values`, shape (n,)."""
        self._quantity = quantity
        self.history.refresh()
        along = self._along()
        levels = self._levels()
        self.view.name_axes(
            "time" if self.against.isChecked() else "step",
            "level" if levels else words(quantity.name),
            "" if levels else quantity.unit,
            self._is_log(),
        )
        if levels:
            values = in_levels(values, levels)
        self._values = values
        chosen = [self.history.indices(cell) for cell in self.history.cells]
        self._left_out = int(sum(np.count_nonzero(values[index] <= 0) for index in chosen)) if self._is_log() else 0
        traces = [(along[index], values[index]) for index in chosen]
        target, tolerance = self._target(along, chosen, levels)
        self.view.redraw(traces, target, tolerance)

    def refresh(self) -> None:
        """Say which cells are shown."""
        cells = self.history.cells
        if not cells:
            text = "no cell chosen"
        elif len(cells) == 1:
            text = f"cell ({cells[0][0]}, {cells[0][1]}), {self._records()}"
        else:
            text = f"{len(cells)} cells" + (" (as many as are shown)" if len(cells) == MOST_CELLS else "")
        if len(cells) > 1 and self._table.is_thinned:
            text += f", {self._records()}"
        set_text(self.heading, ", ".join(filter(None, (text, left_out(self._left_out)))))
        siemens = self._quantity is not None and self._quantity.unit == "S" and self._scale is not None
        self.in_levels.setVisible(siemens and self._quantity is not None and self._quantity.name != "off target")

    @override
    def csv(self) -> str:
        """Return the shown values of the chosen cells, a line a record."""
        if self._quantity is None:
            return ""
        unit = "levels" if self._levels() else self._quantity.unit
        steps, times = self._table.step.values, self._table.times
        rows = (
            (*cell, steps[index], times[index], self._values[index])
            for cell in self.history.cells
            for index in self.history.indices(cell).tolist()
        )
        return csv_note(self._table) + csv_text(
            ["row", "column", "step", "bench time (s)", headed(self._quantity.name, unit)], rows
        )

    def _records(self) -> str:
        """Return how many records the chosen cells have, and how many of them are drawn."""
        drawn = sum(self.history.indices(cell).size for cell in self.history.cells)
        count = sum(self.history.count(cell) for cell in self.history.cells)
        said = f"{count:,} record{'s' if count != 1 else ''}"
        if not self._table.is_thinned:
            return said
        return f"{drawn:,} of {said}" if self._table.is_whole else f"{said} kept"

    def _is_log(self) -> bool:
        """Return whether values are shown by their logarithms; what is best at 0 is not."""
        return self.log.isChecked() and self._quantity is not None and self._quantity.kind == "number"

    def _along(self) -> NDArray[np.float64]:
        return self._table.times if self.against.isChecked() else self._table.places

    def _levels(self) -> LevelScale | None:
        """Return the scale that values are shown on; None if they stay what they are."""
        quantity = self._quantity
        if quantity is None or quantity.unit != "S" or quantity.name == "off target":
            return None
        return self._scale if self.in_levels.isChecked() else None

    def _target(
        self, along: NDArray[np.float64], chosen: Sequence[NDArray[np.intp]], levels: LevelScale | None
    ) -> tuple[Trace | None, float | None]:
        """Return where the one chosen cell ought to be, and how far from there it may be."""
        quantity, numbers = self._quantity, self._table.numbers
        if quantity is None or len(chosen) != 1 or not chosen[0].size:
            return None, None
        index = chosen[0]
        if quantity.kind == "signed":
            tolerance = self._tolerance if quantity.unit == "levels" else None
            return (along[index], np.zeros(index.size)), tolerance
        if quantity.name not in ("conductance", "estimate") or "target" not in numbers:
            return None, None
        target = numbers["target"].values[index]
        if levels:
            return (along[index], in_levels(target, levels)), self._tolerance
        step = self._scale.step if self._scale else None
        return (along[index], target), None if step is None or self._tolerance is None else self._tolerance * step

    def _again(self) -> None:
        self.view.follow(self.freeze.isChecked())
        self.changed.emit()

    def _point(self, at: tuple[float, float] | None) -> None:
        if at is None or self._quantity is None:
            set_text(self._readout, "")
            return
        place = duration(max(at[0], 0.0)) if self.against.isChecked() else f"step {at[0]:,.0f}"
        unit = "levels" if self._levels() else self._quantity.unit
        set_text(self._readout, f"{place}: {show_value(at[1], Column('', 'float', unit))}")
