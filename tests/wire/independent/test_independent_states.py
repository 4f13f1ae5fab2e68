"""Rules 6 to 8 of the wire specification asked from outside: states, trips, the watchdog, SAFE while a list runs."""

from __future__ import annotations

import struct
import time

import pytest
from wire.independent.client import (
    Client,
    Code,
    Link,
    Message,
    Op,
    Product,
    State,
    block,
    good,
    pulse,
    pulse_read,
    read,
    refusal,
)

CELL = struct.pack("<HH", 0, 0)
NEED_IDLE = {
    Op.READ: read(100_000, 1, (0, 0)),
    Op.MULTIPLY: Product().pack((0, 0, 0)),
    Op.SCHEME: b"\3\0",
    Op.COMPLIANCE: struct.pack("<dB", 0.25, 0),
    Op.SELFTEST: b"",
}
NEED_ARMED = {
    Op.PULSE: pulse((0, 0, 100_000, 100, 1)),
    Op.PULSE_READ: pulse_read(100_000, 1, (0, 0, 100_000, 100, 1)),
    Op.ROUTE: CELL,
}
ALWAYS = {Op.UNROUTE: b"", Op.TEMPERATURE: b"", Op.CALIBRATION_READ: struct.pack("<BHH", 0, 0, 5)}


def _arm(period: int) -> bytes:
    return struct.pack("<I", period)


def _write_back(board: Client) -> bytes:
    """Payload of a CALIBRATION_WRITE that changes nothing."""
    head = struct.pack("<BHH", 1, 0, 3)
    return struct.pack("<I", 0x43414C31) + head + board.do(Op.CALIBRATION_READ, head)[:-32]


def test_each_operation_works_in_its_states_and_in_no_other(board: Client) -> None:
    idle = NEED_IDLE | {Op.CALIBRATION_WRITE: _write_back(board)}
    for op, payload in [*(idle | NEED_ARMED).items(), (Op.ARM, _arm(1000)), (Op.ARM, _arm(0))]:
        assert board.refused(op, payload) == (Code.SAFE_STATE, 0xFFFF), op
    for op, payload in ALWAYS.items():
        board.do(op, payload)
    board.do(Op.CLEAR)
    assert board.status().state == State.IDLE
    for op, payload in NEED_ARMED.items():
        assert board.refused(op, payload) == (Code.NOT_ARMED, 0xFFFF), op
    for op, payload in (idle | ALWAYS).items():
        board.do(op, payload)
    board.do(Op.ARM, _arm(10_000))
    assert board.status().state == State.ARMED
    for op, payload in (idle | NEED_ARMED | ALWAYS).items():
        board.do(op, payload)
    board.do(Op.CLEAR)
    assert board.status().state == State.ARMED  # Outside SAFE it changes nothing.
    board.do(Op.ARM, _arm(0))
    assert board.status().state == State.IDLE
    board.do(Op.ARM, _arm(0))
    board.free(Op.SAFE)
    assert (board.status().state, board.status().trips) == (State.SAFE, 0)


@pytest.mark.parametrize("period", [1, 19, 10_001, 0xFFFFFFFF])
def test_a_period_outside_its_range_arms_nothing(board: Client, period: int) -> None:
    board.do(Op.CLEAR)
    assert board.refused(Op.ARM, _arm(period)) == (Code.RANGE, 0xFFFF)
    assert board.status().state == State.IDLE


def test_status_survives_hello_and_pulses_are_counted(board: Client) -> None:
    board.arm()
    before = board.status()
    executed, delivered = struct.unpack(
        "<IQ", board.do(Op.PULSE, pulse((0, 1, 50_000, 20, 40), (2, 4, -50_000, 20, 2)))
    )
    assert (executed, delivered) == (2, before.delivered + 42)
    hello = struct.unpack("<IHIQ", good(board.hello()))
    assert hello[2:] == (before.boot, delivered)
    after = board.status()
    assert (after.state, after.boot, after.delivered) == (State.ARMED, before.boot, delivered)
    assert after.time > before.time


def _low_cell(board: Client, limit: float, action: int) -> None:
    """Arm with a cell of some microamperes and this compliance."""
    board.arm()
    board.do(Op.PULSE, pulse((0, 0, 1_200_000, 10_000, 20)))
    board.do(Op.COMPLIANCE, struct.pack("<dB", limit, action))


