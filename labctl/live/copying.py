"""What a plot shows, for the clipboard: as a picture, and its numbers as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PySide6.QtWidgets import QWidget


def copy_picture(widget: QWidget) -> None:
    """Put a picture of `widget` on the clipboard, as sharp as the screen is."""
    QGuiApplication.clipboard().setImage(widget.grab().toImage())


def copy_text(text: str) -> None:
    """Put `text` on the clipboard."""
    QGuiApplication.clipboard().setText(text)


def csv_text(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV; numbers in full, so that they come back as they were, and NaN as an empty field."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(headers)
    for row in rows:
        writer.writerow(["" if value != value else value for value in row])
    return out.getvalue()


def headed(name: str, unit: str) -> str:
    """Return a column's header, with its unit."""
    return f"{name} ({unit})" if unit else name
