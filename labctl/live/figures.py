"""Captions and values, below one another or side by side; they take the room that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget
from typing_extensions import override

from labctl.live.labels import label, set_text

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from labctl.live.status import Figure

_ROW = 140
"""Width in pixels up to which the value of a row is shown."""
_LINE, _LEAST_ROW = 17, 60
"""Height of a row, and the width it has at least, in pixels."""
_GAP, _ROW_GAP = 36, 8
"""Between figures side by side, and between their rows, in pixels."""
_WHOLE = 100_000
"""Wider than any screen, in pixels."""


class Rows(QWidget):
    """Captions and their values, one line each; lines that do not fit are left out, and never make the window higher.

    Args:
        width: in pixels up to which a value is shown.
    """

    def __init__(self, width: int = _ROW) -> None:
        super().__init__()
        self._width = width
        self._count = 0
        self._shown: list[tuple[QLabel, QLabel]] = []
        self.figures: list[Figure] = []
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)

    def show_figures(self, figures: list[Figure]) -> None:
        """Show these figures in place of the former ones."""
        self.figures = figures
        while len(self._shown) < len(figures):
            caption, value = label("", "quiet"), label("", "row")
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            for shown in (caption, value):
                shown.setParent(self)
            self._shown.append((caption, value))
        for (caption, value), figure in zip(self._shown, figures, strict=False):
            set_text(caption, figure.caption)
            set_text(value, value.fontMetrics().elidedText(figure.value, Qt.TextElideMode.ElideRight, self._width))
        for caption, value in self._shown[len(figures) :]:
            set_text(caption, "")
            set_text(value, "")
        self._place()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._place()

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_ROW, _LINE)

    @override
    def sizeHint(self) -> QSize:
        widest = max(
            (caption.sizeHint().width() + value.sizeHint().width() for caption, value in self._shown), default=0
        )
        return QSize(widest + _LINE, _LINE * len(self.figures))

    def _place(self) -> None:
        room = max(1, self.height() // _LINE)
        for place, (caption, value) in enumerate(self._shown):
            fits = place < min(len(self.figures), room)
            for shown in (caption, value):
                shown.setVisible(fits)
            if fits:
                wide = min(value.sizeHint().width(), self.width())
                caption.setGeometry(0, place * _LINE, max(0, self.width() - wide - 4), _LINE)
                value.setGeometry(self.width() - wide - 4, place * _LINE, wide, _LINE)


class Figures(QWidget):
    """Values under their captions, side by side, in as many rows as the width asks for.

    Args:
        per_row: how many stand in a row, at most.
    """

    def __init__(self, per_row: int) -> None:
        super().__init__()
        self._per_row = per_row
        self._one_row = False
        self._shown: list[tuple[QLabel, QLabel]] = []
        self._cells: list[QWidget] = []
        self.figures: list[Figure] = []
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def be_one_row(self, one_row: bool) -> None:
        """Leave out what does not fit into one row, or begin another."""
        self._one_row = one_row
        self._arrange()

    def show_figures(self, figures: list[Figure]) -> None:
        """Show these figures in place of the former ones."""
        if figures == self.figures:
            return
        self.figures = figures
        while len(self._shown) < len(figures):
            self._add_cell()
        for figure, (caption, value) in zip(figures, self._shown, strict=False):
            set_text(caption, figure.caption)
            set_text(value, figure.value)
        self._arrange()

    @override
    def resizeEvent(self, event: QResizeEvent, /) -> None:
        super().resizeEvent(event)
        self._place()

    @override
    def hasHeightForWidth(self) -> bool:
        return True

    @override
    def heightForWidth(self, width: int, /) -> int:
        across = len(self._widths(width)) or 1
        rows = 1 if self._one_row else -(-len(self.figures) // across)
        return max(0, rows * (self._cell_height() + _ROW_GAP) - _ROW_GAP)

    @override
    def sizeHint(self) -> QSize:
        widths = self._widths(_WHOLE)
        return QSize(sum(widths) + _GAP * len(widths), self.heightForWidth(self.width()))

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_ROW, self._cell_height() if self.figures else 0)

    def _arrange(self) -> None:
        self._place()
        self.updateGeometry()

    def _place(self) -> None:
        """Put the cells into columns that are as wide as the widest of their cells."""
        widths = self._widths(self.width())
        across, height = len(widths) or 1, self._cell_height()
        for place, cell in enumerate(self._cells):
            row, column = divmod(place, across)
            there = place < len(self.figures) and not (self._one_row and row)
            cell.setVisible(there)
            if there:
                left = sum(widths[:column]) + _GAP * column
                cell.setGeometry(left, row * (height + _ROW_GAP), widths[column], height)

    def _widths(self, room: int) -> list[int]:
        """Return the widths of as many columns as fit into `room` pixels; of one at least."""
        wanted = [cell.sizeHint().width() for cell in self._cells[: len(self.figures)]]
        for across in range(min(self._per_row, len(wanted)), 1, -1):
            counted = wanted[:across] if self._one_row else wanted
            widths = [max(counted[column::across]) for column in range(across)]
            if sum(widths) + _GAP * (across - 1) <= room:
                return widths
        return [max(wanted)] if wanted else []

    def _cell_height(self) -> int:
        return max((cell.sizeHint().height() for cell in self._cells), default=0)

    def _add_cell(self) -> None:
        cell, caption, value = QWidget(self), label("", "quiet"), label("", "figure")
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(cell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(caption)
        column.addWidget(value)
        self._cells.append(cell)
        self._shown.append((caption, value))
