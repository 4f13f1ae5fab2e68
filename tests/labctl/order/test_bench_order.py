"""The order of bytes in which a bench comes up and goes down, with every source-measure unit that has a driver.

Up: limits while the output is off, then the board, then the route, then the output at 0 V, then levels. Down: 0 V, off
and confirmed, disconnected, board safe. Range, function, off mode and route never change while the output is on.
"""

from __future__ import annotations

import re
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import pytest

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.errors import EquipmentError
from labctl.smu_data import SourceSetup
from sim_backend.backend import TwinBackend
from sim_backend.visa_session import VisaSession

if TYPE_CHECKING:
    from labctl.bench_file import BenchFile
    from tests.labctl.order.conftest import Dialect, Journal

CELL = Cell(2, 3)
LIMIT = 0.015
"""The packaged envelope's cell current (A)."""
DOWN = ("BOARD UNROUTE", "BOARD SAFE")


def test_up(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    start = journal.mark()
    bench.bring_up()
    limit = journal.first(dialect.limit, start)
    board = journal.ordered("BOARD HELLO", "BOARD CLEAR", "BOARD COMPLIANCE", "BOARD SCHEME", "BOARD ARM", start=start)
    read_back = dialect.read_back
    assert start <= limit < journal.first(read_back, limit) < board[0]
    assert journal.every(dialect.on) == []
    assert journal.every("BOARD ROUTE") == []
    assert {volts for _, volts in journal.levels()} <= {0.0}
    at = journal.mark()
    with bench.routed(CELL) as smu:
        smu.source(0.1)
    route, on = journal.ordered("BOARD ROUTE", dialect.on, start=at)
    level = next(index for index, volts in journal.levels(at) if volts == 0.1)
    assert journal.every(dialect.zero, at)[0] < route < on < level
    journal.check_fixed_while_on()
    journal.check_limit_before_on()


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
    journal.check_fixed_while_on()


def test_an_error_in_the_middle_of_a_protocol(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    bench.bring_up()
    start = 0
    with pytest.raises(ZeroDivisionError), bench.routed(CELL) as smu:  # noqa: PT012
        smu.source(0.1)
        start = journal.mark()
        raise ZeroDivisionError
    assert bench.bring_down() == []
    journal.ordered(dialect.zero, dialect.off, dialect.is_off, *DOWN, start=start)
    journal.check_fixed_while_on()


def test_down_with_the_output_on_and_routed(bench: Bench, journal: Journal, dialect: Dialect) -> None:
    """As when a link failed: nobody left the cell."""
    bench.bring_up()
    start = 0
    with suppress(EquipmentError), bench.routed(CELL) as smu:
        smu.source(0.1)
        start = journal.mark()
        assert bench.bring_down() == []
    journal.ordered(dialect.zero, dialect.off, dialect.is_off, *DOWN, start=start)
    journal.check_fixed_while_on()


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
        on = journal.first(dialect.on, paused)
        before = {volts for index, volts in journal.levels(paused) if index < on}
        after = [volts for index, volts in journal.levels(paused) if index > on]
        assert (before, after) == ({0.0}, [0.1]), "on at 0 V, then at the level that it was left at"
    journal.check_fixed_while_on()
    journal.check_limit_before_on()


def test_a_sweep_and_a_new_setup_keep_the_order(bench: Bench, journal: Journal) -> None:
    bench.bring_up()
    with bench.routed(CELL) as smu:
        smu.sweep([0.0, 0.1, 0.05])
        smu.configure(SourceSetup(0.2, 1e-3))
        smu.output_on()
        smu.source(0.1)
    assert bench.bring_down() == []
    journal.check_limit_before_on()
    journal.check_fixed_while_on()


def test_an_smu_that_hangs_does_not_delay_the_boards_safe(
    bench: Bench, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SMU's shutdown does not end before the board has heard SAFE: were it waited for, neither would ever end."""
    bench.bring_up()
    smu, start = bench.unlimited["smu"], journal.mark()
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
