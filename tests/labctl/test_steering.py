"""`labctl runs`, `pause`, `continue` and `stop`, typed in another terminal while a run is on a served bench."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from campaigns.served_rig import Client, ServedBench

from labctl.backend import WallClock
from labctl.board_data import BoardState
from labctl.errors import InterruptedRunError, StoreError
from labctl.run_list import show_runs
from labctl.run_reader import RunReader
from labctl.steering import Steering, Wish, steer, stopping_now
from labctl.stop_requests import StopRequests

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of the other kind")


class Terminal:
    """Another terminal, in which somebody types labctl commands."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __call__(self, *command: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "labctl", *command, "--data", str(self._data)],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def the_run(self) -> dict[str, Any]:
        (only,) = json.loads(self("runs", "--json")[1])["runs"]
        return only

    def wait_for(self, state: str) -> None:
        clock = WallClock()
        while self.the_run()["state"] != state:
            clock.sleep(0.05)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[ServedBench, Client, Terminal]]:
    """A bench with a run on it, and another terminal."""
    with ExitStack() as stack:
        bench = stack.enter_context(closing(ServedBench(tmp_path)))
        client = stack.enter_context(closing(Client(bench, tmp_path, "hold")))
        client.wait_for("ends", 2)
        yield bench, client, Terminal(client.data)


def test_a_run_is_paused_goes_on_and_is_stopped(held: tuple[ServedBench, Client, Terminal]) -> None:
    bench, client, terminal = held
    assert terminal.the_run()["state"] == "running"
    assert terminal.the_run()["resume"] == ""
    assert terminal("pause") == (0, ANY, "")
    terminal.wait_for("paused")
    assert bench.is_safe
    steps = terminal.the_run()["steps"]
    assert terminal("continue", client.folder.name) == (0, ANY, "")
    client.wait_for("ends", steps + 3)
    assert bench.output_is_on
    assert bench.state is BoardState.ARMED
    assert terminal("stop") == (0, ANY, "")
    assert client.end()[0] == 143
    found = terminal.the_run()
    assert found["state"] == "stopped"
    assert f"labctl run --resume {client.folder.name} --data" in found["resume"]
    assert bench.is_safe
    with closing(RunReader(client.folder)) as reader:
        numbers = reader.column("record", "number")
    assert numbers == list(range(found["steps"]))
    code, _, error = terminal("pause")
    assert code == 2
    assert "is not under way" in error


def test_a_paused_run_that_is_stopped_or_killed_is_safe_and_can_go_on(
    held: tuple[ServedBench, Client, Terminal],
) -> None:
    bench, client, terminal = held
    terminal("pause")
    terminal.wait_for("paused")
    client.process.kill()
    client.end()
    found = terminal.the_run()
    assert found["state"] == "died"
    assert found["resume"]
    assert bench.is_safe


def test_a_run_is_stopped_within_a_step(tmp_path: Path) -> None:
    with closing(ServedBench(tmp_path)) as bench, closing(Client(bench, tmp_path, "endless")) as client:
        terminal = Terminal(client.data)
        client.wait_for("step")
        code, said, _ = terminal("stop", "--now")
        assert (code, "stops now" in said) == (0, True)
        assert client.end()[0] == 143
        assert bench.is_safe
        found = terminal.the_run()
        assert (found["state"], found["steps"], bool(found["resume"])) == ("stopped", 0, True)


def test_a_paused_run_is_stopped_now(held: tuple[ServedBench, Client, Terminal]) -> None:
    bench, client, terminal = held
    terminal("pause")
    terminal.wait_for("paused")
    terminal("stop", "--now")
    assert client.end()[0] == 143
    assert bench.is_safe


def test_the_list_never_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_runs(tmp_path, json=False)
    assert "there is no run in" in capsys.readouterr().out
    for number, text in enumerate(["", "[]", "{", '{"steps": "many", "protocol": 5}', '{"steps": null}']):
        folder = tmp_path / f"20260101T00000{number}Z_x_0000000{number}"
        folder.mkdir()
        (folder / "manifest.json").write_text(text, encoding="utf-8")
    (tmp_path / "20260101T000009Z_x_00000009").mkdir()
    show_runs(tmp_path, json=True)
    found = json.loads(capsys.readouterr().out)["runs"]
    assert [line["state"] for line in found] == ["unreadable"] * 6


def test_a_wish_is_seen_once(tmp_path: Path) -> None:
    steering = Steering(tmp_path)
    assert steering.wish() is None
    for wish in (Wish.PAUSE, Wish.PAUSE, Wish.GO_ON, Wish.STOP, Wish.STOP_NOW):
        steer(tmp_path, wish)
        assert steering.wish() is wish
        assert steering.wish() is None
    (tmp_path / "steer").write_text("something else", encoding="ascii")
    assert steering.wish() is None
    assert list(tmp_path.iterdir()) == [tmp_path / "steer"]


def test_a_wish_from_before_the_run_is_none_of_its_own(tmp_path: Path) -> None:
    steer(tmp_path, Wish.STOP)
    assert Steering(tmp_path).wish() is None


def test_a_wish_to_stop_now_breaks_off_what_waits(tmp_path: Path) -> None:
    wall = WallClock()
    steer(tmp_path, Wish.STOP_NOW)  # of a process before this one

    def wait_for_ever() -> None:
        with StopRequests() as stop, stopping_now(tmp_path, stop, wall):
            wall.sleep(0.3)
            stop.check()
            steer(tmp_path, Wish.STOP_NOW)
            wall.sleep(3600)

    with pytest.raises(InterruptedRunError) as stopped:
        wait_for_ever()
    assert stopped.value.exit_code == 143


def test_a_wish_to_stop_now_never_breaks_off_the_way_down(tmp_path: Path) -> None:
    wall = WallClock()
    with StopRequests() as stop:
        stop.shield()
        with stopping_now(tmp_path, stop, wall):
            steer(tmp_path, Wish.STOP_NOW)
            while stop.signal_number is None:
                wall.sleep(0.02)


def test_a_file_that_is_held_for_a_moment_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    replace = Path.replace

    def held(path: Path, target: Path) -> Path:
        tries.append(1)
        if len(tries) < 3:
            raise PermissionError(13, "held by a virus scanner")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", held)
    steering = Steering(tmp_path)
    steer(tmp_path, Wish.PAUSE)
    assert steering.wish() is Wish.PAUSE

    def lost(path: Path, target: Path) -> Path:
        raise PermissionError(13, "for ever")

    monkeypatch.setattr(Path, "replace", lost)
    with pytest.raises(StoreError, match="for ever"):
        steer(tmp_path, Wish.STOP)
    assert list(tmp_path.glob("*.part")) == []
