"""The order of bytes in which a bench comes up and goes down, with every source-measure unit that has a driver.

Up: limits while the output is off, then the board, then the route, then the output at 0 V, then levels. Down: 0 V, off
and confirmed, disconnected, board safe. Range, function, off mode and route never change while the output is on.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, BenchFile, read_bench
from labctl.errors import EquipmentError
from labctl.instruments import Cell, ReadScheme, SourceSetup, WriteScheme
from labctl.wire import FrameReader, Kind, Opcode
from sim_backend.backend import TwinBackend
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.visa_session import VisaSession

CELL = Cell(2, 3)
LIMIT = 0.015
"""The packaged envelope's cell current (A)."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an instrument is told; each a pattern of a whole line. `ask` are queries of limit and protection."""

    model: str
    limit: str
    zero: str
    level: str
    on: str
    off: str
    is_off: str
    fixed: str
    ask_limit: str
    ask_protection: str | None
    protection: float | None


TSP_QUERY = r'print\("<\d+>", {0}, "<\d+>", {0}\)'
DIALECTS = {
    "keithley-2450": Dialect(
        model="2450",
        limit=r":SOUR:VOLT:ILIM ([\d.e-]+)",
        zero=r":SOUR:VOLT 0",
        level=r":SOUR:VOLT ([\d.e+-]+)",
        on=r":OUTP 1",
        off=r":OUTP 0",
        is_off=r":OUTP\?",
        fixed=r":SOUR:(VOLT:RANG|FUNC).*|:SENS:(FUNC|CURR:RSEN).*|:OUTP:VOLT:SMOD.*|\*RST",
        ask_limit=":SOUR:VOLT:ILIM?",
        ask_protection=":SOUR:VOLT:PROT?",
        protection=2.0,
    ),
    "keithley-2400": Dialect(
        model="2400",
        limit=r":SENS:CURR:PROT ([\d.e-]+)",
        zero=r":SOUR:VOLT 0",
        level=r":SOUR:VOLT ([\d.e+-]+)",
        on=r":OUTP 1",
        off=r":OUTP 0",
        is_off=r":OUTP\?",
        fixed=r":SOUR:(VOLT:RANG|FUNC).*|:SENS:FUNC.*|:OUTP:SMOD.*|:SYST:RSEN.*|\*RST",
        ask_limit=":SENS:CURR:PROT?",
        ask_protection=":SOUR:VOLT:PROT?",
        protection=20.0,
    ),
    "keithley-2600": Dialect(
        model="26",
        limit=r"smua\.source\.limiti = ([\d.e-]+)",
        zero=r"smua\.source\.levelv = 0|if smua then smua\.source\.levelv = 0 end",
        level=r"smua\.source\.levelv = ([\d.e+-]+)",
        on=r"smua\.source\.output = smua\.OUTPUT_ON",
        off=r"smua\.source\.output = smua\.OUTPUT_OFF|if smua then smua\.source\.output = 0 end",
        is_off=TSP_QUERY.format(r"smua\.source\.output"),
        fixed=r"smua\.(source\.(rangev|autorangev|func|offmode)|sense) = .*|smua\.reset\(\)",
        ask_limit="print(smua.source.limiti)",
        ask_protection=None,
        protection=None,
    ),
    "keysight-b2900": Dialect(
        model="B29",
        limit=r":SENS1:CURR:PROT ([\d.e-]+)",
        zero=r":SOUR1:VOLT 0",
        level=r":SOUR1:VOLT ([\d.e+-]+)",
        on=r":OUTP1 1",
        off=r":OUTP1 0",
        is_off=r":OUTP1\?",
        fixed=r":SOUR1:(VOLT:RANG|FUNC).*|:OUTP1:(OFF:MODE|LOW).*|:SENS1:REM.*|\*RST",
        ask_limit=":SENS1:CURR:PROT?",
        ask_protection=None,
        protection=None,
    ),
}


class Journal:
    """What reaches the instruments, in order: lines of the SMU, and `BOARD <operation>`."""

    def __init__(self, dialect: Dialect) -> None:
        self.lines: list[str] = []
        self.dialect = dialect
        self.heard = threading.Condition()

    def add(self, line: str) -> None:
        with self.heard:
            self.lines.append(line)
            self.heard.notify_all()

    def mark(self) -> int:
        return len(self.lines)

    def first(self, pattern: str, start: int = 0) -> int:
        """Return where a pattern matches a whole line first, from `start` on."""
        for index in range(start, len(self.lines)):
            if re.fullmatch(pattern, self.lines[index]):
                return index
        pytest.fail(f"nothing like {pattern!r} in {self.lines[start:]}")

    def every(self, pattern: str, start: int = 0) -> list[int]:
        return [i for i, line in enumerate(self.lines) if i >= start and re.fullmatch(pattern, line)]

    def ordered(self, *patterns: str, start: int = 0) -> list[int]:
        """Return where the patterns match, each after the one before it."""
        found: list[int] = []
        for pattern in patterns:
            found.append(self.first(pattern, found[-1] + 1 if found else start))
        return found


