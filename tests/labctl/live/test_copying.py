from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QApplication

from labctl.live.copying import csv_text, headed
from labctl.live.follow import Follower
from labctl.live.theme import DARK, LIGHT
from labctl.live.window import LiveWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labctl.store import RunWriter


@pytest.fixture
def window(
    qapp: QApplication,
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
) -> Iterator[LiveWindow]:
    folder = new_run()
    add_levels(open_writer(folder), [0.1, float("nan"), 0.3])
    made = LiveWindow(Follower(folder, lambda: 0.0))
    made.refresh()
    yield made
    made.close()
    made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_numbers_are_copied_as_csv_with_units(window: LiveWindow) -> None:
    window.pages.copy_csv()
    header, *rows = csv.reader(QGuiApplication.clipboard().text().splitlines())
    assert header == [
        "step",
        "bench time (s)",
        "level",
        "target (S)",
        "conductance (S)",
        "error (levels)",
        "bursts",
    ]
    assert [row[0] for row in rows] == ["1.0", "2.0", "3.0"]
    assert [row[1] for row in rows] == ["0.01", "0.02", "0.03"]
    assert float(rows[2][5]) == 0.3
    assert rows[1][5] == ""


def test_a_picture_is_copied(window: LiveWindow) -> None:
    window.pages.copy_picture()
    picture = QGuiApplication.clipboard().image()
    assert picture.width() == window.pages.currentWidget().width()
    colours = {picture.pixel(x, y) for x in range(0, picture.width(), 4) for y in range(0, picture.height(), 4)}
    assert len(colours) > 5


def test_light_and_dark_are_turned_by_hand(window: LiveWindow) -> None:
    for theme in (DARK, LIGHT):
        window.turn_theme()
        assert window.grab().toImage().pixelColor(3, 3) == QColor(theme.ground)


def test_csv_keeps_numbers_whole_and_quotes_what_it_must() -> None:
    assert csv_text(["a", headed("b", "S")], [[0.1 + 0.2, 'x,"y"']]) == 'a,b (S)\n0.30000000000000004,"x,""y"""\n'
