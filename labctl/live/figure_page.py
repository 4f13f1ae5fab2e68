"""The protocol's own figure, its panels in a grid, drawn again as it is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from labctl.figure import Band, Bars, Curve, Map
from labctl.live.copying import csv_text
from labctl.live.figure_source import FigureSource
from labctl.live.labels import label, set_text
from labctl.live.panel_card import PanelCard
from labctl.live.status import one_line
from labctl.report.experiment import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.figure import Figure
    from labctl.live.follow import Follower
    from labctl.live.theme import Theme

_MOST = 6
"""Panels that a figure has."""


class FigurePage(QWidget):
    """Shows the figure of a run.

    Args:
        follower: of the run; its manifest has been read.
    """

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower
        self.source = FigureSource(follower.folder, follower.manifest, follower.now)
        self.cards: list[PanelCard] = []
        self._theme: Theme | None = None
        self._trouble = ""
        self._title, self._remark = label("", "heading"), label("", "quiet")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self._title)
        head.addWidget(self._remark)
        head.addStretch(1)
        column.addLayout(head)
        grid = QWidget()
        self._grid = QGridLayout(grid)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(12)
        column.addWidget(grid, 1)
        self._say()

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self._theme = theme
        for card in self.cards:
            card.apply(theme)

    def redraw(self) -> None:
        """Nothing here is drawn thirty times a second."""

    def refresh(self) -> None:
        """Ask for a figure of all records that are shown, and draw the one that has been made."""
        if self.source.ask(self._records()):
            self._show()
        else:
            self._say()

    def finish(self) -> None:
        """Wait for the figure and draw it, as for a picture."""
        self.source.finish(self._records())
        self._show()

    def csv(self) -> str:
        """Return the numbers of every mark of the figure as CSV, a line a point."""
        return csv_text(("panel", "mark", "x", "y"), _points(self.source.made.figure))

    def _records(self) -> int:
        table = self._follower.tables.get(RECORDS)
        return table.count if table is not None else 0

    def _show(self) -> None:
        figure = self.source.made.figure
        self._trouble = ""
        if figure is None:
            self._arrange(0)
        else:
            try:
                self._draw(figure)
            except ValueError as error:
                self._trouble = one_line(f"the figure cannot be drawn: {error}")
        self._say()

    def _draw(self, figure: Figure) -> None:
        panels = figure.panels[:_MOST]
        if len(panels) != len(self.cards):
            self._arrange(len(panels))
        for card, panel in zip(self.cards, panels, strict=True):
            card.show_panel(panel)

    def _say(self) -> None:
        made = self.source.made
        set_text(self._title, one_line(made.figure.title) if made.figure else "no figure yet")
        set_text(self._remark, self._trouble or self.source.remark(self._records()))

    def _arrange(self, count: int) -> None:
        for card in self.cards:
            self._grid.removeWidget(card)
            card.hide()
            card.deleteLater()
        across = 1 if count == 1 else 2 if count <= 4 else 3
        self.cards = [PanelCard() for _ in range(count)]
        for place, card in enumerate(self.cards):
            is_last = place == count - 1
            wide = across - place % across if is_last else 1
            self._grid.addWidget(card, place // across, place % across, 1, wide)
            if self._theme is not None:
                card.apply(self._theme)
            card.show()  # the layout would do it at the next turn of Qt's loop, and a picture is taken before
        rows = -(-count // across)
        for line in range(_MOST):
            self._grid.setColumnStretch(line, int(line < across))
            self._grid.setRowStretch(line, int(line < rows))


def _points(figure: Figure | None) -> Iterator[tuple[str, str, float, float]]:
    for panel in figure.panels if figure else ():
        for mark in panel.marks:
            match mark:
                case Curve():
                    parts = ((mark.label, mark.x, mark.y),)
                case Band():
                    parts = ((f"{mark.label}, low", mark.x, mark.low), (f"{mark.label}, high", mark.x, mark.high))
                case Bars():
                    parts = ((mark.label, (mark.edges[:-1] + mark.edges[1:]) / 2, mark.counts),)
                case Map():
                    parts = ((mark.label, np.arange(mark.values.size, dtype=np.float64), mark.values.ravel()),)
            for name, x, y in parts:
                for pair in zip(x.tolist(), y.tolist(), strict=True):
                    yield panel.title, name, *pair
