"""What the run is done with: instruments, limits, what ran into one, and what was written down."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PySide6.QtWidgets import QGridLayout, QPlainTextEdit, QWidget

from labctl.errors import StoreError
from labctl.live.cards import Card
from labctl.live.copying import csv_text
from labctl.live.labels import Rows
from labctl.live.manifest_facts import entry
from labctl.live.status import Figure, one_line, words
from labctl.run_reader import RunReader
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from labctl.live.follow import Follower
    from labctl.live.theme import Theme

_LIMITS = {
    "voltage": "V",
    "read_voltage": "V",
    "cell_current": "A",
    "line_current": "A",
    "pulse_width": "s",
    "pulses_per_cell": "",
}
_TRIPS = ("in_compliance", "saturated", "overrange", "tripped", "at_rail", "given_up", "worn")
"""Fields that say of a record that something ran into a limit."""
_MOST_LINES = 300
_LOOK = 1.0
"""Time in s from one look at the log to the next."""
_WIDE = 330


class BenchPage(QWidget):
    """Shows the instruments of `follower`'s run and its log."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower
        self._looked = -_LOOK
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self._trips = Rows(_WIDE)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(12)
        cards = [_card(one_line(name), figures) for name, figures in instruments(follower.manifest).items()]
        cards.append(_card("limits of the bench", limits(follower.manifest)))
        trips = Card("records at a limit")
        trips.put(self._trips, 1)
        cards.append(trips)
        for place, card in enumerate(cards):
            grid.addWidget(card, place // 2, place % 2)
            grid.setRowStretch(place // 2, 3)
        log = Card("log")
        log.put(self.log, 1)
        rows = (len(cards) + 1) // 2
        grid.addWidget(log, rows, 0, 1, 2)
        grid.setRowStretch(rows, 3)
        for column in (0, 1):
            grid.setColumnStretch(column, 1)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self.log.setStyleSheet(f"color: {theme.text}; background: {theme.card}; border: none; font-size: 12px")

    def redraw(self) -> None:
        """Nothing here is drawn thirty times a second."""

    def refresh(self) -> None:
        """Count the trips and read the log again, at most once a second."""
        now = self._follower.now()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        self._trips.show_figures(trips(self._follower) or [Figure("these records do not say", "")])
        try:
            with closing(RunReader(self._follower.folder)) as reader:
                lines = reader.log()[-_MOST_LINES:]
        except StoreError:
            return  # the head of the window says so, if it lasts
        text = "\n".join(f"{utc[11:19]}  {one_line(message)}" for utc, message in lines) or "nothing was written down"
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            bar = self.log.verticalScrollBar()
            bar.setValue(bar.maximum())

    def csv(self) -> str:
        """Return the log, a line a message."""
        return csv_text(("time and message",), ([line] for line in self.log.toPlainText().splitlines()))


def instruments(manifest: Mapping[str, Any]) -> dict[str, list[Figure]]:
    """Return what the manifest says of each instrument, by its name on the bench."""
    asked, answered = entry(manifest, "bench", "instruments"), entry(manifest, "instruments")
    names = list(cast("dict[str, Any]", answered)) if isinstance(answered, dict) else []
    found: dict[str, list[Figure]] = {}
    for name in names[:4]:
        known = {key: entry(manifest, "instruments", name, key) for key in ("vendor", "model", "serial", "firmware")}
        figures = [Figure("instrument", _text(f"{known['vendor']} {known['model']}"))]
        figures += [Figure(key, _text(known[key])) for key in ("serial", "firmware")]
        if isinstance(asked, dict):
            keys = ("driver", "address")
            figures += [Figure(key, _text(entry(manifest, "bench", "instruments", name, key))) for key in keys]
        found[name] = figures
    return found


def limits(manifest: Mapping[str, Any]) -> list[Figure]:
    """Return the envelope of the bench: the compliance is `cell current`, and `line current` that of a whole line."""
    found: list[Figure] = []
    for name, unit in _LIMITS.items():
        value = entry(manifest, "bench", "envelope", name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            said = format_quantity(float(value), unit) if unit else f"{value:,.0f}"
            found.append(Figure(words(name), said))
    return found


def trips(follower: Follower) -> list[Figure]:
    """Return how many records say that something ran into a limit."""
    found: list[Figure] = []
    for table in follower.tables.values():
        for name in _TRIPS:
            if name in table.numbers:
                flags = table.numbers[name].values
                found.append(Figure(words(name), f"{np.count_nonzero(flags == 1):,} of {flags.size:,}"))
    return found


def _card(heading: str, figures: list[Figure]) -> Card:
    card, rows = Card(heading), Rows(_WIDE)
    rows.show_figures(figures)
    card.put(rows, 1)
    return card


def _text(value: object) -> str:
    return one_line(str(value)) if value is not None else "–"
