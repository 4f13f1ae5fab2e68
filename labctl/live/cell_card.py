"""The traces of the chosen cells, and how they are shown: against step or time, in siemens or levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QPushButton

from labctl.live.cards import Card
from labctl.live.cell_history import MOST_CELLS, CellHistory
from labctl.live.cell_view import CellView
from labctl.live.labels import label, set_text
from labctl.live.manifest_facts import level_scale
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
        self._readout = label("", "quiet")
        self.against = switch("against time", "step or bench time along the axis (X)", "X")
        self.in_levels = switch("in levels", "siemens or levels (L)", "L")
        self.freeze = switch("freeze", "keep the axes still, or follow (F)", "F")
        self.head.addStretch(1)
        self.head.addWidget(self._readout)
        for button in (self.against, self.in_levels, self.freeze):
            self.head.addWidget(button)
            button.toggled.connect(self._again)
        self.against.setVisible(self._has_time())
        self.put(self.view, 1)
        self.freeze.toggled.connect(self.view.follow)
        self.view.pointed.connect(self._point)
        self.view.box.sigRangeChangedManually.connect(lambda: self.freeze.setChecked(True))

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
            "time" if along is not self._table.step.values and self._is_timed() else "step",
            "level" if levels else words(quantity.name),
            "" if levels else quantity.unit,
        )
        if levels:
            values = _in_levels(values, levels)
        chosen = [self.history.indices(cell) for cell in self.history.cells]
        traces = [(along[index], values[index]) for index in chosen]
        target, tolerance = self._target(along, chosen, levels)
        self.view.redraw(traces, target, tolerance)

    def refresh(self) -> None:
        """Say which cells are shown."""
        cells = self.history.cells
        if not cells:
            text = "no cell chosen"
        elif len(cells) == 1:
            count = self.history.indices(cells[0]).size
            text = f"cell ({cells[0][0]}, {cells[0][1]}), {count:,} record{'s' if count != 1 else ''}"
        else:
            text = f"{len(cells)} cells" + (" (as many as are shown)" if len(cells) == MOST_CELLS else "")
        set_text(self.heading, text)
        siemens = self._quantity is not None and self._quantity.unit == "S" and self._scale is not None
        self.in_levels.setVisible(siemens and self._quantity is not None and self._quantity.name != "off target")

    def _has_time(self) -> bool:
        return any(column.name == "time" and column.unit == "s" for column in self._table.columns)

    def _is_timed(self) -> bool:
        return self.against.isChecked() and self._has_time()

    def _along(self) -> NDArray[np.float64]:
        return self._table.numbers["time"].values if self._is_timed() else self._table.step.values

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
            return (along[index], _in_levels(target, levels)), self._tolerance
        step = self._scale.step if self._scale else None
        return (along[index], target), None if step is None or self._tolerance is None else self._tolerance * step

    def _again(self) -> None:
        self.view.follow(self.freeze.isChecked())
        self.changed.emit()

    def _point(self, at: tuple[float, float] | None) -> None:
        if at is None or self._quantity is None:
            set_text(self._readout, "")
            return
        place = duration(max(at[0], 0.0)) if self._is_timed() else f"step {at[0]:,.0f}"
        unit = "levels" if self._levels() else self._quantity.unit
        set_text(self._readout, f"{place}: {show_value(at[1], Column('', 'float', unit))}")


def _in_levels(conductances: NDArray[np.float64], scale: LevelScale) -> NDArray[np.float64]:
    return (conductances - scale.g_min) / scale.step


def switch(text: str, hint: str, key: str) -> QPushButton:
    """Return a button that stays pressed, and is pressed by a key, too."""
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(hint)
    QShortcut(QKeySequence(key), button).activated.connect(button.click)
    return button
