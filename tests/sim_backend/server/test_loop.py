"""What one thread owes all hosts: each its answers, in time, whatever the others do."""

from __future__ import annotations

import random
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import serial

from labctl.board_data import BoardState, Cell, Pulse, Trip
from labctl.messages import pack_entries, unpack_error
from labctl.wire import ErrorCode, Kind, Opcode
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.server.bounds import Bounds

if TYPE_CHECKING:
    from tests.sim_backend.server.conftest import ServeBench

_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
IDN = b"KEITHLEY INSTRUMENTS,"
SECOND_OF_PULSES = pack_entries([Pulse(Cell(0, 0), 0.1, 1e-3, 500)])
"""500 slots of 2 ms."""


def ask(connection: socket.socket, line: bytes) -> bytes:
    """Send a line; return the answer."""
    connection.sendall(line + b"\n")
    return line_from(connection)


def line_from(connection: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        piece = connection.recv(4096)
        assert piece, "hung up"
        data += piece
    return data


def hung_up(connection: socket.socket) -> bool:
    """Wait for whatever comes; return whether it is the end."""
    try:
        return connection.recv(4096) == b""
    except ConnectionError:
        return True


def test_operations_take_their_time(serve_bench: ServeBench) -> None:
    board = serve_bench().board()
    board.arm(5.0)
    start = time.perf_counter()
    assert board.ask(Opcode.PULSE, SECOND_OF_PULSES).kind == Kind.REPLY
    assert 1.0 <= time.perf_counter() - start < 1.5


def test_operations_take_none_when_it_hurries(serve_bench: ServeBench) -> None:
    served = serve_bench(hurry=True)
    board = served.board()
    board.arm(5.0)
    before = served.twin.clock.now()
    start = time.perf_counter()
    for _ in range(10):
        assert board.ask(Opcode.PULSE, SECOND_OF_PULSES).kind == Kind.REPLY
    assert time.perf_counter() - start < 5.0
    assert served.twin.clock.now() - before > 10.0


@pytest.mark.parametrize("hurry", [False, True])
def test_the_watchdog_bites_on_the_wall_when_nobody_talks(serve_bench: ServeBench, hurry: bool) -> None:
    served = serve_bench(hurry=hurry)
    board = served.board()
    board.arm(0.3)
    armed = time.perf_counter()
    panel = served.twin.panels["board"]
    assert isinstance(panel, ProbeBoardPanel)
    states = panel._states
    while states.state is BoardState.ARMED:
        assert time.perf_counter() - armed < 5.0
    assert 0.29 <= time.perf_counter() - armed < 0.5
    assert board.status().trips is Trip.WATCHDOG


def test_what_is_done_keeps_the_watchdog_from_biting(serve_bench: ServeBench) -> None:
    """A twin that hurries lets hours pass in the world between two requests; its watchdog counts the wall's time."""
    served = serve_bench(hurry=True)
    board = served.board()
    board.arm(1.0)
    served.twin.clock.sleep(7200.0)
    assert board.status().state is BoardState.ARMED


def test_safe_is_obeyed_while_a_list_runs(serve_bench: ServeBench) -> None:
    served = serve_bench()
    board, other = served.board(), served.board()
    board.arm(5.0)
    board.send(Opcode.PULSE, pack_entries([Pulse(Cell(0, 0), 0.1, 1e-3, 2000)]))
    while served.loop._owner is None:
        pass
    begun = served.twin.world.clock.now()
    while served.twin.world.clock.now() < begun + 0.2:
        pass
    start = time.perf_counter()
    other.ask(Opcode.SAFE)
    assert time.perf_counter() - start < 0.5
    report = unpack_error(board.next().payload)
    assert report.code == ErrorCode.TRIPPED
    assert 0 < report.delivered < 1000
    assert board.status().state is BoardState.SAFE


def test_one_instrument_answers_while_another_works(serve_bench: ServeBench) -> None:
    served = serve_bench()
    board, smu = served.board(), served.connect("smu")
    board.arm(5.0)
    board.send(Opcode.PULSE, SECOND_OF_PULSES)
    start = time.perf_counter()
    for _ in range(20):
        assert ask(smu, b"*IDN?").startswith(IDN)
    assert time.perf_counter() - start < 0.5
    assert board.next().kind == Kind.REPLY


def test_hosts_of_one_instrument_take_turns(serve_bench: ServeBench) -> None:
    served = serve_bench()
    one, two = served.connect("smu"), served.connect("smu")
    one.sendall(b":SENS:CURR:NPLC 10;:READ?;*IDN?\n")
    two.sendall(b"*IDN?;*OPT?\n")
    assert line_from(two).startswith(IDN)
    assert IDN in line_from(one)


def test_a_sweep_goes_on_by_itself(serve_bench: ServeBench) -> None:
    """Its points are timed by the world; when that hurries, nothing else lets its time pass."""
    for hurry in (False, True):
        smu = serve_bench(hurry=hurry).connect("smu")
        smu.sendall(b":SENS:CURR:NPLC 0.01;:SOUR:SWE:VOLT:LIN 0,0.1,21;:INIT\n")
        while ask(smu, b":TRIG:STAT?").startswith(b"RUNNING"):
            pass
        assert int(float(ask(smu, b':TRAC:ACT? "defbuffer1"'))) == 21


def test_latency_is_added_in_order(serve_bench: ServeBench) -> None:
    smu = serve_bench(latency=0.05).connect("smu")
    start = time.perf_counter()
    assert ask(smu, b"*IDN?").startswith(IDN)
    assert 0.05 <= time.perf_counter() - start < 0.3
    for count in range(20):
        smu.sendall(f"*ESE {count};*ESE?\n".encode())
    got = b""
    while got.count(b"\n") < 20:
        got += smu.recv(4096)
    assert got.split() == [str(count).encode() for count in range(20)]


def test_a_host_that_only_sends_is_obeyed_and_answered(serve_bench: ServeBench) -> None:
    served = serve_bench()
    smu = served.connect("smu")
    smu.sendall(b":SOUR:VOLT:ILIM 1e-3\n:SENS:CURR:NPLC 1;:READ?\n*IDN?\n")
    smu.shutdown(socket.SHUT_WR)
    answers = b""
    while piece := smu.recv(4096):
        answers += piece
    assert answers.count(b"\n") == 2
    assert IDN in answers
    assert float(ask(served.connect("smu"), b":SOUR:VOLT:ILIM?")) == 1e-3


def test_any_bytes_and_any_end(serve_bench: ServeBench) -> None:
    served = serve_bench(hurry=True)
    noise = random.Random(4)
    for count in range(60):
        for name in served.ports:
            connection = served.connect(name)
            connection.sendall(noise.randbytes(noise.randrange(1, 3000)))
            if count % 3 == 0:  # not even a farewell: the network's "reset"
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            connection.close()
    assert ask(served.connect("smu"), b"*CLS;*IDN?").startswith(IDN)
    assert served.board().status().state is BoardState.SAFE


def test_an_endless_line_is_dropped(serve_bench: ServeBench) -> None:
    served = serve_bench(hurry=True)
    smu = served.connect("smu")
    for _ in range(40):
        smu.sendall(b"x" * 65_536)
    smu.sendall(b"\n")
    assert ask(smu, b"*IDN?").startswith(IDN)
    board = served.board()
    board.connection.sendall(b"x" * 1_000_000)
    assert board.status().bad_frames == 1


def test_who_does_not_read_is_hung_up_on(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(behind=100_000), hurry=True)
    board = served.board()
    board.arm(5.0)
    cells = struct.pack("<iHH", 200_000, 1, 1024) + bytes(4 * 1024)
    with suppress(ConnectionError):
        while True:
            board.send(Opcode.READ, cells)
    assert ask(served.connect("smu"), b"*IDN?").startswith(IDN)


def test_who_sends_ahead_waits(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(ahead=4096))
    smu = served.connect("smu")
    smu.setblocking(False)
    sent = 0
    try:
        while sent < 50_000_000:
            sent += smu.send(b":SENS:CURR:NPLC 10;:READ?\n" * 1000)
    except BlockingIOError:
        pass
    assert sent < 50_000_000
    assert served.board().status().state is BoardState.SAFE


def test_connections_are_counted(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(hosts=3, spare=60.0))
    connections = [served.connect("smu") for _ in range(3)]
    assert all(ask(one, b"*IDN?").startswith(IDN) for one in connections)
    assert hung_up(served.connect("smu"))
    assert served.board().status().state is BoardState.SAFE
    connections.pop().close()
    while not _answers(served.connect("smu")):
        pass  # until the farewell has arrived
    assert all(ask(one, b"*IDN?").startswith(IDN) for one in connections)


def _answers(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"*IDN?\n")
        return connection.recv(4096).startswith(IDN)
    except ConnectionError:
        return False


def test_the_quietest_makes_room(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(hosts=2, spare=0.0))
    quiet, busy = served.connect("smu"), served.connect("smu")
    assert ask(quiet, b"*IDN?").startswith(IDN)
    assert ask(busy, b"*IDN?").startswith(IDN)
    assert ask(served.connect("smu"), b"*IDN?").startswith(IDN)
    assert hung_up(quiet)
    assert ask(busy, b"*IDN?").startswith(IDN)


def test_the_silent_are_hung_up_on(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(idle=0.2))
    smu = served.connect("smu")
    start = time.perf_counter()
    assert hung_up(smu)
    assert 0.2 <= time.perf_counter() - start < 1.0


def test_no_web_page_reaches_an_instrument(serve_bench: ServeBench) -> None:
    served = serve_bench()
    browser = served.connect("smu")
    browser.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n:OUTP ON\n*IDN?\n")
    assert hung_up(browser)
    assert ask(served.connect("smu"), b":OUTP?").strip() == b"0"


def test_a_terminal_outlives_its_hosts(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(idle=0.05, behind=50_000), hurry=True)
    device = served.terminals["smu"].removeprefix("ASRL").removesuffix("::INSTR")
    if not device:
        pytest.skip("this system has no pseudo-terminals")
    with serial.Serial(device, timeout=5) as port:
        port.write(b"*IDN?\n" * 3000)  # and nobody reads
    for _ in range(3):
        with serial.Serial(device, timeout=5) as port:
            port.write(b"\n*CLS\n*ESE 77;*ESE?\n")
            while port.readline() != b"77\n":
                pass


def test_what_is_under_way_is_finished_at_once_when_it_stops(serve_bench: ServeBench) -> None:
    served = serve_bench()
    board = served.board()
    board.arm(5.0)
    board.send(Opcode.PULSE, pack_entries([Pulse(Cell(0, 0), 0.1, 1e-3, 2000)]))
    while served.loop._owner is None:
        pass
    begun = served.twin.world.clock.now()
    while served.twin.world.clock.now() < begun + 0.2:
        pass
    start = time.perf_counter()
    served.stop()
    assert time.perf_counter() - start < 2.0
    assert board.next().kind == Kind.REPLY
    assert served.twin.world.counters.delivered == 2000


def test_a_bug_in_one_panel_ends_nobody_s_service(serve_bench: ServeBench, monkeypatch: Any) -> None:
    served = serve_bench()
    monkeypatch.setattr(served.twin.panels["smu"], "execute", lambda _message: 1 / 0)  # pyright: ignore[reportUnknownLambdaType]
    smu = served.connect("smu")
    smu.sendall(b"*IDN?\n*IDN?\n")
    assert served.board().status().state is BoardState.SAFE
    smu.shutdown(socket.SHUT_WR)
    assert hung_up(smu)
    assert served.complaints == ["a bug of ours: ZeroDivisionError: division by zero"]
    served.complaints.clear()
