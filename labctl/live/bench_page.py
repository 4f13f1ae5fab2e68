"""What the run is done with: instruments, limits, what ran into one, and what was written down."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np
from PySide6.QtWidgets import QGridLayout, QPlainTextEdit, QWidget

from labctl.errors import StoreError
from labctl.live.cards import Card
from labctl.live.copying import csv_text
from labctl.live.figures import Rows
from labctl.live.labels import ElidedLabel, label, set_text
from labctl.live.manifest_facts import entry
from labctl.live.status import Figure, one_line, words
from labctl.run_reader import RunReader
from labctl.units import format_quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtWidgets import QLabel

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
_TRIP = "TrippedError"
"""How the names of the errors end that say that an instrument made itself safe."""
_MOST_INSTRUMENTS = 6
_MOST_LINES = 300
_LOOK = 1.0
"""Time in s from one look at the log to the next."""
_WIDE = 330
_COLUMNS = {
    "name": 2, "instrument": 5, "serial": 3, "firmware": 2, "driver": 3, "address": 7, "compliance": 3, "trips": 2,
}  # fmt: skip
"""Headings of the instrument table, and how wide each column is beside the others."""


class InstrumentTable(QWidget):
    """A row for each instrument: what it is, where, where it limits, and whether it tripped."""

    def __init__(self, known: Sequence[InstrumentFacts]) -> None:
        super().__init__()
        self._theme: Theme | None = None
        self._tripped: set[str] = set()
        self.trips: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(3)
        for column, (heading, stretch) in enumerate(_COLUMNS.items()):
            grid.addWidget(label(heading, "quiet"), 0, column)
            grid.setColumnStretch(column, stretch)
        for row, one in enumerate(known, 1):
            for column, text in enumerate(astuple(one)):
                shown = ElidedLabel("row")
                set_text(shown, text)
                shown.setToolTip(text)
                grid.addWidget(shown, row, column)
            self.trips[one.name] = label("none", "row")
            grid.addWidget(self.trips[one.name], row, len(_COLUMNS) - 1)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        self._theme = theme
        self.show_trips(self._tripped)

    def show_trips(self, tripped: set[str]) -> None:
        """Say of each instrument whether it is one of these."""
        self._tripped = tripped
        for name, shown in self.trips.items():
            set_text(shown, "tripped" if name in tripped else "none")
            colour = self._theme.tones["bad"] if self._theme is not None and name in tripped else ""
            shown.setStyleSheet(f"color: {colour}; font-weight: 600" if colour else "")


class BenchPage(QWidget):
    """Shows the instruments of `follower`'s run, its limits and its log."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self._follower = follower
        self._looked = -_LOOK
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.table = InstrumentTable(instruments(follower.manifest))
        self._trips = Rows(_WIDE)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(12)
        table, trips, log = Card("instruments"), Card("records at a limit"), Card("what happened when (UTC)")
        table.put(self.table)
        grid.addWidget(table, 0, 0, 1, 2)
        grid.addWidget(_card("limits of the bench", limits(follower.manifest)), 1, 0)
        trips.put(self._trips, 1)
        grid.addWidget(trips, 1, 1)
        log.put(self.log, 1)
        grid.addWidget(log, 2, 0, 1, 2)
        for line in (1, 2):
            grid.setRowStretch(line, 3)
        for column in (0, 1):
            grid.setColumnStretch(column, 1)

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        look = f"color: {theme.text}; background: {theme.card}; border: none; font-size: 12px"
        self.log.setStyleSheet(f"QPlainTextEdit {{ {look} }}")
        self.table.apply(theme)

    def redraw(self) -> None:
        """Nothing here is drawn thirty times a second."""

    def refresh(self) -> None:
        """Count the trips and read the log again, at most once a second."""
        now = self._follower.now()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        self._trips.show_figures(trips(self._follower) or [Figure("these records say nothing of limits", "")])
        self.table.show_trips(tripped(self._follower))
        try:
            with closing(RunReader(self._follower.folder)) as reader:
                lines = sorted([*reader.states(), *reader.log()])[-_MOST_LINES:]
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


@dataclass(frozen=True, slots=True)
class InstrumentFacts:
    """What the manifest says of one instrument; a dash where it says nothing.

    Args:
        name: on the bench.
        instrument: its maker and model, as it answered.
        serial: its number.
        firmware: its version.
        driver: that speaks to it.
        address: where it was.
        compliance: the current at which it limits, as the bench was brought up.
    """

    name: str
    instrument: str
    serial: str
    firmware: str
    driver: str
    address: str
    compliance: str


def instruments(manifest: Mapping[str, Any]) -> list[InstrumentFacts]:
    """Return what the manifest says of the first instruments."""
    answered = entry(manifest, "instruments")
    names = list(cast("dict[str, Any]", answered)) if isinstance(answered, dict) else []
    return [_facts(manifest, name) for name in names[:_MOST_INSTRUMENTS]]


def _facts(manifest: Mapping[str, Any], name: str) -> InstrumentFacts:
    known = {key: entry(manifest, "instruments", name, key) for key in ("vendor", "model", "serial", "firmware")}
    asked = {key: entry(manifest, "bench", "instruments", name, key) for key in ("driver", "address", "watchdog")}
    # Of the instruments of a bench only a probe board has a watchdog; its limit is one of whole lines.
    is_board = asked["watchdog"] is not None
    limit = entry(manifest, "bench", "envelope", "line_current" if is_board else "cell_current")
    compliance = f"{format_quantity(float(limit), 'A')}{' a line' if is_board else ''}" if _is_number(limit) else "–"
    maker = " ".join(_text(known[key]) for key in ("vendor", "model") if known[key] is not None)
    return InstrumentFacts(
        name=one_line(name),
        instrument=maker or "–",
        serial=_text(known["serial"]),
        firmware=_text(known["firmware"]),
        driver=_text(asked["driver"]),
        address=_text(asked["address"]),
        compliance=compliance,
    )


def tripped(follower: Follower) -> set[str]:
    """Return the names of the instruments whose trip ended the run."""
    error = follower.state.detail.get("error")
    said = cast("dict[str, Any]", error) if isinstance(error, dict) else {}
    if not str(said.get("type", "")).endswith(_TRIP):
        return set()
    message = str(said.get("message", ""))
    known = instruments(follower.manifest)
    return {
        one.name
        for one in known
        if one.address != "–" and re.search(rf"(?<![\w/:]){re.escape(one.address)}(?!\w)", message)
    }


def limits(manifest: Mapping[str, Any]) -> list[Figure]:
    """Return the envelope of the bench: the compliance is `cell current`, and `line current` that of a whole line."""
    found: list[Figure] = []
    for name, unit in _LIMITS.items():
        value = entry(manifest, "bench", "envelope", name)
        if _is_number(value):
            said = format_quantity(float(value), unit) if unit else f"{value:,.0f}"
            found.append(Figure(words(name), said))
    return found


def trips(follower: Follower) -> list[Figure]:
    """Return how many records say that something ran into a limit."""
    found: list[Figure] = []
    for table in follower.tables.values():
        for name in _TRIPS:
            if name in table.numbers:
                flags = table.numbers[name].values[table.counted]
                more, count = (table.dropped.ones.get(name, 0), table.count) if table.is_whole else (0, flags.size)
                found.append(Figure(words(name), f"{np.count_nonzero(flags == 1) + more:,} of {count:,}"))
    return found


def _card(heading: str, figures: list[Figure]) -> Card:
    card, rows = Card(heading), Rows(_WIDE)
    rows.show_figures(figures)
    card.put(rows, 1)
    return card


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    return one_line(str(value)) if value is not None else "–"
