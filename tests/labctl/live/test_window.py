from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QPalette, QWheelEvent
from PySide6.QtWidgets import QApplication, QLabel

from labctl.live.axes import StepAxis, ValueAxis
from labctl.live.follow import Follower
from labctl.live.theme import DARK, LIGHT
from labctl.live.window import FRAME, REST, LiveWindow
from labctl.units import Amperes, Volts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labctl.store import RunWriter

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Sweep:
    note: str
    voltage: Volts
    current: Amperes


@dataclass(frozen=True, slots=True)
class Said:
    word: str


@dataclass(frozen=True, slots=True)
class Second:
    voltage: Volts


@pytest.fixture
def open_window(qapp: QApplication) -> Iterator[Callable[[Path], LiveWindow]]:
    """Opens a window that has looked at a run once; it does not look again by itself."""
    windows: list[LiveWindow] = []

    def make(folder: Path) -> LiveWindow:
        windows.append(LiveWindow(Follower(folder, lambda: 0.0)))
        windows[-1].refresh()
        windows[-1].grab()
        return windows[-1]

    yield make
    for window in windows:
        window.close()
        window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def texts(window: LiveWindow) -> list[str]:
    return [shown.text() for shown in window.findChildren(QLabel) if not shown.isHidden()]


def test_a_run_that_grows_is_followed(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    open_window: Callable[[Path], LiveWindow],
) -> None:
    folder = new_run(protocol="write-verify", steps=5000, parameters={"tolerance": 0.5})
    writer = open_writer(folder)
    writer.set_state(NOW, "running")
    window = open_window(folder)
    line = window.body.traces[0].view.lines[0]
    for count in (1, 3, 200, 2500):
        add_levels(writer, [0.3] * (count - writer.steps))
        window.refresh()
        window.grab()
        x, y = line.curve.getData()
        assert x is not None
        assert y is not None
        assert x[-1] == count
        assert y[-1] == pytest.approx(200e-9 + (count - 1 + 0.3) * 357.15e-9)
        assert x.size <= 2002
    assert "running" in texts(window)
    window.refresh()
    assert "2,500 of 5,000" in texts(window)
    assert "2,500 of 2,500 within ±0.5 levels" in texts(window)


def test_the_window_attaches_before_the_first_record(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    open_window: Callable[[Path], LiveWindow],
) -> None:
    folder = new_run()
    window = open_window(folder)
    assert "starting" in texts(window)
    assert "no records yet" in texts(window)
    writer = open_writer(folder)
    window.refresh()
    window.grab()
    assert len(window.body.traces) == 2
    add_levels(writer, [0.0])
    window.refresh()
    (_, _), (low, high) = window.body.traces[0].view.box.viewRange()
    assert low < 200e-9 < high < 1e-6


@pytest.mark.parametrize(
    ("state", "detail", "expected"),
    [
        (
            "finished",
            {"passed": True, "summary": {"worst_error": 0.48}},
            ["finished", "summary", "worst error", "0.48"],
        ),
        ("finished", {"passed": False, "summary": {}}, ["finished, not passed", "no"]),
        ("failed", {"error": {"type": "LinkError", "message": "<b>silent</b>"}}, ["failed", "<b>silent</b>"]),
        ("stopped", {"error": {"message": "stopped by Ctrl-C"}}, ["stopped", "stopped by Ctrl-C"]),
    ],
)
def test_how_a_run_ended_is_shown(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    open_window: Callable[[Path], LiveWindow],
    state: str,
    detail: dict[str, object],
    expected: list[str],
) -> None:
    folder = new_run()
    writer = open_writer(folder)
    add_levels(writer, [0.1, -0.2])
    writer.set_state(NOW, state, detail)
    window = open_window(folder)
    assert not window.ending.isHidden()
    assert set(expected) <= set(texts(window))


def test_a_running_run_has_no_ending(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter], open_window: Callable[[Path], LiveWindow]
) -> None:
    folder = new_run()
    open_writer(folder).set_state(NOW, "running")
    assert open_window(folder).ending.isHidden()


def test_text_is_never_markup(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter], open_window: Callable[[Path], LiveWindow]
) -> None:
    folder = new_run(protocol="<h1>loud</h1>")
    writer = open_writer(folder, {"<u>type</u>": Sweep, "two": Second})
    writer.add(Sweep("<img src=x>", 0.1, 1e-6))
    writer.end_step(0.0)
    writer.set_state(NOW, "failed", {"error": {"message": "<a href=x>y</a>"}})
    window = open_window(folder)
    assert all(shown.textFormat() == Qt.TextFormat.PlainText for shown in window.findChildren(QLabel))
    assert {"<h1>loud</h1>", "<img src=x>", "<a href=x>y</a>"} <= set(texts(window))
    axis = ValueAxis("<i>field</i>", "V")
    axis.apply(LIGHT)
    assert "<i>" not in axis.labelString()


def test_other_records_get_their_own_plots(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter], open_window: Callable[[Path], LiveWindow]
) -> None:
    folder = new_run()
    writer = open_writer(folder, {"iv": Sweep})
    for place in range(100):
        writer.add(Sweep("", 0.01 * place, float("nan") if place % 10 == 3 else 1e-6 * place))
        writer.end_step(0.1 * place)
    window = open_window(folder)
    assert [card.panel.fields for card in window.body.traces] == [("voltage",), ("current",)]
    assert window.body.histograms == []
    y = window.body.traces[1].view.lines[0].curve.getData()[1]
    assert y is not None
    assert np.isnan(y).sum() == 10


