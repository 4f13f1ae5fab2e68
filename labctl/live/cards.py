"""Cards: a framed heading with a plot or a table below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import PlotWidget
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from typing_extensions import override

from labctl.live.copying import csv_note, csv_text, headed
from labctl.live.figures import Rows
from labctl.live.histogram import Histogram
from labctl.live.labels import ElidedLabel, label, set_text
from labctl.live.manner import left_out
from labctl.live.status import duration, last_record, show_value, words
from labctl.live.trace_view import TraceView, colours
from labctl.records import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyqtgraph import MouseClickEvent

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
        self.heading = ElidedLabel("heading")
        self.heading.setText(heading)
        # What is told to be seen before it has a place opens a window of its own for a moment, which takes the keys.
        if not heading:
            self.heading.hide()
        self.head.addWidget(self.heading)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 9, 8, 6)
        self._column.setSpacing(4)
        self._column.addLayout(self.head)

    @property
    def name(self) -> str:
        """What is shown, for a file's name or a word on the screen."""
        return self.heading.text().strip() or "plot"

    def put(self, body: QWidget, stretch: int = 0) -> None:
        """Add `body` below what is there."""
        self._column.addWidget(body, stretch)
        plots = [body] if isinstance(body, PlotWidget) else body.findChildren(PlotWidget)
        for plot in plots:
            # A press with the right button may be the beginning of a zoom; the menu comes when it was a click.
            plot.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
            plot.scene().sigMouseClicked.connect(self._clicked)

    def show_frame(self, has_frame: bool) -> None:
        """Show that this card has the keys, or has them no more."""
        self.setProperty("framed", has_frame)
        self.style().unpolish(self)
        self.style().polish(self)

    def csv(self) -> str:
        """Return the numbers that are shown as CSV; "" where there are none."""
        return ""

    def _clicked(self, event: MouseClickEvent) -> None:
        if event.button() == Qt.MouseButton.RightButton:
            at = QPointF(event.screenPos()).toPoint()
            reason = QContextMenuEvent.Reason.Mouse
            QApplication.sendEvent(self, QContextMenuEvent(reason, self.mapFromGlobal(at), at))

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
        tools: what stands at the right end of its head; None: nothing.
    """

    def __init__(
        self, panel: Panel, table: Table, tolerance: float | None, several_types: bool, tools: QWidget | None = None
    ) -> None:
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
                name = ElidedLabel("heading")
                name.setText(words(field))
                self.head.addWidget(name)
                self.head.addSpacing(10)
        self.readout, self._note = ElidedLabel("quiet"), ElidedLabel("quiet")
        for shown, stretch in ((self.readout, 1), (self._note, 0)):
            shown.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.head.addWidget(shown, stretch)
        if tools is not None:
            self.head.addWidget(tools)
        self.put(self.view, 1)
        self._units = {column.name: column.unit for column in table.columns}
        self.view.pointed.connect(self._say)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self.view.apply(theme)
        for swatch, colour in zip(self._swatches, colours(self.panel, theme), strict=False):
            swatch.setStyleSheet(f"color: {colour}")

    def refresh(self) -> None:
        """Say how many records are within the tolerance, or have no place on a logarithmic axis."""
        if self._tolerance is not None:
            said = self._share_inside(self._tolerance)
        elif not self.panel.is_error and self.view.log:
            said = left_out(int(sum(np.count_nonzero(self.view.shown(field) <= 0) for field in self.panel.fields)))
        else:
            said = ""
        set_text(self._note, "; ".join(filter(None, (said, self._table.note))))

    @property
    @override
    def name(self) -> str:
        return ", ".join(words(field) for field in self.panel.fields)

    @override
    def csv(self) -> str:
        unit = "levels" if self.view.levels else self.panel.unit
        headers = ["step", "bench time (s)", *(headed(field, unit) for field in self.panel.fields)]
        fields = [self.view.shown(field).tolist() for field in self.panel.fields]
        return csv_note(self._table) + csv_text(
            headers, zip(self._table.step.values.tolist(), self._table.times.tolist(), *fields, strict=True)
        )

    def _say(self, record: int | None) -> None:
        """Say what the record at the crosshair holds."""
        if record is None:
            set_text(self.readout, "")
            return
        at = f"step {self._table.step.values[record]:,.0f}, {duration(max(float(self._table.times[record]), 0.0))}"
        unit = "levels" if self.view.levels else self.panel.unit
        column = Column("", "float", unit)
        said = [
            (words(field), show_value(float(self.view.shown(field)[record]), column)) for field in self.panel.fields
        ]
        named = [f"{name} {value}" for name, value in said] if len(said) > 1 else [said[0][1]]
        set_text(self.readout, f"{at}: {', '.join(named)}")

    def _share_inside(self, tolerance: float) -> str:
        sizes = np.abs(self._table.numbers[self.panel.fields[0]].values[self._table.counted])
        known = int(np.count_nonzero(~np.isnan(sizes)))
        inside = int(np.count_nonzero(sizes <= tolerance))
        beyond = int(np.count_nonzero(sizes > self.view.span.high))
        if self._table.is_whole:
            others = self._table.dropped.errors
            known, inside = known + others.known, inside + others.inside
            beyond += others.known - int(others.bars(self.view.span).sum())
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

    @override
    def csv(self) -> str:
        edges, many = self._histogram.bars
        return csv_text(
            ("from (levels)", "to (levels)", "records"),
            zip(edges[:-1].tolist(), edges[1:].tolist(), many.tolist(), strict=True),
        )

    def redraw(self) -> None:
        """Draw what the table holds, on the axis of the plot beside it."""
        _, (low, high) = self._beside.view.box.viewRange()
        table, span = self._table, self._beside.view.span
        errors = table.numbers[self._beside.panel.fields[0]].values[table.counted]
        others = table.dropped.errors.bars(span) if table.is_whole else None
        self._histogram.redraw(errors, span, (low, high), others)


class FiguresCard(Card):
    """Captions and values; keys can go there, to copy them.

    Args:
        heading: what they are.
    """

    def __init__(self, heading: str) -> None:
        super().__init__(heading)
        self.rows = Rows()
        self.put(self.rows, 1)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    @override
    def csv(self) -> str:
        return csv_text(("what", "value"), [(figure.caption, figure.value) for figure in self.rows.figures])


class RecordCard(FiguresCard):
    """The last record that is shown, value by value."""

    def __init__(self) -> None:
        super().__init__("last record")

    def show_record(self, table: Table | None, first: Sequence[str], back: int | None = None) -> None:
        """Show the last record of `table`, the fields in `first` before others; nothing while there is none.

        `back` is the step that somebody looks back to.
        """
        set_text(self.heading, "last record" if back is None else f"last record by step {back:,}")
        self.rows.show_figures(last_record(table, first) if table else [])
