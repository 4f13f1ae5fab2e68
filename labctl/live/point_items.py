"""Points on a plot, drawn by Qt at once: a cloud of small dots, or a few round marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyqtgraph.functions import arrayToQPolygonF
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF, QTransform
from PySide6.QtWidgets import QGraphicsObject, QStyleOptionGraphicsItem, QWidget
from typing_extensions import override

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyqtgraph import PlotItem

_LEAST_OPACITY, _MOST_OPACITY = 110, 230
"""Of one dot, 0..255, when there are many and when there are few: where many lie it gets darker."""
_PER_SHADE = 100
"""So many more dots make each of them fainter by one."""
_PIXELS = ((0, 0), (0, 1), (1, 0), (1, 1))
"""Where a dot's pixels lie: four passes of one pixel cost a seventh of one pass of two by two (measured)."""


class Points(QGraphicsObject):
    """Points in `plot`, all of one colour; how they look is up to the subclass."""

    def __init__(self, plot: PlotItem) -> None:
        super().__init__()
        self._box = plot.getViewBox()
        self._extent = QRectF()
        self.points = QPolygonF()
        self.colour = QColor()
        plot.addItem(self, ignoreBounds=True)

    def set_colour(self, colour: str) -> None:
        """Take a colour, "#rrggbb"."""
        self.colour = QColor(colour)
        self.update()

    def set_points(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
        """Draw these points, which are finite and shape (n,) each, as far as they are in view."""
        self.prepareGeometryChange()
        (left, right), (low, high) = self._box.viewRange()
        self._extent = QRectF(left, low, right - left, high - low)
        self.points = arrayToQPolygonF(x, y) if x.size else QPolygonF()

    @override
    def boundingRect(self) -> QRectF:
        return self._extent


class Dots(Points):
    """Points of two by two pixels, fainter the more there are."""

    @override
    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, /, widget: QWidget | None = None) -> None:
        shade = QColor(self.colour)
        shade.setAlpha(max(_LEAST_OPACITY, _MOST_OPACITY - self.points.size() // _PER_SHADE))
        painter.setPen(_cosmetic(shade, 1.0))
        to_screen = painter.worldTransform()
        for across, down in _PIXELS:
            painter.setWorldTransform(to_screen * QTransform.fromTranslate(across, down))
            painter.drawPoints(self.points)


class Marks(Points):
    """Round points, meant for few.

    Args:
        plot: where they are drawn.
        size: their diameter in pixels.
    """

    def __init__(self, plot: PlotItem, size: float) -> None:
        super().__init__(plot)
        self._size = size

    @override
    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, /, widget: QWidget | None = None) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = _cosmetic(self.colour, self._size)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        # Along axes of unlike scales Qt would draw bars: a point has no width, but its round ends have directions.
        places = painter.worldTransform().map(self.points)
        painter.setWorldTransform(QTransform())
        painter.drawPoints(places)


def _cosmetic(colour: QColor, width: float) -> QPen:
    """Return a pen whose width (pixels) does not scale with the axes."""
    pen = QPen(colour, width)
    pen.setCosmetic(True)
    return pen
