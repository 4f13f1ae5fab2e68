"""Steering a run from its window, going back over one, and what its window says of the bench."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from shiboken6 import isValid
from typing_extensions import override

from labctl.holder_note import Holder
from labctl.live.bench_page import BenchPage
from labctl.live.follow import Follower
from labctl.live.newest import Newest
from labctl.live.pace import Pace
from labctl.live.window import LiveWindow
from labctl.locks import locked
from labctl.run_lock import run_lock_name
from labctl.run_names import run_name
from labctl.steering import Steering, Wish
from labctl.store import make_run_folder, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labctl.store import RunWriter

NOW = datetime(2026, 11, 22, tzinfo=UTC)
INSTRUMENTS = {"smu": {"vendor": "KEITHLEY", "model": "2450", "serial": "<b>7</b>", "firmware": "1.7"}}
BENCH = {
    "instruments": {"smu": {"driver": "keithley-2450", "address": "TCPIP0::1"}},
    "envelope": {"voltage": 1.3, "cell_current": 0.015},
}


class Clock:
    """A clock that is a second later each time it is looked at."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        self.time += 1.0
        return self.time


@pytest.fixture
def folder(new_run: Callable[..., Path]) -> Path:
    return new_run(steps=100, instruments=INSTRUMENTS, bench=BENCH)


@pytest.fixture
def writer(
    folder: Path, open_writer: Callable[..., RunWriter], add_levels: Callable[[RunWriter, list[float]], None]
) -> RunWriter:
    made = open_writer(folder)
    made.set_state(NOW, "running")
    add_levels(made, [0.1] * 40)
    return made


@pytest.fixture
def window(qapp: QApplication, folder: Path, writer: RunWriter) -> Iterator[LiveWindow]:
    made = LiveWindow(Follower(folder, Clock().now))
    made.show()
    made.activateWindow()
    QTest.qWaitForWindowActive(made)
    look(made)
    yield made
    if isValid(made):
        made.close()
        made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def at_work(folder: Path) -> Iterator[None]:
    """While the run's process is at work."""
    with locked([run_lock_name(folder)], Holder(folder.name, os.getpid(), "ada", "now")):
        yield


def look(window: LiveWindow) -> None:
    for _ in range(4):
        window.refresh()
        QApplication.processEvents()


def enabled(window: LiveWindow) -> list[Wish]:
    return [wish for wish, button in window.controls.buttons.items() if button.isEnabled()]


def texts(widget: object) -> set[str]:
    assert isinstance(widget, BenchPage | LiveWindow)
    return {shown.text() for shown in widget.findChildren(QLabel)}


@pytest.mark.usefixtures("at_work")
def test_buttons_and_keys_ask_the_run_as_the_commands_do(window: LiveWindow, folder: Path, writer: RunWriter) -> None:
    steering = Steering(folder)
    look(window)
    assert enabled(window) == [Wish.PAUSE, Wish.STOP, Wish.STOP_NOW]
    window.controls.buttons[Wish.PAUSE].click()
    assert steering.wish() is Wish.PAUSE
    assert "asked to pause at the end of its step" in texts(window)
    writer.set_state(NOW, "paused")
    look(window)
    assert enabled(window) == [Wish.GO_ON, Wish.STOP, Wish.STOP_NOW]
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_C)
    assert steering.wish() is Wish.GO_ON
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert steering.wish() is Wish.STOP
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_Escape, Qt.KeyboardModifier.ShiftModifier)
    assert steering.wish() is Wish.STOP_NOW
    writer.set_state(NOW, "stopped")
    look(window)
    assert enabled(window) == []
    assert not window.controls.isHidden()


def test_a_run_that_nobody_works_on_is_asked_nothing(window: LiveWindow, folder: Path) -> None:
    look(window)
    assert enabled(window) == []
    window.controls.ask(Wish.STOP)
    assert Steering(folder).wish() is None
    assert not (folder / "steer").exists()


def test_a_copy_of_a_run_is_asked_nothing(
    window: LiveWindow, folder: Path, qapp: QApplication, writer: RunWriter
) -> None:
    with locked([run_lock_name(folder)], Holder("another name", os.getpid(), "ada", "now")):
        look(window)
        assert enabled(window) == []


def test_a_finished_run_can_be_gone_back_over(window: LiveWindow, writer: RunWriter) -> None:
    assert window.replay.isHidden()
    writer.set_state(NOW, "finished", {"passed": True})
    look(window)
    assert not window.replay.isHidden()
    line = window.body.traces[0].view.lines[0].curve
    window.replay.slider.setValue(10)
    assert window.replay.is_back
    x = line.getData()[0]
    assert x is not None
    assert x[-1] == 10
    look(window)
    assert window.body.traces[1].view.errors is not None
    assert "step 10 of 40, at 100 ms" in texts(window)
    QTest.keyClick(window.replay.slider, Qt.Key.Key_Right)
    assert window.replay.slider.value() == 11
    QTest.keyClick(window.replay.slider, Qt.Key.Key_End)
    x = line.getData()[0]
    assert x is not None
    assert x[-1] == 40


