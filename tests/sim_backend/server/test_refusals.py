"""What the world refuses on a served twin: nobody's service ends, and nobody is left without a word."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from labctl.backend import WallClock
from labctl.board_data import BoardState, Cell, Pulse
from labctl.errors import ModelError
from labctl.messages import pack_arm, pack_entries
from labctl.wire import Kind, Opcode
from sim_backend.smu_terminals import SmuTerminals

if TYPE_CHECKING:
    from tests.sim_backend.server.conftest import ServeBench, ServedHere

MEASURE = {
    "keithley-2450": b":OUTP ON;:READ?\n",
    "keithley-2400": b":OUTP ON\n:READ?\n",
    "keithley-2600": b"smua.source.output = smua.OUTPUT_ON print(smua.measure.i())\n",
    "keysight-b2900": b":OUTP ON\n:MEAS:CURR?\n",
}
NOT_A_NUMBER = b"+9.91"
"""How SCPI writes that there is no number."""
TSP_NEXT_ERROR = b"code = errorqueue.next() print(string.format('%d', code))\n"


def refuse(*_: Any) -> None:
    raise ModelError("the film says nothing of this")


@pytest.mark.parametrize("hurry", [False, True])
@pytest.mark.parametrize("driver", MEASURE)
def test_an_smu_says_so_in_its_error_queue(
    serve_bench: ServeBench, driver: str, hurry: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve_bench(hurry=hurry, driver=driver)
    ask_error = TSP_NEXT_ERROR if driver == "keithley-2600" else b":SYST:ERR?\n"
    connection = served.connect("smu")
    with connection.makefile("rb") as answers:
        with monkeypatch.context() as refusing:
            refusing.setattr(SmuTerminals, "measure", refuse)
            connection.sendall(MEASURE[driver])
            connection.sendall(ask_error)
            said = answers.readline()
            if said.startswith(NOT_A_NUMBER):  # a run that ended before its query was looked at has no reading to give
                said = answers.readline()
            assert said.startswith(b"-310")
        connection.sendall(b"errorqueue.clear()\n" if driver == "keithley-2600" else b"*CLS\n")
        connection.sendall(MEASURE[driver])
        assert abs(float(answers.readline().split(b",")[0])) < 1.0
        connection.sendall(ask_error)
        assert float(answers.readline().split(b",")[0]) == 0
    assert served.board().status().state is BoardState.SAFE
    assert served.complaints == ["the film says nothing of this"]
    served.complaints.clear()


def test_a_sweep_that_fails_by_itself_is_nobody_else_s_failure(
    serve_bench: ServeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve_bench()
    board, smu = served.board(), served.connect("smu")
    board.arm(5.0)

    def start(_message: str) -> bytes:
        served.twin.clock.every(0.05, refuse)
        return b"started"

    with monkeypatch.context() as starting:
        starting.setattr(served.twin.panels["smu"], "execute", start)
        smu.sendall(b"start\n")
        assert smu.recv(4096) == b"started\n"
    assert board.ask(Opcode.PULSE, pack_entries([Pulse(Cell(0, 0), 0.1, 1e-3, 200)])).kind == Kind.REPLY
    smu.sendall(b":SYST:ERR?\n")
    assert smu.recv(4096).startswith(b"-310,")
    assert served.complaints == ["the film says nothing of this"]
    served.complaints.clear()


def slow(served: ServedHere, monkeypatch: pytest.MonkeyPatch, duration: float) -> threading.Event:
    """Let the SMU compute for this long (s) at each message; return what tells that it has begun."""
    begun = threading.Event()

    def work(_message: str) -> bytes:
        begun.set()
        WallClock().sleep(duration)
        return b"done"

    monkeypatch.setattr(served.twin.panels["smu"], "execute", work)
    return begun


@pytest.mark.parametrize("hurry", [False, True])
def test_the_watchdog_counts_the_wall_s_time_whoever_keeps_the_computer_busy(
    serve_bench: ServeBench, monkeypatch: pytest.MonkeyPatch, hurry: bool
) -> None:
    served = serve_bench(hurry=hurry)
    slow(served, monkeypatch, 0.02)
    board, smu = served.board(), served.connect("smu")
    board.arm(0.3)
    armed = time.perf_counter()
    states: Any = served.twin.panels["board"]
    while states._states.state is BoardState.ARMED:
        smu.sendall(b"compute\n")
        assert smu.recv(4096) == b"done\n"
        assert time.perf_counter() - armed < 0.45
    assert time.perf_counter() - armed >= 0.29


@pytest.mark.parametrize("hurry", [False, True])
def test_a_host_that_was_in_time_is_not_punished_for_a_slow_computer(
    serve_bench: ServeBench, monkeypatch: pytest.MonkeyPatch, hurry: bool
) -> None:
    served = serve_bench(hurry=hurry)
    begun = slow(served, monkeypatch, 0.6)
    board, smu = served.board(), served.connect("smu")
    board.arm(0.3)
    smu.sendall(b"compute\n")
    assert begun.wait(10.0)
    board.send(Opcode.ARM, pack_arm(0.3))
    assert smu.recv(4096) == b"done\n"
    assert board.next().opcode == Opcode.ARM
    assert board.status().state is BoardState.ARMED
