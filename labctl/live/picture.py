"""A picture of a window that no screen shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, QLoggingCategory, Qt
from PySide6.QtGui import QFont, QFontMetrics, QImage

from labctl.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtWidgets import QWidget

_TURNS = 3
"""Turns of Qt's loop in which parts, and the parts of these, ask for another size."""


def save_picture(window: QWidget, size: tuple[int, int], file: Path) -> None:
    """Write `window` as a PNG of `size` (width, height in pixels).

    Raises:
        InputError: if there is no font to write with, or `file` cannot be written.
    """
    # Without a font Qt draws empty boxes, and says nothing.
    if not QFontMetrics(QFont()).inFont("s"):
        raise InputError("there is no font to draw with; on Debian: apt-get install fonts-dejavu-core")
    window.resize(*size)
    # Only a window that is shown gives all its parts their places; on the screen nobody sees it.
    was_seen = window.isVisible()
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, not was_seen)
    # Qt's offscreen platform warns of each window that it does not speak to a window manager.
    QLoggingCategory.setFilterRules("*.warning=false")
    window.show()
    QLoggingCategory.setFilterRules("")
    for _ in range(_TURNS):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
    image = QImage(*size, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    window.render(image)
    window.setVisible(was_seen)
    window.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, on=False)
    if not image.save(str(file), "PNG"):  # pyright: ignore[reportArgumentType, reportCallIssue]
        raise InputError(f"cannot write the picture {file}")
