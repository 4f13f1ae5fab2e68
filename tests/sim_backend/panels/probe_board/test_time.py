"""Rules 7 and 9 of the board's wire specification: what things take, and the watchdog."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from sim_backend.clock import VirtualClock
from sim_backend.panels.board_watchdog import Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sim_backend.panels.probe_board.conftest import BoardHost

SAFE, CLEAR, ARM, UNROUTE, READ, PULSE, PULSE_READ = 0x05, 0x06, 0x07, 0x13, 0x20, 0x21, 0x22
SAFE_STATE = 9
STATUS = 0x04
LINK = 1e-3
BYTE = 8 / 12e6


def took(host: BoardHost, opcode: int, payload: bytes) -> float:
    """Return the time that a request takes beside its transaction's, in s."""
    host.sequence += 1
    request = host.frame(opcode, payload, host.sequence, host.session)
    start = host.clock.now()
    host.send(request)
    (answer,) = host.answers()
    assert answer.kind == 2
    return host.clock.now() - start - LINK - (len(request) + len(answer.raw) + 1) * BYTE


def test_a_transaction_takes_a_millisecond_and_its_bytes(host: BoardHost) -> None:
    host.idle()
    assert took(host, UNROUTE, b"") == pytest.approx(0.0, abs=1e-12)
    start = host.clock.now()
    host.send(b"\x01\0" * 50)
    assert host.clock.now() == start


def test_a_frame_costs_the_same_in_pieces(host: BoardHost) -> None:
    host.idle()
    frame = b"\0" + host.frame(UNROUTE, b"", 2, host.session)
    start = host.clock.now()
    for byte in b"\x01garbage\0" + frame:
        host.send(bytes([byte]))
    (answer,) = host.answers()
    expected = LINK + (len(frame) - 1 + len(answer.raw) + 1) * BYTE
    assert host.clock.now() - start == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("cells", "averages", "groups"),
    [
        ([(0, 0)], 1, 1),
        ([(0, 0)], 4096, 1),
        ([(3, column) for column in range(16)], 8, 1),
        ([(3, 1), (3, 1), (3, 1)], 8, 1),
        ([(0, 0), (1, 0), (0, 0)], 8, 3),
        ([(0, 0), (0, 1), (1, 1), (1, 0), (0, 0)], 8, 3),
        ([(row, column) for row in range(12) for column in range(16)], 2, 12),
        ([(row, column) for column in range(16) for row in range(12)], 2, 192),
    ],
)
def test_a_read_takes_its_groups(host: BoardHost, cells: list[tuple[int, int]], averages: int, groups: int) -> None:
    host.idle()
    expected = groups * (30e-6 + averages * 5e-6)
    assert took(host, READ, host.read(cells, averages=averages)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("train", "expected"),
    [
        ((0, 0, 0, 20, 1), 1e-6),
        ((0, 0, 0, 500, 3), 3e-6),
        ((0, 0, 0, 501, 3), 3 * 1.002e-6),
        ((0, 0, 0, 10_000_000, 7), 0.14),
        ((0, 0, 0, 80, 1_000_000), 1.0),
    ],
)
def test_a_pulse_takes_its_slot(host: BoardHost, train: tuple[int, int, int, int, int], expected: float) -> None:
    host.armed()
    assert took(host, PULSE, host.entries([train])) == pytest.approx(expected, abs=1e-10)
    assert took(host, PULSE, host.entries([train, (0, 0, 0, 20, 2)])) == pytest.approx(expected + 2e-6, abs=1e-10)


def test_each_entry_of_a_pulse_read_is_converted_alone(host: BoardHost) -> None:
    host.armed()
    same_row = [(0, 0, 0, 80, 2), (0, 1, 0, 1000, 1), (0, 2, 0, 80, 1)]
    expected = (2 + 2 + 1) * 1e-6 + 3 * (30e-6 + 16 * 5e-6)
    assert took(host, PULSE_READ, host.pulse_read(same_row, averages=16)) == pytest.approx(expected, abs=1e-12)


def test_a_repeat_takes_no_run(host: BoardHost) -> None:
    host.armed()
    payload = host.entries([(0, 0, 0, 10_000_000, 7)])
    took(host, PULSE, payload)
    host.sequence -= 1
    assert took(host, PULSE, payload) == pytest.approx(0.0, abs=1e-12)


def test_status_counts_microseconds_since_power_up(host: BoardHost) -> None:
    host.clock.sleep(2.0)
    # A millisecond and 15 bytes later.
    assert 2_001_000 <= host.status().time <= 2_001_030


def test_the_watchdog_bites_on_time(host: BoardHost) -> None:
    """Seen from a source-measure unit on the port, whose current stops with it."""
    host.armed(period=500)
    host.ok(0x12, struct.pack("<HH", 1, 1))
    routed = host.clock.now()
    smu = host.world.smu("smu")
    smu.drive(0.2, 1.0)
    # The reply's bytes, 16 of them, travelled after the request was carried out.
    host.clock.sleep(0.5 - 16 * BYTE - 1e-9)
    assert smu.measure(1e-3).current != 0.0
    assert host.clock.now() < routed + 0.5
    host.clock.sleep(2e-9)
    assert smu.measure(1e-3).current == 0.0
    assert host.status()[:2] == (0, 1)
    assert host.refused(PULSE, host.entries([(0, 0, 0, 20, 1)])).code == SAFE_STATE
    assert host.ok(CLEAR) == b"\x01\0"
    assert host.status()[:2] == (1, 0)


