from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QFontMetrics, QImage

from labctl.errors import InputError, StoreError
from labctl.live.app import PICTURE, screenshot, show
from labctl.store import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from labctl.store import RunWriter

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def finished(
    new_run: Callable[..., Path],
    open_writer: Callable[..., RunWriter],
    add_levels: Callable[[RunWriter, list[float]], None],
) -> Path:
    folder = new_run(protocol="write-verify", steps=300, parameters={"tolerance": 0.5}, backend={"name": "twin"})
    writer = open_writer(folder)
    writer.set_state(NOW, "running")
    add_levels(writer, [0.4 - 0.8 * (step % 17) / 17 for step in range(300)])
    writer.set_state(NOW, "finished", {"passed": True, "summary": {"levels": 300}})
    writer.close()
    return folder


def colours(picture: QImage) -> set[int]:
    return {picture.pixel(x, y) for x in range(0, picture.width(), 2) for y in range(0, picture.height(), 2)}


@pytest.mark.usefixtures("qapp")
def test_a_screenshot_is_a_picture_of_many_colours(finished: Path, tmp_path: Path) -> None:
    file = tmp_path / "live.png"
    screenshot(finished, file)
    picture = QImage(str(file))
    assert (picture.width(), picture.height()) == PICTURE
    assert file.read_bytes().startswith(b"\x89PNG")
    assert len(colours(picture)) > 100


@pytest.mark.usefixtures("qapp")
def test_a_screenshot_of_a_run_that_is_starting(new_run: Callable[..., Path], tmp_path: Path) -> None:
    file = tmp_path / "live.png"
    screenshot(new_run(), file)
    assert len(colours(QImage(str(file)))) > 10


def test_a_screenshot_needs_no_display_and_no_application(finished: Path, tmp_path: Path) -> None:
    file = tmp_path / "live.png"
    program = (
        "import sys, pathlib; from labctl.live.app import screenshot; screenshot(*map(pathlib.Path, sys.argv[1:]))"
    )
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(finished), str(file)],
        capture_output=True,
        text=True,
        env=clean if sys.platform.startswith("linux") else None,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert file.stat().st_size > 10_000


@pytest.mark.usefixtures("qapp")
def test_a_screenshot_that_cannot_be_written_is_told(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write the picture"):
        screenshot(finished, tmp_path / "no such folder" / "live.png")


@pytest.mark.usefixtures("qapp")
def test_a_store_that_is_none_is_told(new_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = new_run()
    (folder / DATABASE).write_bytes(b"not a database" * 500)
    with pytest.raises(StoreError, match="cannot read"):
        screenshot(folder, tmp_path / "live.png")


@pytest.mark.usefixtures("qapp")
def test_without_a_font_there_is_no_picture(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(metrics: QFontMetrics, character: str) -> bool:
        return False

    monkeypatch.setattr(QFontMetrics, "inFont", never)
    with pytest.raises(InputError, match="fonts-dejavu-core"):
        screenshot(finished, tmp_path / "live.png")


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.skipif(sys.platform == "win32", reason="it kills"))],
)
def test_a_signal_closes_the_window_and_nothing_else(
    qapp: QApplication, finished: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr(os, "nice", given.append, raising=False)
    before = (finished / DATABASE).read_bytes()
    handler = signal.getsignal(number)
    shown: list[int] = []

    def interrupt() -> None:
        shown.extend(window.width() for window in qapp.topLevelWidgets() if window.isVisible())
        signal.raise_signal(number)

    QTimer.singleShot(50, interrupt)
    assert show(finished) == 0
    assert shown == [PICTURE[0]]
    assert signal.getsignal(number) is handler
    assert (finished / DATABASE).read_bytes() == before
    assert given == ([] if sys.platform == "win32" else [5]), "the run goes first where both want the processor"
