from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QColor, QImage

from labctl.live import follow
from labctl.live.app import PICTURE
from labctl.live.screenshots import Camera, View, main
from labctl.live.theme import DARK, LIGHT
from labctl.units import Siemens

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labctl.store import RunWriter

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.mark.usefixtures("qapp")
def test_every_page_is_pictured_light_and_dark(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = new_run(instruments={"smu": {"model": "2450"}})
    add_levels(open_writer(folder), [0.1, 0.2])
    assert main([str(folder), "--out", str(tmp_path / "new")]) == 0
    names = ["traces-light", "bench-light", "traces-dark", "bench-dark"]
    assert capsys.readouterr().out.split() == [str(tmp_path / "new" / f"{name}.png") for name in names]
    for name in names:
        picture = QImage(str(tmp_path / "new" / f"{name}.png"))
        assert (picture.width(), picture.height()) == PICTURE
        assert picture.pixelColor(3, 3) == QColor((DARK if "dark" in name else LIGHT).ground)


@dataclass(frozen=True, slots=True)
class CellRead:
    row: int
    column: int
    conductance: Siemens


@pytest.mark.usefixtures("qapp")
def test_cell_histories_and_looking_back_are_views_too(
    new_run: Callable[..., Path], open_writer: Callable[..., RunWriter], tmp_path: Path
) -> None:
    folder = new_run(bench={"die": {"rows": 4, "columns": 4}})
    writer = open_writer(folder, {"record": CellRead})
    for step in range(8):
        writer.add(CellRead(step // 4, step % 4, 1e-6 * step))
        writer.end_step(0.01 * (step + 1))
    writer.set_state(START, "finished", {"passed": True})
    with closing(Camera(folder)) as camera:
        views = camera.views()
        assert list(views) == ["traces", "map", "cells", "replay"]
        assert views["cells"].cells == ((0, 0), (0, 2), (1, 0))
        camera.take(views["cells"], tmp_path / "cells.png")
        pages = camera.window.pages
        assert pages.map is not None
        assert pages.map.cells.history.cells == views["cells"].cells
        camera.take(views["replay"], tmp_path / "replay.png", dark=True)
        assert camera.window.theme is DARK
        assert camera.window.replay.slider.value() == 4
        assert pages.map.maps.known()[-1] == (1, 3)


@pytest.mark.usefixtures("qapp")
def test_all_records_are_in_the_picture(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(follow, "_AT_ONCE", 10)
    folder = new_run()
    add_levels(open_writer(folder), [0.1] * 35)
    with closing(Camera(folder)) as camera:
        drawn, _ = camera.window.body.traces[0].view.lines[0].curve.getData()
        assert drawn is not None
        assert drawn.size == 35


@pytest.mark.usefixtures("qapp")
def test_everything_in_a_picture_has_its_place(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
    tmp_path: Path,
) -> None:
    folder = new_run(instruments={"smu": {"model": "2450"}})
    add_levels(open_writer(folder), [0.1, 0.2])
    with closing(Camera(folder)) as camera:
        camera.take(View("traces"), tmp_path / "traces.png")
        controls, pages = camera.window.controls, camera.window.pages
        place = controls.geometry()
        assert place.bottom() <= pages.body.mapTo(pages, pages.body.rect().topLeft()).y()
        assert place.right() <= pages.width()
        assert not camera.window.isVisible()


def test_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nobody", "--data", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
