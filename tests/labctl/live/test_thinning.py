from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.live import thinning
from labctl.live.cell_history import CellHistory
from labctl.live.cell_maps import CellMaps, Quantity
from labctl.live.course import Course
from labctl.live.follow import Follower, Table
from labctl.live.growing import GrowingColumn
from labctl.live.histogram_counts import counts
from labctl.live.ranges import Span
from labctl.live.window import LiveWindow
from labctl.records import Column

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from PySide6.QtWidgets import QApplication

    from labctl.store import RunWriter

COLUMNS = (Column("row", "int", ""), Column("column", "int", ""), Column("error", "float", "levels"))
TOLERANCE = 0.35


def add(table: Table, first: int, cells: NDArray[np.float64], errors: NDArray[np.float64]) -> None:
    """Add records from `first` on, of cells in a line of 64, and let the table be thinned."""
    ids = np.arange(first + 1, first + errors.size + 1, dtype=np.float64)
    table.course.extend([(int(one), 0.01 * one) for one in ids])
    values = {"row": cells // 64, "column": cells % 64, "error": errors}
    table.ids.extend(ids)
    table.step.extend(ids)
    for name, column in values.items():
        table.numbers[name].extend(column)
    table.thin(["error"], "error", TOLERANCE)


def new_table() -> Table:
    return Table(COLUMNS, numbers={column.name: GrowingColumn() for column in COLUMNS})


def known_bars(table: Table, span: Span) -> NDArray[np.intp]:
    return counts(table.numbers["error"].values, span) + table.dropped.errors.bars(span)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 400), min_size=1, max_size=12),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.1, 1.0]),
)
def test_what_is_stated_is_exact_however_often_records_are_left_out(
    sizes: list[int], cells: int, seed: int, gaps: float
) -> None:
    random = np.random.default_rng(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinning, "MOST", 200)
        maps = CellMaps(table := new_table())
        which = random.integers(0, cells, sum(sizes)).astype(np.float64)
        errors = np.where(random.random(which.size) < gaps, np.nan, random.normal(0.0, 0.3, which.size))
        for size, end in zip(sizes, itertools.accumulate(sizes), strict=True):
            add(table, end - size, which[end - size : end], errors[end - size : end])
            maps.refresh()
    ids = table.ids.values.astype(int)
    assert table.count == errors.size
    assert (ids[0], ids[-1]) == (1, errors.size)
    assert np.array_equal(table.numbers["error"].values, errors[ids - 1], equal_nan=True)
    assert np.allclose(table.times, 0.01 * ids)
    tallied, kept = table.dropped.errors, table.numbers["error"].values
    assert tallied.known + np.count_nonzero(~np.isnan(kept)) == np.count_nonzero(~np.isnan(errors))
    assert tallied.inside + np.count_nonzero(np.abs(kept) <= TOLERANCE) == np.count_nonzero(np.abs(errors) <= TOLERANCE)
    for end in (0.3, 0.75, 1.0, 2.0):
        assert np.array_equal(known_bars(table, Span(-end, end)), counts(errors, Span(-end, end)))
    assert table.dropped.ones.get("row", 0) + np.count_nonzero(table.numbers["row"].values == 1) == np.count_nonzero(
        which // 64 == 1
    )
    history = CellHistory(table)
    history.choose([(0, int(cell)) for cell in np.unique(which)])
    history.refresh()
    newest = maps.values(Quantity("error", "levels"))
    for cell in np.unique(which).astype(int):
        own = np.flatnonzero(which == cell)
        assert history.count((0, cell)) == own.size
        assert history.indices((0, cell))[-1] == maps.newest[0, cell] == np.searchsorted(ids, own[-1] + 1)
        assert np.array_equal(newest[0, cell], errors[own[-1]], equal_nan=True)


