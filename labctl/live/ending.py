"""The foot of the window: the summary of a run that has ended, why it ended, or why it cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from labctl.live.cards import Card
from labctl.live.copying import csv_text
from labctl.live.figures import Figures
from labctl.live.labels import label, set_text
from labctl.live.manner import switch
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
        self.fold = switch("hide", "hide the figures, or show them (H)", "H")
        self.fold.clicked.connect(self._fold)
        self._by_hand = False
        self.head.addStretch(1)
        self.head.addWidget(self.fold)
        self.put(self._figures)
        self.put(self._notes)
        self.hide()

    @override
    def csv(self) -> str:
        return csv_text(("what", "value"), [(figure.caption, figure.value) for figure in self._figures.figures])

    def be_low(self, low: bool) -> None:
        """Hide the figures where there is little room, unless somebody has said otherwise."""
        if not self._by_hand and self.fold.isChecked() != low:
            self.fold.setChecked(low)
            self._show_figures()

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
        whole = "summary of the whole run" if follower.looked_back is not None else "summary"
        set_text(self.heading, whole if figures else "what happened")
        self.fold.setVisible(bool(figures))
        self._figures.show_figures([figure for figure in figures if len(figure.value) <= _SHORT])
        self._notes.setVisible(bool(notes))
        set_text(self._notes, "\n".join(notes))

    def _fold(self) -> None:
        self._by_hand = True
        self._show_figures()

    def _show_figures(self) -> None:
        self._figures.setVisible(not self.fold.isChecked())
        self.fold.setText("show" if self.fold.isChecked() else "hide")
