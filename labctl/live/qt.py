"""Loading Qt late, and saying in one line what is missing when it cannot show a window."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from labctl.errors import InputError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

_INSTALL = 'pip install "labctl[live]"'
_LOWEST, _BEYOND = (6, 8), (6, 12)
"""PySide6 6.12 loses references under pyqtgraph 0.14 until the interpreter aborts (measured on CPython 3.11)."""
_BROKEN = ((6, 9, 1), (6, 9, 2))
"""Reported unusable with pyqtgraph (its issue 3357)."""
_LIBRARIES = "libegl1 libgl1 libglib2.0-0 libfontconfig1 libxkbcommon0 libdbus-1-3 fonts-dejavu-core"
"""Debian packages without which Qt cannot draw even offscreen."""
_WINDOW_LIBRARIES = "libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
"""Debian packages that an X11 window needs besides."""
_PROBE = "from PySide6.QtGui import QGuiApplication; QGuiApplication([])"
_PATIENCE = 30
"""How long (s) the probe for a display may take."""


def require_qt() -> None:
    """Load Qt and pyqtgraph.

    Raises:
        InputError: if one is missing or does not work here; says what to install.
    """
    try:
        version = importlib.import_module("PySide6").__version__
    except ImportError:
        raise InputError(f"the live window needs PySide6 and pyqtgraph: {_INSTALL}") from None
    if not is_fit(version):
        raise InputError(
            f"PySide6 {version} does not work with the live window; 6.8 to 6.11 do (not 6.9.1 or 6.9.2): {_INSTALL}"
        )
    # pyqtgraph would take another Qt if it found one first.
    os.environ["PYQTGRAPH_QT_LIB"] = "PySide6"
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError as error:
        raise InputError(f"Qt cannot be loaded: {error}; on Debian: apt-get install {_LIBRARIES}") from None
    try:
        importlib.import_module("pyqtgraph")
    except ImportError:
        raise InputError(f"the live window needs pyqtgraph: {_INSTALL}") from None


def is_fit(version: str) -> bool:
    """Return whether the live window works with this version of PySide6."""
    numbers = tuple(int(part) for part in re.findall(r"[0-9]+", version)[:3])
    return _LOWEST <= numbers[:2] < _BEYOND and numbers not in _BROKEN


def require_display() -> None:
    """Make sure that a window can be opened; Qt itself would abort the process.

    Raises:
        InputError: if there is no display, or Qt cannot use it.
    """
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM") in ("offscreen", "minimal"):
        return
    if _has_display():
        return
    instead = "--screenshot FILE makes a picture without one"
    if not any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        raise InputError(f"there is no display for a window (DISPLAY is not set); {instead}")
    command = [sys.executable, "-c", _PROBE]
    try:
        usable = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False).returncode == 0  # noqa: S603
    except subprocess.TimeoutExpired:
        usable = False
    if not usable:
        packages = f"on Debian: apt-get install {_WINDOW_LIBRARIES}"
        raise InputError(f"Qt cannot open a window on this display; {packages}; {instead}")


def _has_display() -> bool:
    """Return whether this process shows windows already."""
    qt = sys.modules.get("PySide6.QtGui")
    if qt is None or qt.QGuiApplication.instance() is None:
        return False
    return qt.QGuiApplication.platformName() not in ("offscreen", "minimal")


def application(platform: str | None = None) -> QApplication:
    """Return Qt's application, made if there is none yet.

    Args:
        platform: a Qt platform, as "offscreen", in place of the system's.
    """
    from PySide6.QtWidgets import QApplication

    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    return QApplication(["labctl", "-platform", platform] if platform else ["labctl"])
