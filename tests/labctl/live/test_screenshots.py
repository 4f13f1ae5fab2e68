from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QColor, QImage

from labctl.live.app import PICTURE
from labctl.live.screenshots import main
from labctl.live.theme import DARK, LIGHT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from labctl.store import RunWriter


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


def test_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nobody", "--data", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
