"""The engine keeps its order, whatever a protocol or a bench does."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drivers.keithley_2450 import SHUT_DOWN
from drivers.probe_board import LabctlProbeBoard
from labctl.backend import BackendOptions
from labctl.bench_file import DEFAULT_BENCH
from labctl.board_data import BoardState, Cell, Pulse, Trip
from labctl.engine import Watcher, run
from labctl.errors import BugError, DeniedError, EnvelopeError, EquipmentError, InterruptedRunError, TrippedError
from labctl.instruments import ProbeBoard
from labctl.plan import RunRequest
from labctl.protocol import STEP_END, Outcome, Parameters, Protocol, StepEnd
from labctl.protocol_bench import ProtocolBench
from labctl.run_reader import RunReader
from labctl.units import Siemens
from labctl.wire import FrameReader, Kind, Opcode
from sim_backend.panels.board_link import BoardConnection
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.panels.scpi_panel import ScpiPanel

CELL = Cell(0, 0)
UP = Pulse(CELL, 0.9, 80e-9)


@dataclass(frozen=True, slots=True)
class Item:
    number: int
    conductance: Siemens


@dataclass(frozen=True, slots=True)
class Count:
    items: int


Body = Callable[[ProtocolBench, Parameters], Iterator[Item | StepEnd]]


@pytest.fixture
def engine(tmp_path: Path, offer: Callable[[Protocol[Any, Any]], None]) -> Any:
    """Run a protocol that a test makes up; return the result."""

    def call(body: Body, **request: Any) -> Any:
        offer(
            Protocol(
                name="made-up",
                title="for a test",
                parameters=Parameters,
                record=Item,
                needs=(ProbeBoard,),
                check=lambda die, envelope, parameters: None,
                steps=lambda parameters: 3,
                run=lambda bench, parameters, start: body(bench, parameters),
                summarise=lambda records, parameters: Outcome(True, Count(len(records))),
                caption=lambda record: str(record.number),
            )
        )
        return run(RunRequest("made-up", data=tmp_path, **request), Watcher())

    return call


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything that reaches an instrument, in order: SCPI lines and board operations."""
    seen: list[str] = []
    obey, board_connection = ScpiPanel.execute, ProbeBoardPanel.connection

    def hear_smu(panel: Any, message: str) -> bytes | None:
        seen.append(message)
        return obey(panel, message)

    def hear_board(panel: Any, deliver: Any) -> Any:
        link: Any = board_connection(panel, deliver)
        frames = FrameReader(Kind.REQUEST)
        receive = link.receive

        def hear(data: bytes, end: bool = False, /) -> None:
            seen.extend(Opcode(frame.opcode).name for frame in frames.feed(data))
            receive(data, end)

        link.receive = hear
        return link

    monkeypatch.setattr(ScpiPanel, "execute", hear_smu)
    monkeypatch.setattr(ProbeBoardPanel, "connection", hear_board)
    return seen


