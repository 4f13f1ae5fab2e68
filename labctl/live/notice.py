"""What the window says by itself for a moment: that something was copied, or why it was not saved."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QWidget

from labctl.live.status import one_line

_STAYS = 3000
"""Time in ms that a notice is seen."""
_EDGE = 24
"""Between a notice and the edges of the window, in pixels."""


class Notice(QLabel):
    """Lies over `window`, at its foot, and goes away by itself; it takes no keys and no clicks."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", "notice")
        self.setWordWrap(True)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    def say(self, text: str) -> None:
        """Show `text`, as long as it takes to read it."""
        self.setText(one_line(text))
        window = self._window
        room = window.width() - 2 * _EDGE
        self.setFixedWidth(min(room, self.fontMetrics().horizontalAdvance(self.text()) + 60))
        self.adjustSize()
        self.move((window.width() - self.width()) // 2, window.height() - self.height() - _EDGE)
        self.show()
        self.raise_()
        self._timer.start(_STAYS)
