"""Copying and saving one plot, the list of keys, going about by Tab, and how the window takes little room."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication, QImage, QKeySequence, QShortcut
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLabel, QSlider, QTabBar, QWidget

from labctl.figure import Axis, Band, Bars, Map, Panel, curve
from labctl.live.cards import Card, RecordCard
from labctl.live.follow import Follower
from labctl.live.keys import KEYS
from labctl.live.panel_csv import panel_csv
from labctl.live.trace_view import TraceView
from labctl.live.window import LiveWindow
from labctl.units import Levels, Siemens, Volts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from labctl.store import RunWriter

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PAGE = Path(__file__).parents[3] / "docs" / "live.md"
ALT, SHIFT, CONTROL = (
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


@dataclass(frozen=True, slots=True)
class Cell:
    row: int
    column: int
    note: str
    target: Siemens
    conductance: Siemens
    error: Levels


@dataclass(frozen=True, slots=True)
class Drive:
    voltage: Volts


@dataclass(frozen=True, slots=True)
class Said:
    word: str


@pytest.fixture
def folder(new_run: Callable[..., Path]) -> Path:
    die = {"rows": 4, "columns": 4}
    return new_run(steps=40, instruments={"smu": {"model": "2450"}}, bench={"die": die, "twin": {"g_max": 5.9e-3}})


@pytest.fixture
def writer(folder: Path, open_writer: Callable[..., RunWriter]) -> RunWriter:
    """Of a finished run of 8 steps, though 40 were announced, with records of three types."""
    made = open_writer(folder, {"record": Cell, "drive": Drive, "said": Said})
    for step in range(8):
        made.add(Cell(step % 4, step // 4, f"number {step}", 1e-4, 1e-4 + 1e-6 * step, 0.1))
        if step == 3:
            made.add(Drive(0.9))
            made.add(Said("hello"))
        made.end_step(0.1 * (step + 1))
    made.set_state(NOW, "finished", {"passed": True, "summary": {f"figure_{place}": place for place in range(14)}})
    return made


@pytest.fixture
def window(qapp: QApplication, folder: Path, writer: RunWriter) -> Iterator[LiveWindow]:
    assert writer.steps
    made = LiveWindow(Follower(folder, lambda: 0.0))
    made.show()
    made.activateWindow()
    QTest.qWaitForWindowActive(made)
    look(made)
    yield made
    made.close()
    made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def look(window: LiveWindow) -> None:
    for _ in range(3):
        window.refresh()
        QApplication.processEvents()


def texts(window: LiveWindow) -> set[str]:
    return {shown.text() for shown in window.findChildren(QLabel) if shown.isVisible()}


def press(window: LiveWindow, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(window.windowHandle(), key, modifiers)


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


def test_the_plot_that_has_the_keys_is_copied(window: LiveWindow) -> None:
    card = window.body.traces[1]
    card.view.setFocus()
    press(window, Qt.Key.Key_C, ALT)
    picture = QGuiApplication.clipboard().image()
    assert picture.size() == card.size()
    assert "copied: picture of error" in texts(window)
    press(window, Qt.Key.Key_C, ALT | SHIFT)
    header, *rows = csv.reader(clipboard().splitlines())
    assert header == ["step", "bench time (s)", "error (levels)"]
    assert len(rows) == 8
    assert "copied: numbers of error, 8 rows" in texts(window)


def test_every_card_has_numbers_of_its_own(window: LiveWindow) -> None:
    heads: dict[str, str] = {}
    for name in window.pages.pages:
        window.pages.show_page(name)
        look(window)
        for card in window.pages.currentWidget().findChildren(Card):
            window.at_hand.copy_numbers(card)
            heads[card.name] = clipboard().split("\n", 1)[0]
    window.at_hand.copy_numbers(window.ending)
    assert heads["error, distribution"] == "from (levels),to (levels),records"
    assert heads["last record"] == "what,value"
    assert heads["map of conductance"] == "row,column,conductance (S)"
    assert heads["cell (3, 1), 1 record"] == "row,column,step,bench time (s),conductance (S)"
    assert "figure 13,13" in clipboard().splitlines()


def test_a_card_without_numbers_says_so(window: LiveWindow) -> None:
    window.at_hand.copy_numbers(Card("log"))
    assert "log holds no numbers" in texts(window)


def test_the_menu_opens_by_a_click_and_by_a_key(window: LiveWindow) -> None:
    card = window.body.traces[0]
    menu = window.at_hand.open_menu(card)
    assert menu is not None
    actions = {action.text().split("\t")[0]: action for action in menu.actions()}
    assert list(actions) == ["copy picture", "copy numbers as CSV", "save …"]
    actions["copy numbers as CSV"].trigger()
    assert clipboard().startswith("step,bench time (s),conductance (S),target (S)\n")
    menu.close()
    asked: list[Card | None] = []
    window.at_hand.open_menu = lambda card=None, at=None: asked.append(card)  # pyright: ignore[reportAttributeAccessIssue]
    QTest.mouseClick(card.view.viewport(), Qt.MouseButton.RightButton, pos=card.view.viewport().rect().center())
    assert asked == [card]


def test_nothing_at_hand_is_told(window: LiveWindow) -> None:
    window.pages.tabBar().setFocus()
    window.at_hand.card = lambda: None
    press(window, Qt.Key.Key_C, ALT)
    assert "point at a plot, or go to one with Tab" in texts(window)


def test_the_card_that_has_the_keys_has_a_frame(window: LiveWindow) -> None:
    first, second = window.body.traces
    first.view.setFocus()
    assert first.property("framed") is True
    second.view.setFocus()
    assert (first.property("framed"), second.property("framed")) == (False, True)
    window.pages.tabBar().setFocus()
    assert second.property("framed") is False


def test_a_page_is_saved_as_picture_or_numbers(window: LiveWindow, tmp_path: Path) -> None:
    for name, kind in (("page.png", ""), ("page.csv", ""), ("bare", "Numbers (*.csv)")):
        window.saver.ask = lambda _, name=name, kind=kind: (str(tmp_path / name), kind)
        press(window, Qt.Key.Key_S, CONTROL)
    picture = QImage(str(tmp_path / "page.png"))
    assert picture.size() == window.pages.currentWidget().size()
    assert (tmp_path / "page.csv").read_text() == (tmp_path / "bare.csv").read_text() == window.body.csv()
    assert f"saved: {tmp_path / 'bare.csv'}" in texts(window)


@pytest.mark.parametrize("name", ["no folder/page.csv", "page.nonsense"])
def test_what_cannot_be_saved_is_told(window: LiveWindow, tmp_path: Path, name: str) -> None:
    window.saver.ask = lambda _: (str(tmp_path / name), "")
    press(window, Qt.Key.Key_S, CONTROL)
    assert any(text.startswith("cannot write") for text in texts(window))


def test_nobody_who_changes_their_mind_saves(window: LiveWindow, tmp_path: Path) -> None:
    window.saver.ask = lambda _: ("", "")
    press(window, Qt.Key.Key_S, CONTROL)
    assert list(tmp_path.glob("*.*")) == []


def test_the_page_has_a_table_for_every_type_with_numbers(window: LiveWindow) -> None:
    first, second = window.body.csv().split("\n\n")
    assert first.splitlines()[:2] == [
        "record",
        "step,bench time (s),row,column,target (S),conductance (S),error (levels)",
    ]
    assert second.splitlines() == ["drive", "step,bench time (s),voltage (V)", "4.0,0.4,0.9"]
    window.replay.slider.setValue(2)
    first, second = window.body.csv().split("\n\n")
    assert (len(first.splitlines()), len(second.splitlines())) == (4, 2)


def test_looking_back_is_said_everywhere(window: LiveWindow) -> None:
    assert window.header.chip.text() == "finished"
    window.replay.slider.setValue(3)
    assert window.header.chip.text() == "looking back, step 3"
    assert {"3 of 8", "300 ms of 800 ms", "last record by step 3", "number 2", "summary of the whole run"} <= texts(
        window
    )
    window.replay.slider.setValue(8)
    assert window.header.chip.text() == "finished"
    assert {"last record", "summary"} <= texts(window)


def test_a_finished_run_is_whole_however_many_steps_were_announced(window: LiveWindow) -> None:
    bar = window.header._bar  # pyright: ignore[reportPrivateUsage]
    assert bar.value() == bar.maximum()
    assert "8" in texts(window)
    assert not any("of 40" in text for text in texts(window))
    window.replay.slider.setValue(2)
    assert bar.value() == bar.maximum() // 4


def test_every_control_is_reached_by_tab(window: LiveWindow) -> None:
    for name in window.pages.pages:
        window.pages.show_page(name)
        look(window)
        window.pages.tabBar().setFocus()
        reached: set[QWidget | None] = set()
        for _ in range(30):
            QTest.keyClick(window.focusWidget() or window, Qt.Key.Key_Tab)
            reached.add(window.focusWidget())
        kinds = QAbstractButton, QComboBox, QSlider, QTabBar, TraceView, RecordCard
        controls = [
            control
            for kind in kinds
            for control in window.findChildren(kind)
            if control.isVisible() and control.isEnabled()
        ]
        assert len(controls) >= 4
        assert [control for control in controls if control not in reached] == []


def test_the_keys_are_listed_and_go_away_again(window: LiveWindow) -> None:
    view = window.body.traces[0].view
    view.setFocus()
    press(window, Qt.Key.Key_F1)
    assert window.keys.isVisible()
    assert {key.keys for keys in KEYS.values() for key in keys} <= texts(window)
    QTest.keyClick(window.keys, Qt.Key.Key_Escape)
    assert not window.keys.isVisible()
    assert window.focusWidget() is view
    press(window, Qt.Key.Key_Question)
    assert window.keys.isVisible()
    QTest.mouseClick(window.keys, Qt.MouseButton.LeftButton)
    assert not window.keys.isVisible()


def test_every_shortcut_is_in_the_list_and_on_the_page_of_the_manual(window: LiveWindow) -> None:
    manual = PAGE.read_text()
    listed = " ".join(key.keys for keys in KEYS.values() for key in keys)
    for keys in KEYS.values():
        for key in keys:
            assert all(f"`{name}`" in manual for name in re.split(r", | \.\. ", key.keys)), key
    for shortcut in window.findChildren(QShortcut):
        name = shortcut.key().toString(QKeySequence.SequenceFormat.PortableText)
        turns_page = re.fullmatch("Ctrl\\+[1-9]", name) is not None
        assert turns_page or name in re.split(r"[, ]+", listed), name


def test_the_summary_folds(window: LiveWindow) -> None:
    assert "figure 13" in texts(window)
    press(window, Qt.Key.Key_H)
    assert "figure 13" not in texts(window)
    press(window, Qt.Key.Key_H)
    assert "figure 13" in texts(window)


@pytest.mark.parametrize("size", [(800, 500), (640, 420), (2560, 1440)])
def test_nothing_lies_upon_another_thing_or_beside_the_window(window: LiveWindow, size: tuple[int, int]) -> None:
    window.resize(*size)
    for name in window.pages.pages:
        window.pages.show_page(name)
        look(window)
        assert (window.width(), window.height()) == size
        parts = [window.header, window.pages, window.replay, window.ending]
        areas = [part.geometry() for part in parts if part.isVisible()]
        areas += [
            QRect(card.mapTo(window, QPoint(0, 0)), card.size())
            for card in window.pages.currentWidget().findChildren(Card)
            if card.isVisible()
        ]
        assert all(window.rect().contains(area) for area in areas)
        cards = areas[len([part for part in parts if part.isVisible()]) :]
        apart = [*[areas[0], *areas[2 : len(areas) - len(cards)]], *cards]
        overlapping = [
            (one, other) for place, one in enumerate(apart) for other in apart[:place] if one.intersects(other)
        ]
        assert overlapping == []
        buttons = [button for button in window.findChildren(QAbstractButton) if button.isVisible()]
        assert all(button.width() >= button.minimumSizeHint().width() for button in buttons)


def test_two_windows_on_one_run_do_not_disturb_each_other(
    qapp: QApplication, window: LiveWindow, folder: Path, writer: RunWriter
) -> None:
    other = LiveWindow(Follower(folder, lambda: 0.0))
    other.show()
    other.start()
    look(other)
    window.start()
    other.replay.slider.setValue(2)
    assert not window.replay.is_back
    other.close()
    other.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    writer.set_state(NOW, "running")
    writer.add(Cell(0, 0, "one more", 1e-4, 2e-4, 0.0))
    writer.end_step(0.9)
    look(window)
    assert window.timer.isActive()
    x = window.body.traces[0].view.lines[0].curve.getData()[0]
    assert x is not None
    assert x[-1] == 9
    assert "one more" in texts(window)


def test_a_panel_is_copied_mark_by_mark() -> None:
    x = np.array([0.0, 1.0])
    lines = Panel("", Axis("time", "s"), Axis("g", "S"), (curve(x, x, "a", error=x / 2), Band(x, x - 1, x + 1, "b")))
    assert panel_csv(lines).splitlines() == [
        "mark,time (s),g (S),standard deviation",
        "a,0.0,0.0,0.0",
        "a,1.0,1.0,0.5",
        '"b, low",0.0,-1.0',
        '"b, low",1.0,0.0',
        '"b, high",0.0,1.0',
        '"b, high",1.0,2.0',
    ]
    bars = Panel("", Axis("error", "levels"), Axis("cells"), (Bars(np.array([0.0, 1, 2]), np.array([3.0, 4]), "c"),))
    assert panel_csv(bars).splitlines() == ["mark,error (levels),cells", "c,0.5,3.0", "c,1.5,4.0"]
    found = Map(np.array([[1.0, np.nan]]), "g", "S", first=(2, 5))
    chart = Panel("", Axis("column"), Axis("row"), (found,))
    assert panel_csv(chart).splitlines() == ["mark,column,row,g (S)", "g,5,2,1.0", "g,6,2,"]