def test_compliance_flags_clamp_and_trip(board: Client) -> None:
    _low_cell(board, 1e-6, 0)
    (value,), (flags,) = block(board.do(Op.READ, read(200_000, 16, (0, 0))), 1)
    assert flags & 2
    assert 0 < value < 2e-6
    board.do(Op.COMPLIANCE, struct.pack("<dB", 1e-6, 1))
    tripped = refusal(board.ask(Op.READ, read(200_000, 1, (2, 3), (0, 0))))
    assert (tripped.code, tripped.executed) == (Code.TRIPPED, 0)
    tripped.rest.decode()  # No block.
    status = board.status()
    assert (status.state, status.trips) == (State.SAFE, 2)
    assert board.do(Op.CLEAR) == b"\2\0"
    assert (board.status().state, board.status().trips) == (State.IDLE, 0)
    assert board.do(Op.CLEAR) == b"\0\0"


def test_a_trip_in_a_list_tells_how_far_it_came(board: Client) -> None:
    _low_cell(board, 5e-4, 1)
    before = board.status().delivered
    entries = [(2, 3, 5_000, 100, 2), (2, 4, 5_000, 100, 3), (0, 0, 900_000, 100, 5), (2, 3, 5_000, 100, 7)]
    request = board.request(Op.PULSE_READ, pulse_read(5_000, 2, *entries))
    answer = board.ask(Op.PULSE_READ, request.payload)
    tripped = refusal(answer)
    assert (tripped.code, tripped.executed) == (Code.TRIPPED, 2)
    values, flags = struct.unpack_from("<2d", tripped.rest), list(tripped.rest[16:18])
    assert max(map(abs, values)) < 5e-4
    assert flags == [0, 0]
    assert tripped.rest[18:].decode()
    status = board.status()
    assert (status.state, status.trips) == (State.SAFE, 2)
    assert before + 5 <= tripped.delivered == status.delivered <= before + 10
    board.link.put(request.wire)
    assert board.link.take().raw == answer.raw
    assert board.status().delivered == tripped.delivered


def test_trips_in_other_operations_tell_that_nothing_is_left(board: Client) -> None:
    _low_cell(board, 1e-6, 1)
    tripped = refusal(board.ask(Op.MULTIPLY, Product().pack((200_000, 0, 0))))
    assert (tripped.code, tripped.executed) == (Code.TRIPPED, 0)
    tripped.rest.decode()  # No block.
    board.arm()
    tripped = refusal(board.ask(Op.PULSE, pulse((0, 0, 0, 100, 3), (0, 0, 900_000, 100, 5), (0, 0, 0, 100, 3))))
    assert (tripped.code, tripped.executed) == (Code.TRIPPED, 1)
    tripped.rest.decode()
    assert tripped.delivered == board.status().delivered
    assert board.refused(Op.PULSE, NEED_ARMED[Op.PULSE]) == (Code.SAFE_STATE, 0xFFFF)


def test_safe_behind_a_list_in_one_packet_is_obeyed_and_answered_in_order(board: Client) -> None:
    board.arm()
    before = board.status().delivered
    request = board.request(Op.PULSE, pulse((0, 0, 0, 2_000_000, 100)))
    board.sequence += 1
    after = board.request(Op.TEMPERATURE)
    board.sequence += 1
    board.link.put(request.wire + Message(1, Op.SAFE, 0x90000004, 0).wire + after.wire)
    first, second, third = (board.link.take() for _ in range(3))
    assert [answer.opcode for answer in (first, second, third)] == [Op.PULSE, Op.SAFE, Op.TEMPERATURE]
    if first.kind == 3:  # SAFE came while the list ran, not behind its end.
        tripped = refusal(first)
        assert (tripped.code, tripped.executed) == (Code.TRIPPED, 0)
        assert before <= tripped.delivered == board.status().delivered < before + 100
    else:
        assert board.status().delivered == before + 100
    assert board.status().state == State.SAFE


def _trip(client: Client) -> tuple[Message, Message]:
    """Arm, put out pulses of nothing up to one that meets a fault, and CLEAR at once; return both answers."""
    client.arm()
    pulses = client.request(Op.PULSE, pulse((0, 0, 0, 100, 5 - client.status().delivered % 5)))
    clear = Message(1, Op.CLEAR, pulses.sequence + 1, pulses.session)
    client.sequence += 2
    client.link.put(pulses.wire + clear.wire)  # In one packet: no computer is too slow to meet the cause.
    return client.link.take(), client.link.take()


