"""A bench that is served from a thread of this process, whose panels say what is truly on; and clients as processes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.backend import BackendOptions, WallClock
from labctl.bench_file import DEFAULT_BENCH, read_bench
from labctl.board_data import BoardState
from sim_backend.backend import TwinBackend
from sim_backend.panels import (
    keithley_2400_output,
    keithley_2450_output,
    keithley_2600_output,
    keysight_b2900_output,
)
from sim_backend.panels.board_states import BoardStates
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.server.bounds import Bounds
from sim_backend.server.client_bench import write_client_bench
from sim_backend.server.loop import Loop
from sim_backend.server.offers import offer

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0
"""How long (s) something may take on a computer that has a lot to do, before it is taken for lost."""
WATCHDOG = 1.0
"""Period (s) of the board's watchdog in the packaged bench."""
OUTPUTS: tuple[Any, ...] = (
    keithley_2400_output.Output,
    keithley_2450_output.Output,
    keithley_2600_output.Output,
    keysight_b2900_output.Output,
)
CLIENT = Path(__file__).with_name("held_client.py")
_TURN = 0.002


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened in a panel, with its time (s) on the clock that all processes share.

    Args:
        time: when.
        what: "output on", "output off", "SAFE" or "armed".
    """

    time: float
    what: str


class ServedBench:
    """The packaged bench, with one of the source-measure units.

    Args:
        folder: where files of its clients go.
        driver: of the source-measure unit.
        terminals: whether clients are given the board's pseudo-terminal, which one process at a time can open.
        hurry: operations take no time.
    """

    def __init__(
        self, folder: Path, driver: str = "keithley-2450", *, terminals: bool = False, hurry: bool = False
    ) -> None:
        self.moments: list[Moment] = []
        self.complaints: list[str] = []
        self._wall = WallClock()
        self._stopping = threading.Event()
        self._errands: list[Callable[[], None]] = []
        text = DEFAULT_BENCH.read_text(encoding="utf-8").replace('expect = "2450"', "")
        served = folder / "served.toml"
        served.write_text(text.replace('"keithley-2450"', f'"{driver}"'), encoding="utf-8")
        self.file = read_bench(served.read_text(encoding="utf-8"), served.name)
        self.loop = Loop(self._wall, Bounds(), self.complaints.append, lambda: None)
        self.twin = TwinBackend(self.file, BackendOptions(), lambda start: self.loop.make_clock(start, hurry=hurry))
        found = {name: offer(self.loop, panel, "any") for name, panel in self.twin.panels.items()}
        self.bench = folder / "client.toml"
        addresses = {
            name: one.others[0] if terminals and name == "board" and one.others else one.resource
            for name, one in found.items()
        }
        write_client_bench(self.bench, served, {}, addresses, hurries=hurry)
        self._board = next(panel for panel in self.twin.panels.values() if isinstance(panel, ProbeBoardPanel))
        self._states: BoardStates = vars(self._board)["_states"]
        self.output_is_on = False
        """Whether the source-measure unit's output is on."""
        self._switches: list[tuple[Any, Any]] = []
        self._watch()
        self._thread = threading.Thread(target=self.loop.run, args=(self._is_stopping,), name="served bench")
        self._thread.start()

    @property
    def state(self) -> BoardState:
        """Of the board."""
        return self._states.state

    @property
    def is_safe(self) -> bool:
        """Whether the output is off and the board SAFE."""
        return not self.output_is_on and self.state is BoardState.SAFE

    def port(self, name: str) -> int:
        """Return the TCP port in an address of the client's bench file."""
        table = read_bench(self.bench.read_text(encoding="utf-8"), "client").instruments[name]
        return int(re.findall(r"\d+", table.address.removesuffix("::SOCKET"))[-1])

    def when(self, what: str, after: float) -> float:
        """Wait until something happens after a moment and return its time (s)."""
        until = self._wall.now() + PATIENCE
        while True:
            for moment in self.moments:
                if moment.what == what and moment.time >= after:
                    return moment.time
            if self._wall.now() > until:
                raise TimeoutError(f"no {what!r} within {PATIENCE:g} s; {self.moments[-4:]}")
            self._wall.sleep(_TURN)

    def wait_until_safe(self) -> None:
        """Return when the output is off and the board SAFE."""
        until = self._wall.now() + PATIENCE
        while not self.is_safe:
            if self._wall.now() > until:
                raise TimeoutError(f"not safe within {PATIENCE:g} s; {self.moments[-4:]}")
            self._wall.sleep(_TURN)

    def hang_up(self) -> None:
        """End every connection, as a computer's sleep does; who connects anew is let in."""
        instruments = vars(self.loop)["_instruments"]
        done = threading.Event()

        def work() -> None:
            for instrument in instruments:
                instrument.close()
            done.set()

        self._errands.append(work)
        self.loop.bell.send(b"!")
        if not done.wait(PATIENCE):
            raise TimeoutError("the served bench does not listen")

    def _is_stopping(self) -> bool:
        """Return whether to serve no more; the loop's thread asks whenever the bell was rung."""
        while self._errands:
            self._errands.pop()()
        return self._stopping.is_set()

    def close(self) -> None:
        """Serve no more."""
        self._stopping.set()
        self.loop.bell.send(b"!")
        self._thread.join(PATIENCE)
        self.loop.close()
        self.twin.close()
        for output, switch in self._switches:
            output.switch = switch

    def _watch(self) -> None:
        """Let panels note the truth."""
        for output in OUTPUTS:
            self._switches.append((output, output.switch))
            output.switch = self._noted_switch(output.switch)
        self._note_after(self._states, "make_safe", "SAFE")
        self._note_after(self._states, "arm", "armed")

    def _noted_switch(self, switch: Callable[[Any, bool], Any]) -> Callable[[Any, bool], Any]:
        def noted(output: Any, on: bool) -> Any:
            before = output.on
            result = switch(output, on)
            if output.on != before:
                self.output_is_on = output.on
                self._note("output on" if output.on else "output off")
            return result

        return noted

    def _note_after(self, thing: Any, name: str, what: str) -> None:
        method: Callable[..., Any] = getattr(thing, name)

        def noted(*arguments: Any) -> Any:
            result = method(*arguments)
            self._note(what)
            return result

        setattr(thing, name, noted)

    def _note(self, what: str) -> None:
        self.moments.append(Moment(self._wall.now(), what))


