"""A cloud of dots: what independent values look like when no line joins them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyqtgraph.functions import arrayToQPolygonF
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget
from typing_extensions import override

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_OPACITY, _MOST_OPACITY = 110, 230
"""Of one dot, 0..255, when there are many and when there are few: where many lie it gets darker."""
_PER_SHADE = 100
"""So many more dots make each of them fainter by one."""
_OFFSETS = ((0, 0), (1, 0), (0, 1), (1, 1))
"""Where a dot's pixels lie: four passes of one pixel cost a seventh of one pass of two by two (measured)."""


class Dots(QGraphicsObject):
    """Draws points of two by two pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._points = QPolygonF()
        self._extent = QRectF()
        self._colour = QColor()

    def set_colour(self, colour: str) -> None:
        """Take a colour, "#rrggbb"."""
        self._colour = QColor(colour)
        self.update()

    def set_points(self, x: NDArray[np.float64], y: NDArray[np.float64], extent: QRectF) -> None:
        """Draw these points, which are finite and shape (n,) each; `extent` covers them."""
        self.prepareGeometryChange()
        self._points = arrayToQPolygonF(x, y) if x.size else QPolygonF()
        self._extent = extent

    @override
    def boundingRect(self) -> QRectF:
        return self._extent

    @override
    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, /, widget: QWidget | None = None) -> None:
        shade = QColor(self._colour)
        shade.setAlpha(max(_LEAST_OPACITY, _MOST_OPACITY - self._points.size() // _PER_SHADE))
        pen = QPen(shade, 1.0)
        pen.setCosmetic(True)
        painter.setPen(pen)
        to_screen = painter.worldTransform()
        for across, down in _OFFSETS:
            painter.setWorldTransform(to_screen * QTransform.fromTranslate(across, down))
            painter.drawPoints(self._points)
