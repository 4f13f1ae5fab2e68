"""Pause, continue, stop, stop now: the only things that the window asks of a run, in the words of the commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from labctl.errors import StoreError
from labctl.live.labels import label, set_text
from labctl.live.status import one_line
from labctl.locks import holder_of
from labctl.run_lock import is_alive, run_lock_name
from labctl.steering import Wish, steer

if TYPE_CHECKING:
    from labctl.live.follow import Follower

_LOOK = 0.5
"""Time in s from one look at the run's lock to the next."""
_SAID = {
    Wish.PAUSE: "asked to pause at the end of its step",
    Wish.GO_ON: "asked to go on",
    Wish.STOP: "asked to stop at the end of its step",
    Wish.STOP_NOW: "asked to stop now",
}
_BUTTONS = (
    (Wish.PAUSE, "pause", "P", "at the end of the step; the bench is made safe (P)"),
    (Wish.GO_ON, "continue", "C", "go on with a paused run (C)"),
    (Wish.STOP, "stop after step", "Shift+S", "save and make safe at the end of the step (Shift+S)"),
    (Wish.STOP_NOW, "stop now", "Shift+Esc", "make safe at once; the step under way is lost (Shift+Esc)"),
)


class Controls(QWidget):
    """Buttons for `follower`'s run; they are dead while no process works on it."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower
        self._looked = -_LOOK
        self._hears = False
        self._note = label("", "quiet")
        self._asked: Wish | None = None
        self.buttons: dict[Wish, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 10)
        row.setSpacing(6)
        row.addWidget(self._note)
        for wish, text, key, hint in _BUTTONS:
            button = QPushButton(text)
            button.setToolTip(hint)
            button.setEnabled(False)
            button.clicked.connect(lambda _=False, wish=wish: self.ask(wish))
            QShortcut(QKeySequence(key), self).activated.connect(button.click)
            row.addWidget(button)
            self.buttons[wish] = button

    def refresh(self) -> None:
        """Let those buttons be pressed that mean something to the run as it stands."""
        now = self._follower.now()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        state = self._follower.state.state
        self._hears = _hears(self._follower) and state in ("starting", "running", "paused")
        self.buttons[Wish.PAUSE].setEnabled(self._hears and state != "paused")
        self.buttons[Wish.GO_ON].setEnabled(self._hears and (state == "paused" or self._asked is Wish.PAUSE))
        self.buttons[Wish.STOP].setEnabled(self._hears)
        self.buttons[Wish.STOP_NOW].setEnabled(self._hears)
        if (self._asked is Wish.PAUSE and state == "paused") or (self._asked is Wish.GO_ON and state == "running"):
            self._asked = None
            set_text(self._note, "")

    def ask(self, wish: Wish) -> None:
        """Ask the run for something, as `labctl pause`, `continue`, `stop` and `stop --now` do."""
        if not _hears(self._follower):
            set_text(self._note, "no process works on this run")
            return
        try:
            steer(self._follower.folder, wish)
        except StoreError as error:
            set_text(self._note, one_line(str(error)))
            return
        self._asked = wish
        set_text(self._note, _SAID[wish])
        self._looked = -_LOOK
        self.refresh()


def _hears(follower: Follower) -> bool:
    """Return whether a process works on the run in this very folder, and not in one that was renamed or copied."""
    if not is_alive(follower.folder):
        return False
    holder = holder_of(run_lock_name(follower.folder))
    return holder is None or holder.run == follower.folder.name