class Client:
    """`held_client.py` at work on a served bench."""

    def __init__(self, bench: ServedBench, folder: Path, how: str, *options: str) -> None:
        self._wall = WallClock()
        self.data = folder / "runs"
        self.process = subprocess.Popen(
            [sys.executable, str(CLIENT), how, str(bench.bench), str(self.data), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: deque[tuple[str, float]] = deque()
        self._heard = threading.Condition()
        self._others: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def folder(self) -> Path:
        """The run folder."""
        return next(self.data.glob("*_held_*"))

    def wait_for(self, word: str, count: int = 1) -> float:
        """Wait until it has said a word so many times; return when it did that (s)."""
        with self._heard:
            if not self._heard.wait_for(lambda: len(self.times(word)) >= count or self._is_over(), PATIENCE):
                raise TimeoutError(f"the client does not say {word!r}")
            times = self.times(word)
        if len(times) < count:
            raise ChildProcessError(f"the client ended: {self.end()}")
        return times[count - 1]

    def signal(self, number: int) -> float:
        """Send a signal; return when (s)."""
        now = self._wall.now()
        self.process.send_signal(number)
        return now

    def guardian(self) -> int:
        """Return the process id of its guardian."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        for pid in map(int, children.split()):
            if b"labctl.guardian" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
        raise ProcessLookupError("it has no guardian")

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; return its exit code, and what it said on stdout beside its times, and on stderr."""
        assert self.process.stderr is not None
        error = self.process.stderr.read()
        code = self.process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        self.process.stderr.close()
        return code, "".join(self._others), error

    def times(self, word: str) -> list[float]:
        """Return when it said a word so far (s)."""
        return [time for said, time in self.said if said == word]

    def wait_for_the_end_of_stdout(self) -> None:
        """Return when everything was heard that it ever said."""
        self._listener.join(PATIENCE)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(PATIENCE)
        self._listener.join(PATIENCE)
        if self.process.stderr is not None:
            self.process.stderr.close()

    def _is_over(self) -> bool:
        return self.process.poll() is not None and not self._listener.is_alive()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                found = re.fullmatch(r"([a-z]+) ([0-9.]+)\n", line)
                with self._heard:
                    if found:
                        self.said.append((found[1], float(found[2])))
                    else:
                        self._others.append(line)
                    self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()
