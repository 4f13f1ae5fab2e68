"""A picture of a window that no screen shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QFont, QFontMetrics, QImage
from PySide6.QtWidgets import QWidget

from labctl.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def save_picture(window: QWidget, size: tuple[int, int], file: Path) -> None:
    """Write `window` as a PNG of `size` (width, height in pixels).

    Raises:
        InputError: if there is no font to write with, or `file` cannot be written.
    """
    # Without a font Qt draws empty boxes, and says nothing.
    if not QFontMetrics(QFont()).inFont("s"):
        raise InputError("there is no font to draw with; on Debian: apt-get install fonts-dejavu-core")
    window.resize(*size)
    # A window that was never shown does not pass on that a part of it wants another size.
    for part in window.findChildren(QWidget):
        part.updateGeometry()
        layout = part.layout()
        if layout is not None:
            layout.invalidate()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
    image = QImage(*size, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    window.render(image)
    if not image.save(str(file), "PNG"):  # pyright: ignore[reportArgumentType, reportCallIssue]
        raise InputError(f"cannot write the picture {file}")
