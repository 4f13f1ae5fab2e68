"""The probe board's driver, byte by byte against the golden exchanges, and what it refuses to send."""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drivers import board_link
from drivers.board_errors import BoardError, BoardTrippedError
from drivers.board_link import REPLY_TIME, BoardLink
from drivers.probe_board import LabctlProbeBoard, ProbeBoardSettings
from labctl.board_data import BoardState, Cell, ComplianceAction, Pulse, PulseReceipt, ReadScheme, Trip, WriteScheme
from labctl.errors import EquipmentError, InputError, LinkError
from labctl.instruments import Identity

if TYPE_CHECKING:
    from tests.drivers.board.conftest import Clock, ScriptedPort

GOLDEN: dict[str, Any] = {
    exchange["name"]: exchange
    for exchange in json.loads((Path(__file__).parents[2] / "wire/golden.json").read_text("utf-8"))["exchanges"]
}
UP, DOWN = Pulse(Cell(0, 1), 0.9, 80e-9, 3), Pulse(Cell(1, 0), -0.75, 65e-9, 2)
FIRST, SECOND = Pulse(Cell(5, 6), 0.5, 20e-9), Pulse(Cell(6, 5), 0.9, 80e-9)
ONE, LONGEST = Pulse(Cell(0, 0), 0.9, 80e-9), Pulse(Cell(0, 0), 0.1, 2501e-9, 1_000_000)

Ask = Callable[[LabctlProbeBoard], Any]


@pytest.fixture
def talk(port: ScriptedPort, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Ask], Any]:
    """Ask a board, which has the golden session, what a golden exchange asks; return what comes of it."""

    def nonce(bits: int) -> int:
        return 0x8765_4321

    monkeypatch.setattr(board_link.secrets, "randbits", nonce)
    link = BoardLink(port, clock, "board at COM5")
    board = LabctlProbeBoard(link, "board", ProbeBoardSettings(driver="probe-board", address="COM5"))

    def exchange(name: str) -> None:
        request = GOLDEN[name]["request"]
        if request["sequence"] >= 0x8000_0000:
            link._outside = itertools.count(request["sequence"] - 0x8000_0000)
        else:
            link._session, link._sequence = request["session"], request["sequence"] - 1
            link._state = board_link._Session.OPEN
        delimiter = b"" if link._frames._delimited else b"\0"
        port.say(delimiter + bytes.fromhex(request["frame"]), bytes.fromhex(GOLDEN[name]["reply"]["frame"]))

    def ask(name: str, call: Ask) -> Any:
        exchange("capabilities")
        assert board.capabilities().rows == 64
        exchange(name)
        return call(board)

    return ask


OPERATIONS: list[tuple[str, Ask, object]] = [
    ("identify", lambda board: board.identify(), Identity("labctl", "XPB-64", "TWIN-board", "1.0.0")),
    ("hello", lambda board: board.open_session(), None),
    ("clear", lambda board: board.clear(), Trip.NONE),
    ("clear after a trip", lambda board: board.clear(), Trip.COMPLIANCE),
    ("compliance", lambda board: board.set_compliance(0.01, ComplianceAction.CLAMP), None),
    ("compliance that trips", lambda board: board.set_compliance(0.001, ComplianceAction.TRIP), None),
    ("scheme", lambda board: board.set_scheme(WriteScheme.HALF, ReadScheme.FLOAT), None),
    ("arm", lambda board: board.arm(10.0), None),
    ("arm a third time", lambda board: board.arm(0.02), None),
    ("disarm", lambda board: board.arm(0.0), None),
    ("route", lambda board: board.route(Cell(2, 3)), None),
    ("unroute", lambda board: board.unroute(), None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "call", "result"), OPERATIONS)
def test_operations_are_the_golden_bytes(talk: Callable[[str, Ask], Any], name: str, call: Ask, result: object) -> None:
    assert talk(name, call) == result


def test_capabilities_are_asked_once(talk: Callable[[str, Ask], Any]) -> None:
    def twice(board: LabctlProbeBoard) -> Trip:
        able = board.capabilities()
        assert (able.v_min, able.v_max, able.read_limit) == (-5.0, 5.0, 0.5)
        assert (able.width_min, able.width_max, able.count_max, able.averages_max) == (20e-9, 0.01, 1_000_000, 4096)
        return board.clear()

    talk("clear", twice)


