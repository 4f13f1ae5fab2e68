"""Whatever a protocol asks for, nothing outside the envelope reaches an instrument: looked at byte by byte, and behind.

Requests are drawn at random, with the slips that people make: volts for millivolts, seconds for nanoseconds, numpy's
numbers, texts. What is looked at is what arrives at the virtual front panels, and what they then do to the die.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.board_data import Cell, ComplianceAction, Pulse, ReadScheme, WriteScheme
from labctl.board_features import Coding, Direction, ProductSetup
from labctl.errors import EnvelopeError, EquipmentError, InputError
from labctl.smu_data import PulseTrain, SourceSetup

if TYPE_CHECKING:
    from labctl.bench import Bench
    from tests.labctl.envelope.conftest import Seen, Watch

ROWS, COLUMNS = 4, 5


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

Ask = Callable[["Bench"], object]


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


@pytest.mark.parametrize("name", ["packaged", "crooked"])
def test_no_request_to_a_board_leaves_the_envelope(name: str, watch: Watch) -> None:
    with watch.up(getattr(watch, name)) as (bench, seen):

        @settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
        @given(BOARD_REQUESTS)
        def ask(request: Ask) -> None:
            bench.heartbeat.touch()
            with suppress(InputError, EquipmentError):  # whoever refuses does so in words
                request(bench)
            assert seen.problems == []

        ask()
        assert seen.requests > 150


def configures(voltage: Any, limit: Any, nplc: Any) -> Ask:
    return lambda bench: bench.smu.configure(SourceSetup(voltage, limit, current_range=1e-3, nplc=nplc))


def sources(level: Any) -> Ask:
    return lambda bench: bench.smu.source(level)


def sweeps(levels: Any, delay: Any) -> Ask:
    return lambda bench: bench.smu.sweep(levels, delay)


def trains(level: Any, base: Any, width: Any, count: Any) -> Ask:
    return lambda bench: bench.smu.pulse(PulseTrain(level, width, count, base))


def switches() -> Ask:
    return lambda bench: bench.smu.output_on()


def waits(duration: float) -> Ask:
    return lambda bench: bench.wait(duration)


SMU_REQUESTS = st.one_of(
    st.builds(configures, VOLTAGES, slips(15e-3, 1e-3, 14.2345678e-3), st.sampled_from([0.01, 0.1])),
    st.builds(sources, READ_VOLTAGES),
    st.builds(sources, VOLTAGES),
    st.builds(sweeps, st.lists(VOLTAGES, max_size=3), st.just(0.0)),
    st.builds(sweeps, st.lists(st.sampled_from([0.1, 1.1, 1.2]), max_size=4), slips(1e-3)),
    st.builds(trains, VOLTAGES, slips(0.1, 1.3), slips(1e-3, 10e-3), st.sampled_from([1, 2, 1.5, -1, None])),
    st.builds(switches),
    st.builds(switches),
    st.builds(waits, st.sampled_from([0.5, 2.0])),
)


def test_no_request_to_an_smu_leaves_the_envelope(driver: str, watch: Watch) -> None:
    with watch.up(watch.with_smu(watch.crooked, driver)) as (bench, seen):
        bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
        with bench.routed(Cell(1, 2), others_may_change=True) as smu:

            @settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
            @given(st.lists(SMU_REQUESTS, min_size=2, max_size=4))
            def ask(requests: list[Ask]) -> None:
                bench.heartbeat.touch()
                smu.configure(SourceSetup(1.2345678, 1e-3, current_range=1e-3, nplc=0.01))
                smu.output_on()
                smu.source(0.2345678)
                smu.sweep([1.2345678])
                for request in requests:
                    with suppress(InputError, EquipmentError):
                        request(bench)
                assert seen.problems == []

            ask()
        assert 1.2 < seen.largest["a level"] <= 1.23455, "1.2345678 V lies between two steps of some instruments"
        assert 1e-4 < seen.largest["how long a level writes"] <= 9.8765432198e-3


# --- what the properties may not notice ---


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
