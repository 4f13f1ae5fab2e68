"""Cards: a framed heading with a plot or a table below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout

from labctl.live.histogram import Histogram
from labctl.live.labels import Rows, label, set_text
from labctl.live.status import last_record, words
from labctl.live.trace_view import TraceView, colours

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QLabel, QWidget

    from labctl.live.follow import Table
    from labctl.live.theme import Theme
    from labctl.live.traces import Panel


class Card(QFrame):
    """A frame with a heading.

    Args:
        heading: what it shows.
    """

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.head = QHBoxLayout()
        self.head.setSpacing(6)
        self.heading = label(heading, "heading")
        # What is told to be seen before it has a place opens a window of its own for a moment, which takes the keys.
        if not heading:
            self.heading.hide()
        self.head.addWidget(self.heading)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 9, 8, 6)
        self._column.setSpacing(4)
        self._column.addLayout(self.head)

    def put(self, body: QWidget, stretch: int = 0) -> None:
        """Add `body` below what is there."""
        self._column.addWidget(body, stretch)

    def fill(self) -> None:
        """Leave the rest empty."""
        self._column.addStretch(1)


class TraceCard(Card):
    """A plot of one panel with its legend.

    Args:
        panel: what is drawn.
        table: its records.
        tolerance: in levels, or None.
        several_types: whether other cards show records of another type.
    """

    def __init__(self, panel: Panel, table: Table, tolerance: float | None, several_types: bool) -> None:
        named = [words(panel.record_type)] if several_types else []
        super().__init__(": ".join(named + [words(field) for field in panel.fields if len(panel.fields) == 1]))
        self.panel, self._table = panel, table
        self._tolerance = tolerance if panel.is_error else None
        self.view = TraceView(panel, table, tolerance)
        self._swatches: list[QLabel] = []
        if len(panel.fields) > 1:
            for field in panel.fields:
                self._swatches.append(label("━", "heading"))
                self.head.addWidget(self._swatches[-1])
                self.head.addWidget(label(words(field), "heading"))
                self.head.addSpacing(10)
        self.head.addStretch(1)
        self._note = label("", "quiet")
        self.head.addWidget(self._note)
        self.follow_button = QPushButton("follow the run again")
        self.follow_button.hide()
        self.head.addWidget(self.follow_button)
        self.put(self.view, 1)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self.view.apply(theme)
        for swatch, colour in zip(self._swatches, colours(self.panel, theme), strict=False):
            swatch.setStyleSheet(f"color: {colour}")

    def refresh(self) -> None:
        """Say how many records are within the tolerance."""
        if self._tolerance is not None:
            set_text(self._note, self._share_inside(self._tolerance))

    def _share_inside(self, tolerance: float) -> str:
        sizes = np.abs(self._table.numbers[self.panel.fields[0]].values)
        known = int(np.count_nonzero(~np.isnan(sizes)))
        inside = int(np.count_nonzero(sizes <= tolerance))
        beyond = int(np.count_nonzero(sizes > self.view.span.high))
        text = f"{inside:,} of {known:,} within ±{tolerance:g} levels"
        return f"{text}, {beyond:,} beyond the axis" if beyond else text


class HistogramCard(Card):
    """The distribution of the errors that `beside` shows."""

    def __init__(self, beside: TraceCard, table: Table, tolerance: float | None) -> None:
        super().__init__("error, distribution")
        self.head.addStretch(1)
        self._beside, self._table = beside, table
        self._histogram = Histogram(tolerance)
        self.put(self._histogram, 1)
        beside.view.box.sigYRangeChanged.connect(self.redraw)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self._histogram.apply(theme)

    def redraw(self) -> None:
        """Draw what the table holds, on the axis of the plot beside it."""
        _, (low, high) = self._beside.view.box.viewRange()
        errors = self._table.numbers[self._beside.panel.fields[0]].values
        self._histogram.redraw(errors, self._beside.view.span, (low, high))


class RecordCard(Card):
    """The newest record, value by value."""

    def __init__(self) -> None:
        super().__init__("last record")
        self.head.addStretch(1)
        self._rows = Rows()
        self.put(self._rows, 1)

    def show_record(self, table: Table | None, first: Sequence[str]) -> None:
        """Show the last record of `table`, the fields in `first` before others; nothing while there is none."""
        self._rows.show_figures(last_record(table, first) if table else [])