def test_playing_ends_with_the_whole_run(window: LiveWindow, writer: RunWriter) -> None:
    writer.set_state(NOW, "finished", {"passed": True})
    look(window)
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_Space)
    assert window.replay.slider.value() == 0
    for _ in range(40):
        window.replay.advance()
    assert not window.replay.play.isChecked()
    assert not window.replay.is_back


def test_a_run_that_is_resumed_is_followed_again(
    window: LiveWindow, writer: RunWriter, add_levels: Callable[[RunWriter, list[float]], None]
) -> None:
    writer.set_state(NOW, "stopped")
    look(window)
    window.replay.slider.setValue(5)
    writer.set_state(NOW, "running")
    add_levels(writer, [0.2])
    look(window)
    assert window.replay.isHidden()
    x = window.body.traces[0].view.lines[0].curve.getData()[0]
    assert x is not None
    assert x[-1] == 41


def test_the_bench_page_shows_instruments_limits_and_log(window: LiveWindow, writer: RunWriter) -> None:
    writer.log(NOW, "the board had tripped: CURRENT; cleared")
    window.pages.show_page("bench")
    page = window.pages.pages["bench"]
    assert isinstance(page, BenchPage)
    assert {"KEITHLEY 2450", "<b>7</b>", "keithley-2450", "TCPIP0::1", "1.3 V", "15 mA"} <= texts(page)
    assert "the board had tripped: CURRENT; cleared" in page.log.toPlainText()


def test_an_instrument_that_tripped_is_named(window: LiveWindow, writer: RunWriter) -> None:
    window.pages.show_page("bench")
    page = window.pages.pages["bench"]
    assert isinstance(page, BenchPage)
    assert {shown.text() for shown in page.table.trips.values()} == {"none"}
    error = {"type": "BoardTrippedError", "message": "smu at TCPIP0::1 answered with SAFE_STATE"}
    writer.set_state(NOW, "failed", {"error": error})
    page._looked = -10.0  # pyright: ignore[reportPrivateUsage]
    window.refresh()
    page.refresh()
    assert page.table.trips["smu"].text() == "tripped"
    for other in ("TCPIP0::10", "TCPIP0::1x", "TCPIP0"):
        error = {"type": "BoardTrippedError", "message": f"board at {other} answered with SAFE_STATE"}
        writer.set_state(NOW, "failed", {"error": error})
        page._looked = -10.0  # pyright: ignore[reportPrivateUsage]
        window.refresh()
        page.refresh()
        assert page.table.trips["smu"].text() == "none"
    assert "failed" in page.log.toPlainText()


def test_pages_are_turned_by_keys(window: LiveWindow) -> None:
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert window.pages.shown == "bench"
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.pages.shown == "traces"


def test_the_time_that_is_left_is_told_of_bench_and_wall(window: LiveWindow, writer: RunWriter) -> None:
    follower = window._follower  # pyright: ignore[reportPrivateUsage]
    follower.pace = Pace()
    follower.pace.note(0.0, 20)
    follower.pace.note(2.0, 40)
    window.header.refresh()
    assert {"time left", "bench time left", "about 6.0 s", "about 600 ms"} <= texts(window)


class Shown(QObject):
    """Takes down which widgets are shown as windows of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    @override
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.names.append(type(watched).__name__)
        return False


def test_no_part_of_the_window_is_ever_a_window_of_its_own(qapp: QApplication, folder: Path, writer: RunWriter) -> None:
    """Such a window flashes up for a moment and takes the keys with it."""
    shown = Shown()
    qapp.installEventFilter(shown)
    window = LiveWindow(Follower(folder, Clock().now))
    window.show()
    look(window)
    writer.set_state(NOW, "finished", {"passed": True})
    for name in window.pages.pages:
        window.pages.show_page(name)
        look(window)
    qapp.removeEventFilter(shown)
    window.close()
    window.deleteLater()
    assert shown.names == ["LiveWindow"]


def test_the_newest_run_is_gone_on_to_when_this_one_is_over(
    window: LiveWindow, folder: Path, writer: RunWriter, qapp: QApplication
) -> None:
    newest = Newest(folder.parent, window)
    newer = make_run_folder(folder.parent, run_name("write-verify", NOW))
    newest.look()
    assert newest.window is window
    writer.set_state(NOW, "finished", {"passed": True})
    look(window)
    newest.look()
    assert newest.window is window
    write_manifest(newer, {})
    newest.look()
    assert newest.window is not window
    assert newest.window.folder == newer
    assert newest.window.isVisible()
    newest.look()
    newest.window.close()
    newest.look()
    newest.window.deleteLater()
    newest.deleteLater()
