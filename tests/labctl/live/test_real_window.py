"""The window as a person has it: on a screen (Xvfb), with mouse and keys that come through the X server (xdotool)."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import pytest

from labctl.run_reader import RunReader
from labctl.steering import FILE, Wish, steer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MISSING = [program for program in ("Xvfb", "xdotool") if shutil.which(program) is None]
pytestmark = [
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a screen of its own is what X11 has"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)} (apt-get install xvfb xdotool)"),
]
LABCTL = [sys.executable, "-m", "labctl"]
WATCHED = Path(__file__).with_name("watched_window.py")
PATIENCE = 2000
"""Looks at a window, some thirty a second, until what is expected must have come."""
LEVELS, SHORT = 4000, 500
"""Steps of a run that is long enough for a window to come up meanwhile, and of one that waits for it."""


@dataclass
class Screen:
    """A screen that nobody sees.

    Args:
        environment: of a program that draws on it.
    """

    environment: dict[str, str]

    def do(self, *words: object) -> str:
        """Let xdotool do something, as to press a key; return what it prints."""
        command = ["xdotool", *map(str, words)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout

    def windows(self, name: str = "labctl") -> list[str]:
        """Return the windows that can be seen, by a part of their title."""
        command = ["xdotool", "search", "--onlyvisible", "--name", name]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=60
        ).stdout.split()


@dataclass
class Watched:
    """A window whose looks are told.

    Args:
        screen: where it is.
        process: of the window.
        seen: what it showed last.
    """

    screen: Screen
    process: subprocess.Popen[str]
    seen: dict[str, Any] = field(default_factory=dict[str, Any])

    def until(self, expected: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Look until what the window shows is as expected."""
        asked, told = cast("IO[str]", self.process.stdin), cast("IO[str]", self.process.stdout)
        for _ in range(PATIENCE):
            asked.write("\n")
            asked.flush()
            self.seen = json.loads(told.readline() or "null")
            assert self.seen is not None, self.process.communicate(timeout=60)
            if self.seen and expected(self.seen):
                return self.seen
        pytest.fail(f"the window shows {self.seen}")

    def key(self, key: str) -> None:
        """Press a key, as "ctrl+w", with the window in front."""
        self.screen.do("windowfocus", "--sync", self.seen["id"], "key", key)

    def click(self, place: tuple[float, float]) -> None:
        """Click there with the left mouse button."""
        self.screen.do("mousemove", round(place[0]), round(place[1]), "click", 1)

    def cell(self, row: int, column: int) -> tuple[float, float]:
        """Return where a cell of the map is on the screen."""
        (left, top), (right, bottom) = self.seen["cells"]
        return left + (right - left) * column / 63, top + (bottom - top) * row / 63


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    ours, theirs = os.pipe()
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL)
    os.close(theirs)
    with os.fdopen(ours) as told:
        display = told.readline().strip()
    if not display:
        pytest.skip("Xvfb does not start here")
    environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"}
    yield Screen(environment | {"DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"})
    server.terminate()
    server.wait(timeout=60)


@pytest.fixture
def start(screen: Screen) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a program on the screen; it is ended after the test if it has not by itself."""
    started: list[subprocess.Popen[str]] = []

    def begin(*command: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            list(map(str, command)),
            env=screen.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def watch(screen: Screen, start: Callable[..., subprocess.Popen[str]]) -> Callable[..., Watched]:
    """Opens a window that says what it shows."""

    def begin(*arguments: Path) -> Watched:
        return Watched(screen, start(sys.executable, WATCHED, *arguments))

    return begin


@pytest.fixture
def run(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> Callable[..., tuple[Path, Any]]:
    """Begins a run; returns its folder and its process."""

    def begin(levels: int = LEVELS, *more: str) -> tuple[Path, subprocess.Popen[str]]:
        settings = [word for pair in (f"levels={levels}", "row=3", "column=5") for word in ("--set", pair)]
        process = start(*LABCTL, "run", "write-verify", *settings, "--data", tmp_path, "--seed", 1, "--json", *more)
        first = cast("IO[str]", process.stderr).readline()
        assert first.startswith("run "), first
        return Path(first.removeprefix("run ").strip()), process

    return begin


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a run printed at its end."""
    out, complaint = process.communicate(timeout=120)
    assert process.returncode == 0, complaint
    return json.loads(out)