def test_a_million_records_take_a_bounded_room_and_keep_their_spikes() -> None:
    table, random = new_table(), np.random.default_rng(8)
    spikes = {77: 9.0, 500_001: -8.0, 999_000: 7.0}
    largest = 0
    for first in range(0, 1_000_000, 20_000):
        place = np.arange(first, first + 20_000)
        errors = random.normal(0.0, 0.1, place.size)
        for at, size in spikes.items():
            if at in place:
                errors[at - first] = size
        add(table, first, (place % 4096).astype(np.float64), errors)
        largest = max(largest, table.ids.everything.size)
    assert table.count == 1_000_000
    assert largest <= thinning.MOST
    rooms = [table.step, table.ids, *table.numbers.values(), table.thinning.turns.column]
    # A room grows by doubling.
    assert sum(room.values.base.nbytes for room in rooms if room.values.base is not None) <= 6 * 8 * 2 * thinning.MOST
    kept = dict(zip(table.ids.values.astype(int).tolist(), table.numbers["error"].values.tolist(), strict=True))
    assert {at: kept[at + 1] for at in spikes} == spikes
    assert str(table.thinning) in table.note
    # Every n-th record of each cell, so that a stretch of steps is as full as another.
    even = table.ids.values[table.even]
    many, _ = np.histogram(even, bins=50, range=(0.5, 1_000_000.5))
    assert many.min() > 0.95 * many.max() > 0
    assert even.size == pytest.approx(1_000_000 / table.thinning.stride, rel=0.01)
    table.show_until(500_000)
    assert table.step.values[-1] <= 500_000


def test_without_cells_every_nth_record_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "MOST", 100)
    table = Table((Column("error", "float", "levels"),), numbers={"error": GrowingColumn()})
    for place in range(1000):
        table.ids.extend([place + 1])
        table.step.extend([place + 1])
        table.numbers["error"].extend([float(place)])
        table.thin([], "", None)
    stride = table.thinning.stride
    assert table.ids.values[table.even].tolist() == list(range(1, 1001, stride))
    assert table.count == 1000


def test_the_ends_of_very_many_steps_lie_on_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labctl.live.course._MOST", 10)
    course = Course()
    for step in range(1, 101):
        course.extend([(step, 0.5 * step)])
    assert course.last == 100
    assert course.times_of(np.arange(1.0, 101.0)).tolist() == [0.5 * step for step in range(1, 101)]
    assert np.isnan(course.times_of(np.array([101.0]))).all()
    assert course.time_at(100) == 50.0


def test_a_window_says_what_it_draws_and_copies(
    qapp: QApplication,
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thinning, "MOST", 100)
    monkeypatch.setattr("labctl.live.follow._AT_ONCE", 30)
    folder = new_run(parameters={"tolerance": TOLERANCE})
    errors = np.random.default_rng(3).normal(0.0, 0.3, 500)
    add_levels(open_writer(folder), errors.tolist())
    window = LiveWindow(follower := Follower(folder, lambda: 0.0))
    window.refresh()
    window.body.traces[1].view.point_at(0)
    while follower.is_behind:
        window.refresh()
    window.body.refresh()
    table, card = follower.tables["record"], window.body.traces[1]
    assert card.view.record == 0
    said = card.findChildren(type(card.readout))
    inside = np.count_nonzero(np.abs(errors) <= TOLERANCE)
    beyond = np.count_nonzero(np.abs(errors) > card.view.span.high)
    share = f"{inside} of 500 within ±0.35 levels" + (f", {beyond} beyond the axis" if beyond else "")
    assert f"{share}; {table.thinning} of 500 records, extremes kept" in [label.text() for label in said]
    bars = window.body.histograms[0].csv().splitlines()[1:]
    assert sum(int(line.split(",")[2]) for line in bars) == 500 - beyond
    for text in (window.body.csv(), card.csv()):
        assert text.startswith(f"# {table.thinning} of 500 records")
    follower.look_back(333)
    window.body.refresh()
    assert table.shown[0] == 332
    assert table.count == 333
    assert card.csv().startswith(f"# {table.thinning} of 333 records")
    window.close()
