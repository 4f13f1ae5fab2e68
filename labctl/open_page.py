"""Showing a page in the browser, where there is a screen for one: never in the terminal that somebody works in."""

from __future__ import annotations

import os
import sys
import webbrowser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def open_page(page: Path) -> bool:
    """Open a file in the browser; return whether there is a screen and a browser to do so."""
    if sys.platform not in ("win32", "darwin") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        browser = webbrowser.get()
        # A plain GenericBrowser is one that runs in the terminal, and keeps it until it is left.
        return type(browser) is not webbrowser.GenericBrowser and browser.open(page.absolute().as_uri())
    except (webbrowser.Error, OSError):
        return False
