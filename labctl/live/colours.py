"""Colours of maps: perceptually even, and told apart with any colour vision."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from pyqtgraph import colormap
from PySide6.QtGui import QColor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.live.ranges import Span

SHADES = 255
"""Colours of a map; one more stands for cells without a value."""
_EVEN, _DIVERGING, _TWO = "viridis", "CET-CBD1", "cividis"
_MISSING = {"picture": QColor("#3f8fc0"), "signed": QColor("#7f8994")}
"""Of what is not known, where any light grey may be a value: of a picture any grey is, of an error the one of none."""


@functools.cache
def shades(kind: str) -> NDArray[np.uint8]:
    """Return the colours for a kind of quantity, from low to high, shape (SHADES, 3)."""
    if kind == "picture":
        return np.linspace(0, 255, SHADES).astype(np.uint8)[:, np.newaxis].repeat(3, axis=1)
    name = {"signed": _DIVERGING, "yes or no": _TWO}.get(kind, _EVEN)
    return colormap.get(name).getLookupTable(nPts=SHADES)[:, :3]


def table_with(kind: str, unknown: QColor) -> NDArray[np.uint8]:
    """Return the colours for a kind of quantity, and last the one of cells without a value, shape (SHADES + 1, 3)."""
    none = _MISSING.get(kind, unknown)
    last = np.array([[none.red(), none.green(), none.blue()]], np.uint8)
    return np.concatenate((shades(kind), last))


def places(values: NDArray[np.float64], span: Span) -> NDArray[np.uint8]:
    """Return the place of each value among the colours, of the shape of `values`; SHADES where there is none."""
    with np.errstate(invalid="ignore"):
        share = (values - span.low) * (SHADES / (span.high - span.low))
        inside = np.clip(np.nan_to_num(share), 0, SHADES - 1)
    return np.where(np.isnan(values), SHADES, inside).astype(np.uint8)