@pytest.fixture(params=list(DIALECTS))
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dialect(driver: str) -> Dialect:
    return DIALECTS[driver]


@pytest.fixture
def journal(dialect: Dialect, monkeypatch: pytest.MonkeyPatch) -> Journal:
    kept = Journal(dialect)
    write, connection = VisaSession.write, ProbeBoardPanel.connection

    def hear_smu(session: VisaSession, data: bytes) -> None:
        for line in data.decode().splitlines():
            kept.add(line)
        write(session, data)

    def hear_board(panel: Any, deliver: Any) -> Any:
        link: Any = connection(panel, deliver)
        frames, receive = FrameReader(Kind.REQUEST), link.receive

        def hear(data: bytes, end: bool = False, /) -> None:
            for frame in frames.feed(data):
                kept.add(f"BOARD {Opcode(frame.opcode).name}")
            receive(data, end)

        link.receive = hear
        return link

    monkeypatch.setattr(VisaSession, "write", hear_smu)
    monkeypatch.setattr(ProbeBoardPanel, "connection", hear_board)
    return kept


@pytest.fixture
def file(driver: str, dialect: Dialect) -> BenchFile:
    text = DEFAULT_BENCH.read_text(encoding="utf-8").replace('"keithley-2450"', f'"{driver}"')
    return read_bench(text.replace('"2450"', f'"{dialect.model}"'), "bench.toml")


@pytest.fixture
def twin(file: BenchFile) -> Iterator[TwinBackend]:
    with closing(TwinBackend(file, BackendOptions())) as backend:
        yield backend


@pytest.fixture
def bench(file: BenchFile, twin: TwinBackend, journal: Journal) -> Iterator[Bench]:
    with closing(Bench(file, twin)) as bench:
        bench.identify()
        yield bench


def check_fixed_while_on(journal: Journal) -> None:
    """Nothing that must not change changes while the output is on."""
    is_on, words = False, journal.dialect
    for line in journal.lines:
        if re.fullmatch(words.on, line):
            is_on = True
        elif re.fullmatch(words.off, line):
            is_on = False
        elif is_on:
            assert not re.fullmatch(rf"{words.fixed}|BOARD (ROUTE|UNROUTE|SCHEME)", line), line


def check_limit_before_on(journal: Journal) -> None:
    words = journal.dialect
    for on in journal.every(words.on):
        limits = [index for index in journal.every(words.limit) if index < on]
        resets = [index for index in journal.every(r"\*RST|smua\.reset\(\)") if index < on]
        assert limits
        assert limits[-1] > max(resets, default=-1), "a reset widens the limit"


def levels_of(journal: Journal, start: int = 0) -> list[tuple[int, float]]:
    """Return where levels are set, and to what (V)."""
    found = [(index, re.fullmatch(journal.dialect.level, line)) for index, line in enumerate(journal.lines)]
    return [(index, float(match[1])) for index, match in found if match and index >= start]


DOWN = ("BOARD UNROUTE", "BOARD SAFE")


