"""What a plot shows, for the clipboard: as a picture, and its numbers as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from PySide6.QtWidgets import QWidget

    from labctl.live.follow import Table


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


def tables_text(tables: Mapping[str, Table]) -> str:
    """Return the numbers of every record type that has some, as far as they are shown, as CSV.

    Of several types each has a line with its name above its header, and an empty line below its rows.
    """
    held = {name: table for name, table in tables.items() if table.numbers}
    texts = [_table_text(table) for table in held.values()]
    if len(held) > 1:
        texts = [csv_text([name], ()) + text for name, text in zip(held, texts, strict=True)]
    return "\n".join(texts)


def _table_text(table: Table) -> str:
    units = {column.name: column.unit for column in table.columns}
    fields = {headed(name, units[name]): column.values.tolist() for name, column in table.numbers.items()}
    if not table.has_time:
        fields = {"bench time (s)": table.times.tolist(), **fields}
    return csv_note(table) + csv_text(["step", *fields], zip(table.step.values.tolist(), *fields.values(), strict=True))


def csv_note(table: Table) -> str:
    """Return the line above a table that does not hold every record; "" above one that does."""
    return f"# {table.note}; `labctl export --format csv` writes all of them\n" if table.is_thinned else ""


def headed(name: str, unit: str) -> str:
    """Return a column's header, with its unit."""
    return f"{name} ({unit})" if unit else name
