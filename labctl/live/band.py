"""The tolerance as a shaded band across a plot of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyqtgraph import LinearRegionItem, PlotItem, mkBrush, mkPen
from PySide6.QtGui import QColor

if TYPE_CHECKING:
    from labctl.live.theme import Theme

_OPACITY = 34
"""Of the shade, 0..255."""


class ToleranceBand:
    """Lies behind the errors of `plot`, from minus to plus `tolerance` (levels)."""

    def __init__(self, plot: PlotItem, tolerance: float) -> None:
        self._region = LinearRegionItem((-tolerance, tolerance), orientation="horizontal", movable=False)
        self._region.setZValue(-10)
        plot.addItem(self._region, ignoreBounds=True)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        shade = QColor(theme.band)
        shade.setAlpha(_OPACITY)
        self._region.setBrush(mkBrush(shade))
        for line in self._region.lines:
            line.setPen(mkPen(theme.band, width=1))