def test_up(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    start = journal.mark()
    bench.bring_up()
    limit = journal.first(dialect.limit, start)
    board = journal.ordered("BOARD HELLO", "BOARD CLEAR", "BOARD COMPLIANCE", "BOARD SCHEME", "BOARD ARM", start=start)
    read_back = TSP_QUERY.format(r"smua\.source\.limiti") if "26" in dialect.model else re.escape(dialect.ask_limit)
    assert start <= limit < journal.first(read_back, limit) < board[0]
    assert journal.every(dialect.on) == []
    assert journal.every("BOARD ROUTE") == []
    assert {volts for _, volts in levels_of(journal)} <= {0.0}
    at = journal.mark()
    with bench.routed(CELL) as smu:
        smu.source(0.1)
    route, on = journal.ordered("BOARD ROUTE", dialect.on, start=at)
    level = next(index for index, volts in levels_of(journal, at) if volts == 0.1)
    assert journal.every(dialect.zero, at)[0] < route < on < level
    check_fixed_while_on(journal)
    check_limit_before_on(journal)


def test_down_between_steps(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    bench.bring_up()
    start = journal.mark()
    assert bench.bring_down() == []
    journal.ordered(dialect.zero, dialect.off, dialect.is_off, "BOARD SAFE", start=start)
    assert journal.every("BOARD UNROUTE", start) == [], "nothing was routed"


def test_leaving_a_cell(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    bench.bring_up()
    with bench.routed(CELL) as smu:
        smu.source(0.1)
        start = journal.mark()
    journal.ordered(dialect.zero, dialect.off, dialect.is_off, "BOARD UNROUTE", start=start)
    assert bench.bring_down() == []
    check_fixed_while_on(journal)


def test_an_error_in_the_middle_of_a_protocol(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    bench.bring_up()
    start = 0
    with pytest.raises(ZeroDivisionError), bench.routed(CELL) as smu:  # noqa: PT012
        smu.source(0.1)
        start = journal.mark()
        raise ZeroDivisionError
    assert bench.bring_down() == []
    journal.ordered(dialect.zero, dialect.off, dialect.is_off, *DOWN, start=start)
    check_fixed_while_on(journal)


def test_down_with_the_output_on_and_routed(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    """As when a link failed: nobody left the cell."""
    bench.bring_up()
    start = 0
    with suppress(EquipmentError), bench.routed(CELL) as smu:
        smu.source(0.1)
        start = journal.mark()
        assert bench.bring_down() == []
    journal.ordered(dialect.zero, dialect.off, dialect.is_off, *DOWN, start=start)
    check_fixed_while_on(journal)


def test_down_at_once_changes_no_route_by_hand(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    bench.bring_up()
    start = 0
    with suppress(EquipmentError), bench.routed(CELL) as smu:
        smu.source(0.1)
        start = journal.mark()
        assert bench.bring_down(at_once=True) == []
        end = journal.mark()
        assert journal.every("BOARD UNROUTE", start) == []
        assert journal.ordered(dialect.zero, dialect.off, dialect.is_off, start=start)[-1] < end
        assert journal.first("BOARD SAFE", start) < end


def test_pause_goes_down_and_going_on_identifies_first(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    bench.bring_up()
    bench.board.set_scheme(WriteScheme.HALF, ReadScheme.FLOAT)
    with bench.routed(CELL) as smu:
        smu.source(0.1)
        start = journal.mark()
        assert bench.pause() == []
        journal.ordered(dialect.zero, dialect.off, dialect.is_off, *DOWN, start=start)
        paused = journal.mark()
        bench.go_on()
        assert set(journal.lines[paused : paused + 2]) == {r"*IDN?", "BOARD IDENTIFY"}
        journal.ordered(
            "BOARD IDENTIFY", dialect.limit, "BOARD HELLO", "BOARD CLEAR", "BOARD COMPLIANCE", "BOARD SCHEME",
            "BOARD ARM", "BOARD SCHEME", "BOARD ROUTE", dialect.on, start=paused,
        )  # fmt: skip
        assert {volts for _, volts in levels_of(journal, paused)} <= {0.0}, "it goes on at 0 V"
    check_fixed_while_on(journal)
    check_limit_before_on(journal)


def test_a_sweep_and_a_new_setup_keep_the_order(bench: Bench, journal: Journal) -> None:
    bench.bring_up()
    with bench.routed(CELL) as smu:
        smu.sweep([0.0, 0.1, 0.05])
        smu.configure(SourceSetup(0.2, 1e-3))
        smu.output_on()
        smu.source(0.1)
    assert bench.bring_down() == []
    check_limit_before_on(journal)
    check_fixed_while_on(journal)


def test_an_smu_that_hangs_does_not_delay_the_boards_safe(
    bench: Bench, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SMU's shutdown does not end before the board has heard SAFE: were it waited for, neither would ever end."""
    bench.bring_up()
    smu, start = bench.instruments["smu"], journal.mark()
    heard: list[bool] = []

    def hang() -> None:
        with journal.heard:
            heard.append(journal.heard.wait_for(lambda: "BOARD SAFE" in journal.lines[start:], timeout=20.0))

    monkeypatch.setattr(smu, "make_safe", hang)
    with suppress(EquipmentError), bench.routed(CELL):
        start = journal.mark()
        assert bench.bring_down() == []
        assert heard == [True]
        assert journal.every("BOARD UNROUTE", start) == [], "its output may be on: no route is changed"
        monkeypatch.undo()


def test_an_smu_that_lost_its_link_is_named_and_the_board_is_safe(
    bench: Bench, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(session: VisaSession, data: bytes) -> None:
        journal.add("(lost)")

    bench.bring_up()
    with suppress(EquipmentError), bench.routed(CELL) as smu:
        start = journal.mark()
        monkeypatch.setattr(VisaSession, "write", lose)
        unsafe = bench.bring_down()
        assert "BOARD SAFE" in journal.lines[start:]
        assert [str(error) for error in unsafe if "may be on" in str(error)], unsafe
        assert smu.name in str(unsafe[0])


# --- what the instruments hold ---


def test_the_instruments_hold_the_nearest_limits_that_allow_the_envelope(
    bench: Bench, twin: TwinBackend, dialect: Dialect
) -> None:
    bench.bring_up()
    smu = twin.open_visa(bench.smu.address, read_termination="\n", write_termination="\n")
    assert float(smu.query(dialect.ask_limit)) == pytest.approx(LIMIT, rel=1e-6)
    if dialect.ask_protection is not None:
        found = re.sub(r"^PROT", "", smu.query(dialect.ask_protection).strip())
        assert float(found) == dialect.protection
    smu.close()
    board: Any = twin.panels["board"]
    assert board._states.limit == 0.25


def test_a_wider_envelope_than_the_boards_lines_can_bear_sets_what_they_can(driver: str, file: BenchFile) -> None:
    wide = file.model_copy(update={"envelope": file.envelope.model_copy(update={"line_current": 1.0})})
    with closing(TwinBackend(wide, BackendOptions())) as backend, closing(Bench(wide, backend)) as bench:
        bench.identify()
        bench.bring_up()
        board: Any = backend.panels["board"]
        assert board._states.limit == 0.25
        assert bench.bring_down() == []
