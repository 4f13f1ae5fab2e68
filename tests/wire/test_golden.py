"""The probe board's bytes against vectors that were worked out without our codec."""

from __future__ import annotations

import json
import runpy
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from labctl import feature_messages as features
from labctl import messages, wire
from labctl.board_data import Cell, Feature, Pulse
from labctl.board_features import Coding, Direction, ProductSetup, SelfTest
from labctl.errors import ModelError
from labctl.wire import Frame, Kind, Opcode
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panels import board_session
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.products import HeldLines, ProductCurrents
from sim_backend.world import CellCurrents, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from sim_backend.products import ProductDrive

HERE = Path(__file__).parent
GOLDEN: dict[str, Any] = json.loads((HERE / "golden.json").read_text(encoding="utf-8"))
BOARDS: list[dict[str, Any]] = [
    {"rows": 64, "columns": 64, "features": 31, "exchanges": GOLDEN["exchanges"]},
    *GOLDEN["others"],
]
EXCHANGES: list[dict[str, Any]] = [exchange for board in BOARDS for exchange in board["exchanges"]]
BY_NAME = {exchange["name"]: exchange for exchange in reversed(EXCHANGES)}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i32": 4, "f64": 8}

WIDTHS = np.array([[0, 1e-9, 50e-6, 100e-6, 99.999e-6]])
WIDTH_SETUP = ProductSetup(Coding.WIDTH, Direction.COLUMNS_IN, 100e-6, 4, 2.9e-3, 97.1e-3)

every_exchange = pytest.mark.parametrize("exchange", EXCHANGES, ids=[exchange["name"] for exchange in EXCHANGES])


def payload_of(frame: dict[str, Any]) -> bytes:
    """Return the payload that a golden frame carries, by the library's own decoder."""
    decoded = wire.decode_frame(bytes.fromhex(frame["frame"])[:-1])
    assert decoded is not None
    return decoded.payload


def words(exchange: str, side: str) -> list[Any]:
    """Return the values of a golden payload."""
    return [value for _, _, value in BY_NAME[exchange][side]["payload"]]


def test_the_file_is_what_its_maker_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    maker = runpy.run_path(str(HERE / "make_golden.py"))
    assert maker["text"]() == (HERE / "golden.json").read_text(encoding="utf-8")


def test_every_operation_and_every_error_is_there() -> None:
    asked = {exchange["request"]["opcode"] for exchange in EXCHANGES if exchange["reply"]["kind"] == Kind.REPLY}
    assert asked == set(Opcode)
    refused = {exchange["reply"]["payload"][0][2] for exchange in EXCHANGES if exchange["reply"]["kind"] == Kind.ERROR}
    assert refused == set(wire.ErrorCode) == {1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14}
    tripped = {
        exchange["request"]["opcode"]
        for exchange in EXCHANGES
        if exchange["reply"]["payload"][:1] == [["code", "u16", 10]]
    }
    assert tripped == {Opcode.READ, Opcode.PULSE, Opcode.PULSE_READ, Opcode.MULTIPLY}


@every_exchange
@pytest.mark.parametrize("side", ["request", "reply"])
def test_frames_encode_and_decode(exchange: dict[str, Any], side: str) -> None:
    golden = exchange[side]
    encoded = bytes.fromhex(golden["frame"])
    decoded = wire.decode_frame(encoded[:-1])
    assert decoded is not None
    assert (decoded.kind, decoded.opcode, decoded.sequence, decoded.session) == (
        golden["kind"],
        golden["opcode"],
        golden["sequence"],
        golden["session"],
    )
    header = (Kind(golden["kind"]), golden["opcode"], golden["sequence"], golden["session"])
    assert wire.encode_frame(Frame(*header, decoded.payload)) == encoded
    assert encoded.count(0) == 1


@pytest.mark.parametrize(
    ("exchange", "packed"),
    [
        ("hello", messages.pack_hello(0x8765_4321)),
        ("arm", messages.pack_arm(10.0)),
        ("scheme", messages.pack_scheme(2, 1)),
        ("compliance", messages.pack_compliance(0.01, 0)),
        ("route", messages.pack_cell(Cell(2, 3))),
        ("read of two rows", messages.pack_read([Cell(1, 0), Cell(1, 63), Cell(63, 1)], 0.2, 16)),
        ("pulse", messages.pack_entries([Pulse(Cell(0, 1), 0.9, 80e-9, 3), Pulse(Cell(1, 0), -0.75, 65e-9, 2)])),
        (
            "pulse and read",
            messages.pack_pulse_read([Pulse(Cell(5, 6), 0.9, 80e-9), Pulse(Cell(6, 5), 1.3, 1e-6, 4)], -0.1, 1),
        ),
        (
            "two vectors on the rows",
            features.pack_multiply(
                np.array([[0.1, 0.0, -0.05], [0.2, 1e-6, 0.5]]), ProductSetup(Coding.AMPLITUDE, slot=20e-6)
            ),
        ),
        ("widths on the columns", features.pack_multiply(WIDTHS, WIDTH_SETUP)),
        ("read coefficients", features.pack_lines(0, 2, 3)),
        ("write coefficients", features.pack_calibration(0, 3, np.array([1.25, 0.5]), np.array([1e-6, -2.0e-9]))),
    ],
)
def test_requests_pack(exchange: str, packed: bytes) -> None:
    assert packed == payload_of(BY_NAME[exchange]["request"])