def test_trips_of_the_board_itself_last_as_long_as_their_cause(faulty_port: int) -> None:
    with Link(faulty_port) as link:
        client = Client(link)
        for trips in (1 << 2, 1 << 3):
            pulsed, cleared = _trip(client)
            assert pulsed.kind == 2 or refusal(pulsed).code == Code.TRIPPED
            while cleared.kind == 3:
                assert refusal(cleared).code == Code.TRIPPED
                status = client.status()
                assert (status.state, status.trips) == (State.SAFE, trips)
                link.wait(0.03)
                cleared = client.ask(Op.CLEAR)
            assert cleared.payload == struct.pack("<H", trips)
            assert cleared.sequence > pulsed.sequence + 1  # The first CLEAR was refused.
            assert (client.status().state, client.status().trips) == (State.IDLE, 0)
        _, cleared = _trip(client)
        assert good(cleared) == b"\x10\0"  # A supply that fires does not last.


def test_a_board_without_power_forgets_its_session_and_counts_from_nothing(faulty_port: int) -> None:
    with Link(faulty_port) as link:
        client = Client(link)
        boot = client.boot
        client.arm()
        while client.status().delivered < 19:  # The faults before it trip the board on the way.
            client.ask(Op.CLEAR)
            client.ask(Op.ARM, _arm(10_000))
            client.ask(Op.PULSE, pulse((0, 0, 0, 100, 1)))
        client.arm()
        link.put(client.request(Op.PULSE, pulse((0, 0, 0, 100, 1))).wire)
        client.sequence += 1
    with Link(faulty_port) as link:  # Whether the last pulse was answered is no matter here.
        client.link = link
        begin = time.monotonic()
        while client.status().boot == boot:
            assert time.monotonic() < begin + 30
            link.wait(0.02)
        status = client.status()
        assert (status.state, status.trips, status.delivered, status.boot) == (State.SAFE, 0, 0, boot + 1)
        refused = link.exchange(client.request(Op.TEMPERATURE))
        assert refusal(refused).code == Code.SESSION
        client.hello()
        assert client.boot == boot + 1
        client.do(Op.CLEAR)


def test_a_new_hello_restarts_no_watchdog(board: Client) -> None:
    board.arm(200)
    begin = time.monotonic()
    while board.status().state == State.ARMED:  # Bites in wall time at `--speed max`, too.
        assert time.monotonic() < begin + 30
        board.hello()
        board.link.wait(0.03)
    assert board.do(Op.CLEAR) == b"\1\0"


def test_compliance_survives_safe_and_hello(board: Client) -> None:
    _low_cell(board, 1e-6, 1)
    board.free(Op.SAFE)
    board.hello()
    board.arm()
    assert refusal(board.ask(Op.PULSE, pulse((0, 0, 900_000, 100, 1)))).code == Code.TRIPPED


def test_the_five_seconds_are_counted_as_the_page_counts_them(board: Client) -> None:
    board.arm()
    group = 30 + 4096 * 5  # us
    fits = 5_000_000 // group
    cells = [(index % 2, 0) for index in range(fits)]
    begin = board.status().time
    board.do(Op.READ, read(1000, 4096, *cells))
    assert fits * group <= board.status().time - begin < fits * group + 20_000
    assert board.refused(Op.READ, read(1000, 4096, *cells, (2, 0)))[0] == Code.RANGE
    begin = board.status().time
    board.do(Op.READ, read(1000, 4096, *[(0, index % 5) for index in range(1000)]))  # One row: one conversion.
    assert group <= board.status().time - begin < group + 20_000
    board.do(Op.PULSE, pulse((0, 0, 0, 2_500_000, 1000)))
    assert board.refused(Op.PULSE, pulse((0, 0, 0, 2_500_001, 1000)))[0] == Code.RANGE
    assert board.refused(Op.PULSE, pulse((0, 0, 0, 2_500_000, 1000), (0, 0, 0, 20, 1)))[0] == Code.RANGE
    begin = board.status().time
    board.do(Op.PULSE, pulse((0, 0, 0, 20, 1_000_000)))  # A slot lasts 1 us at least.
    assert 1_000_000 <= board.status().time - begin < 1_020_000
    entries = [(0, 0, 0, 1_000_000, 100)] * 24  # Each 200 ms and its read.
    assert board.refused(Op.PULSE_READ, pulse_read(1000, 4096, *entries, entries[0]))[0] == Code.RANGE
    begin = board.status().time
    board.do(Op.PULSE_READ, pulse_read(1000, 1, *entries))
    assert 24 * 200_035 <= board.status().time - begin < 24 * 200_035 + 20_000
    product = Product(averages=498, slot=10_000_000)
    board.do(Op.MULTIPLY, product.pack((0, 0, 0)))
    assert board.refused(Op.MULTIPLY, Product(averages=500, slot=10_000_000).pack((0, 0, 0)))[0] == Code.RANGE