def test_a_trip_stays_until_it_is_cleared(host: BoardHost) -> None:
    host.armed(period=20)
    host.clock.sleep(0.03)
    host.outside(SAFE)
    assert host.status()[:2] == (0, 1)
    host.hello(2)
    host.refused(READ, host.read([(0, 0)]))
    assert host.ok(CLEAR) == b"\x01\0"
    assert host.ok(CLEAR) == b"\0\0"


def test_the_watchdog_itself() -> None:
    clock, bites = VirtualClock(), list[float]()
    watchdog = Watchdog(clock, lambda: bites.append(clock.now()))
    watchdog.restart()
    clock.sleep(5.0)
    watchdog.start(1.0)
    clock.sleep(0.75)
    watchdog.restart()
    clock.sleep(0.75)
    watchdog.hold()
    clock.sleep(10.0)
    watchdog.restart()
    watchdog.release()
    assert bites == []
    clock.sleep(10.0)
    assert bites == [17.5]
    watchdog.start(10.0)
    watchdog.start(0.25)
    clock.sleep(0.5)
    assert bites == [17.5, 26.75]
    watchdog.start(1.0)
    watchdog.stop()
    clock.sleep(10.0)
    assert len(bites) == 2


def test_without_arming_there_is_no_watchdog(host: BoardHost) -> None:
    host.idle()
    host.clock.sleep(100.0)
    assert host.status().state == 1
    host.ok(ARM, struct.pack("<I", 20))
    host.ok(ARM, bytes(4))
    host.clock.sleep(100.0)
    assert host.status()[:2] == (1, 0)
    host.ok(ARM, struct.pack("<I", 20))
    host.outside(SAFE)
    host.clock.sleep(1.0)
    assert host.status()[:2] == (0, 0)


def outlives(host: BoardHost, between: Callable[[], object]) -> bool:
    """Return whether the board is still armed after three quarters of a period, `between`, and again so much."""
    host.armed(period=1000)
    host.clock.sleep(0.75)
    between()
    host.clock.sleep(0.75)
    return host.status().state == 2


def test_requests_that_are_carried_out_restart_the_watchdog(host: BoardHost) -> None:
    assert outlives(host, lambda: host.ok(UNROUTE))


def test_arming_again_restarts_it_with_the_new_period(host: BoardHost) -> None:
    assert outlives(host, lambda: host.ok(ARM, struct.pack("<I", 1000)))
    host.ok(ARM, struct.pack("<I", 20))
    host.clock.sleep(0.03)
    assert host.status().state == 0


def test_a_longer_period_takes_the_place_of_a_shorter_one(host: BoardHost) -> None:
    host.armed(period=20)
    host.ok(ARM, struct.pack("<I", 10_000))
    host.clock.sleep(9.9)
    assert host.status().state == 2
    host.clock.sleep(0.2)
    assert host.status()[:2] == (0, 1)


def test_a_repeat_of_one_that_was_carried_out_restarts_it(host: BoardHost) -> None:
    assert outlives(host, lambda: host.ask(CLEAR, b"", 1, host.session))


def test_refused_requests_do_not_restart_it(host: BoardHost) -> None:
    assert not outlives(host, lambda: host.refused(READ, host.read([(99, 0)])))


def test_a_repeat_of_a_refused_request_does_not_restart_it(host: BoardHost) -> None:
    def twice() -> None:
        host.refused(0x0099)
        host.ask(0x0099, b"", host.sequence, host.session)

    assert not outlives(host, twice)


@pytest.mark.parametrize("opcode", [0x02, 0x03, 0x04])
def test_requests_outside_the_session_do_not_restart_it(host: BoardHost, opcode: int) -> None:
    assert not outlives(host, lambda: host.outside(opcode))


def test_a_hello_does_not_restart_it(host: BoardHost) -> None:
    assert not outlives(host, lambda: host.hello(2))


def test_a_wrong_session_or_sequence_does_not_restart_it(host: BoardHost) -> None:
    def stray() -> None:
        host.ask(UNROUTE, b"", host.sequence + 1, host.session ^ 1)
        host.ask(UNROUTE, b"", host.sequence + 5, host.session)
        host.send(b"\x01\0")

    assert not outlives(host, stray)


def test_it_stands_still_while_a_request_runs(host: BoardHost) -> None:
    host.armed(period=20)
    host.ok(PULSE, host.entries([(0, 0, 0, 10_000_000, 200)]))
    assert host.status().state == 2
    host.ok(READ, host.read([(r % 2, 0) for r in range(200)], averages=4096))
    assert host.status().state == 2
    host.clock.sleep(0.021)
    assert host.status()[:2] == (0, 1)


def test_many_restarts_then_silence(host: BoardHost) -> None:
    host.armed(period=100)
    for _ in range(50):
        host.clock.sleep(0.09)
        host.ok(UNROUTE)
    last = host.clock.now()
    while host.status().state == 2:
        pass
    assert host.clock.now() - last == pytest.approx(0.1, abs=2.1e-3)