def test_records_without_a_number_are_named(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter], open_window: Callable[[Path], LiveWindow]
) -> None:
    folder = new_run()
    writer = open_writer(folder, {"said": Said})
    writer.add(Said("hello"))
    writer.end_step(0.0)
    window = open_window(folder)
    assert window.body.traces == []
    assert {"the records hold no numbers to plot", "hello"} <= set(texts(window))


def test_nothing_but_nan_is_drawn_as_nothing(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    open_window: Callable[[Path], LiveWindow],
) -> None:
    folder = new_run(parameters={"tolerance": 0.5})
    add_levels(open_writer(folder), [float("nan")] * 5)
    window = open_window(folder)
    view = window.body.traces[0].view
    assert view.lines[0].marks.points.size() == 0
    assert view.lines[1].marks.points.size() == 5
    errors = window.body.traces[1].view.errors
    assert errors is not None
    assert errors.dots.points.size() == 0
    assert "0 of 0 within ±0.5 levels" in texts(window)


def test_one_record_is_seen(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    open_window: Callable[[Path], LiveWindow],
) -> None:
    folder = new_run()
    add_levels(open_writer(folder), [0.2])
    window = open_window(folder)
    assert window.body.traces[0].view.lines[0].marks.points.size() == 1
    ink = QColor(LIGHT.traces[0]).rgb()
    picture = window.body.traces[1].view.grab().toImage()
    pixels = [picture.pixel(x, y) for x in range(picture.width()) for y in range(picture.height())]
    assert pixels.count(ink) > 10


def test_errors_beyond_the_axis_are_flagged_and_counted(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    open_window: Callable[[Path], LiveWindow],
) -> None:
    folder = new_run(parameters={"tolerance": 0.5})
    add_levels(open_writer(folder), [0.1] * 400 + [3000.0, -3000.0])
    window = open_window(folder)
    view = window.body.traces[1].view
    assert view.span.high == 0.75
    assert view.errors is not None
    assert view.errors.flags.getData()[1].tolist() == [0.75, -0.75]
    assert "400 of 402 within ±0.5 levels, 2 beyond the axis" in texts(window)


def wheel(window: LiveWindow, place: int) -> None:
    """Turn the wheel once over a plot."""
    view = window.body.traces[place].view
    where = QPointF(view.width() / 2, view.height() / 2)
    event = QWheelEvent(
        where,
        view.mapToGlobal(where),
        QPoint(0, 0),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


def test_a_zoomed_plot_keeps_still_until_it_is_told_to_follow(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    open_window: Callable[[Path], LiveWindow],
) -> None:
    folder = new_run()
    writer = open_writer(folder)
    add_levels(writer, [0.1] * 3000)
    window = open_window(folder)
    window.show()
    first, second = (card.view for card in window.body.traces)
    whole, _ = first.box.viewRange()
    wheel(window, 0)
    zoomed, _ = first.box.viewRange()
    assert zoomed[0] > whole[0]
    assert zoomed[1] < whole[1]
    assert second.box.viewRange()[0] == pytest.approx(zoomed)
    x = first.lines[0].curve.getData()[0]
    assert x is not None
    assert x[0] <= zoomed[0] <= x[1]
    assert x[-2] <= zoomed[1] <= x[-1]
    add_levels(writer, [0.1] * 3000)
    window.refresh()
    assert first.box.viewRange()[0] == zoomed
    freeze = window.body.switches.freeze
    assert freeze.isChecked()
    freeze.click()
    assert first.box.viewRange()[0][1] > 6000
    assert second.box.viewRange()[0] == pytest.approx(first.box.viewRange()[0])
    freeze.click()
    assert first.by_hand
    assert second.by_hand


def test_light_and_dark_follow_the_system(
    qapp: QApplication,
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    open_window: Callable[[Path], LiveWindow],
) -> None:
    folder = new_run()
    add_levels(open_writer(folder), [0.1] * 10)
    window = open_window(folder)
    corner = QPoint(3, 3)
    assert window.grab().toImage().pixelColor(corner) == QColor(LIGHT.ground)
    light = qapp.palette()
    try:
        qapp.setPalette(QPalette(QColor("#202020")))
        QApplication.processEvents()
        picture = window.grab().toImage()
        assert picture.pixelColor(corner) == QColor(DARK.ground)
        assert window.body.traces[0].view.grab().toImage().pixelColor(corner) == QColor(DARK.card)
    finally:
        qapp.setPalette(light)
    QApplication.processEvents()
    assert window.grab().toImage().pixelColor(corner) == QColor(LIGHT.ground)


def test_a_run_that_has_ended_is_looked_at_less_often(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter], open_window: Callable[[Path], LiveWindow]
) -> None:
    folder = new_run()
    writer = open_writer(folder)
    writer.set_state(NOW, "running")
    window = open_window(folder)
    window.start()
    assert window.timer.interval() == FRAME
    writer.set_state(NOW, "stopped")
    window.refresh()
    assert window.timer.interval() == REST
    writer.set_state(NOW, "running")
    window.refresh()
    assert window.timer.interval() == FRAME
    window.close()
    assert not window.timer.isActive()


def test_the_step_axis_has_whole_numbers_only(qapp: QApplication) -> None:
    axis = StepAxis("step")
    for high in (1.5, 3, 10, 16_520):
        assert all(spacing >= 1 for spacing, _ in axis.tickSpacing(0, high, 800))
    assert axis.tickStrings([0, 1000, 16_000], 1.0, 1000) == ["0", "1,000", "16,000"]


def test_levels_take_no_prefix_and_siemens_do(qapp: QApplication) -> None:
    for unit, label in (("levels", "error (levels)"), ("S", "error (mS)"), ("", "error")):
        axis = ValueAxis("error", unit)
        axis.apply(LIGHT)
        axis.setRange(0, 5e-3)
        assert f">{label} " in axis.labelString() or f">{label}<" in axis.labelString()