def test_requests_unpack() -> None:
    read = messages.unpack_read(payload_of(BY_NAME["read of two rows"]["request"]))
    assert (read.voltage, read.averages) == (200_000, 16)
    assert read.row.tolist() == [1, 1, 63]
    assert read.column.tolist() == [0, 63, 1]
    both = messages.unpack_pulse_read(payload_of(BY_NAME["pulse and read"]["request"]))
    assert (both.voltage, both.averages) == (-100_000, 1)
    assert both.entries.amplitude.tolist() == [900_000, 1_300_000]
    assert both.entries.width.tolist() == [80, 1000]
    assert both.entries.count.tolist() == [1, 4]
    assert messages.unpack_compliance(payload_of(BY_NAME["compliance"]["request"])) == (0.01, 0)
    assert messages.unpack_scheme(payload_of(BY_NAME["scheme"]["request"])) == (2, 1)
    assert messages.unpack_arm(payload_of(BY_NAME["arm"]["request"])) == 10_000
    assert messages.unpack_cell(payload_of(BY_NAME["route"]["request"])) == Cell(2, 3)
    assert messages.unpack_hello(payload_of(BY_NAME["hello"]["request"])) == 0x8765_4321


def test_requests_of_features_unpack() -> None:
    widths = features.unpack_multiply(payload_of(BY_NAME["widths on the columns"]["request"]), 3, 5)
    assert (widths.coding, widths.direction, widths.averages, widths.count) == (1, 1, 4, 1)
    assert (widths.floor, widths.voltage, widths.slot) == (2_900, 97_100, 100_000)
    assert widths.values.tolist() == [0, 1, 50_000, 100_000, 99_999]
    heights = features.unpack_multiply(payload_of(BY_NAME["two vectors on the rows"]["request"]), 3, 5)
    assert heights.values.tolist() == [100_000, 0, -50_000, 200_000, 1, 500_000]
    asked = features.unpack_lines(payload_of(BY_NAME["read coefficients"]["request"]))
    assert (asked.direction, asked.first, asked.count) == (0, 2, 3)
    write = features.unpack_calibration(payload_of(BY_NAME["write coefficients"]["request"]))
    assert (write.key, write.lines.direction, write.lines.first) == (wire.CALIBRATION_KEY, 0, 3)
    assert (write.gain.tolist(), write.offset.tolist()) == ([1.25, 0.5], [1e-6, -2.0e-9])


def test_replies_of_features() -> None:
    assert features.unpack_temperature(payload_of(BY_NAME["temperature"]["reply"])) == 25.0
    assert features.pack_temperature(25.0) == payload_of(BY_NAME["temperature"]["reply"])
    tests = features.unpack_tests(payload_of(BY_NAME["self-test"]["reply"]))
    assert [test.number for test in tests] == [1, 2, 3, 4, 5, 6, 7]
    assert tests[1] == SelfTest(2, True, -5.000003584)
    assert features.pack_tests(tests) == payload_of(BY_NAME["self-test"]["reply"])
    stored = features.unpack_coefficients(payload_of(BY_NAME["read coefficients"]["reply"]), 3)
    assert (stored.gain.tolist(), stored.offset.tolist()) == ([1.0, 1.25, 0.5], [0.0, 1e-6, -2.0e-9])
    written = features.unpack_identity(payload_of(BY_NAME["write coefficients"]["reply"]))
    assert written == stored.identity == words("write coefficients", "reply")[0]
    block = messages.unpack_block(payload_of(BY_NAME["two vectors on the rows"]["reply"]), 10)
    assert block.current.tolist() == [1e-6, 2e-6, 3e-6, 4e-6, 5e-6] + [-1e-9] * 5
    assert block.saturated.tolist() == [False, False, True] + [False] * 7
    assert block.in_compliance.tolist() == [False] * 5 + [True] * 5


def test_replies_unpack() -> None:
    hello = messages.unpack_hello_reply(payload_of(BY_NAME["another hello"]["reply"]))
    assert [hello.nonce, hello.session, hello.boot, hello.delivered] == words("another hello", "reply")
    status = messages.unpack_status(payload_of(BY_NAME["status after a trip"]["reply"]))
    assert (status.state, status.trips, status.delivered, status.boot) == (0, 2, 12, 1)
    assert (status.temperature, status.bad_frames, status.time) == (25.0, 0, 0.123456)
    able = messages.unpack_capabilities(payload_of(BY_NAME["capabilities"]["reply"]))
    assert (able.rows, able.columns, able.v_min, able.v_max, able.read_limit) == (64, 64, -5.0, 5.0, 0.5)
    assert (able.write_step, able.read_step) == (152.588e-6, 15.259e-6)
    assert (able.width_min, able.width_max, able.count_max, able.averages_max) == (20e-9, 10e-3, 1_000_000, 4096)
    assert able.features == 31
    assert messages.unpack_trips(payload_of(BY_NAME["clear after a trip"]["reply"])) == 2
    assert messages.unpack_receipt(payload_of(BY_NAME["pulse"]["reply"])) == (2, 5)
    executed, delivered, block = messages.split_pulse_read_reply(payload_of(BY_NAME["pulse and read"]["reply"]))
    assert (executed, delivered) == (2, 10)
    assert block.current.tolist() == [-3.0e-4, -4.0e-4]
    assert block.in_compliance.tolist() == [False, True]
    assert block.saturated.tolist() == [False, False]


