"""Text in the window: always plain, so that no record, error or file name is ever read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel
from typing_extensions import override

if TYPE_CHECKING:
    from labctl.live.theme import Theme

Role = Literal["title", "heading", "text", "quiet", "figure", "row", "chip"]


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


class ElidedLabel(QLabel):
    """A label of plain text that is cut short, and never makes the window wider."""

    def __init__(self, role: Role) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", role)

    @override
    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    @override
    def paintEvent(self, event: QPaintEvent, /) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment()), text)


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
        QFrame[role="card"][framed="true"] {{ border-color: {theme.tones["running"]}; }}
        QLabel[role="notice"] {{ color: {theme.card}; background: {theme.text};
                                 border-radius: 6px; padding: 6px 14px; }}
        QMenu {{ color: {theme.text}; background: {theme.card}; border: 1px solid {theme.line}; font-size: 12px; }}
        QMenu::item {{ padding: 5px 16px; }}
        QMenu::item:selected {{ color: {theme.card}; background: {theme.tones["running"]}; }}
        QToolTip {{ color: {theme.text}; background: {theme.card}; border: 1px solid {theme.line}; }}
        QProgressBar {{ background: {theme.line}; border: none; border-radius: 2px; max-height: 4px; }}
        QProgressBar::chunk {{ border-radius: 2px; }}
        QPushButton {{ color: {theme.tones["running"]}; background: transparent; font-size: 11px;
                       border: 1px solid {theme.line}; border-radius: 4px; padding: 1px 8px; }}
        QPushButton:checked {{ color: {theme.card}; background: {theme.tones["running"]}; }}
        QPushButton:disabled {{ color: {theme.quiet}; }}
        QSlider::groove:horizontal {{ background: {theme.line}; height: 4px; border-radius: 2px; }}
        QSlider:focus {{ border: 1px solid {theme.tones["running"]}; border-radius: 7px; }}
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
