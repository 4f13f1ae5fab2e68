from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from labctl.errors import InputError
from labctl.live import app, qt
from labctl.window_process import WindowAhead

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("version", "fit"),
    [
        ("6.7.3", False),
        ("6.8.0", True),
        ("6.9.0", True),
        ("6.9.1", False),
        ("6.9.2", False),
        ("6.9.3", True),
        ("6.11.3", True),
        ("6.12.0", False),
        ("7.0.0", False),
        ("5.15.2", False),
    ],
)
def test_versions_are_told_apart(version: str, fit: bool) -> None:
    assert qt.is_fit(version) is fit


def test_without_qt_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PySide6", None)
    with pytest.raises(InputError, match=r'pip install "labctl\[live\]"') as caught:
        qt.require_qt()
    assert "\n" not in str(caught.value)


def test_without_pyqtgraph_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyqtgraph", None)
    with pytest.raises(InputError, match=r'pyqtgraph: pip install "labctl\[live\]"'):
        qt.require_qt()


def test_a_version_that_aborts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PySide6", SimpleNamespace(__version__="6.12.0"))
    with pytest.raises(InputError, match=r"6\.12\.0.*pip install"):
        qt.require_qt()


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PySide6.QtWidgets", None)
    with pytest.raises(InputError, match="apt-get install libegl1"):
        qt.require_qt()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_without_a_display_it_offers_a_picture(monkeypatch: pytest.MonkeyPatch, new_run: Callable[..., Path]) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="--screenshot"):
        app.show(new_run())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a display")
def test_a_display_that_does_not_answer_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(InputError, match="cannot open a window"):
        qt.require_display()


def test_offscreen_needs_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    qt.require_display()


def test_the_package_is_imported_without_qt() -> None:
    program = (
        "import sys; import labctl.live.app, labctl.live.follow;"
        "print([name for name in sys.modules if name.split('.')[0] in ('PySide6', 'pyqtgraph', 'shiboken6')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("package", "said"),
    [
        ("raise ImportError", 'labctl: the live window needs PySide6 and pyqtgraph: pip install "labctl[live]"'),
        ("__version__ = '6.12.0'", "labctl: PySide6 6.12.0 does not work with the live window; 6.8 to 6.11 do"),
    ],
)
def test_a_run_goes_on_without_its_window_and_says_what_to_install(package: str, said: str, tmp_path: Path) -> None:
    stranger = tmp_path / "first" / "PySide6"
    stranger.mkdir(parents=True)
    (stranger / "__init__.py").write_text(package)
    done = subprocess.run(
        [sys.executable, "-m", "labctl", "run", "write-verify", "--live", "--json", "--set", "levels=2"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(stranger.parent), "DISPLAY": ":0", "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["passed"]) == (0, True)
    first, *rest = done.stderr.splitlines()
    assert first.startswith("run ")
    assert len(rest) == 1
    assert rest[0].startswith(said)


def test_a_window_that_no_run_was_found_for_is_given_up() -> None:
    with WindowAhead() as window:
        process = window._process  # pyright: ignore[reportPrivateUsage]
    assert process.returncode is not None
