"""Opening the live window of a run, or making a picture of it. Qt is loaded here, when it is asked for."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from labctl.backend import WallClock
from labctl.live.follow import Follower
from labctl.live.qt import application, require_display, require_qt
from labctl.stop_requests import heard

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

PICTURE = (1200, 800)
"""Width and height of a picture in pixels."""
_LATER = 5
"""Steps of priority that a window stands behind a run: of a core that both want it gets a quarter, and hears a stop."""


def show(folder: Path, newest_in: Path | None = None, page: str = "") -> int:
    """Follow a run folder in a window until the window is closed; takes the process it is called in.

    Ctrl-C closes the window, too, and so do a polite kill and a closed terminal. The run is only read.

    Args:
        folder: the run folder; the run may be starting, running or over.
        newest_in: where runs are kept, if a newer one is to be shown once this one is over.
        page: the name of the page that is seen first, if there is such a one.

    Returns:
        The exit code of the process.

    Raises:
        StoreError: if `folder` is not a run folder.
        InputError: if there is no Qt or no display; says what to install or to do.
    """
    follower = Follower(folder, WallClock().now)
    require_qt()
    require_display()
    app = application()
    from labctl.live.newest import Newest
    from labctl.live.window import LiveWindow

    window = LiveWindow(follower)
    newest = None if newest_in is None else Newest(newest_in, window)

    def close(signal_number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        (newest.window if newest else window).close()

    # Qt's loop is C: Python sees the signal at the window's next look at the run.
    former = {number: signal.signal(number, close) for number in heard()}
    try:
        window.show()
        window.start()
        window.begin_at(page)
        give_way()
        return app.exec()
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def give_way() -> None:
    """Let the run go first where the computer has not time for both, once the window is there."""
    if sys.platform != "win32":
        os.nice(_LATER)


def screenshot(folder: Path, file: Path) -> None:
    """Write a PNG, 1200 x 800 pixels, of the live window of a run as it stands; needs no display.

    Args:
        folder: the run folder.
        file: the picture; an existing one is overwritten.

    Raises:
        StoreError: if `folder` is not a run folder, or cannot be read.
        InputError: if there is no Qt or no font, or `file` cannot be written.
    """
    follower = Follower(folder, WallClock().now)
    require_qt()
    _kept_alive = application("offscreen")
    from labctl.live.picture import save_picture
    from labctl.live.window import LiveWindow

    window = LiveWindow(follower)
    try:
        window.refresh()
        while follower.is_behind:
            window.refresh()
        if follower.failure:
            raise follower.failure
        save_picture(window, PICTURE, file)
    finally:
        window.close()
