"""Rule 6 of the board's wire specification: SAFE, IDLE, ARMED, and what the SMU port does."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from labctl.board_data import ReadScheme, WriteScheme

if TYPE_CHECKING:
    from sim_backend.panels.probe_board import ProbeBoardPanel
    from sim_backend.world import CellCurrents, World
    from tests.sim_backend.panels.probe_board.conftest import BoardHost

IDENTIFY, CAPABILITIES, STATUS, SAFE, CLEAR, ARM = range(2, 8)
SCHEME, COMPLIANCE, ROUTE, UNROUTE, READ, PULSE, PULSE_READ = 0x10, 0x11, 0x12, 0x13, 0x20, 0x21, 0x22
MULTIPLY, TEMPERATURE, SELFTEST, CALIBRATION_READ, CALIBRATION_WRITE = 0x30, 0x40, 0x41, 0x50, 0x51
NOT_ARMED, SAFE_STATE, TRIPPED = 8, 9, 10
PERIOD = struct.pack("<I", 10_000)
CELL = struct.pack("<HH", 2, 3)
ONE_READ = struct.pack("<iHHHH", 200_000, 1, 1, 2, 3)
ONE_PULSE = struct.pack("<HHHiII", 1, 2, 3, 900_000, 80, 1)
ONE_PULSE_READ = struct.pack("<iHHHHiII", 200_000, 1, 1, 2, 3, 900_000, 80, 1)
ONE_PRODUCT = struct.pack("<BBHHiiI", 0, 1, 1, 1, 0, 0, 1000) + struct.pack("<16i", *[100_000] * 16)
SESSION_OPERATIONS = {
    CLEAR: b"",
    ARM: PERIOD,
    SCHEME: bytes([2, 1]),
    COMPLIANCE: struct.pack("<dB", 0.1, 0),
    ROUTE: CELL,
    UNROUTE: b"",
    READ: ONE_READ,
    PULSE: ONE_PULSE,
    PULSE_READ: ONE_PULSE_READ,
    MULTIPLY: ONE_PRODUCT,
    TEMPERATURE: b"",
    SELFTEST: b"",
    CALIBRATION_READ: struct.pack("<BHH", 1, 2, 3),
    CALIBRATION_WRITE: struct.pack("<IBHHdd", 0x43414C31, 0, 15, 1, 1.0, 0.0),
}
ALWAYS = (CLEAR, UNROUTE, TEMPERATURE, CALIBRATION_READ)
"""What works in SAFE, too."""


class SmuProbe:
    """A source-measure unit at 0.2 V, below any threshold, that tells whether the port is open."""

    def __init__(self, world: World) -> None:
        self._terminals = world.smu("smu")
        self._terminals.drive(0.2, 1.0)

    def sees_a_cell(self) -> bool:
        """Return whether a current flows."""
        return self._terminals.measure(1e-3).current != 0.0


@pytest.fixture
def smu(board_world: World) -> SmuProbe:
    """An SMU on the port."""
    return SmuProbe(board_world)


def test_a_fresh_board_is_safe(host: BoardHost) -> None:
    status = host.status()
    assert status[:4] == (0, 0, 0, 1)
    assert status.bad_frames == 0


def test_identity_and_capabilities(host: BoardHost) -> None:
    vendor, model, serial, firmware = host.outside(IDENTIFY).payload.decode().split(",")
    assert (vendor, model) == ("labctl", "XPB-64")
    assert serial
    assert firmware
    able = struct.unpack("<HHiiIIIIIIHI", host.outside(CAPABILITIES).payload)
    assert able == (12, 16, -5_000_000, 5_000_000, 500_000, 152_588, 15_259, 20, 10_000_000, 1_000_000, 4096, 31)


@pytest.mark.parametrize("opcode", SESSION_OPERATIONS)
def test_what_is_refused_in_safe(host: BoardHost, opcode: int) -> None:
    host.hello()
    answer = host.next(opcode, SESSION_OPERATIONS[opcode])
    if opcode in ALWAYS:
        assert answer.kind == 2
    else:
        assert int.from_bytes(answer.payload[:2], "little") == SAFE_STATE
    assert host.status().delivered == 0


def test_a_watchdog_of_0_does_not_leave_safe(host: BoardHost) -> None:
    host.hello()
    assert host.refused(ARM, bytes(4)).code == SAFE_STATE
    assert host.status().state == 0


@pytest.mark.parametrize("opcode", SESSION_OPERATIONS)
def test_what_is_refused_in_idle(host: BoardHost, opcode: int) -> None:
    host.idle()
    answer = host.next(opcode, SESSION_OPERATIONS[opcode])
    if opcode in (ROUTE, PULSE, PULSE_READ):
        assert int.from_bytes(answer.payload[:2], "little") == NOT_ARMED
    else:
        assert answer.kind == 2
    assert host.status().delivered == 0


@pytest.mark.parametrize("opcode", SESSION_OPERATIONS)
def test_nothing_is_refused_when_armed(host: BoardHost, opcode: int) -> None:
    host.armed()
    host.ok(opcode, SESSION_OPERATIONS[opcode])


def test_clear_leads_from_safe_to_idle_and_changes_nothing_elsewhere(host: BoardHost) -> None:
    host.hello()
    assert host.ok(CLEAR) == b"\0\0"
    assert host.status().state == 1
    host.ok(ARM, PERIOD)
    assert host.ok(CLEAR) == b"\0\0"
    assert host.status().state == 2


def test_arming_and_disarming(host: BoardHost, smu: SmuProbe) -> None:
    host.idle()
    host.ok(ARM, PERIOD)
    assert host.status().state == 2
    host.ok(ROUTE, CELL)
    host.ok(ARM, struct.pack("<I", 500))
    assert smu.sees_a_cell()
    host.ok(ARM, bytes(4))
    assert host.status().state == 1
    assert not smu.sees_a_cell()
    host.ok(ARM, bytes(4))
    assert host.status().state == 1


def test_the_port_opens_and_closes(host: BoardHost, smu: SmuProbe) -> None:
    host.armed()
    assert not smu.sees_a_cell()
    host.ok(ROUTE, CELL)
    assert smu.sees_a_cell()
    host.ok(UNROUTE)
    assert not smu.sees_a_cell()


@pytest.mark.parametrize("opcode", [READ, PULSE, PULSE_READ, MULTIPLY])
def test_reading_and_pulsing_open_the_port_first(host: BoardHost, smu: SmuProbe, opcode: int) -> None:
    host.armed()
    host.ok(ROUTE, CELL)
    host.ok(opcode, SESSION_OPERATIONS[opcode])
    assert not smu.sees_a_cell()


@pytest.mark.parametrize("opcode", [READ, PULSE, PULSE_READ])
def test_a_refused_request_leaves_the_port_as_it_is(host: BoardHost, smu: SmuProbe, opcode: int) -> None:
    host.armed()
    host.ok(ROUTE, CELL)
    host.refused(opcode, SESSION_OPERATIONS[opcode][:-1])
    host.refused(opcode, SESSION_OPERATIONS[opcode].replace(struct.pack("<HH", 2, 3), struct.pack("<HH", 99, 3)))
    assert smu.sees_a_cell()


def test_settings_leave_the_port_as_it_is(host: BoardHost, smu: SmuProbe) -> None:
    host.armed()
    host.ok(ROUTE, CELL)
    for opcode in (SCHEME, COMPLIANCE, CLEAR, TEMPERATURE, SELFTEST, CALIBRATION_READ, CALIBRATION_WRITE):
        host.ok(opcode, SESSION_OPERATIONS[opcode])
        assert smu.sees_a_cell()


def test_safe_opens_the_port_from_any_state(host: BoardHost, smu: SmuProbe) -> None:
    host.outside(SAFE)
    assert host.status().state == 0
    host.armed()
    host.ok(ROUTE, CELL)
    assert host.outside(SAFE).payload == b""
    assert host.status()[:2] == (0, 0)
    assert not smu.sees_a_cell()
    host.outside(SAFE)
    assert host.ok(CLEAR) == b"\0\0"
    assert not smu.sees_a_cell()


def test_nothing_is_put_out_after_safe(host: BoardHost, board_world: World) -> None:
    host.armed()
    host.ok(PULSE, host.entries([(0, 0, 900_000, 80, 10)]))
    host.outside(SAFE)
    state = board_world.die.state.copy()
    for opcode in (PULSE, PULSE_READ, ROUTE, READ):
        assert host.refused(opcode, SESSION_OPERATIONS[opcode]).code == SAFE_STATE
    assert (board_world.die.state == state).all()
    assert host.status().delivered == 10


class SchemeSpy:
    """Notes with which schemes and limits the die is driven."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads: list[tuple[Any, ...]] = []
        self.writes: list[tuple[Any, ...]] = []
        read_cells, pulse_cell = world.read_cells, world.pulse_cell

        def read(*args: Any) -> CellCurrents:
            self.reads.append(args[4:6])
            return read_cells(*args)

        def pulse(*args: Any) -> bool:
            self.writes.append(args[4:])
            return pulse_cell(*args)

        monkeypatch.setattr(world, "read_cells", read)
        monkeypatch.setattr(world, "pulse_cell", pulse)


