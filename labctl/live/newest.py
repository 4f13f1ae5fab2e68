"""Going on to the next run: a window that was opened without naming a run shows the newest there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from labctl.errors import StoreError
from labctl.live.follow import Follower
from labctl.live.window import LiveWindow
from labctl.run_reader import run_folders

if TYPE_CHECKING:
    from pathlib import Path

_LOOK = 1000
"""Time in ms from one look at the runs to the next."""


class Newest(QObject):
    """Opens a window on the newest run as soon as the one that is shown is over.

    Args:
        data: where runs are kept.
        window: of the run that is shown first.
    """

    def __init__(self, data: Path, window: LiveWindow) -> None:
        super().__init__()
        self._data = data
        self.window = window
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(_LOOK)

    def look(self) -> None:
        """Look once; a run that goes on is not left, nor one that somebody goes back over."""
        former = self.window
        if former.isHidden():
            self._timer.stop()  # it was closed
            return
        if not former.has_ended() or former.replay.is_back:
            return
        folders = run_folders(self._data)
        if not folders or folders[-1].absolute() == former.folder:
            return
        try:
            follower = Follower(folders[-1], former.now)
        except StoreError:
            return  # its folder is just being made
        self.window = LiveWindow(follower)
        self.window.setGeometry(former.geometry())
        self.window.show()
        self.window.start()
        self.window.begin_at(former.pages.shown)
        former.close()
        former.deleteLater()