def test_status_is_understood(talk: Callable[[str, Ask], Any]) -> None:
    status = talk("status after a trip", lambda board: board.status())
    assert (status.state, status.trips, status.delivered, status.boot) == (BoardState.SAFE, Trip.COMPLIANCE, 12, 1)
    assert (status.temperature, status.time) == (25.0, pytest.approx(0.123456))


def test_keep_alive_repeats_the_period_of_arm(talk: Callable[[str, Ask], Any]) -> None:
    def keep(board: LabctlProbeBoard) -> None:
        board._period = 10.0
        board.keep_alive()

    talk("arm", keep)


def test_safe_belongs_to_no_session(board: LabctlProbeBoard, port: ScriptedPort) -> None:
    port.say_outside(0x05, b"")
    board.make_safe()


def test_read(talk: Callable[[str, Ask], Any]) -> None:
    cells = [Cell(1, 0), Cell(1, 63), Cell(63, 1)]
    readings = talk("read of two rows", lambda board: board.read(cells, 0.2, 16))
    golden = [value for _, _, value in GOLDEN["read of two rows"]["reply"]["payload"]]
    assert readings.current.tolist() == golden[:3]
    assert [int(s) + 2 * int(c) for s, c in zip(readings.saturated, readings.in_compliance, strict=True)] == golden[3:]
    assert readings.voltage == pytest.approx(13_107 * 15.259e-6, rel=1e-12)


def test_pulse(talk: Callable[[str, Ask], Any]) -> None:
    receipt = talk("pulse", lambda board: board.pulse([UP, DOWN]))
    assert receipt == PulseReceipt(2, GOLDEN["pulse"]["reply"]["payload"][1][2], 0)


def test_pulse_read(talk: Callable[[str, Ask], Any]) -> None:
    pulses = [Pulse(Cell(5, 6), 0.9, 80e-9), Pulse(Cell(6, 5), 1.3, 1e-6, 4)]
    receipt, readings = talk("pulse and read", lambda board: board.pulse_read(pulses, -0.1, 1))
    assert receipt == PulseReceipt(2, 10, 0)
    assert readings.current.tolist() == [-3.0e-4, -4.0e-4]
    assert readings.in_compliance.tolist() == [False, True]
    assert not readings.saturated.any()
    assert readings.voltage == pytest.approx(-6_554 * 15.259e-6, rel=1e-12)


REFUSALS: list[tuple[str, Ask, type[EquipmentError], str]] = [
    ("read while safe", lambda board: board.read([Cell(0, 0)], 0.2, 16), BoardTrippedError, "SAFE_STATE"),
    ("pulse while idle", lambda board: board.pulse([ONE]), BoardTrippedError, "NOT_ARMED"),
    ("a run over 5 s", lambda board: board.pulse([LONGEST]), BoardError, "RANGE"),
    ("a read that trips", lambda board: board.read([Cell(4, 4), Cell(4, 5)], 0.2, 1), BoardTrippedError, "TRIPPED"),
    ("another session", lambda board: board.clear(), LinkError, "SESSION"),
    ("a sequence that is not due", lambda board: board.clear(), LinkError, "SEQUENCE"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "call", "kind", "words"), REFUSALS)