def test_the_watchdog_bites_after_its_period_and_not_while_executed_requests_come(real: Client) -> None:
    real.arm(1500)
    heard = real.request(Op.TEMPERATURE)
    real.ask(Op.TEMPERATURE)
    begin = time.monotonic()
    while time.monotonic() < begin + 1.8:
        real.link.put(heard.wire)  # Answered from the cache of an executed one.
        assert real.link.take().kind == 2
        real.link.wait(0.1)
    assert real.status().state == State.ARMED
    real.do(Op.ARM, _arm(400))
    begin = time.monotonic()
    real.do(Op.PULSE, pulse((0, 0, 0, 5_000_000, 60)))  # 600 ms, during which it stands still.
    refused = real.request(Op.PULSE, pulse((9, 0, 0, 100, 1)))
    real.ask(Op.PULSE, refused.payload)
    while real.status().state == State.ARMED:
        assert time.monotonic() < begin + 30
        for message in (
            refused,
            Message(1, Op.TEMPERATURE, real.sequence + 9, real.session),
            Message(1, Op.TEMPERATURE, 1, real.session ^ 1),
        ):
            assert real.link.exchange(message).kind == 3
        real.link.wait(0.03)
    assert time.monotonic() - begin > 0.95
    status = real.status()
    assert (status.state, status.trips) == (State.SAFE, 1)
    assert real.refused(Op.PULSE, NEED_ARMED[Op.PULSE]) == (Code.SAFE_STATE, 0xFFFF)
    assert real.do(Op.CLEAR) == b"\1\0"


def test_safe_from_another_connection_stops_a_list_before_its_next_pulse(real: Client, real_port: int) -> None:
    real.arm()
    before = real.status().delivered
    real.link.put(real.request(Op.PULSE, pulse((0, 0, 0, 2_000_000, 2), (0, 1, 0, 2_000_000, 1200))).wire)  # 4.8 s.
    real.sequence += 1
    real.link.put(real.request(Op.TEMPERATURE).wire)  # Waits while the list runs.
    real.sequence += 1
    with Link(real_port) as other:
        other.wait(0.3)
        other.put(Message(1, Op.STATUS, 0x90000001, 0).wire)
        assert other.silent(0.1)  # Waits, too.
        other.put(Message(1, Op.SAFE, 0x90000002, 0).wire)
        assert [other.take().opcode for _ in range(2)] == [Op.STATUS, Op.SAFE]
        tripped = refusal(real.link.take())
    assert (tripped.code, tripped.executed) == (Code.TRIPPED, 1)
    assert before + 2 < tripped.delivered < before + 1202
    assert real.link.take().opcode == Op.TEMPERATURE
    status = real.status()
    assert (status.state, status.trips, status.delivered) == (State.SAFE, 0, tripped.delivered)


def test_safe_of_the_same_connection_stops_a_read_and_is_answered_in_order(real: Client) -> None:
    real.do(Op.CLEAR)
    request = real.request(Op.READ, read(1000, 4096, *[(index % 2, 0) for index in range(240)]))  # 4.9 s.
    real.sequence += 1
    real.link.put(request.wire)
    real.link.wait(0.2)
    real.link.put(Message(1, Op.SAFE, 0x90000003, 0).wire)
    first = real.link.take()
    tripped = refusal(first)
    assert (first.opcode, tripped.code, tripped.executed) == (Op.READ, Code.TRIPPED, 0)
    tripped.rest.decode()
    assert (answer := real.link.take()).opcode == Op.SAFE
    assert answer.payload == b""
    real.link.put(request.wire)
    assert real.link.take().raw == first.raw
