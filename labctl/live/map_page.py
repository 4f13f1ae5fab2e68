"""The crossbar: its map, the history of the cells that are chosen on it, and what a region amounts to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QWidget
from typing_extensions import override

from labctl.live.cards import Card, FiguresCard
from labctl.live.cell_card import CellCard
from labctl.live.cell_history import MOST_CELLS
from labctl.live.cell_maps import CellMaps, Statistics, colour_span, quantities, statistics
from labctl.live.colour_bar import ColourBar
from labctl.live.copying import csv_note, csv_text, headed
from labctl.live.labels import ElidedLabel, set_text
from labctl.live.manifest_facts import die_shape
from labctl.live.manner import switch
from labctl.live.map_view import MapView, Region
from labctl.live.status import Figure, show_value, words
from labctl.records import Column

if TYPE_CHECKING:
    from labctl.live.cell_maps import Quantity
    from labctl.live.follow import Follower, Table
    from labctl.live.theme import Theme


class MapCard(Card):
    """The map of `page` with its choice of quantity."""

    def __init__(self, page: MapPage) -> None:
        super().__init__("")
        self._page = page

    @property
    @override
    def name(self) -> str:
        return f"map of {words(self._page.quantity.name)}"

    @override
    def csv(self) -> str:
        return self._page.csv()


class MapPage(QWidget):
    """Shows a table whose records name row and column.

    Args:
        follower: of the run.
        table: its records.
    """

    def __init__(self, follower: Follower, table: Table) -> None:
        super().__init__()
        self._table = table
        self.quantities = quantities(table.columns)
        self.maps = CellMaps(table, *die_shape(follower.manifest))
        self.region: Region | None = None
        self._by_hand = False
        self.view, self.bar = MapView(), ColourBar()
        self.choice = QComboBox()
        self.choice.addItems([words(quantity.name) for quantity in self.quantities])
        self.choice.setAccessibleName("what the map shows")
        self._readout = ElidedLabel("quiet")
        self.cells = CellCard(follower, table)
        self.region_card = FiguresCard("region")
        self.touched_only = switch("touched cells only", "the region with values, or the whole array (Z)", "Z")
        self.touched_only.toggled.connect(self._zoom)
        self._lay_out()
        self.choice.currentIndexChanged.connect(self._choose)
        self.cells.changed.connect(self._choose)
        self.view.picked.connect(self._pick)
        self.view.selected.connect(self._select)
        self.view.hovered.connect(self._hover)

    @property
    def quantity(self) -> Quantity:
        """What the map shows."""
        return self.quantities[max(0, self.choice.currentIndex())]

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self.view.apply(theme)
        self.bar.apply(theme)
        self.cells.apply(theme)

    def redraw(self) -> None:
        """Draw the map and the traces as the table stands."""
        self.maps.refresh()
        values = self.maps.values(self.quantity)
        span = colour_span(values, self.quantity)
        self.view.redraw(values, self.quantity, span)
        self.bar.show_span(self.quantity, span)
        if not self._by_hand:
            self._watch_newest()
        self.cells.redraw(self.quantity, self.maps.of_records(self.quantity))

    def refresh(self) -> None:
        """Bring figures up to date."""
        values = self.maps.values(self.quantity)
        region = self.region or (0, 0, values.shape[0] - 1, values.shape[1] - 1)
        top, left, bottom, right = region
        found = statistics(values[top : bottom + 1, left : right + 1])
        where = "all cells" if self.region is None else f"rows {top} to {bottom}, columns {left} to {right}"
        thinned = "" if self._table.is_whole or not self._table.is_thinned else f", of {self._table.thinning} record"
        set_text(self.region_card.heading, f"{words(self.quantity.name)}, {where}{thinned}")
        self.region_card.rows.show_figures(self._figures(found))
        self.cells.refresh()

    def csv(self) -> str:
        """Return the map as CSV: row, column and the value of each cell that has one."""
        values = self.maps.values(self.quantity)
        rows, columns = np.nonzero(self.maps.newest >= 0)
        headers = ["row", "column", headed(self.quantity.name, self.quantity.unit)]
        note = "" if self._table.is_whole else csv_note(self._table)
        return note + csv_text(
            headers, zip(rows.tolist(), columns.tolist(), values[rows, columns].tolist(), strict=True)
        )

    def _lay_out(self) -> None:
        chart = MapCard(self)
        self.map_card = chart
        chart.head.addWidget(self.choice)
        chart.head.addSpacing(8)
        chart.head.addWidget(self._readout, 1)
        chart.head.addWidget(self.touched_only)
        both = QWidget()
        row = QHBoxLayout(both)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.view, 1)
        row.addWidget(self.bar)
        chart.put(both, 1)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(12)
        grid.addWidget(chart, 0, 0, 2, 1)
        grid.addWidget(self.cells, 0, 1)
        grid.addWidget(self.region_card, 1, 1)
        for place, share in enumerate((5, 4)):
            grid.setColumnStretch(place, share)
        for place, share in enumerate((5, 2)):
            grid.setRowStretch(place, share)

    def _watch_newest(self) -> None:
        """Show the cell that was recorded last, until somebody chooses one."""
        rows, columns = self._table.numbers["row"].values, self._table.numbers["column"].values
        if rows.size and np.isfinite(rows[-1]) and np.isfinite(columns[-1]):
            cell = int(rows[-1]), int(columns[-1])
            if self.cells.history.cells != (cell,):
                self.cells.history.choose([cell])
                self.view.mark(cell)

    def _choose(self) -> None:
        self.redraw()
        self.refresh()

    def _zoom(self, touched_only: bool) -> None:
        self.view.touched_only = touched_only
        self.redraw()

    def _pick(self, row: int, column: int, several: bool) -> None:
        self._by_hand = True
        former = self.cells.history.cells if several else ()
        self.cells.choose([*former, (row, column)])
        self.view.mark((row, column))
        if not several:
            self.region = None
            self.view.mark_region(None)
        self._hover((row, column))
        self._choose()

    def _select(self, region: Region) -> None:
        self._by_hand = True
        self.region = region
        self.view.mark_region(region)
        top, left, bottom, right = region
        cells = [(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)]
        seen = [cell for cell in cells if self.maps.newest[cell] >= 0]
        self.cells.choose(seen[:MOST_CELLS])
        self._choose()

    def _hover(self, cell: tuple[int, int] | None) -> None:
        if cell is None:
            set_text(self._readout, "")
            return
        value = float(self.maps.values(self.quantity)[cell])
        set_text(self._readout, f"row {cell[0]}, column {cell[1]}: {self._said(value)}")

    def _said(self, value: float) -> str:
        """Return a value of the map as it is read."""
        if np.isnan(value):
            return "–"
        if self.quantity.kind == "yes or no":
            return "yes" if value else "no"
        if self.quantity.name == "touched":
            return f"step {value:,.0f}"
        return show_value(value, Column("", "float", self.quantity.unit))

    def _figures(self, found: Statistics) -> list[Figure]:
        figures = [Figure("cells with a value", f"{found.known:,} of {found.cells:,}")]
        if not found.known:
            return figures
        if self.quantity.kind == "yes or no":
            return [*figures, Figure("yield", f"{100 * found.mean:.2f} %")]
        if self.quantity.name == "touched":
            return [*figures, Figure("first", self._said(found.low)), Figure("last", self._said(found.high))]
        named = ("mean", found.mean), ("standard deviation", found.deviation), ("low", found.low), ("high", found.high)
        return figures + [Figure(name, self._said(value)) for name, value in named]
