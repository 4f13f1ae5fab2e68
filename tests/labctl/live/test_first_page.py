"""The page that a window begins at, and keeps when it goes on to the next run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.backend import BackendOptions, WallClock
from labctl.engine import Watcher, run
from labctl.live.follow import Follower
from labctl.live.newest import Newest
from labctl.live.window import LiveWindow
from labctl.plan import RunRequest

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication


def test_a_window_begins_at_a_page_and_keeps_it(tmp_path: Path, qapp: QApplication) -> None:
    request = RunRequest("write-verify", {"levels": "2"}, options=BackendOptions(seed=1), data=tmp_path)
    folders = [run(request, Watcher()).folder for _ in range(2)]
    window = LiveWindow(Follower(folders[0], WallClock().now))
    window.show()
    window.start()
    assert window.pages.shown == "traces"
    window.begin_at("no such page")
    assert window.pages.shown == "traces"
    window.begin_at("figure")
    assert window.pages.shown == "figure"
    newest = Newest(tmp_path, window)
    newest.look()
    try:
        assert newest.window.folder == folders[1]
        assert newest.window.pages.shown == "figure"
    finally:
        newest.window.close()
        newest.window.deleteLater()
        newest.deleteLater()