def records(folder: Path) -> list[dict[str, Any]]:
    """Return what a run recorded, but for the bench time: a pause costs some."""
    with closing(RunReader(folder)) as reader:
        names = ["id", "step", *(column.name for column in reader.record_types()["record"])]
        rows = [dict(zip(names, row, strict=True)) for row in reader.records("record")]
    return [{name: value for name, value in row.items() if name != "time"} for row in rows]


def count(history: str) -> int:
    """Return how many records a history is said to have."""
    return int(re.sub(r".*\), ([0-9,]+) record.*", r"\1", history).replace(",", ""))


def test_a_window_is_attached_steers_the_run_and_is_detached(
    watch: Callable[..., Watched], run: Callable[..., tuple[Path, Any]], tmp_path: Path
) -> None:
    folder, process = run()
    window = watch(folder)
    window.until(lambda seen: "pause" in seen["enabled"])
    window.key("p")
    window.until(lambda seen: seen["state"] == "paused")
    listed = subprocess.run([*LABCTL, "runs", "--data", tmp_path, "--json"], capture_output=True, text=True, check=True)
    assert [(entry["run"], entry["state"]) for entry in json.loads(listed.stdout)["runs"]] == [(folder.name, "paused")]

    window.key("ctrl+2")
    window.until(lambda seen: seen["page"] == "map")
    window.click(window.cell(40, 20))
    window.until(lambda seen: seen["history"] == "cell (40, 20), 0 records")
    window.click(window.cell(3, 5))
    held = count(window.until(lambda seen: seen["history"].startswith("cell (3, 5), "))["history"])
    assert held == len(records(folder))
    assert 0 < held < LEVELS

    window.key("c")
    window.until(lambda seen: "pause" in seen["enabled"] and count(seen["history"]) > held)
    window.key("p")
    window.until(lambda seen: seen["state"] == "paused")
    window.key("ctrl+w")
    assert window.process.wait(timeout=60) == 0
    assert process.poll() is None, "the run is there without its window"
    steer(folder, Wish.GO_ON)
    assert result(process)["summary"]["levels"] == LEVELS
    assert [record["id"] for record in records(folder)] == list(range(1, LEVELS + 1))


def test_a_killed_window_is_nothing_to_the_run(
    screen: Screen, start: Callable[..., Any], watch: Callable[..., Watched], run: Callable[..., tuple[Path, Any]]
) -> None:
    alone, process = run(SHORT)
    summary = result(process)["summary"]
    folder, process = run(SHORT)
    steer(folder, Wish.PAUSE)
    windows = [start(*LABCTL, "live", folder), start(*LABCTL, "live", folder)]
    last = watch(folder)
    last.until(lambda seen: len(screen.windows(folder.name)) == 3)
    last.until(lambda seen: seen["state"] == "paused")
    steer(folder, Wish.GO_ON)
    last.until(lambda seen: seen["state"] == "running")
    windows[0].send_signal(signal.SIGKILL)
    windows[0].wait(timeout=60)
    last.until(lambda seen: len(screen.windows(folder.name)) == 2)
    assert result(process)["summary"] == summary
    assert records(folder) == records(alone)
    finished = last.until(lambda seen: seen["state"] == "finished" and seen["slider"] and not seen["enabled"])
    last.click(finished["buttons"]["pause"])
    for key in ("p", "shift+s", "ctrl+2"):
        last.key(key)
    last.until(lambda seen: seen["page"] == "map")
    assert (folder / FILE).read_text() == Wish.GO_ON.value, "a finished run is asked nothing more"


def test_without_a_run_the_newest_is_followed_one_that_begins_later_too(
    screen: Screen, watch: Callable[..., Watched], run: Callable[..., tuple[Path, Any]], tmp_path: Path
) -> None:
    """And a window that a run opens itself stays when the run is over."""
    first, process = run(5)
    result(process)
    window = watch(first, tmp_path)
    window.until(lambda seen: seen["run"] == first.name and seen["state"] == "finished")
    second, process = run(20, "--live")
    result(process)
    window.until(lambda seen: seen["run"] == second.name and seen["state"] == "finished")
    window.until(lambda seen: len(screen.windows(second.name)) == 2)
    window.key("ctrl+q")
    assert window.process.wait(timeout=60) == 0
    (of_run,) = screen.windows(second.name)
    screen.do("windowfocus", "--sync", of_run, "key", "--delay", 50, "ctrl+w")