def two_steps(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
    for number in range(2):
        bench.board.pulse([UP])
        yield Item(number, 1e-6)
        yield STEP_END


def routed(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
    with bench.routed(CELL) as smu:
        smu.source(0.1)
        yield Item(0, smu.measure().current / 0.1)
        yield STEP_END


def failing(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
    yield from two_steps(bench, parameters)
    raise ZeroDivisionError("a bug in a protocol")


def test_a_run_is_recorded(engine: Any) -> None:
    result = engine(two_steps, note="a note", operator="ada", options=BackendOptions(seed=5))
    assert result.passed
    assert result.summary == Count(2)
    with closing(RunReader(result.folder)) as reader:
        assert reader.state().state == "finished"
        assert reader.state().detail == {
            "passed": True,
            "criteria": [],
            "summary": {"items": 2},
            "units": {"items": ""},
        }
        manifest = reader.manifest
    assert manifest["note"] == "a note"
    assert manifest["operator"] == "ada"
    assert manifest["seed"] == 5
    assert manifest["instruments"]["smu"]["model"] == "2450"
    assert manifest["bench"]["envelope"]["voltage"] == 1.3
    assert manifest["backend"]["name"] == "twin"
    assert manifest["software"]["labctl"]


def test_order_of_bytes_up_and_down(engine: Any, journal: list[str]) -> None:
    engine(routed)
    words = [word.upper() for word in journal]

    def first(part: str, start: int = 0) -> int:
        return next(index for index, word in enumerate(words[start:], start) if part in word)

    limit, on = first(":SOUR:VOLT:ILIM "), first(":OUTP ON" if any(":OUTP ON" in word for word in words) else ":OUTP 1")
    board = [first(name) for name in ("HELLO", "CLEAR", "COMPLIANCE", "SCHEME", "ARM", "ROUTE")]
    assert words[0].endswith("*IDN?")
    assert first("IDENTIFY") < limit < board[0]
    assert board == sorted(board)
    assert board[-1] < on
    assert first(":SOUR:VOLT 0", on - 5) < on < first(":SOUR:VOLT 0.1", on)
    off = first(":OUTP", on + 3)
    assert off < first("UNROUTE", on) < first("SAFE", on)
    assert words.count("SAFE") == 2
    assert words.index("SAFE") < board[0]


def test_a_wrong_identity_sets_nothing(engine: Any, journal: list[str], tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(DEFAULT_BENCH.read_text().replace('expect = "2450"', 'expect = "2461"'))
    with pytest.raises(EquipmentError, match="2461"):
        engine(two_steps, bench=bench, backend="twin")
    assert set(journal) <= {"*IDN?", "IDENTIFY", "CAPABILITIES", "STATUS"}


def test_a_bug_in_a_protocol_leaves_a_safe_bench_and_what_was_recorded(
    engine: Any, journal: list[str], tmp_path: Path
) -> None:
    with pytest.raises(BugError, match="ZeroDivisionError") as caught:
        engine(failing)
    assert "SAFE" in journal[journal.index("PULSE") :]
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert caught.value.run == folder
    with closing(RunReader(folder)) as reader:
        assert reader.state().state == "failed"
        assert reader.state().detail["error"]["type"] == "ZeroDivisionError"
        assert len(reader.records("record")) == 2


def test_a_dead_board_ends_the_run_and_is_named(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf(link: BoardConnection, data: bytes, end: bool = False) -> None:
        pass

    def dies(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
        yield from two_steps(bench, parameters)
        monkeypatch.setattr(BoardConnection, "receive", deaf)
        bench.board.read([CELL], 0.2, 1)

    with pytest.raises(EquipmentError) as caught:
        engine(dies)
    message = str(caught.value)
    assert "did not answer READ" in message
    assert "NOT SAFE" in message
    assert caught.value.run is not None


def test_a_hung_protocol_lets_the_watchdog_bite(engine: Any) -> None:
    def hangs(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
        yield Item(0, 1e-6)
        yield STEP_END
        bench.clock.sleep(9.0)
        assert bench.board.status().state is BoardState.ARMED
        bench.clock.sleep(3.0)
        bench.board.pulse([UP])

    with pytest.raises(TrippedError, match="SAFE_STATE"):
        engine(hangs)


def test_trips_are_cleared_and_told(engine: Any) -> None:
    def trips(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
        bench.clock.sleep(12.0)
        yield Item(0, 0.0)
        assert bench.board.status().state is BoardState.SAFE
        assert bench.board.clear() == Trip.WATCHDOG
        bench.board.arm(bench.board.watchdog)
        yield STEP_END

    assert engine(trips).passed


def test_what_the_envelope_forbids_in_mid_run_ends_it_safe_and_not_as_bad_input(
    engine: Any, journal: list[str]
) -> None:
    def oversteps(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
        yield from two_steps(bench, parameters)
        bench.board.pulse([Pulse(CELL, 1.31, 80e-9)])

    with pytest.raises(DeniedError, match="outside the envelope") as caught:
        engine(oversteps)
    assert isinstance(caught.value.__cause__, EnvelopeError)
    assert caught.value.exit_code == 3
    assert "SAFE" in journal[journal.index("PULSE") :]


def test_pulses_of_a_cell_are_counted_against_its_life(engine: Any, tmp_path: Path) -> None:
    bench = tmp_path / "bench.toml"
    bench.write_text(DEFAULT_BENCH.read_text().replace("pulses_per_cell = 1e9", "pulses_per_cell = 10"))

    def wears_out(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
        bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 6)])
        bench.board.pulse([Pulse(Cell(1, 1), 0.9, 80e-9, 10)])
        yield STEP_END
        bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 3), Pulse(CELL, 0.9, 80e-9, 2)])

    with pytest.raises(DeniedError, match="pulses_per_cell"):
        engine(wears_out, bench=bench, backend="twin")


def test_an_smu_that_does_not_answer_never_holds_up_the_board(
    engine: Any, journal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SMU falls silent while a cell is routed: the board's SAFE comes before the SMU's time-outs are over."""

    def silent(panel: ScpiPanel, message: str) -> None:
        journal.append("(lost)")

    def dies(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
        with bench.routed(CELL) as smu:
            monkeypatch.setattr(ScpiPanel, "execute", silent)
            smu.measure()
        yield STEP_END

    with pytest.raises(EquipmentError, match="NOT SAFE"):
        engine(dies)
    lost = [index for index, word in enumerate(journal) if word == "(lost)"]
    safe = len(journal) - 1 - journal[::-1].index("SAFE")
    assert "UNROUTE" not in journal[lost[0] :]
    # What switches it off is sent at once, and again on a restored link; neither is waited for.
    assert len([index for index in lost if index < safe]) <= 12 + len(("", *SHUT_DOWN))


def test_two_signals_end_a_run_at_once_and_a_third_does_not_keep_it_from_being_made_safe(
    engine: Any, journal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hear(times: int) -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)

    make_safe = LabctlProbeBoard.make_safe

    def make_safe_under_fire(board: LabctlProbeBoard) -> None:
        hear(2)
        make_safe(board)

    def hit_twice(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
        yield from two_steps(bench, parameters)
        monkeypatch.setattr(LabctlProbeBoard, "make_safe", make_safe_under_fire)
        hear(2)
        pytest.fail("the second signal ends it")
        yield STEP_END

    with pytest.raises(InterruptedRunError) as caught:
        engine(hit_twice)
    assert caught.value.summary == Count(2)
    assert "SAFE" in journal[journal.index("PULSE") :]


def test_one_signal_lets_the_step_end(engine: Any) -> None:
    def hit_once(bench: ProtocolBench, parameters: Parameters) -> Iterator[Item | StepEnd]:
        signal.raise_signal(signal.SIGTERM)
        yield from two_steps(bench, parameters)

    with pytest.raises(InterruptedRunError) as caught:
        engine(hit_once)
    assert caught.value.signal_number == signal.SIGTERM
    assert caught.value.summary in (Count(0), Count(1))


def test_an_instrument_that_the_driver_does_not_drive(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabctlProbeBoard, "models", ("ANOTHER",))
    with pytest.raises(EquipmentError, match="'probe-board' does not drive it"):
        engine(two_steps)
