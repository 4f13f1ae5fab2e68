"""Whatever a protocol asks for, nothing outside the envelope reaches an instrument: looked at byte by byte, and behind.

Requests are drawn at random, with the slips that people make: volts for millivolts, seconds for nanoseconds, numpy's
numbers, texts. What is looked at is what arrives at the virtual front panels, and what they then do to the die.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl import feature_messages, messages
from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, read_bench
from labctl.board_features import Coding, Direction, ProductSetup
from labctl.errors import EnvelopeError, EquipmentError, InputError
from labctl.instruments import Cell, ComplianceAction, Pulse, PulseTrain, ReadScheme, SourceSetup, WriteScheme
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


@dataclass(slots=True)
class Seen:
    """What reached the instruments: the largest of each kind, and how many requests there were."""

    envelope: Envelope
    requests: int = 0
    largest: dict[str, float] = field(default_factory=dict[str, float])
    problems: list[str] = field(default_factory=list[str])

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
    connection, drive = ProbeBoardPanel.connection, SmuTerminals.drive
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
        seen.look("voltage", voltage, "a level")
        seen.look("cell_current", limit, "a level's current limit")
        drive(terminals, voltage, limit)

    def hear_pulse(world: World, row: int, column: int, amplitude: float, train: Any, *rest: Any) -> bool:
        seen.look("voltage", amplitude, "a pulse at the die")
        seen.look("pulse_width", train.width, "a width at the die")
        return pulse_cell(world, row, column, amplitude, train, *rest)

    def hear_read(world: World, rows: Any, columns: Any, voltage: float, *rest: Any) -> Any:
        seen.look("read_voltage", voltage, "a read at the die")
        return read_cells(world, rows, columns, voltage, *rest)

    monkeypatch.setattr(ProbeBoardPanel, "connection", hear_board)
    monkeypatch.setattr(SmuTerminals, "drive", hear_smu)
    monkeypatch.setattr(World, "pulse_cell", hear_pulse)
    monkeypatch.setattr(World, "read_cells", hear_read)
    with closing(TwinBackend(file, BackendOptions())) as backend, closing(Bench(file, backend)) as bench:
        bench.identify()
        bench.bring_up()
        yield bench, seen
        assert bench.bring_down() == []


def slips(*values: float) -> st.SearchStrategy[Any]:
    """Values that are right, on the edge, a slip of some powers of ten off, or none at all."""
    near = [math.nextafter(value, side) for value in values for side in (0.0, math.inf)]
    exact = [sign * value for value in (*values, *near) for sign in (1, -1)]
    typos = [value * 10.0**power for value in values for power in range(-6, 7)]
    odd = [math.nan, math.inf, -math.inf, 0.0, -0.0, None, "0.9", 10**400, np.float64(values[0]), np.int64(1)]
    odd += [np.float32(values[0]), np.array(values[0])]
    largest = max(values)
    return st.one_of(
        st.sampled_from(exact), st.sampled_from(typos), st.sampled_from(odd), st.floats(-2 * largest, 2 * largest)
    )


VOLTAGES = slips(0.9, 0.75, 1.3, 1.2345678)
READ_VOLTAGES = slips(0.2, 0.25, 0.2345678)
WIDTHS = slips(80e-9, 65e-9, 10e-3, 12345.6789e-9)
COUNTS = st.one_of(st.integers(-3, 40), st.sampled_from([10**6, 2**32 + 1, 2**64, 1.5, None, math.nan, np.int64(2)]))
LINES = st.one_of(st.integers(-2, 6), st.sampled_from([0.5, None, 65536, np.uint16(1), "0"]))
CELLS = st.builds(Cell, LINES, LINES)
GOOD_CELLS = st.builds(Cell, st.integers(0, ROWS - 1), st.integers(0, COLUMNS - 1))
PULSES = st.lists(
    st.one_of(
        st.builds(Pulse, GOOD_CELLS, VOLTAGES, st.just(80e-9), st.just(1)),
        st.builds(Pulse, GOOD_CELLS, st.just(-0.75), WIDTHS, st.integers(1, 3)),
        st.builds(Pulse, CELLS, VOLTAGES, WIDTHS, COUNTS),
    ),
    max_size=3,
)
SETUPS = st.builds(
    ProductSetup,
    st.sampled_from(list(Coding)),
    st.sampled_from(list(Direction)),
    slot=st.just(20e-6),
    averages=st.just(1),
    floor=st.one_of(st.sampled_from([0.0, 2.9e-3]), READ_VOLTAGES),
    voltage=READ_VOLTAGES,
)

Ask = Callable[[Bench], object]


@st.composite
def products(draw: st.DrawFn) -> Ask:
    setup = draw(SETUPS)
    lines = setup.direction.sides(ROWS, COLUMNS)[0]
    inside = st.floats(0, 20e-6) if setup.coding is Coding.WIDTH else st.floats(-0.25, 0.25)
    values = draw(st.lists(st.one_of(inside, inside, READ_VOLTAGES), min_size=lines, max_size=lines))
    inputs: Any = np.array([values], dtype=object)
    return lambda bench: bench.board.multiply(inputs, setup)


def reads(cells: Any, voltage: Any, averages: Any) -> Ask:
    return lambda bench: bench.board.read(cells, voltage, averages)


def pulses(wanted: Any) -> Ask:
    return lambda bench: bench.board.pulse(wanted)


def pulse_reads(wanted: Any, voltage: Any) -> Ask:
    return lambda bench: bench.board.pulse_read(wanted, voltage, 1)


def compliances(limit: Any) -> Ask:
    return lambda bench: bench.board.set_compliance(limit, ComplianceAction.CLAMP)


def schemes(write: WriteScheme, read: ReadScheme) -> Ask:
    return lambda bench: bench.board.set_scheme(write, read)


BOARD_REQUESTS = st.one_of(
    st.builds(reads, st.lists(st.one_of(GOOD_CELLS, CELLS), max_size=3), READ_VOLTAGES, st.sampled_from([1, 2, 1.5])),
    st.builds(pulses, PULSES),
    st.builds(pulse_reads, PULSES, READ_VOLTAGES),
    st.builds(compliances, slips(0.25, 0.2, 0.20012345678)),
    st.builds(schemes, st.sampled_from(list(WriteScheme)), st.sampled_from(list(ReadScheme))),
    products(),
)


@pytest.mark.parametrize("text", [PACKAGED, CROOKED], ids=["packaged", "crooked"])
def test_no_request_to_a_board_leaves_the_envelope(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with watched(text, monkeypatch) as (bench, seen):

        @settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
        @given(BOARD_REQUESTS)
        def ask(request: Ask) -> None:
            bench.heartbeat.touch()
            with suppress(InputError, EquipmentError):  # whoever refuses does so in words
                request(bench)
            assert seen.problems == []

        ask()
        assert seen.requests > 150


def configures(voltage: Any, limit: Any) -> Ask:
    return lambda bench: bench.smu.configure(SourceSetup(voltage, limit, current_range=1e-3, nplc=0.01))


def sources(level: Any) -> Ask:
    return lambda bench: bench.smu.source(level)


def sweeps(levels: Any) -> Ask:
    return lambda bench: bench.smu.sweep(levels)


def trains(level: Any, base: Any, width: Any, count: Any) -> Ask:
    return lambda bench: bench.smu.pulse(PulseTrain(level, width, count, base))


def switches() -> Ask:
    return lambda bench: bench.smu.output_on()


SMU_REQUESTS = st.one_of(
    st.builds(configures, VOLTAGES, slips(15e-3, 1e-3, 14.2345678e-3)),
    st.builds(sources, VOLTAGES),
    st.builds(sweeps, st.lists(VOLTAGES, max_size=3)),
    st.builds(trains, VOLTAGES, slips(0.1, 1.3), slips(1e-3, 10e-3), st.sampled_from([1, 2, 1.5, -1, None])),
    st.builds(switches),
    st.builds(switches),
)


@pytest.mark.parametrize("driver", SMUS)
def test_no_request_to_an_smu_leaves_the_envelope(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = CROOKED.replace("12345.6789 ns", "9.8765432198 ms").replace('"keithley-2450"', f'"{driver}"')
    text = text.replace('"2450"', f'"{SMUS[driver]}"')
    with watched(text, monkeypatch) as (bench, seen), bench.routed(Cell(1, 2)) as smu:

        @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
        @given(st.lists(SMU_REQUESTS, min_size=2, max_size=4))
        def ask(requests: list[Ask]) -> None:
            bench.heartbeat.touch()
            smu.configure(SourceSetup(1.2345678, 1e-3, current_range=1e-3, nplc=0.01))
            smu.output_on()
            smu.source(1.2345678)
            for request in requests:
                with suppress(InputError, EquipmentError):
                    request(bench)
            assert seen.problems == []

        ask()
        assert 1.2 < seen.largest["a level"] <= 1.23455, "1.2345678 V lies between two steps of some instruments"


# --- what the properties may not notice ---


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Bench, Seen]]:
    with watched(PACKAGED, monkeypatch) as found:
        yield found


def test_the_very_edge_is_put_out_and_not_a_step_beyond(bench: tuple[Bench, Seen]) -> None:
    board, seen = bench[0].board, bench[1]
    board.read([Cell(0, 0)], 0.2, 1)  # what it conducts is known from here on
    board.pulse([Pulse(Cell(0, 0), 1.3, 20e-9), Pulse(Cell(0, 0), -1.3, 10e-3)])
    readings = board.read([Cell(0, 0)], 0.25, 1)
    assert 0.25 - 2 * 15.259e-6 < readings.voltage <= 0.25
    assert seen.problems == []


def test_what_is_well_inside_is_passed_on_as_it_was_asked_for(bench: tuple[Bench, Seen]) -> None:
    before = bench[0].board.status().delivered
    receipt = bench[0].board.pulse([Pulse(Cell(0, 0), np.float64(0.9), np.float64(80e-9), int(np.int64(3)))])
    assert receipt.delivered == before + 3
    readings = bench[0].board.read([Cell(np.int64(1), 0)], 0.2, 4)  # pyright: ignore[reportArgumentType]
    assert readings.voltage == pytest.approx(0.2, abs=8e-6)


@pytest.mark.parametrize("cell", [Cell(-1, 0), Cell(0, COLUMNS), Cell(ROWS, 0), Cell(0.5, 0)])  # pyright: ignore[reportArgumentType]
def test_no_index_is_cut_off_to_another_cells(bench: tuple[Bench, Seen], cell: Cell) -> None:
    board = bench[0].board
    before, asked = board.status().delivered, bench[1].requests
    for ask in (
        lambda: board.pulse([Pulse(cell, 0.9, 80e-9)]),
        lambda: board.pulse_read([Pulse(cell, 0.9, 80e-9)], 0.2, 1),
        lambda: board.read([cell], 0.2, 1),
        lambda: board.route(cell),
    ):
        with pytest.raises(InputError):
            ask()
    assert (board.status().delivered, bench[1].requests) == (before, asked)


def test_a_negative_count_is_no_way_to_more_pulses(bench: tuple[Bench, Seen]) -> None:
    pulse = Pulse(Cell(0, 0), 0.9, 80e-9, -5)
    with pytest.raises(InputError, match="once or more often"):
        bench[0].board.pulse([pulse, Pulse(Cell(0, 0), 0.9, 80e-9, 5)])


def test_a_list_that_can_be_looked_at_only_once_is_sent_whole(bench: tuple[Bench, Seen]) -> None:
    wanted: Any = (Pulse(Cell(0, column), 0.9, 80e-9) for column in range(3))
    assert bench[0].board.pulse(wanted).executed == 3
    levels: Any = (level for level in (0.0, 0.1))
    with bench[0].routed(Cell(0, 0)) as smu:
        assert len(smu.sweep(levels)) == 2


def test_a_voltage_without_meaning_does_not_travel(bench: tuple[Bench, Seen]) -> None:
    setup = ProductSetup(Coding.AMPLITUDE, slot=20e-6, averages=1, voltage=400.0)
    bench[0].board.multiply(np.full((1, ROWS), 0.1), setup)
    assert bench[1].problems == []


def test_the_whole_list_is_judged_before_its_first_pulse(bench: tuple[Bench, Seen]) -> None:
    board = bench[0].board
    before = board.status().delivered
    with pytest.raises(EnvelopeError):
        board.pulse([Pulse(Cell(0, 0), 0.9, 80e-9)] * 5 + [Pulse(Cell(0, 0), 1.31, 80e-9)])
    assert board.status().delivered == before


@pytest.mark.parametrize("limit", [0.0, -0.1])
def test_a_limit_that_is_none_is_refused(bench: tuple[Bench, Seen], limit: float) -> None:
    with pytest.raises(InputError):
        bench[0].board.set_compliance(limit, ComplianceAction.CLAMP)
    with pytest.raises(InputError):
        bench[0].smu.configure(SourceSetup(1.0, limit))
