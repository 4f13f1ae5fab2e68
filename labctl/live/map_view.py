"""The crossbar as colours, row 0 on top: hover for a value, click a cell, drag over a region, go about by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import ImageItem, PlotCurveItem, PlotWidget, ViewBox, mkPen
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent
from typing_extensions import override

from labctl.live.axes import MARGINS, LineAxis, StepAxis
from labctl.live.colours import SHADES, places, table_with

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pyqtgraph import MouseClickEvent, MouseDragEvent

    from labctl.live.cell_maps import Quantity
    from labctl.live.ranges import Span
    from labctl.live.theme import Theme

_STEPS = {Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0), Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1)}

Region = tuple[int, int, int, int]
"""First row, first column, last row, last column; all inside."""


class _CellBox(ViewBox):
    """Passes clicks and drags on as places on the crossbar; the map itself never moves."""

    clicked = Signal(QPointF, bool)
    dragged = Signal(QPointF, QPointF)

    def __init__(self) -> None:
        super().__init__(enableMouse=False, enableMenu=False)

    @override
    def mouseClickEvent(self, ev: MouseClickEvent) -> None:
        if ev.button() != Qt.MouseButton.LeftButton:
            return
        ev.accept()
        several = bool(ev.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier))
        self.clicked.emit(self.mapSceneToView(ev.scenePos()), several)

    @override
    def mouseDragEvent(self, ev: MouseDragEvent, axis: int | None = None) -> None:
        ev.accept()
        start, end = (self.mapSceneToView(place) for place in (ev.buttonDownScenePos(), ev.scenePos()))
        self.dragged.emit(start, end)


class MapView(PlotWidget):
    """Draws a quantity of every cell."""

    hovered = Signal(object)
    """(row, column) below the mouse, or None."""
    picked = Signal(int, int, bool)
    """Someone chose this cell; whether beside those chosen before."""
    selected = Signal(object)
    """Someone chose this `Region`."""

    def __init__(self) -> None:
        self.box = _CellBox()
        self._axes = StepAxis("column"), LineAxis("row")
        super().__init__(viewBox=self.box, axisItems={"bottom": self._axes[0], "left": self._axes[1]})
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setContentsMargins(*MARGINS)
        self.box.disableAutoRange()
        self.box.invertY()
        self.box.setAspectLocked()
        self.image = ImageItem(axisOrder="row-major")
        plot.addItem(self.image, ignoreBounds=True)
        self._outline, self._cursor = PlotCurveItem(), PlotCurveItem()
        for item in (self._outline, self._cursor):
            plot.addItem(item, ignoreBounds=True)
        self.cell, self._shape = (0, 0), (0, 0)
        self.touched_only = False
        self._shown: Region | None = None
        self._colours: NDArray[np.uint8] = np.zeros((SHADES + 1, 3), np.uint8)
        self._unknown = QColor("#888888")
        self._kind = "number"
        self.box.clicked.connect(self._click)
        self.box.dragged.connect(self._drag)
        self.scene().sigMouseMoved.connect(self._hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self.setBackground(theme.card)
        for axis in self._axes:
            axis.apply(theme)
        self._unknown = QColor(theme.line)
        self._outline.setPen(mkPen(theme.tones["bad"], width=2))
        self._cursor.setPen(mkPen(theme.tones["bad"], width=2))
        self._colours = table_with(self._kind, self._unknown)
        self.image.setLookupTable(self._colours)

    def redraw(self, values: NDArray[np.float64], quantity: Quantity, span: Span) -> None:
        """Draw `values`, shape (rows, columns), in the colours of `span`; NaN is a cell without a value."""
        if quantity.kind != self._kind:
            self._kind = quantity.kind
            self._colours = table_with(self._kind, self._unknown)
        shape = (int(values.shape[0]), int(values.shape[1]))
        self.image.setImage(places(values, span), autoLevels=False, levels=(0, SHADES), lut=self._colours)
        if shape != self._shape:
            self._shape = shape
            self.image.setRect(QRectF(-0.5, -0.5, shape[1], shape[0]))
            self._shown = None
        shown = self._extent(values) if self.touched_only else (0, 0, shape[0] - 1, shape[1] - 1)
        if shown != self._shown:
            self._shown = shown
            top, left, bottom, right = shown
            self.box.setRange(QRectF(left - 0.5, top - 0.5, right - left + 1, bottom - top + 1), padding=0.01)

    def mark(self, cell: tuple[int, int]) -> None:
        """Put a frame around a cell."""
        self.cell = cell
        _frame(self._cursor, (*cell, *cell))

    def mark_region(self, region: Region | None) -> None:
        """Put a frame around a region, or take it away."""
        _frame(self._outline, region)

    def place(self, point: QPointF) -> tuple[int, int] | None:
        """Return the cell at a place of the map; None beside it."""
        row, column = round(point.y()), round(point.x())
        return (row, column) if 0 <= row < self._shape[0] and 0 <= column < self._shape[1] else None

    @override
    def keyPressEvent(self, ev: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(ev.key()))
        if step is None or not all(self._shape):
            super().keyPressEvent(ev)
            return
        row, column = self.cell[0] + step[0], self.cell[1] + step[1]
        row, column = min(max(row, 0), self._shape[0] - 1), min(max(column, 0), self._shape[1] - 1)
        self.picked.emit(row, column, bool(ev.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def _extent(self, values: NDArray[np.float64]) -> Region:
        """Return the smallest region with all cells that have a value."""
        rows, columns = np.nonzero(~np.isnan(values))
        if not rows.size:
            return 0, 0, self._shape[0] - 1, self._shape[1] - 1
        return int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max())

    def _click(self, point: QPointF, several: bool) -> None:
        self.setFocus()
        cell = self.place(point)
        if cell:
            self.picked.emit(*cell, several)

    def _drag(self, start: QPointF, end: QPointF) -> None:
        if not all(self._shape):
            return
        rows = sorted(min(max(round(at.y()), 0), self._shape[0] - 1) for at in (start, end))
        columns = sorted(min(max(round(at.x()), 0), self._shape[1] - 1) for at in (start, end))
        self.selected.emit((rows[0], columns[0], rows[1], columns[1]))

    def _hover(self, position: QPointF) -> None:
        self.hovered.emit(self.place(self.box.mapSceneToView(position)))


def _frame(item: PlotCurveItem, region: Region | None) -> None:
    """Draw the border of a region."""
    if region is None:
        item.setData(np.empty(0), np.empty(0))
        return
    top, left, bottom, right = region[0] - 0.5, region[1] - 0.5, region[2] + 0.5, region[3] + 0.5
    item.setData(np.array([left, right, right, left, left]), np.array([top, top, bottom, bottom, top]))
