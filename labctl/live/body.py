"""The middle of the window: the plots that a run's records call for, and beside them the last record."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QGridLayout, QWidget

from labctl.live.cards import Card, HistogramCard, RecordCard, TraceCard
from labctl.live.copying import tables_text
from labctl.live.manifest_facts import level_scale
from labctl.live.manner import Switches

if TYPE_CHECKING:
    from labctl.live.follow import Follower
    from labctl.live.theme import Theme

_SIDE = 250
"""Width in pixels of the column beside the plots."""


class Body(QWidget):
    """One card a panel, below one another; the distribution of an error stands beside it.

    Args:
        follower: whose panels are laid out, as they are known when this is made.
    """

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower
        self.traces: list[TraceCard] = []
        self.histograms: list[HistogramCard] = []
        self.record = RecordCard()
        self.switches = Switches()
        self.switches.changed.connect(self._change_manner)
        self.switches.freeze.toggled.connect(self._freeze)
        self._scale = level_scale(follower.manifest)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)
        self._grid.setColumnStretch(0, 1)
        panels = follower.panels
        self.switches.log.setVisible(any(not panel.is_error for panel in panels))
        self.switches.in_levels.setVisible(self._scale is not None and any(panel.is_conductance for panel in panels))
        for row in range(len(panels)):
            self._add_panel(row)
        if not panels:
            self._grid.addWidget(self._placeholder(), 0, 0)
            self.switches.setParent(self)
            self.switches.hide()
        self._add_record()

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        for card in (*self.traces, *self.histograms):
            card.apply(theme)

    def redraw(self) -> None:
        """Draw the traces as the follower knows them."""
        for card in self.traces:
            card.view.redraw(self._follower.total_steps)

    def refresh(self) -> None:
        """Show what nobody reads thirty times a second: distributions, counts, the last record."""
        for card in self.traces:
            card.refresh()
        for card in self.histograms:
            card.redraw()
        plotted = [field for panel in self._follower.panels for field in panel.fields]
        self.record.show_record(self._follower.shown_table, plotted, self._follower.looked_back)

    def csv(self) -> str:
        """Return all numbers of the records that are shown as CSV, a table a record type."""
        return tables_text(self._follower.tables)

    def _add_panel(self, row: int) -> None:
        follower, panel = self._follower, self._follower.panels[row]
        table = follower.tables[panel.record_type]
        several = len({other.record_type for other in follower.panels}) > 1
        card = TraceCard(panel, table, follower.tolerance, several, self.switches if row == 0 else None)
        card.view.zoomed.connect(partial(self._zoom_others, card))
        self._grid.addWidget(card, row, 0)
        self._grid.setRowStretch(row, 1)
        self.traces.append(card)
        if panel.is_error:
            histogram = HistogramCard(card, table, follower.tolerance)
            histogram.setFixedWidth(_SIDE)
            self._grid.addWidget(histogram, row, 1)
            self.histograms.append(histogram)

    def _add_record(self) -> None:
        """Put the last record beside the plots that have nothing beside them, or else in a column of its own."""
        self.record.setFixedWidth(_SIDE)
        panels = self._follower.panels
        free = [row for row, panel in enumerate(panels) if not panel.is_error]
        if not panels:
            self._grid.addWidget(self.record, 0, 1)
        elif not free:
            self._grid.addWidget(self.record, 0, 2, len(panels), 1)
        else:
            rows = 1
            while free[0] + rows in free:
                rows += 1
            self._grid.addWidget(self.record, free[0], 1, rows, 1)

    def _placeholder(self) -> Card:
        card = Card("the records hold no numbers to plot" if self._follower.tables else "no records yet")
        card.head.addStretch(1)
        card.fill()
        return card

    def _zoom_others(self, chosen: TraceCard, low: float, high: float) -> None:
        for card in self.traces:
            if card is not chosen:
                card.view.zoom_to(low, high)
        self.switches.freeze.setChecked(True)

    def _freeze(self, still: bool) -> None:
        for card in self.traces:
            if still:
                card.view.by_hand = True
            else:
                card.view.follow()
        for card in self.histograms:
            card.redraw()

    def _change_manner(self) -> None:
        """Show all plots in another way; what was zoomed into does not lie there any more."""
        self.switches.freeze.setChecked(False)
        for card in self.traces:
            card.view.show_as(self.switches.manner(self._scale))
            card.refresh()
