"""Saving what is shown to a file: a picture or numbers, as its name ends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QFileDialog, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

_KINDS = "Picture (*.png);;Numbers (*.csv)"


class Saver:
    """Asks for a file over `window` and writes it.

    Args:
        window: that asks.
        say: tells what was done.
    """

    def __init__(self, window: QWidget, say: Callable[[str], None]) -> None:
        self._window, self._say = window, say
        self.ask: Callable[[str], tuple[str, str]] = self._dialog
        """Returns a file and the kind that was chosen, when it is given a name to begin with; "": nobody wants one."""

    def save(self, widget: QWidget, name: str, csv: Callable[[], str]) -> None:
        """Write `widget` as a PNG, or what `csv` returns, into a file that somebody chooses."""
        chosen, kind = self.ask(name)
        if not chosen:
            return
        file = Path(chosen)
        if not file.suffix:
            file = file.with_suffix(".csv" if "csv" in kind else ".png")
        try:
            said = _write(file, widget, csv)
        except OSError as error:
            said = f"cannot write {file}: {error.strerror or error}"
        self._say(said)

    def _dialog(self, name: str) -> tuple[str, str]:
        proposed = re.sub(r"[ /:\\]", "-", name)  # a title such as "I/V" would be a folder
        return QFileDialog.getSaveFileName(self._window, f"save {name}", f"{proposed}.png", _KINDS)


def _write(file: Path, widget: QWidget, csv: Callable[[], str]) -> str:
    """Write the file; return what is said about it."""
    if file.suffix.lower() == ".csv":
        text = csv()
        if not text:
            return "there are no numbers to save"
        file.write_text(text, encoding="utf-8")
    elif not widget.grab().save(str(file)):
        return f"cannot write the picture {file}; its name ends in .png, or in .csv for numbers"
    return f"saved: {file}"
