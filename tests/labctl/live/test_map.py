from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from labctl.live.cell_history import MOST_CELLS
from labctl.live.cell_maps import CellMaps, Quantity, colour_span, quantities, statistics
from labctl.live.colours import SHADES, places
from labctl.live.follow import Follower
from labctl.live.ranges import Span
from labctl.live.window import LiveWindow
from labctl.records import Column
from labctl.units import Levels, Seconds, Siemens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from labctl.live.map_page import MapPage
    from labctl.store import RunWriter

G_MAX = 5.9e-3
NUMBER = Quantity("conductance", "S")


@dataclass(frozen=True, slots=True)
class Cell:
    row: int
    column: int
    target: Siemens
    conductance: Siemens
    error: Levels
    written: bool
    time: Seconds


@pytest.fixture
def folder(new_run: Callable[..., Path]) -> Path:
    die = {"rows": 8, "columns": 6}
    return new_run(parameters={"tolerance": 0.5}, bench={"die": die, "twin": {"g_max": G_MAX}})


@pytest.fixture
def writer(folder: Path, open_writer: Callable[..., RunWriter]) -> RunWriter:
    """Of a run that has gone once over 8 x 6 cells, each 1 mS times row + column / 10, the odd columns not written."""
    made = open_writer(folder, {"record": Cell})
    for row in range(8):
        for column in range(6):
            add(made, row, column, 1e-3 * (row + column / 10), column % 2 == 0)
    return made


def add(writer: RunWriter, row: int, column: int, conductance: float, written: bool = True) -> None:
    time = 0.01 * (writer.steps + 1)
    writer.add(Cell(row, column, 2e-3, conductance, 0.1 * (row - 4), written, time))
    writer.end_step(time)


@pytest.fixture
def window(qapp: QApplication, folder: Path, writer: RunWriter) -> Iterator[LiveWindow]:
    made = LiveWindow(Follower(folder, lambda: 0.0))
    made.refresh()
    made.show()
    made.pages.show_page("map")
    qapp.processEvents()
    yield made
    made.close()
    made.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture
def page(window: LiveWindow) -> MapPage:
    found = window.pages.map
    assert found is not None
    return found


def at(page: MapPage, row: int, column: int) -> QPoint:
    """Return where a cell is on the map's viewport."""
    return page.view.mapFromScene(page.view.box.mapViewToScene(QPointF(column, row)))


def texts(page: MapPage) -> set[str]:
    return {shown.text() for shown in page.findChildren(QLabel) if not shown.isHidden()}


def test_each_cell_shows_its_newest_value(window: LiveWindow, page: MapPage, writer: RunWriter) -> None:
    values = page.maps.values(NUMBER)
    assert values.shape == (8, 6)
    assert values[3, 4] == pytest.approx(3.4e-3)
    add(writer, 3, 4, 9e-3)
    add(writer, 3, 4, 5e-3)
    window.refresh()
    assert page.maps.values(NUMBER)[3, 4] == 5e-3
    image = page.view.image.image
    assert image is not None
    assert image[3, 4] == 5e-3 / 7.5e-3 * SHADES // 1
    assert page.cells.history.cells == ((3, 4),)


def test_what_can_be_mapped_has_its_unit_and_the_wanted_comes_first(page: MapPage) -> None:
    names = [(quantity.name, quantity.unit) for quantity in page.quantities]
    assert names[:4] == [("conductance", "S"), ("error", "levels"), ("written", ""), ("touched", "")]
    assert ("row", "") not in names
    page.choice.setCurrentIndex(1)
    assert page.bar.getPlotItem().getAxis("left").labelString().count("error (levels)") == 1


def test_yield_is_counted(page: MapPage) -> None:
    page.choice.setCurrentIndex(2)
    assert {"48 of 48", "50.00 %"} <= texts(page)


def test_a_click_shows_the_history_of_a_cell(window: LiveWindow, page: MapPage, writer: RunWriter) -> None:
    add(writer, 2, 3, 4e-3)
    add(writer, 5, 5, 1e-3)
    window.refresh()
    QTest.mouseClick(page.view.viewport(), Qt.MouseButton.LeftButton, pos=at(page, 2, 3))
    assert page.cells.history.cells == ((2, 3),)
    x, y = page.cells.view.curves[0].getData()
    assert x is not None
    assert y is not None
    assert x.tolist() == [16.0, 49.0]
    assert y.tolist() == pytest.approx([2.3e-3, 4e-3])
    assert "cell (2, 3), 2 records" in texts(page)
    assert "row 2, column 3: 4 mS" in texts(page)
    page.cells.against.click()
    x = page.cells.view.curves[0].getData()[0]
    assert x is not None
    assert x.tolist() == pytest.approx([0.16, 0.49])
    page.cells.in_levels.click()
    y = page.cells.view.curves[0].getData()[1]
    assert y is not None
    assert y[1] == pytest.approx((4e-3 - 200e-9) / ((G_MAX - 200e-9) / 16519))
    below, above = (line.getData()[1] for line in page.cells.view.tolerance)
    assert below is not None
    assert above is not None
    assert above - below == pytest.approx([1.0, 1.0])


