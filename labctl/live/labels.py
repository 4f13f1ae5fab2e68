"""Text in the window: always plain, so that no record, error or file name is ever read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

if TYPE_CHECKING:
    from labctl.live.status import Figure
    from labctl.live.theme import Theme

Role = Literal["title", "heading", "text", "quiet", "figure", "row", "chip"]

_ROW = 140
"""Width in pixels up to which the value of a row is shown."""


def label(text: str, role: Role) -> QLabel:
    """Return a label of plain text; `role` decides how it looks."""
    made = QLabel()
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    made.setText(text)
    return made


def set_text(shown: QLabel, text: str) -> None:
    """Show `text`; a label that shows it already is not laid out again."""
    if shown.text() != text:
        shown.setText(text)


class Rows(QWidget):
    """Captions and their values, one line each; what does not fit is cut off, and never makes the window higher.

    Args:
        width: in pixels up to which a value is shown.
    """

    def __init__(self, width: int = _ROW) -> None:
        super().__init__()
        self._width = width
        self._shown: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 4, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)

    def show_figures(self, figures: list[Figure]) -> None:
        """Show these figures in place of the former ones."""
        while len(self._shown) < len(figures):
            caption, value = label("", "quiet"), label("", "row")
            value.setAlignment(Qt.AlignmentFlag.AlignRight)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._grid.addWidget(caption, len(self._shown), 0)
            self._grid.addWidget(value, len(self._shown), 1)
            self._shown.append((caption, value))
        self._grid.setRowStretch(len(self._shown), 1)
        for place, (caption, value) in enumerate(self._shown):
            figure = figures[place] if place < len(figures) else None
            set_text(caption, figure.caption if figure else "")
            text = figure.value if figure else ""
            set_text(value, value.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, self._width))


class Figures(QWidget):
    """Values under their captions, side by side.

    Args:
        per_row: how many stand in a row.
    """

    def __init__(self, per_row: int) -> None:
        super().__init__()
        self._per_row = per_row
        self._shown: list[tuple[QLabel, QLabel]] = []
        self._cells: list[QWidget] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(36)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(per_row, 1)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def show_figures(self, figures: list[Figure]) -> None:
        """Show these figures in place of the former ones."""
        while len(self._shown) < len(figures):
            self._add_cell()
        for place, cell in enumerate(self._cells):
            cell.setVisible(place < len(figures))
        for figure, (caption, value) in zip(figures, self._shown, strict=False):
            set_text(caption, figure.caption)
            set_text(value, figure.value)

    def _add_cell(self) -> None:
        cell, caption, value = QWidget(), label("", "quiet"), label("", "figure")
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(cell)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(1)
        column.addWidget(caption)
        column.addWidget(value)
        place = len(self._cells)
        self._grid.addWidget(cell, place // self._per_row, place % self._per_row)
        self._cells.append(cell)
        self._shown.append((caption, value))


def style_sheet(theme: Theme) -> str:
    """Return how the window's widgets look in `theme`."""
    return f"""
        QWidget#window {{ background: {theme.ground}; }}
        QLabel {{ color: {theme.text}; background: transparent; font-size: 13px; }}
        QLabel[role="title"] {{ font-size: 22px; font-weight: 600; }}
        QLabel[role="heading"] {{ font-size: 13px; font-weight: 600; }}
        QLabel[role="quiet"] {{ color: {theme.quiet}; font-size: 11px; }}
        QLabel[role="row"] {{ font-size: 12px; }}
        QLabel[role="figure"] {{ font-size: 15px; }}
        QLabel[role="chip"] {{ color: {theme.card}; font-size: 13px; font-weight: 600;
                               border-radius: 11px; padding: 4px 14px; }}
        QFrame[role="card"] {{ background: {theme.card}; border: 1px solid {theme.line}; border-radius: 8px; }}
        QProgressBar {{ background: {theme.line}; border: none; border-radius: 2px; max-height: 4px; }}
        QProgressBar::chunk {{ border-radius: 2px; }}
        QPushButton {{ color: {theme.tones["running"]}; background: transparent; font-size: 11px;
                       border: 1px solid {theme.line}; border-radius: 4px; padding: 1px 8px; }}
        QPushButton:checked {{ color: {theme.card}; background: {theme.tones["running"]}; }}
        QPushButton:disabled {{ color: {theme.quiet}; }}
        QSlider::groove:horizontal {{ background: {theme.line}; height: 4px; border-radius: 2px; }}
        QSlider::handle:horizontal {{ background: {theme.tones["running"]}; width: 14px; margin: -5px 0;
                                      border-radius: 7px; }}
        QTabWidget::pane {{ border: none; }}
        QTabBar {{ background: transparent; }}
        QTabBar::tab {{ color: {theme.quiet}; background: transparent; font-size: 13px; padding: 4px 12px;
                        margin-right: 4px; margin-bottom: 8px; border-bottom: 2px solid transparent; }}
        QTabBar::tab:selected {{ color: {theme.text}; border-bottom-color: {theme.tones["running"]}; }}
        QTabBar::tab:focus {{ color: {theme.tones["running"]}; }}
        QComboBox {{ color: {theme.text}; background: {theme.card}; font-size: 13px; min-width: 130px;
                     border: 1px solid {theme.line}; border-radius: 4px; padding: 1px 8px; }}
        QComboBox::drop-down {{ border: none; width: 18px; }}
        QComboBox:focus {{ border-color: {theme.tones["running"]}; }}
        QComboBox QAbstractItemView {{ color: {theme.text}; background: {theme.card}; }}
        QPushButton:hover, QPushButton:focus {{ border-color: {theme.tones["running"]}; }}
    """
