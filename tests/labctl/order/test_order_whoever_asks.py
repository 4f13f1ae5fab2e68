"""The order of bytes when a protocol asks the board directly: 0 V and off come before anything on the lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from labctl.board_data import Cell, Pulse, ReadScheme, WriteScheme
from labctl.board_features import Coding, ProductSetup
from labctl.errors import DeniedError
from labctl.instruments import ProbeBoard
from labctl.smu_data import SourceSetup

if TYPE_CHECKING:
    from collections.abc import Callable

    from labctl.bench import Bench
    from tests.labctl.order.conftest import Dialect, Journal

CELL, OTHER = Cell(2, 3), Cell(5, 1)
UP = Pulse(OTHER, 0.9, 80e-9)
ON_THE_LINES: dict[str, Callable[[ProbeBoard], Any]] = {
    "ROUTE": lambda board: board.route(OTHER),
    "UNROUTE": lambda board: board.unroute(),
    "SCHEME": lambda board: board.set_scheme(WriteScheme.HALF, ReadScheme.FLOAT),
    "READ": lambda board: board.read([OTHER], 0.2, 1),
    "PULSE": lambda board: board.pulse([UP]),
    "PULSE_READ": lambda board: board.pulse_read([UP], 0.2, 1),
    "MULTIPLY": lambda board: board.multiply(np.full((1, 64), 0.1), ProductSetup(Coding.AMPLITUDE, averages=1)),
    "SAFE": lambda board: board.make_safe(),
    "ARM": lambda board: board.arm(0.0),
}


@pytest.mark.parametrize("name", ON_THE_LINES)
@pytest.mark.parametrize("driver", ["keithley-2450"])
def test_a_request_of_the_board_takes_the_smu_off_first(
    bench: Bench, journal: Journal, dialect: Dialect, name: str
) -> None:
    bench.bring_up()
    with bench.routed(CELL) as smu:
        smu.source(0.1)
        start = journal.mark()
        ON_THE_LINES[name](bench.board)
        journal.ordered(dialect.zero, dialect.off, dialect.is_off, "BOARD UNROUTE", f"BOARD {name}", start=start)
        if name != "ROUTE":
            with pytest.raises(DeniedError, match="no longer connected"):
                smu.measure()
    assert bench.bring_down() == []
    journal.check_fixed_while_on()


def test_with_every_smu(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    bench.bring_up()
    with bench.routed(CELL) as smu:
        smu.source(0.1)
        start = journal.mark()
        bench.board.read([OTHER], 0.2, 1)
        journal.ordered(dialect.zero, dialect.off, dialect.is_off, "BOARD UNROUTE", "BOARD READ", start=start)
    journal.check_fixed_while_on()


@pytest.mark.parametrize("driver", ["keithley-2450"])
def test_a_route_that_a_protocol_changes_is_known(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    """It is measured, ledgered and left as if the bench had routed it."""
    bench.bring_up()
    bench.board.route(CELL)
    bench.smu.output_on()
    bench.smu.source(0.1)
    bench.board.route(OTHER)
    assert bench._connected() == OTHER
    bench.smu.output_on()
    start = journal.mark()
    assert bench.bring_down() == []
    journal.ordered(dialect.zero, dialect.off, "BOARD UNROUTE", "BOARD SAFE", start=start)
    journal.check_fixed_while_on()


@pytest.mark.parametrize("driver", ["keithley-2450"])
def test_an_output_goes_on_at_0_volts(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    bench.bring_up()
    bench.board.route(CELL)
    bench.smu.source(0.1)
    start = journal.mark()
    bench.smu.output_on()
    zero, on = journal.ordered(dialect.zero, dialect.on, start=start)
    assert zero < on
    assert [volts for index, volts in journal.levels(start) if index > on] == [0.1]


@pytest.mark.parametrize("driver", ["keithley-2450"])
def test_a_long_wait_is_spent_disarmed_and_everything_comes_back(
    bench: Bench, journal: Journal, dialect: Dialect
) -> None:
    bench.bring_up()
    with bench.routed(CELL) as smu:
        smu.source(0.1)
        start = journal.mark()
        bench.wait(5.0)
        journal.ordered(
            dialect.zero, dialect.off, "BOARD UNROUTE", "BOARD ARM", "BOARD ARM", "BOARD ROUTE", dialect.on,
            start=start,
        )  # fmt: skip
        on = journal.first(dialect.on, start)
        assert [volts for index, volts in journal.levels(start) if index > on] == [0.1]
        assert smu.measure().voltage == pytest.approx(0.1, abs=1e-3)
    journal.check_fixed_while_on()


@pytest.mark.parametrize("driver", ["keithley-2450"])
@pytest.mark.parametrize("is_on", [True, False])
def test_an_output_that_was_off_stays_off_over_a_pause(
    bench: Bench, journal: Journal, dialect: Dialect, is_on: bool
) -> None:
    bench.bring_up()
    setup = SourceSetup(0.2, 1e-3, current_range=1e-3, nplc=0.1)
    with bench.routed(CELL) as smu:
        smu.configure(setup)
        if is_on:
            smu.output_on()
        assert bench.pause() == []
        start = journal.mark()
        bench.go_on()
        assert len(journal.every(dialect.on, start)) == is_on
        assert len(journal.every("BOARD ROUTE", start)) == 1
        limits = [float(line.split()[1]) for line in journal.lines[start:] if line.startswith(":SOUR:VOLT:ILIM ")]
        assert limits[-1] == pytest.approx(1e-3)
    journal.check_fixed_while_on()


@pytest.mark.parametrize("driver", ["keithley-2450"])
def test_an_inner_block_ends_the_outer_ones_connection(bench: Bench) -> None:
    bench.bring_up()
    with bench.routed(CELL) as smu:
        with bench.routed(OTHER):
            smu.source(0.1)
        with pytest.raises(DeniedError, match="no longer connected"):
            smu.source(0.1)
    smu.source(0.1)


@pytest.mark.parametrize("driver", ["keithley-2450"])
def test_channels_are_not_a_protocols_to_close(bench: Bench) -> None:
    for instrument in (bench.board, bench.smu):
        with pytest.raises(DeniedError):
            instrument.close()
        instrument.identify()


@pytest.mark.parametrize("driver", ["keithley-2450"])
def test_what_a_protocol_gets_brings_no_bench_down(bench: Bench) -> None:
    names = {name for name in dir(bench.offered()) if not name.startswith("_")}
    assert names == {"board", "clock", "die", "envelope", "routed", "smu", "wait"}
