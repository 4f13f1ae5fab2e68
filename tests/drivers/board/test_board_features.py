"""Products, self-test, temperature and calibration, byte by byte against the golden exchanges with a board of 3 x 5."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from drivers import board_link
from drivers.board_errors import BoardError, BoardTrippedError
from drivers.board_features import WORKING_OUT
from drivers.board_link import REPLY_TIME, BoardLink
from drivers.probe_board import LabctlProbeBoard, ProbeBoardSettings
from labctl.board_data import Cell
from labctl.board_features import Coding, Direction, ProductReadings, ProductSetup, SelfTest
from labctl.errors import EnvelopeError, EquipmentError, InputError, LinkError
from labctl.limited import LimitedProbeBoard
from labctl.limits import Envelope

if TYPE_CHECKING:
    from tests.drivers.board.conftest import Clock, ScriptedPort

CONVERSATIONS: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "wire/golden.json").read_text("utf-8"))[
    "others"
]
GOLDEN: dict[str, Any] = {exchange["name"]: exchange for exchange in CONVERSATIONS[0]["exchanges"]}
BARE: dict[str, Any] = {exchange["name"]: exchange for exchange in CONVERSATIONS[1]["exchanges"]}
STEP = 15.259e-6

Ask = Callable[[LabctlProbeBoard], Any]
VECTORS = np.array([[0.1, 0.0, -0.05], [0.2, 1e-6, 0.5]])
ROWS_IN = ProductSetup(Coding.AMPLITUDE, slot=20e-6)
ONE = ProductSetup(Coding.AMPLITUDE, averages=1)
WIDTHS = np.array([[0.0, 1e-9, 50e-6, 100e-6, 99.999e-6]])
COLUMNS_IN = ProductSetup(Coding.WIDTH, Direction.COLUMNS_IN, 100e-6, 4, 2.9e-3, 97.1e-3)


@pytest.fixture
def small(port: ScriptedPort, clock: Clock) -> LabctlProbeBoard:
    """A board of 3 x 5 with the golden session, whose capabilities are known."""
    link = BoardLink(port, clock, "board at COM5")
    board = LabctlProbeBoard(link, "board", ProbeBoardSettings(driver="probe-board", address="COM5"))
    exchange(port, link, GOLDEN["capabilities of 3 x 5"])
    assert board.capabilities().columns == 5
    return board


def exchange(port: ScriptedPort, link: BoardLink, golden: dict[str, Any]) -> None:
    """Expect a golden request, and answer it."""
    request = golden["request"]
    if request["sequence"] < 0x8000_0000:
        link._session, link._sequence = request["session"], request["sequence"] - 1
        link._state = board_link._Session.OPEN
    delimiter = b"" if link._frames._delimited else b"\0"
    port.say(delimiter + bytes.fromhex(request["frame"]), bytes.fromhex(golden["reply"]["frame"]))


def ask(port: ScriptedPort, board: LabctlProbeBoard, name: str, call: Ask) -> Any:
    exchange(port, board._link, GOLDEN[name])
    return call(board)


def test_amplitudes_on_the_rows(port: ScriptedPort, small: LabctlProbeBoard) -> None:
    found: ProductReadings = ask(port, small, "two vectors on the rows", lambda board: board.multiply(VECTORS, ROWS_IN))
    assert found.current.tolist() == [[1e-6, 2e-6, 3e-6, 4e-6, 5e-6], [-1e-9] * 5]
    assert found.saturated.tolist() == [[False, False, True, False, False], [False] * 5]
    assert found.in_compliance.tolist() == [[False] * 5, [True] * 5]
    assert found.inputs == pytest.approx(np.array([[6554, 0, -3277], [13_107, 0, 32_768]]) * STEP, rel=1e-12)


def test_widths_on_the_columns(port: ScriptedPort, small: LabctlProbeBoard) -> None:
    found: ProductReadings = ask(port, small, "widths on the columns", lambda board: board.multiply(WIDTHS, COLUMNS_IN))
    assert found.current.tolist() == [[1.5e-5, 2.5e-5, 3.5e-5]]
    assert found.inputs == pytest.approx(WIDTHS, rel=1e-12)
    assert (found.low, found.high) == (pytest.approx(190 * STEP), pytest.approx(6554 * STEP))


def test_what_was_put_out_has_the_floor_in_it(port: ScriptedPort, board: LabctlProbeBoard) -> None:
    """On the grid as a sum: 0.3 steps and 0.3 steps are one step."""
    setup = ProductSetup(Coding.AMPLITUDE, slot=1e-6, averages=1, floor=5e-6)
    inputs = np.full((1, 64), 5e-6)
    payload = struct.pack("<BBHHiiI", 0, 0, 1, 1, 5, 0, 1000) + struct.pack("<64i", *[5] * 64)
    port.say(port.frame(1, 0x30, 1, payload), port.frame(2, 0x30, 1, bytes(576)))
    assert board.multiply(inputs, setup).inputs == pytest.approx(np.full((1, 64), STEP), rel=1e-12)


def test_temperature(port: ScriptedPort, board: LabctlProbeBoard) -> None:
    port.say(port.frame(1, 0x40, 1), port.frame(2, 0x40, 1, struct.pack("<i", -12_345)))
    assert board.temperature() == -12.345


def test_self_test(port: ScriptedPort, small: LabctlProbeBoard) -> None:
    tests = ask(port, small, "self-test", lambda board: board.self_test())
    assert len(tests) == 7
    assert tests[0] == SelfTest(1, True, 5.000003584)


def test_calibration(port: ScriptedPort, small: LabctlProbeBoard) -> None:
    stored = ask(port, small, "read coefficients", lambda board: board.calibration(Direction.ROWS_IN, 2))
    assert stored.gain.tolist() == [1.0, 1.25, 0.5]
    assert stored.offset.tolist() == [0.0, 1e-6, -2.0e-9]
    rows = ask(port, small, "coefficients while safe", lambda board: board.calibration(Direction.COLUMNS_IN))
    assert rows.gain.tolist() == [1.0, 1.0, 1.0]
    gain, offset = np.array([1.25, 0.5]), np.array([1e-6, -2.0e-9])
    written = ask(
        port, small, "write coefficients", lambda board: board.write_calibration(Direction.ROWS_IN, 3, gain, offset)
    )
    assert written == stored.identity == GOLDEN["read coefficients"]["reply"]["payload"][-1][2]


MICROVOLTS = np.array([[1e-6, 2e-6, 3e-6]])
REFUSALS: list[tuple[str, Ask, type[EquipmentError], str]] = [
    ("self-test while safe", lambda board: board.self_test(), BoardTrippedError, "SAFE_STATE"),
    (
        "multiply while safe",
        lambda board: board.multiply(np.array([[1e-6, 2e-6, 3e-6]]), ONE),
        BoardTrippedError,
        "SAFE",
    ),
    (
        "a product that trips",
        lambda board: board.multiply(np.array([[1e-6, 2e-6, 3e-6], [4e-6, 0.5, 6e-6]]), ONE),
        BoardTrippedError,
        "TRIPPED",
    ),
    ("a world without answer", lambda board: board.read([Cell(2, 4)], 0.2, 1), BoardError, "INTERNAL"),
]


@pytest.mark.parametrize(("name", "call", "kind", "words"), REFUSALS)
def test_refusals(
    port: ScriptedPort, small: LabctlProbeBoard, name: str, call: Ask, kind: type[EquipmentError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        ask(port, small, name, call)


WRONG: list[Ask] = [
    lambda board: board.multiply(np.zeros((0, 3)), ONE),
    lambda board: board.multiply(np.zeros((365, 3)), ONE),
    lambda board: board.multiply(np.zeros((607, 5)), ProductSetup(Coding.AMPLITUDE, Direction.COLUMNS_IN)),
    lambda board: board.multiply(np.zeros((1, 5)), ONE),
    lambda board: board.multiply(np.zeros(3), ONE),
    lambda board: board.multiply(np.zeros((1, 3)), ProductSetup(Coding.AMPLITUDE, averages=0)),
    lambda board: board.multiply(np.zeros((1, 3)), ProductSetup(Coding.AMPLITUDE, averages=4097)),
    lambda board: board.multiply(np.zeros((1, 3)), ProductSetup(Coding.AMPLITUDE, slot=0.9e-6)),
    lambda board: board.multiply(np.zeros((1, 3)), ProductSetup(Coding.AMPLITUDE, slot=10.1e-3)),
    lambda board: board.multiply(np.zeros((1, 3)), ProductSetup(Coding.AMPLITUDE, slot=float("nan"))),
    lambda board: board.multiply(np.zeros((3, 3)), ProductSetup(Coding.AMPLITUDE, slot=9e-3, averages=200)),
    lambda board: board.multiply(np.full((1, 3), 0.501), ONE),
    lambda board: board.multiply(np.full((1, 3), -0.501), ONE),
    lambda board: board.multiply(np.full((1, 3), np.nan), ONE),
    lambda board: board.multiply(np.full((1, 3), 0.3), ProductSetup(Coding.AMPLITUDE, floor=0.21)),
    lambda board: board.multiply(np.zeros((1, 3)), ProductSetup(Coding.AMPLITUDE, floor=float("nan"))),
    lambda board: board.multiply(np.zeros((1, 3)), ProductSetup(Coding.WIDTH, floor=0.1, voltage=0.41)),
    lambda board: board.multiply(np.full((1, 3), -1e-9), ProductSetup(Coding.WIDTH)),
    lambda board: board.multiply(np.full((1, 3), 100.001e-6), ProductSetup(Coding.WIDTH)),
    lambda board: board.calibration(Direction.ROWS_IN, 5),
    lambda board: board.calibration(Direction.ROWS_IN, -1),
    lambda board: board.calibration(Direction.COLUMNS_IN, 0, 4),
    lambda board: board.calibration(Direction.COLUMNS_IN, 0, 0),
    lambda board: board.write_calibration(Direction.COLUMNS_IN, 2, np.ones(2), np.zeros(2)),
    lambda board: board.write_calibration(Direction.COLUMNS_IN, 2, np.ones(1), np.zeros(2)),
    lambda board: board.write_calibration(Direction.COLUMNS_IN, 2, np.zeros(1), np.zeros(1)),
    lambda board: board.write_calibration(Direction.COLUMNS_IN, 2, np.ones(1), np.array([np.inf])),
]


@pytest.mark.parametrize("call", WRONG)
def test_what_the_board_cannot_do_is_not_sent(small: LabctlProbeBoard, call: Ask) -> None:
    with pytest.raises(InputError):
        call(small)


FEATURES: list[Ask] = [
    lambda board: board.multiply(np.zeros((1, 3)), ONE),
    lambda board: board.temperature(),
    lambda board: board.self_test(),
    lambda board: board.calibration(Direction.ROWS_IN),
    lambda board: board.write_calibration(Direction.ROWS_IN, 0, np.ones(1), np.zeros(1)),
]


@pytest.mark.parametrize("call", FEATURES)
def test_what_a_board_has_not_is_not_asked_of_it(port: ScriptedPort, clock: Clock, call: Ask) -> None:
    link = BoardLink(port, clock, "board at COM5")
    board = LabctlProbeBoard(link, "board", ProbeBoardSettings(driver="probe-board", address="COM5"))
    exchange(port, link, BARE["capabilities of 3 x 5"])
    with pytest.raises(InputError, match="has no"):
        call(board)


def test_as_many_vectors_as_fit_are_one_request(port: ScriptedPort, small: LabctlProbeBoard) -> None:
    small._link._session, small._link._state = 0x1234, board_link._Session.OPEN
    most = Direction.ROWS_IN.vectors_max(3, 5)
    assert most == 364
    sent: list[bytes] = []

    def write(data: bytes, /) -> int:
        sent.append(data)
        return len(data)

    port.write = write  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(LinkError):
        small.multiply(np.zeros((most, 3)), ONE)
    assert len(set(sent)) == 1


def test_patience_covers_the_slots(port: ScriptedPort, small: LabctlProbeBoard, clock: Clock) -> None:
    small._link._session, small._link._state = 0x1234, board_link._Session.OPEN
    sent: list[float] = []

    def write(data: bytes, /) -> int:
        sent.append(clock.now())
        return len(data)

    port.write = write  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(LinkError):
        small.multiply(np.zeros((2, 3)), ProductSetup(Coding.AMPLITUDE, slot=1e-3, averages=1000))
    assert sent[1] - sent[0] == pytest.approx(2 * (30e-6 + 1.005 + WORKING_OUT) + REPLY_TIME, abs=1 / 16)


ENVELOPE = Envelope(
    voltage=1.3, read_voltage=0.3, cell_current=1e-2, line_current=0.1, pulse_width=1e-3, pulses_per_cell=1e6
)
BEYOND: list[tuple[np.ndarray, ProductSetup]] = [
    (np.array([[0.0, 0.301, 0.0]]), ONE),
    (np.array([[0.0, -0.301, 0.0]]), ONE),
    (np.array([[0.0, 0.2, 0.0]]), ProductSetup(Coding.AMPLITUDE, floor=0.101)),
    (np.array([[-0.2, -0.2, -0.2]]), ProductSetup(Coding.AMPLITUDE, floor=0.301)),
    (np.array([[np.nan, 0.0, 0.0]]), ONE),
    (np.zeros((1, 3)), ProductSetup(Coding.WIDTH, voltage=0.301)),
    (np.zeros((1, 3)), ProductSetup(Coding.WIDTH, floor=-0.301, voltage=0.4)),
    (np.zeros((1, 3)), ProductSetup(Coding.WIDTH, floor=0.1, voltage=0.201)),
    (np.zeros((1, 3)), ProductSetup(Coding.WIDTH, voltage=float("nan"))),
]


@pytest.mark.parametrize(("inputs", "setup"), BEYOND)
def test_the_envelope_bounds_every_level_of_a_product(
    small: LabctlProbeBoard, inputs: np.ndarray, setup: ProductSetup
) -> None:
    with pytest.raises(EnvelopeError, match="product"):
        LimitedProbeBoard(small, ENVELOPE).multiply(inputs, setup)


def test_what_the_envelope_allows_is_passed_on(port: ScriptedPort, small: LabctlProbeBoard) -> None:
    limited = LimitedProbeBoard(small, ENVELOPE)
    exchange(port, small._link, GOLDEN["widths on the columns"])
    assert limited.multiply(WIDTHS, COLUMNS_IN).current.shape == (1, 3)
    exchange(port, small._link, GOLDEN["self-test"])
    assert len(limited.self_test()) == 7
    exchange(port, small._link, GOLDEN["read coefficients"])
    assert limited.calibration(Direction.ROWS_IN, 2).gain.tolist() == [1.0, 1.25, 0.5]
    exchange(port, small._link, GOLDEN["write coefficients"])
    limited.write_calibration(Direction.ROWS_IN, 3, np.array([1.25, 0.5]), np.array([1e-6, -2.0e-9]))
