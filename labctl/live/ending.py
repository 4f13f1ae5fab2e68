"""The foot of the window: the summary of a run that has ended, why it ended, or why it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.live.cards import Card
from labctl.live.labels import Figures, label, set_text
from labctl.live.status import one_line, summary, why_ended

if TYPE_CHECKING:
    from labctl.live.follow import Follower

_SHORT = 40
"""Characters up to which a value stands among the figures; a longer one gets a line."""
_PER_ROW = 8


class Ending(Card):
    """Shows nothing while there is nothing to say."""

    def __init__(self, follower: Follower) -> None:
        super().__init__("")
        self._follower = follower
        self._figures = Figures(_PER_ROW)
        self._notes = label("", "text")
        self._notes.setWordWrap(True)
        self.put(self._figures)
        self.put(self._notes)
        self.hide()

    def refresh(self) -> None:
        """Show what belongs to the run's state."""
        follower = self._follower
        figures = summary(follower.state.detail)
        notes = [f"{figure.caption}: {figure.value}" for figure in figures if len(figure.value) > _SHORT]
        notes.extend(filter(None, [why_ended(follower.state.detail)]))
        if follower.process_gone:
            notes.append("The process of this run has ended without a word; what it recorded is shown.")
        if follower.problem:
            notes.append(one_line(follower.problem))
        self.heading.show()
        self.setVisible(bool(figures or notes))
        set_text(self.heading, "summary" if figures else "what happened")
        self._figures.show_figures([figure for figure in figures if len(figure.value) <= _SHORT])
        self._notes.setVisible(bool(notes))
        set_text(self._notes, "\n".join(notes))
