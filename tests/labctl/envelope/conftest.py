"""What the tests of the envelope share: a bench that is watched byte by byte and behind, and numbers as people slip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from labctl import feature_messages, messages
from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, read_bench
from labctl.board_data import Cell
from labctl.board_features import Coding
from labctl.limits import Envelope
from labctl.wire import FrameReader, Kind, Opcode
from sim_backend.backend import TwinBackend
from sim_backend.panels import board_facts as facts
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.smu_terminals import SmuTerminals
from sim_backend.world import World

SMUS = {"keithley-2450": "2450", "keithley-2400": "2400", "keithley-2600": "26", "keysight-b2900": "B29"}
ROWS, COLUMNS = 4, 5
PACKAGED = (
    DEFAULT_BENCH.read_text(encoding="utf-8")
    .replace("rows = 64", f"rows = {ROWS}")
    .replace("columns = 64", f"columns = {COLUMNS}")
    .replace('front_end = "board"', 'front_end = "ideal"')
)
CROOKED = (
    PACKAGED.replace('"1.3 V"', '"1.2345678 V"')
    .replace('"0.25 V"', '"0.2345678 V"')
    .replace('"15 mA"', '"14.2345678 mA"')
    .replace('"250 mA"', '"200.12345678 mA"')
    .replace('"10 ms"', '"12345.6789 ns"')
)
"""No limit of it lies on any instrument's grid."""
RESOLUTION = 1e-9
"""Of a difference of two times on the world's clock (s), many hours after its start."""


def with_smu(text: str, driver: str) -> str:
    """Return a bench with another source-measure unit, and pulses as wide as such a unit needs."""
    text = text.replace("12345.6789 ns", "9.8765432198 ms").replace('"keithley-2450"', f'"{driver}"')
    return text.replace('"2450"', f'"{SMUS[driver]}"')


@dataclass(slots=True)
class Seen:
    """What reached the instruments: the largest of each kind, and how many requests there were."""

    envelope: Envelope
    requests: int = 0
    largest: dict[str, float] = field(default_factory=dict[str, float])
    problems: list[str] = field(default_factory=list[str])
    had: Counter[Cell] = field(default_factory=Counter[Cell])
    """Pulses that reached each cell of the die, those of the SMU included."""
    writing: tuple[float, float] | None = None
    """Level (V) at the SMU's terminals that is beyond the read voltage, and since when (s)."""

    def drive(self, voltage: float, now: float, cell: Cell | None) -> None:
        """Judge how long the level before this one stood, and count what writes a cell."""
        if self.writing is not None and self.writing[0] != voltage:
            self.look("pulse_width", now - self.writing[1] - RESOLUTION, "how long a level writes")
            self.writing = None
        if self.writing is None and abs(voltage) > self.envelope.read_voltage:
            self.writing = voltage, now
            if cell is not None:
                self.had[cell] += 1

    def look(self, limit: str, value: float, what: str) -> None:
        self.requests += 1
        self.largest[what] = max(self.largest.get(what, 0.0), abs(value))
        if not abs(value) <= getattr(self.envelope, limit):
            self.problems.append(f"{what}: {value!r} is beyond {limit}")

    def frame(self, opcode: int, payload: bytes) -> None:
        """Judge a request by its bytes."""
        match opcode:
            case Opcode.READ:
                self._read(messages.unpack_read(payload).voltage)
            case Opcode.PULSE:
                self._entries(messages.unpack_entries(payload))
            case Opcode.PULSE_READ:
                request = messages.unpack_pulse_read(payload)
                self._read(request.voltage)
                self._entries(request.entries)
            case Opcode.MULTIPLY:
                self._product(feature_messages.unpack_multiply(payload, ROWS, COLUMNS))
            case Opcode.COMPLIANCE:
                self.look("line_current", messages.unpack_compliance(payload)[0], "COMPLIANCE")
            case _:
                pass

    def _read(self, microvolts: int) -> None:
        self.look("read_voltage", microvolts / 1e6, "a read's bytes")
        self.look("read_voltage", facts.on_grid(microvolts, facts.READ_STEP), "a read on the grid")

    def _entries(self, entries: messages.Entries) -> None:
        for microvolts, width, count in zip(
            entries.amplitude.tolist(), entries.width.tolist(), entries.count.tolist(), strict=True
        ):
            self.look("voltage", microvolts / 1e6, "a pulse's bytes")
            self.look("voltage", facts.on_grid(microvolts, facts.WRITE_STEP), "a pulse on the grid")
            self.look("pulse_width", width / 1e9, "a width's bytes")
            self.look("pulses_per_cell", count, "a count's bytes")

    def _product(self, request: feature_messages.MultiplyRequest) -> None:
        levels = [request.floor, request.floor + request.voltage]
        if request.coding == Coding.AMPLITUDE:
            levels += (request.floor + request.values).tolist()
        for level in levels:
            self._read(level)