def used(host: BoardHost, spy: SchemeSpy) -> tuple[WriteScheme, ReadScheme, float]:
    """Return the schemes and the limit that the board uses."""
    host.ok(PULSE_READ, ONE_PULSE_READ)
    (write, limit), (read, other) = spy.writes[-1], spy.reads[-1]
    assert limit == other
    return write, read, limit


def test_schemes_and_compliance_are_used_and_reset(
    host: BoardHost, board_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = SchemeSpy(board_world, monkeypatch)
    host.armed()
    assert used(host, spy) == (WriteScheme.THIRD, ReadScheme.GROUND, 0.25)
    for write in WriteScheme:
        for read in ReadScheme:
            host.ok(SCHEME, bytes([write, read]))
            assert used(host, spy) == (write, read, 0.25)
    host.ok(COMPLIANCE, struct.pack("<dB", 0.125, 0))
    assert used(host, spy)[2] == 0.125
    host.outside(SAFE)
    host.hello(4)
    host.ok(CLEAR)
    host.ok(ARM, PERIOD)
    assert used(host, spy) == (WriteScheme.THIRD, ReadScheme.GROUND, 0.125)


def test_a_power_cycle_starts_anew(
    board: ProbeBoardPanel, host: BoardHost, smu: SmuProbe, board_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = SchemeSpy(board_world, monkeypatch)
    host.armed()
    host.send(b"\x01\0")
    host.ok(COMPLIANCE, struct.pack("<dB", 0.001, 1))
    host.ok(SCHEME, bytes([2, 4]))
    host.ok(PULSE, host.entries([(0, 0, 100_000, 80, 4)]))
    host.ok(ROUTE, CELL)
    session, conductance = host.session, board_world.die.conductance()
    host.clock.sleep(1.0)
    board.power_cycle()
    assert not smu.sees_a_cell()
    status = host.status()
    assert status[:4] == (0, 0, 0, 2)
    assert status.bad_frames == 0
    assert status.time < 3000
    assert host.ask(CLEAR, b"", host.sequence + 1, session).kind == 3
    nonce, fresh, boot, delivered = struct.unpack("<IHIQ", host.hello(1))
    assert (nonce, boot, delivered) == (1, 2, 0)
    assert fresh != session
    assert (board_world.die.conductance() == conductance).all()
    host.ok(CLEAR)
    host.ok(ARM, PERIOD)
    assert used(host, spy) == (WriteScheme.THIRD, ReadScheme.GROUND, 0.25)


def test_a_power_cycle_stops_the_watchdog(board: ProbeBoardPanel, host: BoardHost) -> None:
    host.armed(period=1000)
    board.power_cycle()
    host.clock.sleep(2.0)
    assert host.status().trips == 0
