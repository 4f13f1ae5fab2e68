"""Traces against step or time, straight or logarithmic, in siemens or levels, and the crosshair on them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from labctl.levels import LevelScale
from labctl.live.axes import ValueAxis, log_ticks
from labctl.live.follow import Follower
from labctl.live.manner import in_levels, logarithms
from labctl.live.theme import LIGHT
from labctl.live.window import LiveWindow
from labctl.units import Levels, Siemens, Volts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labctl.live.cards import TraceCard
    from labctl.store import RunWriter

G_MAX = 5.9e-3
SCALE = LevelScale.up_to(G_MAX)
VALUES = [1e-6, 1e-4, -2e-7, 1e-3]


@dataclass(frozen=True, slots=True)
class Written:
    target: Siemens
    conductance: Siemens
    error: Levels


@dataclass(frozen=True, slots=True)
class Applied:
    voltage: Volts


@pytest.fixture
def window(
    qapp: QApplication, new_run: Callable[..., Path], open_writer: Callable[..., RunWriter]
) -> Iterator[LiveWindow]:
    """Of a run with two records a step, half a second apart."""
    folder = new_run(bench={"twin": {"g_max": G_MAX}})
    writer = open_writer(folder, {"record": Written})
    for step in range(2):
        for value in VALUES[2 * step : 2 * step + 2]:
            writer.add(Written(1e-4, value, 0.1))
        writer.end_step(0.5 * (step + 1))
    made = LiveWindow(Follower(folder, lambda: 0.0))
    made.show()
    made.activateWindow()
    QTest.qWaitForWindowActive(made)
    made.refresh()
    QApplication.processEvents()
    yield made
    made.close()
    made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def card(window: LiveWindow) -> TraceCard:
    return window.body.traces[0]


def drawn(card: TraceCard) -> tuple[list[float], list[float]]:
    x, y = card.view.lines[0].curve.getData()
    assert x is not None
    assert y is not None
    return x.tolist(), y.tolist()


def texts(card: TraceCard) -> str:
    return " | ".join(shown.text() for shown in card.findChildren(QLabel) if not shown.isHidden())


def test_records_stand_along_the_steps_or_the_bench_time(window: LiveWindow, card: TraceCard) -> None:
    assert drawn(card)[0] == [0.5, 1.0, 1.5, 2.0]
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_X)
    assert drawn(card)[0] == [0.5, 0.5, 1.0, 1.0]
    below = card.view.getPlotItem().getAxis("bottom")
    assert ">bench time" in below.labelString()
    assert below.range == pytest.approx(card.view.box.viewRange()[0])
    beside = window.body.traces[1].view
    assert beside.getPlotItem().getAxis("left").range == pytest.approx(beside.box.viewRange()[1])
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_X)
    assert drawn(card)[0] == [0.5, 1.0, 1.5, 2.0]


def test_a_logarithmic_axis_leaves_out_what_is_not_above_zero_and_says_so(window: LiveWindow, card: TraceCard) -> None:
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_G)
    y = drawn(card)[1]
    assert y[:2] == pytest.approx([-6.0, -4.0])
    assert np.isnan(y[2])
    low, high = card.view.box.viewRange()[1]
    assert low < -6
    assert high > -3
    assert "1 not above 0, left out" in texts(card)
    assert not window.body.traces[1].view.log
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_G)
    assert "left out" not in texts(card)
    assert drawn(card)[1] == VALUES


def test_nothing_above_zero_makes_an_empty_plot_and_a_word(
    qapp: QApplication, new_run: Callable[..., Path], open_writer: Callable[..., RunWriter]
) -> None:
    folder = new_run()
    writer = open_writer(folder, {"record": Applied})
    for voltage in (-0.1, 0.0):
        writer.add(Applied(voltage))
        writer.end_step(0.0)
    made = LiveWindow(Follower(folder, lambda: 0.0))
    made.refresh()
    made.body.switches.log.click()
    made.grab()
    card = made.body.traces[0]
    assert "2 not above 0, left out" in texts(card)
    assert card.view.lines[0].marks.points.size() == 0
    assert made.body.switches.in_levels.isHidden()
    made.close()
    made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_a_conductance_can_be_shown_in_levels(window: LiveWindow, card: TraceCard) -> None:
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_L)
    assert drawn(card)[1] == pytest.approx([SCALE.level(value) for value in VALUES])
    assert ">level" in card.view.getPlotItem().getAxis("left").labelString()
    assert card.csv().splitlines()[0] == "step,bench time (s),conductance (levels),target (levels)"
    assert window.body.traces[1].view.levels is None


def test_the_crosshair_says_what_is_recorded_there(window: LiveWindow, card: TraceCard) -> None:
    view = card.view
    (left, right), (low, high) = view.box.viewRange()
    for place, record in ((left, 0), (1.02, 1), (1.45, 2), (right, 3)):
        # pyqtgraph lets only so many moves of the mouse through in a second.
        view.scene().sigMouseMoved.emit(view.box.mapViewToScene(QPointF(place, (low + high) / 2)))
        assert view.record == record
    assert "step 2, 1.0 s: conductance 1 mS, target 100 µS" in texts(card)
    window.body.switches.in_levels.click()
    assert f"conductance {SCALE.level(1e-3):,.0f} levels" in texts(card)
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert not any(line.isVisible() for line in view.cross.lines)
    assert "step 2" not in texts(card)


def test_keys_lead_from_record_to_record_and_zoom(window: LiveWindow, card: TraceCard) -> None:
    view = card.view
    seen: list[int | None] = []
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_End):
        QTest.keyClick(view, key)
        seen.append(view.record)
    assert seen == [3, 2, 0, 0, 1, 3]
    whole = view.box.viewRange()[0]
    for _ in range(5):
        QTest.keyClick(view, Qt.Key.Key_Plus)
    zoomed = view.box.viewRange()[0]
    assert zoomed[1] - zoomed[0] == pytest.approx(0.8**5 * (whole[1] - whole[0]))
    assert window.body.traces[1].view.box.viewRange()[0] == pytest.approx(zoomed)
    assert window.body.switches.freeze.isChecked()
    QTest.keyClick(view, Qt.Key.Key_Home)
    low, high = view.box.viewRange()[0]
    assert low <= 0.5 <= high
    QTest.keyClick(window.windowHandle(), Qt.Key.Key_F)
    assert view.box.viewRange()[0] == pytest.approx(whole)


def test_a_card_has_its_own_numbers(card: TraceCard) -> None:
    header, *rows = csv.reader(card.csv().splitlines())
    assert header == ["step", "bench time (s)", "conductance (S)", "target (S)"]
    assert [[float(field) for field in row] for row in rows][2] == [2.0, 1.0, -2e-7, 1e-4]


def test_logarithms_and_levels() -> None:
    found = logarithms(np.array([1e-3, 0.0, -1.0, np.nan, 10.0]))
    assert found[[0, 4]].tolist() == pytest.approx([-3.0, 1.0])
    assert np.isnan(found[1:4]).all()
    assert in_levels(np.array([SCALE.g_min, G_MAX]), SCALE).tolist() == pytest.approx([0.0, 16_519.0])


@pytest.mark.parametrize(("low", "high"), [(-7.0, -2.0), (-3.2, -2.4), (-3.0, -2.99), (0.0, 4.2), (-30.0, 30.0)])
def test_a_logarithmic_axis_has_a_few_ticks_in_range(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 8
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)


@pytest.mark.parametrize(
    ("unit", "places", "expected"),
    [
        ("S", [-6.0, -5.0, np.log10(2e-4)], ["1 µS", "10 µS", "200 µS"]),
        ("levels", [0.0, 3.0, 4.0], ["1", "1,000", "10,000"]),
        ("", [-2.0], ["0.01"]),
    ],
)
def test_ticks_of_a_logarithmic_axis_have_their_unit(
    qapp: QApplication, unit: str, places: list[float], expected: list[str]
) -> None:
    axis = ValueAxis("g", unit, log=True)
    axis.apply(LIGHT)
    assert axis.tickStrings(places, 1.0, 1.0) == expected


@pytest.mark.parametrize(("low", "high"), [(-1000.0, 1000.0), (400.0, 401.0), (2.0, 2.0 + 1e-12), (-500.0, -400.0)])
def test_a_logarithmic_axis_can_be_zoomed_anywhere(low: float, high: float) -> None:
    assert all(10.0**tick > 0 for tick in log_ticks(low, high))
