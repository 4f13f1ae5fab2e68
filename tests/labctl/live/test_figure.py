from __future__ import annotations

import dataclasses
import gc
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QLabel

from labctl.figure import Axis, Band, Bars, Figure, Map, Panel, curve, histogram
from labctl.live import figure_source
from labctl.live.colours import shades, table_with
from labctl.live.figure_page import FigurePage
from labctl.live.figure_source import SHARE, FigureSource
from labctl.live.follow import Follower
from labctl.live.panel_card import PanelCard
from labctl.live.panel_marks import legend_text
from labctl.live.scale_axis import ScaleAxis, ends, placed
from labctl.live.theme import DARK, LIGHT
from labctl.live.window import LiveWindow
from labctl.report.scales import is_whole, scale_of
from protocols.write_verify import LevelWritten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labctl.live.theme import Theme
    from labctl.store import RunWriter


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time


@pytest.fixture
def folder(new_run: Callable[..., Path]) -> Path:
    return new_run(protocol="write-verify", asked={"protocol": "write-verify", "settings": {"levels": "50"}})


@pytest.fixture
def writer(folder: Path, open_writer: Callable[..., RunWriter]) -> RunWriter:
    return open_writer(folder, {"record": LevelWritten})


def add(writer: RunWriter, count: int) -> None:
    for _ in range(count):
        level = writer.steps
        conductance = 1e-6 * level
        writer.add(
            LevelWritten(
                row=0,
                column=0,
                level=level,
                target=conductance,
                conductance=conductance,
                estimate=conductance,
                error=0.1,
                sigma=0.1,
                written=True,
                bursts=2,
                pulses=3,
                reads=4,
                samples=64,
                pulse_time=1e-6,
                time=0.01 * level,
                boot=1,
                delivered=3 * level,
            )
        )
        writer.end_step(0.01 * (level + 1))


@pytest.fixture
def page(qapp: QApplication, folder: Path, writer: RunWriter) -> Iterator[FigurePage]:
    add(writer, 40)
    follower = Follower(folder, Clock().now)
    follower.poll()
    made = FigurePage(follower)
    made.apply(LIGHT)
    yield made
    made.source.close()
    follower.close()
    made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_the_figure_of_the_protocol_is_drawn(page: FigurePage) -> None:
    page.finish()
    figure = page.source.made.figure
    assert figure is not None
    assert [card.panel for card in page.cards] == list(figure.panels)
    assert "write-verify: 40 levels" in {shown.text()[:23] for shown in page.findChildren(QLabel)}
    page.apply(DARK)
    assert page.grab().toImage().width() > 100


def test_it_is_made_again_as_records_come(page: FigurePage, writer: RunWriter) -> None:
    page.finish()
    add(writer, 10)
    page._follower.poll()  # pyright: ignore[reportPrivateUsage]
    page.finish()
    assert page.source.made.records == 50


def test_looking_back_to_the_beginning_shows_no_figure(page: FigurePage) -> None:
    page.finish()
    table = page._follower.tables["record"]  # pyright: ignore[reportPrivateUsage]
    table.show_until(0)
    page.finish()
    assert not page.cards
    assert {"no figure yet", "no records yet"} <= {shown.text() for shown in page.findChildren(QLabel)}
    table.show_until(10)
    page.finish()
    assert page.source.made.records == 10
    assert len(page.cards) == 4


