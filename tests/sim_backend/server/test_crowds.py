"""Hosts that flood, storm and stay away: who behaves is answered all the same, and what they use up is bounded."""

from __future__ import annotations

import resource
import socket
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from labctl.board_data import BoardState
from sim_backend.server.bounds import Bounds

if TYPE_CHECKING:
    from tests.sim_backend.server.conftest import ServeBench, ServedHere

IDN = b"KEITHLEY INSTRUMENTS,"
LONG_MEASUREMENT = b":SENS:CURR:NPLC 1;:READ?\n"
"""Takes 20 ms and more."""


def flood(served: ServedHere, name: str, message: bytes, count: int) -> list[socket.socket]:
    """Send as much as the network takes, over several connections."""
    flooding = [served.connect(name) for _ in range(count)]
    for one in flooding:
        one.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                one.send(message * (65_536 // len(message)))
    return flooding


def is_answered(served: ServedHere) -> bool:
    """Return whether a new host of the source-measure unit gets an answer."""
    connection = served.connect("smu")
    try:
        connection.sendall(b"*IDN?\n")
        return connection.recv(4096).startswith(IDN)
    except ConnectionError:
        return False
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("message", "leave"),
    [(b"\n", True), (b"*IDN?\n", True), (b"x", True), (LONG_MEASUREMENT, True), (LONG_MEASUREMENT, False)],
)
def test_a_flood_of_all_connections_locks_nobody_out(serve_bench: ServeBench, message: bytes, leave: bool) -> None:
    served = serve_bench(Bounds(hosts=4))
    flooding = flood(served, "smu", message, 4)
    if leave:
        for one in flooding:
            one.close()
    end = time.perf_counter() + 20.0
    while not is_answered(served):
        assert time.perf_counter() < end
    assert served.board().status().state is BoardState.SAFE


def test_a_flood_of_one_instrument_holds_up_no_other(serve_bench: ServeBench) -> None:
    served = serve_bench(hurry=True)
    flood(served, "board", b"\0", 8)
    assert is_answered(served)


def test_lines_of_hosts_take_turns(serve_bench: ServeBench) -> None:
    served = serve_bench()
    long = served.connect("smu")
    long.sendall(LONG_MEASUREMENT * 500)
    short = served.connect("smu")
    start = time.perf_counter()
    for _ in range(5):
        short.sendall(b"*IDN?\n")
        assert short.recv(4096).startswith(IDN)
    assert time.perf_counter() - start < 5.0, "500 measurements take 10 s and more"


@pytest.mark.skipif(sys.platform != "linux", reason="the figure is in KiB on Linux only")
def test_a_flood_of_empty_lines_is_not_kept_line_by_line(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(hosts=16))
    assert is_answered(served)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    flood(served, "smu", b"\n", 16)
    assert not is_answered(served) or is_answered(served)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_who_leaves_without_reading_is_forgotten_for_others(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(hosts=2, gone=2))
    for _ in range(8):
        one = served.connect("smu")
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        one.setblocking(False)
        with suppress(OSError):
            while True:
                one.send(b"*IDN?\n" * 1000)
        with suppress(OSError):
            one.shutdown(socket.SHUT_WR)
    end = time.perf_counter() + 20.0
    while not is_answered(served):
        assert time.perf_counter() < end


def test_a_storm_of_connections_ends(serve_bench: ServeBench) -> None:
    served = serve_bench(hurry=True)
    for _ in range(500):
        one = socket.create_connection(("127.0.0.1", served.ports["smu"]))
        with suppress(ConnectionError):
            one.sendall(b"*IDN?\n")
        one.close()
    end = time.perf_counter() + 20.0
    while not is_answered(served):
        assert time.perf_counter() < end


def test_pieces_that_are_under_way_are_bounded_however_small(serve_bench: ServeBench) -> None:
    served = serve_bench(latency=5.0)
    smu = served.connect("smu")
    smu.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(3000):
        smu.send(b"\n")
    assert served.board().connection.fileno() >= 0
    assert len(served.twin.world.clock._due) <= 100


def test_nobody_says_the_same_for_ever(serve_bench: ServeBench) -> None:
    """A pipe whose reader sleeps takes 64 KiB; what is said beyond would stop the service."""
    served = serve_bench()
    for number in range(10_000):
        served.loop.report_once(f"{number} " + "x" * 10_000)
    assert 10 < len(served.complaints) < 100
    assert sum(map(len, served.complaints)) < 40_000
    served.complaints.clear()
