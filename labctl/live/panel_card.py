"""One panel of a protocol's figure in a card: its title, its legend, its axes and what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import PlotWidget
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget
from typing_extensions import override

from labctl.figure import Map
from labctl.live.cards import Card
from labctl.live.cell_maps import Quantity, colour_span
from labctl.live.colour_bar import ColourBar
from labctl.live.crosshair import zoom
from labctl.live.labels import label, set_text
from labctl.live.panel_csv import panel_csv
from labctl.live.panel_marks import PanelPainter, legend_text
from labctl.live.ranges import Span
from labctl.live.scale_axis import ScaleAxis, ends
from labctl.live.status import one_line
from labctl.live.theme import DARK
from labctl.report import palette
from labctl.report.scales import check_mark, has_values, is_square, is_whole, scale_of

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QMouseEvent

    from labctl.figure import Panel
    from labctl.live.theme import Theme

_MOST_NAMES = 5
"""Entries of a legend that there is room for."""
_BESIDE = 0.7
"""Room beside the first and the last of several kinds, in their distances: their names are wide."""


class PanelPlot(PlotWidget):
    """The axes of a panel; a double click shows the whole of it again."""

    def __init__(self) -> None:
        self.axes = ScaleAxis("bottom"), ScaleAxis("left")
        super().__init__(axisItems={"bottom": self.axes[0], "left": self.axes[1]})
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.setContentsMargins(0.0, 4.0, 14.0, 0.0)
        self.box = plot.getViewBox()
        self.box.disableAutoRange()
        self.box.sigRangeChangedManually.connect(self._keep)
        self.by_hand = False
        self._whole: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 1.0), (0.0, 1.0))

    def reach(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        """Show these ends, unless somebody chose others."""
        self._whole = x, y
        if not self.by_hand:
            self.box.setRange(xRange=x, yRange=y, padding=0)

    @override
    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        super().mouseDoubleClickEvent(event)
        self.show_whole()

    def show_whole(self) -> None:
        """Show what there is, as if nobody had chosen anything else."""
        self.by_hand = False
        self.reach(*self._whole)

    @override
    def keyPressEvent(self, ev: QKeyEvent) -> None:
        if zoom(ev, self.box, both=True):
            self.by_hand = True
        elif ev.key() == Qt.Key.Key_Home:
            self.show_whole()
        else:
            super().keyPressEvent(ev)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(120, 80)

    def _keep(self) -> None:
        self.by_hand = True


class PanelCard(Card):
    """Shows a panel, and the next one in its place."""

    def __init__(self) -> None:
        super().__init__(" ")
        self.panel: Panel | None = None
        self.plot, self.bar = PanelPlot(), ColourBar()
        self._theme: Theme | None = None
        self.head.addStretch(1)
        self._names: list[QLabel] = []
        names, both = QWidget(), QWidget()
        self._legend, row = QHBoxLayout(names), QHBoxLayout(both)
        for layout in (self._legend, row):
            layout.setContentsMargins(0, 0, 0, 0)
        self._legend.addStretch(1)
        self._legend.setSpacing(12)
        self.nothing = label("nothing to show yet", "quiet")
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        row.addWidget(self.nothing, 1)
        self.nothing.hide()
        row.addWidget(self.plot, 1)
        row.addWidget(self.bar)
        self.put(names)
        self.put(both, 1)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self._theme = theme
        self.plot.setBackground(theme.card)
        self.bar.apply(theme)
        if self.panel is not None:
            self.show_panel(self.panel)

    def show_panel(self, panel: Panel) -> None:
        """Draw `panel`.

        Raises:
            ValueError: if the parts of one of its marks do not fit together.
        """
        for mark in panel.marks:
            check_mark(mark)
        self.panel = panel
        theme = self._theme
        if theme is None:
            return
        set_text(self.heading, one_line(panel.title))
        x, y = scale_of(panel.x, panel.marks, "x"), scale_of(panel.y, panel.marks, "y")
        span, kind = self._show_colours(panel)
        plot = self.plot.getPlotItem()
        plot.clear()
        sides = (x, panel.x), (y, panel.y)
        across, along = (
            (-_BESIDE, len(axis.names) - 1 + _BESIDE) if axis.names else ends(scale) for scale, axis in sides
        )
        self.plot.box.setAspectLocked(is_square(panel.marks))
        self.plot.reach(across, along)
        colours = palette.DARK if theme is DARK else palette.LIGHT
        painter = PanelPainter(plot, colours, theme, x, y)
        painter.paint(panel, span, kind)
        whole = is_whole(panel.marks, "x"), is_whole(panel.marks, "y")
        for axis, (scale, of), only_whole in zip(self.plot.axes, sides, whole, strict=True):
            axis.take(scale, theme, of.names, only_whole)
        there = has_values(panel.marks)
        self.plot.setVisible(there)
        self.nothing.setVisible(not there)
        self._show_legend(legend_text(painter.legend, _MOST_NAMES) if there else [])

    @override
    def csv(self) -> str:
        return panel_csv(self.panel) if self.panel is not None else ""

    def _show_colours(self, panel: Panel) -> tuple[Span, str]:
        """Show what the colours of the panel's map stand for, and return it."""
        maps = [mark for mark in panel.marks if isinstance(mark, Map)]
        kinds = max((len(mark.names) for mark in maps), default=0)
        self.bar.setVisible(bool(maps) and not kinds and has_values(maps))
        self.plot.box.invertY(bool(maps))
        if not maps:
            return Span(0.0, 1.0), "number"
        if kinds:
            return Span(-0.5, kinds - 0.5), "number"
        if maps[0].picture:
            span, quantity = Span(0.0, 1.0), Quantity(maps[0].label, maps[0].unit, "picture")
            self.bar.show_span(quantity, span)
            return span, "picture"
        kind = "signed" if maps[0].diverging else "number"
        quantity = Quantity(maps[0].label, maps[0].unit, kind)
        span = colour_span(np.concatenate([each.values.ravel() for each in maps]), quantity)
        self.bar.show_span(quantity, span)
        return span, kind

    def _show_legend(self, legend: list[tuple[str, str]]) -> None:
        while len(self._names) < len(legend):
            self._names.append(label("", "quiet"))
            self._legend.insertWidget(len(self._names) - 1, self._names[-1])
        for place, shown in enumerate(self._names):
            shown.setVisible(place < len(legend))
        for (colour, text), shown in zip(legend, self._names, strict=False):
            shown.setStyleSheet(f"color: {colour}" if colour else "")
            set_text(shown, ("● " if colour else "") + one_line(text))