@contextmanager
def watched(text: str, monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Bench, Seen]]:
    """Bring a bench up and watch what reaches its panels and its die."""
    file = read_bench(text, "bench.toml")
    seen = Seen(Bench.envelope_of(file))
    connection, drive, release = ProbeBoardPanel.connection, SmuTerminals.drive, SmuTerminals.release
    pulse_cell, read_cells = World.pulse_cell, World.read_cells

    def hear_board(panel: Any, deliver: Any) -> Any:
        link: Any = connection(panel, deliver)
        frames, receive = FrameReader(Kind.REQUEST), link.receive

        def hear(data: bytes, end: bool = False, /) -> None:
            for frame in frames.feed(data):
                seen.frame(frame.opcode, frame.payload)
            receive(data, end)

        link.receive = hear
        return link

    def hear_smu(terminals: SmuTerminals, voltage: float, limit: float) -> None:
        load = terminals._port.load
        seen.drive(voltage, terminals._clock.now(), None if load is None else Cell(*divmod(load.cell, COLUMNS)))
        seen.look("voltage", voltage, "a level")
        seen.look("cell_current", limit, "a level's current limit")
        drive(terminals, voltage, limit)

    def hear_release(terminals: SmuTerminals) -> None:
        seen.drive(0.0, terminals._clock.now(), None)
        release(terminals)

    def hear_pulse(world: World, row: int, column: int, amplitude: float, train: Any, *rest: Any) -> bool:
        seen.look("voltage", amplitude, "a pulse at the die")
        seen.look("pulse_width", train.width, "a width at the die")
        seen.had[Cell(row, column)] += train.count
        return pulse_cell(world, row, column, amplitude, train, *rest)

    def hear_read(world: World, rows: Any, columns: Any, voltage: float, *rest: Any) -> Any:
        seen.look("read_voltage", voltage, "a read at the die")
        return read_cells(world, rows, columns, voltage, *rest)

    monkeypatch.setattr(ProbeBoardPanel, "connection", hear_board)
    monkeypatch.setattr(SmuTerminals, "drive", hear_smu)
    monkeypatch.setattr(SmuTerminals, "release", hear_release)
    monkeypatch.setattr(World, "pulse_cell", hear_pulse)
    monkeypatch.setattr(World, "read_cells", hear_read)
    with closing(TwinBackend(file, BackendOptions())) as backend, closing(Bench(file, backend)) as bench:
        bench.identify()
        bench.bring_up()
        yield bench, seen
        assert bench.bring_down() == []


@dataclass(frozen=True, slots=True)
class Watch:
    """What the fixture `watch` is: bench files, and what brings one up and watches it."""

    packaged: str
    crooked: str
    up: Callable[[str], AbstractContextManager[tuple[Bench, Seen]]]
    with_smu: Callable[[str, str], str]


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Bring benches up and watch what reaches their instruments and their dies."""
    return Watch(PACKAGED, CROOKED, lambda text: watched(text, monkeypatch), with_smu)


@pytest.fixture(params=SMUS)
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver of a source-measure unit."""
    return str(request.param)


@pytest.fixture
def bench(watch: Watch) -> Iterator[tuple[Bench, Seen]]:
    """The packaged bench, watched."""
    with watch.up(PACKAGED) as found:
        yield found