def test_errors_unpack() -> None:
    refused = messages.unpack_error(payload_of(BY_NAME["a pulse too narrow"]["reply"]))
    assert (refused.code, refused.entry, refused.executed, refused.delivered) == (4, 1, 0, 5)
    assert refused.text == words("a pulse too narrow", "reply")[-1]
    tripped = messages.unpack_error(payload_of(BY_NAME["a pulse and read that trips"]["reply"]), with_block=True)
    assert (tripped.code, tripped.entry, tripped.executed, tripped.delivered) == (10, 1, 1, 14)
    assert messages.unpack_block(tripped.block, 1).current.tolist() == [2.0e-4]
    assert tripped.text == "limit"


class ScriptedWorld(World):
    """A world whose die answers what the vectors say."""

    currents: list[list[list[float]]]
    held: list[int]
    fails: bool
    trains: int

    def read_cells(self, rows: NDArray[np.int64], columns: NDArray[np.int64], *_: Any, **__: Any) -> CellCurrents:
        if self.fails:
            raise ModelError("no operating point")
        group = self.currents.pop(0)
        assert len(group) == len(rows) == len(columns)
        flags = np.array([flags for _, flags in group], np.uint8)
        return CellCurrents(np.array([current for current, _ in group]), (flags & 1) != 0, (flags & 2) != 0)

    def pulse_cell(self, *_: Any, **__: Any) -> bool:
        self.trains += 1
        return self.trains - 1 in self.held

    def product(self, drive: ProductDrive) -> Any:
        assert len(self.currents) == len(drive.levels)
        return ScriptedProduct(self, drive.levels.shape[1])


class ScriptedProduct:
    """A product of that world."""

    def __init__(self, world: ScriptedWorld, inputs: int) -> None:
        self._inputs, self._held = inputs, world.held
        self._currents: NDArray[np.float64] = np.array(world.currents)
        world.currents = []

    def vector(self, number: int, _now: float, _look: Callable[[], None] | None = None) -> HeldLines:
        held = np.isin(number * self._inputs + np.arange(self._inputs), self._held)
        return HeldLines(held, np.zeros(len(self._currents[0]), np.bool_))

    def results(self) -> ProductCurrents:
        flags = self._currents[:, :, 1].astype(np.uint8)
        return ProductCurrents(self._currents[:, :, 0], (flags & 1) != 0, (flags & 2) != 0)


def without_free(frame: bytes, exchange: dict[str, Any]) -> bytes:
    """Return a reply's header and payload without the fields that a board is free in."""
    decoded = wire.decode_frame(frame)
    assert decoded is not None
    rest, kept = decoded.payload, b""
    for name, kind, value in exchange["reply"]["payload"]:
        size = SIZES.get(kind, len(str(value).encode()))
        if name in exchange["free"]:
            size = len(rest) if kind == "text" else size
        else:
            kept += rest[:size]
        rest = rest[size:]
    return struct.pack("<BHIH", decoded.kind, decoded.opcode, decoded.sequence, decoded.session) + kept + rest


@pytest.mark.parametrize("talk", BOARDS, ids=["64 x 64", "3 x 5", "bare"])
def test_the_board_holds_the_conversation(monkeypatch: pytest.MonkeyPatch, talk: dict[str, Any]) -> None:
    monkeypatch.setattr(board_session, "_STRIDE", 0x1234)
    shape = (talk["rows"], talk["columns"])
    world = ScriptedWorld(Die.fresh("die", *shape, device_named("ru-azo", 5.9e-3), seed=1), VirtualClock())
    board = ProbeBoardPanel(world, "board", Feature(talk["features"]))
    for exchange in talk["exchanges"]:
        world.currents, world.held, world.trains = exchange["currents"][:], exchange["held"], 0
        world.fails = exchange["fails"]
        (answer,) = board.receive(bytes.fromhex(exchange["request"]["frame"]))
        expected = bytes.fromhex(exchange["reply"]["frame"])
        found = without_free(answer.strip(b"\0"), exchange)
        assert found == without_free(expected.strip(b"\0"), exchange), exchange["name"]
        if not exchange["free"]:
            assert answer.lstrip(b"\0") == expected, exchange["name"]
        assert world.currents == [], exchange["name"]
