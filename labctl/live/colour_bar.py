"""Which colour of a map stands for which value, with its unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import ImageItem, PlotWidget
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor

from labctl.live.axes import LineAxis, ValueAxis
from labctl.live.colours import SHADES, table_with

if TYPE_CHECKING:
    from labctl.live.cell_maps import Quantity
    from labctl.live.ranges import Span
    from labctl.live.theme import Theme

_WIDTH = 104
"""In pixels."""


class ColourBar(PlotWidget):
    """Says which colour stands for which value."""

    def __init__(self) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._shown: tuple[Quantity, Span] | None = None
        plot = self.getPlotItem()
        plot.hideButtons()
        plot.setMenuEnabled(False)
        plot.hideAxis("bottom")
        plot.setContentsMargins(0.0, 4.0, 8.0, 24.0)
        self._box = plot.getViewBox()
        self._box.disableAutoRange()
        self._box.setMouseEnabled(x=False, y=False)
        self._image = ImageItem(axisOrder="row-major")
        plot.addItem(self._image, ignoreBounds=True)
        self.setFixedWidth(_WIDTH)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self._theme = theme
        self.setBackground(theme.card)
        if self._shown:
            shown, self._shown = self._shown, None
            self.show_span(*shown)

    def show_span(self, quantity: Quantity, span: Span) -> None:
        """Show the colours of `quantity`, from one end of `span` to the other."""
        if self._shown == (quantity, span) or self._theme is None:
            return
        plot = self.getPlotItem()
        if self._shown is None or self._shown[0] != quantity:
            name = "step" if quantity.name == "touched" else quantity.name.replace("_", " ")
            axis = LineAxis(name) if quantity.kind == "yes or no" or name == "step" else ValueAxis(name, quantity.unit)
            plot.setAxisItems({"left": axis})
            axis.apply(self._theme)
            axis.setGrid(False)
        self._shown = quantity, span
        ramp = np.arange(SHADES, dtype=np.uint8)[:, np.newaxis]
        lut = table_with(quantity.kind, QColor(self._theme.line))
        self._image.setImage(ramp, autoLevels=False, levels=(0, SHADES), lut=lut)
        self._image.setRect(QRectF(0.0, span.low, 1.0, span.high - span.low))
        self._box.setXRange(0.0, 1.0, padding=0)
        self._box.setYRange(span.low, span.high, padding=0)
        # A new axis hears of a range only when it changes, and this may be the one that it was.
        plot.getAxis("left").setRange(span.low, span.high)
