"""The pages of the window: traces of all records, and what else the records of the run call for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QTabWidget

from labctl.live.bench_page import BenchPage
from labctl.live.body import Body
from labctl.live.cell_maps import quantities
from labctl.live.copying import copy_picture, copy_text
from labctl.live.figure_page import FigurePage
from labctl.live.map_page import MapPage

if TYPE_CHECKING:
    from labctl.live.follow import Follower
    from labctl.live.theme import Theme

TRACES, MAP, FIGURE, BENCH = "traces", "map", "figure", "bench"
_PATIENCE = 0.5
"""How long (s) a window waits for its figure before it closes without."""


class Page(Protocol):
    """What the window asks of a page."""

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        ...

    def redraw(self) -> None:
        """Draw what is read thirty times a second."""
        ...

    def refresh(self) -> None:
        """Bring words and figures up to date."""
        ...

    def csv(self) -> str:
        """Return the numbers that are shown as CSV."""
        ...


class Pages(QTabWidget):
    """One page is seen, and only that one is drawn.

    Args:
        follower: of the run, as its record types are known when this is made.
        shown: the name of the page that is seen first.
    """

    def __init__(self, follower: Follower, shown: str = "") -> None:
        super().__init__()
        self.setDocumentMode(True)
        self.tabBar().setDrawBase(False)
        self.body = Body(follower)
        self.pages: dict[str, Page] = {}
        self._add(TRACES, self.body)
        self.map = _map_page(follower)
        if self.map is not None:
            self._add(MAP, self.map)
        self.figure = FigurePage(follower) if follower.manifest else None
        if self.figure is not None and self.figure.source.can_draw:
            self._add(FIGURE, self.figure)
        if follower.manifest.get("instruments"):
            self._add(BENCH, BenchPage(follower))
        if shown in self.pages:
            self.setCurrentIndex(list(self.pages).index(shown))
        self.tabBar().setVisible(len(self.pages) > 1)
        self.currentChanged.connect(self._turned)
        for place in range(len(self.pages)):
            QShortcut(QKeySequence(f"Ctrl+{place + 1}"), self).activated.connect(
                lambda place=place: self.setCurrentIndex(place)
            )

    @property
    def shown(self) -> str:
        """The name of the page that is seen."""
        return list(self.pages)[self.currentIndex()]

    def show_page(self, name: str) -> None:
        """Turn to a page."""
        self.setCurrentIndex(list(self.pages).index(name))

    def apply(self, theme: Theme) -> None:
        """Take the colours of `theme`."""
        for page in self.pages.values():
            page.apply(theme)

    def redraw(self) -> None:
        """Draw the page that is seen."""
        self.pages[self.shown].redraw()

    def refresh(self) -> None:
        """Bring words and figures of the page that is seen up to date."""
        self.pages[self.shown].refresh()

    def look(self) -> None:
        """Show what comes by itself, without a new record: a figure that has been made meanwhile, a line of the log."""
        if self.shown in (FIGURE, BENCH):
            self.refresh()

    def close_sources(self) -> None:
        """Let what is made beside the window come to its end, if that does not keep anybody waiting."""
        if self.figure is not None:
            self.figure.source.close(_PATIENCE)

    def copy_picture(self) -> None:
        """Put a picture of the page that is seen on the clipboard."""
        copy_picture(self.currentWidget())

    def copy_csv(self) -> None:
        """Put the numbers of the page that is seen on the clipboard."""
        copy_text(self.pages[self.shown].csv())

    def _add(self, name: str, page: Body | MapPage | FigurePage | BenchPage) -> None:
        self.pages[name] = page
        self.addTab(page, name)

    def _turned(self) -> None:
        self.redraw()
        self.refresh()


def _map_page(follower: Follower) -> MapPage | None:
    """Return the page of the first table whose records name a cell."""
    for table in follower.tables.values():
        if len(quantities(table.columns)) > 1:
            return MapPage(follower, table)
    return None
