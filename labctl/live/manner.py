"""The ways in which traces are shown: against step or time, straight or logarithmic, in siemens or in levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.levels import LevelScale


@dataclass(frozen=True, slots=True)
class Manner:
    """How traces are shown.

    Args:
        timed: against bench time, and not against step.
        log: by their logarithms.
        levels: the scale on which conductances are shown; None: in siemens.
    """

    timed: bool = False
    log: bool = False
    levels: LevelScale | None = None


def in_levels(conductances: NDArray[np.float64], scale: LevelScale) -> NDArray[np.float64]:
    """Return the levels, not rounded, of conductances (S)."""
    return (conductances - scale.g_min) / scale.step


def logarithms(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return decimal logarithms; NaN for what has none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(values > 0, np.log10(values), np.nan)


def left_out(count: int) -> str:
    """Return what is said of `count` values that have no place on a logarithmic axis."""
    return f"{count:,} not above 0, left out" if count else ""


class Switches(QWidget):
    """Buttons that say how traces are shown, and whether their axes keep still."""

    changed = Signal()
    """Someone wants the traces shown in another way."""

    def __init__(self) -> None:
        super().__init__()
        self.against = switch("time", "step or bench time along the axis (X)", "X")
        self.log = switch("log", "straight or logarithmic; errors stay straight (G)", "G")
        self.in_levels = switch("levels", "conductances in siemens or levels (L)", "L")
        self.freeze = switch("freeze", "keep the axes still, or follow the run (F)", "F")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for button in (self.against, self.log, self.in_levels, self.freeze):
            row.addWidget(button)
        for button in (self.against, self.log, self.in_levels):
            button.toggled.connect(self.changed)

    def manner(self, scale: LevelScale | None) -> Manner:
        """Return how traces are shown where levels are those of `scale`."""
        return Manner(self.against.isChecked(), self.log.isChecked(), scale if self.in_levels.isChecked() else None)


def switch(text: str, hint: str, key: str) -> QPushButton:
    """Return a button that stays pressed, and is pressed by a key, too."""
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(hint)
    QShortcut(QKeySequence(key), button).activated.connect(button.click)
    return button