def test_a_drag_chooses_a_region_and_sums_it_up(page: MapPage) -> None:
    view = page.view.viewport()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=at(page, 1, 1))
    for place in ((2, 2), (3, 3), (4, 3)):
        QTest.mouseMove(view, at(page, *place))
        QApplication.processEvents()
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(page, 4, 3))
    assert page.region == (1, 1, 4, 3)
    assert len(page.cells.history.cells) == 12
    assert len(page.cells.view.curves) == 12
    assert {"12 of 12", "2.7 mS"} <= texts(page)


def test_keys_go_from_cell_to_cell(page: MapPage) -> None:
    page.view.picked.emit(0, 0, False)
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Up):
        QTest.keyClick(page.view, key)
    assert page.view.cell == (0, 1)
    assert page.cells.history.cells == ((0, 1),)
    QTest.keyClick(page.view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert page.cells.history.cells == ((0, 1), (0, 2))


def test_hovering_says_row_column_and_value(page: MapPage) -> None:
    page.view.hovered.emit((7, 5))
    assert "row 7, column 5: 7.5 mS" in texts(page)
    page.view.hovered.emit(None)
    assert "row 7, column 5: 7.5 mS" not in texts(page)


def test_no_more_cells_than_can_be_told_apart(page: MapPage) -> None:
    page.cells.choose([(row, column) for row in range(20) for column in range(20)])
    assert len(page.cells.history.cells) == MOST_CELLS


def test_without_row_and_column_there_is_no_map() -> None:
    assert quantities((Column("row", "int", ""), Column("conductance", "float", "S"))) == ()


def test_off_target_stands_in_for_an_error() -> None:
    columns = [Column(name, "int", "") for name in ("row", "column")]
    columns += [Column(name, "float", "S") for name in ("conductance", "target")]
    assert quantities(columns)[-1] == Quantity("off target", "S", "signed")


def test_a_foreign_row_makes_no_giant_map(
    folder: Path, open_writer: Callable[..., RunWriter], window: LiveWindow, page: MapPage, writer: RunWriter
) -> None:
    add(writer, 2**40, 1, 1e-3)
    add(writer, -1, 1, 1e-3)
    window.refresh()
    assert page.maps.newest.shape == (8, 6)


def test_colours_of_an_error_are_even_about_zero() -> None:
    assert colour_span(np.array([[-0.2, np.nan], [0.5, 0.1]]), Quantity("error", "levels", "signed")) == Span(-0.5, 0.5)
    assert places(np.array([0.0, 1.0, np.nan]), Span(0.0, 1.0)).tolist() == [0, SHADES - 1, SHADES]


def test_statistics_leave_out_what_is_unknown() -> None:
    found = statistics(np.array([[1.0, 3.0], [np.nan, 5.0]]))
    assert (found.cells, found.known, found.mean, found.deviation) == (4, 3, 3.0, 2.0)
    assert statistics(np.array([np.nan])).known == 0


def test_maps_begin_again_when_looked_back_into(page: MapPage) -> None:
    table = page.maps._table  # pyright: ignore[reportPrivateUsage]
    table.show_until(10)
    fresh = CellMaps(table, 8, 6)
    for maps in (page.maps, fresh):
        maps.refresh()
        assert np.count_nonzero(maps.newest >= 0) == 10
    table.show_until(None)
    page.maps.refresh()
    assert np.count_nonzero(page.maps.newest >= 0) == 48


def test_the_colour_bar_keeps_its_range_when_its_colours_change(window: LiveWindow, page: MapPage) -> None:
    for _ in range(2):
        axis = page.bar.getPlotItem().getAxis("left")
        assert axis.range == pytest.approx([0.0, 7.5e-3])
        assert ">conductance (mS)" in axis.labelString()
        window.turn_theme()


def test_the_map_can_show_the_touched_cells_only(page: MapPage, window: LiveWindow, writer: RunWriter) -> None:
    page.maps._table.show_until(8)  # pyright: ignore[reportPrivateUsage]
    page.redraw()
    assert page.view.box.viewRange()[1][1] > 7
    page.touched_only.click()
    (left, right), (top, bottom) = page.view.box.viewRange()  # cells stay square: one way there is room to spare
    assert (left, right) == pytest.approx((-0.5, 5.5), abs=0.1)
    assert top + bottom == pytest.approx(1.0)
    page.touched_only.click()
    assert page.view.box.viewRange()[1][1] > 7