def test_refusals_are_the_golden_bytes(
    talk: Callable[[str, Ask], Any], name: str, call: Ask, kind: type[EquipmentError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        talk(name, call)


def test_a_pulse_that_trips_says_how_far_it_came(talk: Callable[[str, Ask], Any]) -> None:
    first, second = Pulse(Cell(0, 0), 0.5, 20e-9), Pulse(Cell(0, 1), 0.9, 80e-9)
    with pytest.raises(BoardTrippedError) as caught:
        talk("a pulse that trips", lambda board: board.pulse([first, second]))
    assert (caught.value.report.executed, caught.value.report.delivered, caught.value.report.entry) == (1, 12, 1)


def test_a_pulse_and_read_that_trips_keeps_what_was_read(talk: Callable[[str, Ask], Any]) -> None:
    with pytest.raises(BoardTrippedError, match="'limit'") as caught:
        talk("a pulse and read that trips", lambda board: board.pulse_read([FIRST, SECOND], 0.2, 1))
    assert caught.value.report.block == struct.pack("<dB", 2e-4, 1)


IMPOSSIBLE: list[Ask] = [
    lambda board: board.read([], 0.2, 1),
    lambda board: board.read([Cell(0, 0)] * 1025, 0.2, 1),
    lambda board: board.read([Cell(64, 0)], 0.2, 1),
    lambda board: board.read([Cell(0, 64)], 0.2, 1),
    lambda board: board.read([Cell(-1, 0)], 0.2, 1),
    lambda board: board.read([Cell(0, 0)], 0.501, 1),
    lambda board: board.read([Cell(0, 0)], float("nan"), 1),
    lambda board: board.read([Cell(0, 0)], 0.2, 0),
    lambda board: board.read([Cell(0, 0)], 0.2, 4097),
    lambda board: board.route(Cell(0, 64)),
    lambda board: board.pulse([]),
    lambda board: board.pulse([UP] * 1025),
    lambda board: board.pulse([UP, Pulse(Cell(0, 0), 5.001, 80e-9)]),
    lambda board: board.pulse([UP, Pulse(Cell(0, 0), -5.001, 80e-9)]),
    lambda board: board.pulse([UP, Pulse(Cell(0, 0), 0.9, 19e-9)]),
    lambda board: board.pulse([UP, Pulse(Cell(0, 0), 0.9, 10.001e-3)]),
    lambda board: board.pulse([UP, Pulse(Cell(0, 0), 0.9, 80e-9, 0)]),
    lambda board: board.pulse([UP, Pulse(Cell(0, 0), 0.9, 80e-9, 1_000_001)]),
    lambda board: board.pulse_read([], 0.2, 1),
    lambda board: board.pulse_read([UP] * 1024, 0.2, 1),
    lambda board: board.pulse_read([UP], 0.6, 1),
    lambda board: board.pulse_read([Pulse(Cell(64, 0), 0.9, 80e-9)], 0.2, 1),
]  # fmt: skip


@pytest.mark.parametrize("call", IMPOSSIBLE)
def test_what_the_board_cannot_do_is_not_sent(board: LabctlProbeBoard, call: Ask) -> None:
    with pytest.raises(InputError):
        call(board)


LONG: list[tuple[Ask, float]] = [
    (lambda board: board.read([Cell(0, 0)] * 50, 0.2, 4096), 50 * (30e-6 + 4096 * 5e-6)),
    (lambda board: board.pulse([Pulse(Cell(0, 0), 0.9, 1e-3, 400)] * 2), 1.6),
    (lambda board: board.pulse([Pulse(Cell(0, 0), 0.9, 80e-9, 10**6)]), 1.0),
    (lambda board: board.pulse_read([Pulse(Cell(0, 0), 0.9, 1e-3, 400)] * 2, 0.2, 1000), 1.6 + 10.06e-3),
]  # fmt: skip


@pytest.mark.parametrize(("call", "duration"), LONG)
def test_patience_covers_what_the_board_has_to_do(
    board: LabctlProbeBoard, port: ScriptedPort, clock: Clock, call: Ask, duration: float
) -> None:
    sent: list[float] = []

    def write(data: bytes, /) -> int:
        sent.append(clock.now())
        return len(data)

    port.write = write  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(LinkError):
        call(board)
    assert sent[1] - sent[0] == pytest.approx(duration + REPLY_TIME, abs=1 / 16)


@pytest.mark.parametrize("text", [b"a,b,c", b"a,b,c,d,e", b"", b"\xff"])
def test_another_instrument_is_no_probe_board(board: LabctlProbeBoard, port: ScriptedPort, text: bytes) -> None:
    port.say_outside(0x02, text)
    with pytest.raises(LinkError, match="no probe board"):
        board.identify()


@pytest.mark.parametrize("period", ["19 ms", "10.1 s"])
def test_a_watchdog_that_the_board_has_not_is_refused(period: str) -> None:
    with pytest.raises(ValueError, match="20 ms to 10 s"):
        ProbeBoardSettings.model_validate({"driver": "probe-board", "address": "COM5", "watchdog": period})
