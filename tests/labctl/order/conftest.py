"""What the tests of a bench's order share: a journal of what reaches the instruments, with every SMU that is driven."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, BenchFile, read_bench
from labctl.wire import FrameReader, Kind, Opcode
from sim_backend.backend import TwinBackend
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.visa_session import VisaSession


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

    @property
    def read_back(self) -> str:
        """The pattern of the driver's own query of the limit."""
        return TSP_QUERY.format(r"smua\.source\.limiti") if "26" in self.model else re.escape(self.ask_limit)


LINES = "ROUTE|UNROUTE|SCHEME|READ|PULSE|PULSE_READ|MULTIPLY"
"""What changes something on the lines, or opens the port."""
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

    def check_fixed_while_on(self) -> None:
        """Make sure that nothing that must not change changes while the output is on: the board's lines neither."""
        is_on, words = False, self.dialect
        for line in self.lines:
            if re.fullmatch(words.on, line):
                is_on = True
            elif re.fullmatch(words.off, line):
                is_on = False
            elif is_on:
                assert not re.fullmatch(rf"{words.fixed}|BOARD ({LINES})", line), line

    def check_limit_before_on(self) -> None:
        """Make sure that a limit was set since the last reset, whenever the output goes on."""
        words = self.dialect
        for on in self.every(words.on):
            limits = [index for index in self.every(words.limit) if index < on]
            resets = [index for index in self.every(r"\*RST|smua\.reset\(\)") if index < on]
            assert limits
            assert limits[-1] > max(resets, default=-1), "a reset widens the limit"

    def levels(self, start: int = 0) -> list[tuple[int, float]]:
        """Return where levels are set, and to what (V)."""
        found = [(index, re.fullmatch(self.dialect.level, line)) for index, line in enumerate(self.lines)]
        return [(index, float(match[1])) for index, match in found if match and index >= start]


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
