"""The demo on a small die: what it says, what it leaves, how it ends."""

from __future__ import annotations

import json
import signal
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labctl import demo, engine
from labctl.bench_file import DEFAULT_BENCH
from labctl.cli import main
from labctl.demo_pictures import rings
from labctl.errors import InterruptedRunError, StoreError
from labctl.open_page import open_page

SIDE = 16


@dataclass(frozen=True, slots=True)
class Done:
    code: int
    out: str
    err: str


@pytest.fixture
def labctl(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command where the packaged bench has a die of 16 x 16 cells."""
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    bench = tmp_path / "small.toml"
    bench.write_text(text.replace("rows = 64", f"rows = {SIDE}").replace("columns = 64", f"columns = {SIDE}"))
    monkeypatch.setattr("labctl.bench_file.DEFAULT_BENCH", bench)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    def call(*arguments: str) -> Done:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        captured = capfd.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return call


def _no_report(folders: list[Path], out: Path) -> list[str]:
    return [str(out / "report.html")]


def _no_parts(folder: Path, side: int) -> list[Any]:
    return []


def _nothing(name: str) -> None:
    """Find no module."""


def test_three_runs_on_one_die_and_their_report(labctl: Any, tmp_path: Path) -> None:
    done = labctl("demo", "--no-window", "--no-open", "--seed", "3")
    assert done.code == 0, done.out + done.err
    assert "twin" in done.out
    assert "In the window" not in done.out
    (folder,) = (tmp_path / "runs").glob("demo_*")
    assert {file.name for file in folder.iterdir()} == {"weights.npy", "picture.png", "die.npz", "report"}
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    for protocol, figure in (("program-array", "within half level"), ("vmm", "snr db"), ("fourier", "ssim")):
        (run,) = (tmp_path / "runs").glob(f"*_{protocol}_*")
        manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["asked"]["die"] == str(folder / "die.npz")
        assert manifest["asked"]["seed"] == 3
        assert figure in done.out
        assert protocol in page
    assert str(folder / "report" / "report.html") in done.out


def test_json_is_one_object_and_the_words_stand_beside_it(labctl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "make_report", _no_report)
    done = labctl("demo", "--no-window", "--no-open", "--json", "--data", "mine")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert [run["protocol"] for run in found["runs"]] == ["program-array", "vmm", "fourier"]
    assert found["passed"] is True
    assert Path(found["report"]).name == "report.html"
    assert Path(found["die"]).is_file()
    assert "1 of 3  program-array" in done.err
    assert "--data mine" in done.err


def test_without_matplotlib_and_qt_it_says_what_to_install(labctl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", _nothing)
    monkeypatch.setattr(demo, "_parts", _no_parts)
    done = labctl("demo", "--no-open")
    assert 'pip install "labctl[live]"' in done.out
    assert 'pip install "labctl[report]"' in done.out


def test_a_run_that_does_not_pass_is_said_and_the_demo_goes_on(labctl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = demo._parts

    def harder(folder: Path, side: int) -> list[Any]:
        first, second, _ = parts(folder, side)
        hard = demo._Part("vmm", {**second.settings, "required": "200"}, "happens", "seen", 0, 0)
        return [first, hard, second]

    monkeypatch.setattr(demo, "_parts", harder)
    monkeypatch.setattr(demo, "find_spec", _nothing)
    done = labctl("demo", "--no-window", "--no-open", "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert [run["passed"] for run in found["runs"]] == [True, False, True]
    assert found["report"] is None
    assert "did not pass" in done.err
    assert "asked: at least 200 dB" in done.err
    assert "labctl show " in done.err


@pytest.mark.parametrize(
    ("error", "code"),
    [(InterruptedRunError(signal.SIGINT, "stopped; what was recorded is saved"), 130), (StoreError("disk full"), 3)],
)
def test_what_ends_a_run_ends_the_demo(
    labctl: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any, code: int
) -> None:
    def end(*ignored: Any) -> None:
        error.run = tmp_path / "runs" / "20260101T000000Z_program-array_01234567"
        raise error

    monkeypatch.setattr(engine, "run", end)
    done = labctl("demo", "--no-window", "--no-open")
    assert done.code == code
    assert "labctl run --resume 01234567" in " ".join(done.out.split())
    assert done.err == f"labctl: {error}\n"


def test_the_window_is_waited_for_only_while_there_is_something_to_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    class Clock:
        def now(self) -> float:
            return 100.0

        def sleep(self, duration: float) -> None:
            waits.append(duration)

    class Window:
        def open(self, folder: Path, say: Any) -> None:
            self.say = say

    window: Any = Window()
    clock: Any = Clock()
    stage = demo._Stage(demo.DemoRequest(tmp_path), tmp_path, window, clock)
    watcher = demo._Unhurried(stage, demo._Part("vmm", {}, "", "", pace=0.9, rest=0))
    watcher.began(tmp_path, 3, 0)
    watcher.step_done(lambda: "")
    watcher.step_done(lambda: "a record")
    assert waits == [pytest.approx(0.9)]
    window.say("labctl: there is no display")
    watcher.step_done(lambda: "a record")
    assert len(waits) == 1


def test_bad_data_is_refused_before_anything_is_written(labctl: Any, tmp_path: Path) -> None:
    done = labctl("demo", "--no-window", "--data", "runs.")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert not (tmp_path / "runs.").exists()


@pytest.mark.parametrize("side", [2, 16, 64])
def test_rings_are_greys(side: int) -> None:
    greys = rings(side)
    assert greys.shape == (side, side)
    assert greys.min() >= 0
    assert greys.max() <= 1
    assert np.array_equal(greys, greys.T)


def test_a_page_is_opened_on_a_screen_and_never_in_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    class Window(webbrowser.BackgroundBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            opened.append(url)
            return True

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(webbrowser, "get", lambda: Window("browser"))
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert not open_page(tmp_path / "page.html")
    monkeypatch.setenv("DISPLAY", ":0")
    assert open_page(tmp_path / "page.html")
    assert opened == [(tmp_path / "page.html").as_uri()]
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("lynx"))
    assert not open_page(tmp_path / "page.html")
