"""A run's process dies, hangs or sleeps, or its guardian dies: the bench is safe, and the next one can have it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

sys.path.append(str(Path(__file__).parents[1]))

from campaigns import held_client
from campaigns.served_rig import Client, ServedBench

from labctl.backend import WallClock
from labctl.board_data import BoardState
from labctl.engine import Watcher, run
from labctl.errors import InterruptedRunError
from labctl.locks import is_locked
from labctl.plan import RunRequest
from labctl.protocol import Protocol
from labctl.run_reader import RunReader
from labctl.steering import Wish, steer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of the other kind")
Serve = Callable[..., ServedBench]
Start = Callable[..., Client]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def serve(stack: ExitStack, tmp_path: Path) -> Serve:
    def call(*, terminals: bool = False) -> ServedBench:
        return stack.enter_context(closing(ServedBench(tmp_path, terminals=terminals)))

    return call


@pytest.fixture
def start(stack: ExitStack, tmp_path: Path) -> Start:
    def call(bench: ServedBench, how: str = "hold") -> Client:
        client = stack.enter_context(closing(Client(bench, tmp_path, how)))
        client.wait_for("ends", 2)
        return client

    return call


def log_of(folder: Path) -> list[str]:
    with closing(RunReader(folder)) as reader:
        return [message for _, message in reader.log()]


def guardian_log(client: Client, until: str) -> str:
    """Return what the guardian wrote down, as soon as it has written `until`."""
    clock, path, log = WallClock(), client.folder / "guardian.log", ""
    while until not in log:
        clock.sleep(0.01)
        log = path.read_text(encoding="utf-8") if path.exists() else ""
    return log


def test_a_run_that_is_killed_leaves_a_safe_bench(serve: Serve, start: Start) -> None:
    bench = serve()
    client = start(bench)
    assert bench.output_is_on
    assert bench.state is BoardState.ARMED
    client.signal(signal.SIGKILL)
    bench.wait_until_safe()
    client.end()
    assert "the run's process has died" in guardian_log(client, "everything is safe")


def test_the_guardian_of_a_run_that_ends_by_itself_has_nothing_to_do(serve: Serve, start: Start) -> None:
    client = start(serve())
    client.signal(signal.SIGTERM)
    assert client.end()[0] == 143
    assert not (client.folder / "guardian.log").exists()


def test_a_guardian_that_is_killed_is_replaced(serve: Serve, start: Start) -> None:
    bench = serve()
    client = start(bench)
    first = client.guardian()
    os.kill(first, signal.SIGKILL)
    clock, begun = WallClock(), len(client.times("ends"))
    while not any("another one takes its place" in line for line in log_of(client.folder)):
        clock.sleep(0.02)
    client.wait_for("ends", begun + 6)
    assert client.guardian() != first
    assert bench.output_is_on
    client.signal(signal.SIGKILL)
    bench.wait_until_safe()


def test_a_run_that_hangs_and_holds_a_port_is_killed(serve: Serve, start: Start) -> None:
    bench = serve(terminals=True)
    client = start(bench)
    client.signal(signal.SIGSTOP)
    bench.wait_until_safe()
    assert client.process.wait(60) == -signal.SIGKILL
    log = (client.folder / "guardian.log").read_text(encoding="utf-8")
    assert "no sign of life" in log
    assert "is killed" in log


def test_a_run_that_was_stopped_for_long_goes_on_by_itself(serve: Serve, start: Start) -> None:
    bench = serve()
    client = start(bench)
    client.signal(signal.SIGSTOP)
    bench.when("output off", bench.moments[-1].time)
    done = len(client.times("ends"))
    client.signal(signal.SIGCONT)
    client.wait_for("ends", done + 4)
    assert bench.output_is_on
    client.signal(signal.SIGTERM)
    code, _, error = client.end()
    assert code == 143
    with closing(RunReader(client.folder)) as reader:
        numbers = reader.column("record", "number")
    assert numbers == list(range(len(numbers)))
    assert "did not run for" in " ".join(log_of(client.folder)) + error
    assert not bench.output_is_on


class JumpingWall(WallClock):
    """A calendar that a test sets."""

    def __init__(self) -> None:
        self.ahead = 0.0

    @override
    def utc(self) -> datetime:
        return super().utc() + timedelta(seconds=self.ahead)


class JumpingWatcher(Watcher):
    """Lets the calendar jump after a step, and ends the run some steps later."""

    def __init__(self, wall: JumpingWall, jump: float, before: Callable[[], None] = lambda: None) -> None:
        self._wall = wall
        self._jump = jump
        self._before = before
        self._steps = 0
        self._folder = Path()

    @override
    def began(self, folder: Path, steps: int, done: int) -> None:
        self._folder = folder

    @override
    def step_done(self, caption: Callable[[], str]) -> None:
        self._steps += 1
        if self._steps == 2:
            self._before()
            self._wall.ahead += self._jump
        if self._steps == 5:
            steer(self._folder, Wish.STOP)


@pytest.mark.parametrize(("jump", "words"), [(3600.0, "ahead"), (-86400.0, "set back")])
def test_after_a_jump_of_the_calendar_everything_is_identified_and_set_again(
    serve: Serve, offer: Callable[[Protocol[Any, Any]], None], tmp_path: Path, jump: float, words: str
) -> None:
    bench, wall = serve(), JumpingWall()
    offer(held_client.protocol("hold"))
    with pytest.raises(InterruptedRunError) as stopped:
        run(RunRequest("held", bench=bench.bench, data=tmp_path / "runs"), JumpingWatcher(wall, jump), wall)
    folder = stopped.value.run
    assert folder is not None
    log = log_of(folder)
    assert any(words in line for line in log)
    assert any("every instrument is the one it was" in line for line in log)
    with closing(RunReader(folder)) as reader:
        assert reader.column("record", "number") == [0, 1, 2, 3, 4]
        times = [row[0] for row in reader._rows("SELECT bench_time FROM step ORDER BY number")]
    assert times == sorted(times)
    assert times[0] >= 0
    assert [moment.what for moment in bench.moments].count("output on") == 2
    assert bench.is_safe


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pyserial leaves such a socket open
def test_after_sleep_links_that_died_are_opened_again(
    serve: Serve, offer: Callable[[Protocol[Any, Any]], None], tmp_path: Path
) -> None:
    bench, wall = serve(), JumpingWall()
    offer(held_client.protocol("hold"))
    watcher = JumpingWatcher(wall, 8 * 3600.0, bench.hang_up)
    with pytest.raises(InterruptedRunError) as stopped:
        run(RunRequest("held", bench=bench.bench, data=tmp_path / "runs"), watcher, wall)
    assert stopped.value.run is not None
    with closing(RunReader(stopped.value.run)) as reader:
        assert reader.column("record", "number") == [0, 1, 2, 3, 4]
    assert bench.is_safe


def test_the_address_is_free_as_soon_as_the_guardian_is_done(serve: Serve, start: Start) -> None:
    bench = serve()
    client = start(bench)
    address = f"socket://127.0.0.1:{bench.port('board')}"
    assert is_locked(address)
    client.signal(signal.SIGKILL)
    client.end()
    second = start(bench)
    assert bench.state is BoardState.ARMED
    second.signal(signal.SIGTERM)
    assert second.end()[0] == 143
    assert not is_locked(address)