def test_it_is_said_of_how_many_records_a_figure_is_and_when_it_was_made(
    page: FigurePage, writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.finish()
    assert page.source.remark(40) == "of 40 records"
    clock = page._follower.now.__self__  # pyright: ignore[reportFunctionMemberAccess, reportPrivateUsage, reportUnknownMemberType]
    clock.time = 12.0
    assert page.source.remark(60) == "of 40 of 60 records, made 12.0 s ago"
    monkeypatch.setattr(figure_source, "MOST_RECORDS", 25)
    page.finish()
    assert page.source.made.records == 25
    assert page.source.remark(40) == "of the first 25 of 40 records; `labctl report` draws all"


def test_making_figures_takes_no_more_than_a_fifth_of_the_time(
    folder: Path, writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(writer, 3)
    clock = Clock()
    follower = Follower(folder, clock.now)
    follower.poll()
    source = FigureSource(folder, follower.manifest, clock.now)
    make = source._make  # pyright: ignore[reportPrivateUsage]

    def slow(count: int) -> figure_source.Made:
        clock.time += 2.0
        return make(count)

    monkeypatch.setattr(source, "_make", slow)
    source.ask(1)
    source.close()
    assert source.ask(2)
    busy_until = 2.0 / SHARE
    for clock.time, count in ((busy_until - 0.1, 1), (busy_until, 2)):
        source.ask(2)
        source.close()
        source.ask(2)
        assert source.made.records == count
    follower.close()


def test_the_last_figure_is_shown_though_no_record_comes_after_it(
    qapp: QApplication, folder: Path, writer: RunWriter
) -> None:
    add(writer, 12)
    clock = Clock()
    window = LiveWindow(Follower(folder, clock.now))
    window.show()
    window.refresh()
    window.pages.show_page("figure")
    figure = window.pages.figure
    assert figure is not None
    figure.source.close()
    window.refresh()
    assert len(figure.cards) == 4
    add(writer, 1)
    window.refresh()
    for clock.time in (100.0, 200.0):
        window.refresh()
        figure.source.close()
    window.refresh()
    assert figure.source.made.records == 13
    window.close()
    window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def test_a_protocol_that_is_not_here_has_no_page(new_run: Callable[..., Path]) -> None:
    folder = new_run(protocol="nobody-has-this")
    source = FigureSource(folder, {"protocol": "nobody-has-this"}, Clock().now)
    assert not source.can_draw
    assert "nobody-has-this" in source.made.remark


def test_a_protocol_that_fails_is_told_and_the_window_goes_on(
    page: FigurePage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> Figure:
        raise ZeroDivisionError("of\nits own")

    experiment = page.source._experiment  # pyright: ignore[reportPrivateUsage]
    assert experiment is not None
    broken = dataclasses.replace(experiment.protocol, figure=fail)
    monkeypatch.setattr(page.source, "_experiment", dataclasses.replace(experiment, protocol=broken))
    page.finish()
    assert page.source.made.figure is None
    assert "ZeroDivisionError: of its own" in page.source.made.remark


@pytest.fixture
def card(qapp: QApplication) -> Iterator[PanelCard]:
    made = PanelCard()
    made.apply(LIGHT)
    made.resize(500, 400)
    yield made
    made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


X = np.linspace(1e-6, 1e-3, 50)
PANELS = {
    "every curve": Panel(
        "curves",
        Axis("time", "s"),
        Axis("current", "A"),
        (
            curve(X, X**2, "line", error=X / 10),
            curve(X, 2 * X**2),
            curve(X, X, "points", "points"),
            curve(X, np.where(X < 1e-4, np.nan, X), "both", "line and points"),
            curve(X, X / 2, "limit", "dashed"),
            Band(X, X / 3, X, "between"),
        ),
    ),
    "many points": Panel("cloud", Axis("x"), Axis("y"), (curve(np.sin(np.arange(9e3)), np.arange(9e3), "", "points"),)),
    "log": Panel("log", Axis("time", "s", log=True), Axis("counts", log=True), (Bars(X, np.arange(49.0), "bars"),)),
    "map": Panel("map", Axis("column"), Axis("row"), (Map(np.array([[-1e-6, np.nan], [0, 2e-6]]), "g", "S", True),)),
    "empty": Panel("nothing", Axis("x"), Axis("y"), (histogram(np.empty(0)), curve([], []))),
    "none": Panel("nothing", Axis("x", log=True), Axis("y"), ()),
}


@pytest.mark.parametrize("name", PANELS)
def test_every_mark_is_drawn_light_and_dark(card: PanelCard, name: str) -> None:
    for theme in (LIGHT, DARK, LIGHT):
        card.apply(theme)
        card.show_panel(PANELS[name])
        picture = card.grab().toImage()
        ground = picture.pixel(2, picture.height() // 2)
        assert any(picture.pixel(x, y) != ground for x in range(100, 400, 3) for y in range(60, 300, 3))


@pytest.mark.parametrize("name", ["empty", "none"])
def test_a_panel_with_nothing_in_it_says_so(card: PanelCard, name: str) -> None:
    card.show_panel(PANELS[name])
    assert (card.plot.isHidden(), card.nothing.isHidden()) == (True, False)
    card.show_panel(PANELS["map"])
    assert (card.plot.isHidden(), card.nothing.isHidden()) == (False, True)


def test_kinds_of_cells_are_counted_in_the_legend(card: PanelCard) -> None:
    kinds = np.array([[0.0, 0.0, 2.0], [0.0, np.nan, 0.0]])
    card.show_panel(Panel("yield", Axis("column"), Axis("row"), (Map(kinds, "", names=("good", "open", "short")),)))
    shown = {each.text() for each in card.findChildren(QLabel) if not each.isHidden()}
    assert {"● good: 4", "● short: 1"} <= shown
    assert not any("open" in text for text in shown)
    assert card.bar.isHidden()


def test_a_part_of_an_array_stands_at_its_own_rows_and_columns(card: PanelCard) -> None:
    part = Map(np.ones((4, 8)), "conductance", "S", first=(20, 40))
    card.show_panel(Panel("map", Axis("column"), Axis("row"), (part,)))
    (left, right), (low, high) = card.plot.box.viewRange()
    assert (left + right, low + high) == pytest.approx((2 * 43.5, 2 * 21.5))
    assert left <= 39.5
    assert min(low, high) <= 19.5
    width, height = card.plot.box.viewPixelSize()
    assert width == pytest.approx(height, rel=0.02)
    card.show_panel(Panel("line", Axis("x"), Axis("y"), (curve(np.arange(3.0), np.arange(3.0) * 1000),)))
    (left, right), (low, high) = card.plot.box.viewRange()
    assert high - low > 500 * (right - left)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_what_is_not_known_looks_like_no_value(theme: Theme) -> None:
    for kind in ("picture", "signed", "number"):
        *values, none = table_with(kind, QColor(theme.line)).astype(int).tolist()
        assert min(sum(abs(a - b) for a, b in zip(none, value, strict=True)) for value in values) > 30


def _is_grey(pixel: int) -> bool:
    return QColor(pixel).saturation() < 8


def test_a_picture_goes_from_black_to_white(card: PanelCard) -> None:
    card.show_panel(
        Panel("", Axis("x"), Axis("y"), (Map(np.array([[0.2, 0.7], [0.4, np.nan]]), "grey", picture=True),))
    )
    picture = card.plot.grab().toImage()
    places = [(x, y) for x in range(0, picture.width(), 5) for y in range(0, picture.height(), 5)]
    colours = {QColor(picture.pixel(*place)).lightness() for place in places if _is_grey(picture.pixel(*place))}
    assert all(any(abs(found - 255 * grey) < 4 for found in colours) for grey in (0.2, 0.4, 0.7))
    assert shades("picture")[[0, -1]].tolist() == [[0] * 3, [255] * 3]


def test_axes_have_the_prefixes_of_the_report(card: PanelCard) -> None:
    card.show_panel(PANELS["every curve"])
    below, beside = card.plot.axes
    assert ">time (ms)" in below.labelString()
    assert ">current (mA)" in beside.labelString()


def test_kinds_have_their_names_at_the_axis(qapp: QApplication) -> None:
    axis = ScaleAxis("bottom")
    names = ("good", "open")
    axis.resize(400, 40)
    axis.take(scale_of(Axis("", names=names), [curve([0, 1], [3, 4])], "x"), LIGHT, names)
    ((_, places),) = axis.tickValues(-0.5, 1.5, 200)
    assert axis.tickStrings(places, 1.0, 1.0) == ["good", "open"]


def test_a_logarithmic_axis_has_decades(qapp: QApplication) -> None:
    axis = ScaleAxis("left")
    scale = scale_of(Axis("time", "s", log=True), (curve(X, X),), "x")
    axis.take(scale, LIGHT)
    ((_, places),) = axis.tickValues(*ends(scale), 300.0)
    assert axis.tickStrings(places, 1.0, 1.0) == ["1 µs", "10 µs", "100 µs", "1 ms"]
    assert np.isnan(placed(scale, np.array([0.0, 1.0]))).tolist() == [True, False]


def test_a_short_logarithmic_axis_has_ticks(qapp: QApplication) -> None:
    axis = ScaleAxis("left")
    scale = scale_of(Axis("current", "A", log=True), (curve([0, 1], [22.1e-9, 23.4e-9]),), "y")
    axis.take(scale, LIGHT)
    ((_, places),) = axis.tickValues(*ends(scale), 300.0)
    assert len(places) >= 3
    assert axis.tickStrings(places, 1.0, 1.0)[:2] == ["22.2 nA", "22.4 nA"]


def test_what_is_counted_has_no_fractions_at_its_axis(qapp: QApplication) -> None:
    axis, marks = ScaleAxis("left"), (Bars(np.arange(3.0), np.array([1.0, 2.0]), "cells"),)
    axis.take(scale_of(Axis("cells"), marks, "y"), LIGHT, whole=is_whole(marks, "y"))
    for _, places in axis.tickValues(0.0, 2.1, 300.0):
        assert list(places) == [round(place) for place in places]


def test_names_that_are_too_wide_stand_in_several_lines(qapp: QApplication) -> None:
    axis, names = ScaleAxis("bottom"), ("converter noise", "amplifier noise", "programming")
    scale = scale_of(Axis("", names=names), [curve([0, 2], [3, 4])], "x")
    for width, lines in ((600, 1), (240, 2)):
        axis.resize(width, 60)
        axis.take(scale, LIGHT, names)
        shown = axis.tickStrings([0.0, 1.0, 2.0], 1.0, 1.0)
        assert max(text.count("\n") for text in shown) + 1 == lines
        assert [" ".join(text.split()) for text in shown] == list(names)


def test_the_legend_says_what_it_leaves_out() -> None:
    assert legend_text([("", str(place)) for place in range(7)], 5)[-1] == ("", "and 3 more")


def test_parts_that_do_not_fit_are_refused(card: PanelCard) -> None:
    with pytest.raises(ValueError, match="make no picture"):
        card.show_panel(Panel("", Axis("x"), Axis("y"), (curve([1.0, 2.0], [1.0]),)))


def test_a_panel_that_is_drawn_again_and_again_keeps_no_memory(card: PanelCard) -> None:
    def redraw(times: int) -> None:
        for turn in range(times):
            card.show_panel(PANELS[("every curve", "map", "log")[turn % 3]])
            card.grab()
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    redraw(60)
    gc.collect()
    nones, objects = sys.getrefcount(None), len(gc.get_objects())
    redraw(150)
    gc.collect()
    assert sys.getrefcount(None) > nones - 50
    assert len(gc.get_objects()) - objects < 500
