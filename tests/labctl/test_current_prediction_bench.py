"""What is predicted on a bench: cells are looked at before anything is refused, and nothing refused is sent."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager

import numpy as np
import pytest
from typing_extensions import override

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, read_bench
from labctl.board_data import Cell, CellReadings, Pulse, ReadScheme, WriteScheme
from labctl.errors import EnvelopeError, LinkError
from labctl.ledger import NoLedger
from labctl.levels import G_MAX
from labctl.smu_data import SourceSetup
from sim_backend.backend import TwinBackend

CELL = Cell(3, 2)
OTHER = Cell(4, 5)
UP = Pulse(CELL, 0.9, 80e-9)


@contextmanager
def up(**changes: str) -> Generator[Bench]:
    text = DEFAULT_BENCH.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old.replace("_", " ") in text
        text = text.replace(old.replace("_", " "), new)
    file = read_bench(text, "bench.toml")
    with closing(TwinBackend(file, BackendOptions())) as backend, closing(Bench(file, backend)) as bench:
        bench.identify()
        bench.bring_up()
        yield bench


def test_nothing_is_refused_for_want_of_knowledge() -> None:
    """The die is fresh: once it has been looked at, a high pulse is known to be harmless."""
    with up() as bench:
        assert bench.board.pulse([Pulse(CELL, 1.22, 80e-9)]).delivered == 1
        assert bench._prediction.unread() == []


def test_a_board_whose_lines_could_not_bear_the_worst_is_read_and_written() -> None:
    """512 cells at 5.9 mS draw 604 mA at 0.2 V; a fresh die draws nothing like it."""
    with up(**{"rows_=_64": "rows = 3", "columns_=_64": "columns = 512"}) as bench:
        cell = Cell(1, 300)
        bench.board.read([cell], 0.2, 1)
        assert bench.board.pulse([Pulse(cell, 0.9, 80e-9)]).delivered == 1


def test_what_is_known_to_be_too_much_is_refused_before_it_is_sent() -> None:
    with up() as bench:
        bench.board.pulse([Pulse(CELL, 0.9, 80e-9, 12_000)])
        before = bench.board.status().delivered
        with pytest.raises(EnvelopeError, match="cell_current up to 15 mA"):
            bench.board.pulse([Pulse(CELL, 1.22, 80e-9)])
        assert bench.board.status().delivered == before
        bench.board.pulse([Pulse(CELL, -0.75, 65e-9, 10_000)])
        bench.board.read([CELL], 0.2, 4)
        bench.board.pulse([Pulse(CELL, 1.22, 80e-9)])


def test_the_bench_file_says_how_steep_cells_are() -> None:
    ohmic = 'columns = 64\nconduction_voltage = "1000 V"'
    with up(**{"columns_=_64": ohmic}) as bench:
        assert bench.board.pulse([Pulse(CELL, 1.3, 80e-9)]).delivered == 1


def test_schemes_are_followed_over_a_pause_and_a_way_through_safe() -> None:
    with up(**{"15_mA": "100 mA", "250_mA": "180 mA"}) as bench:
        everywhere, clear = [Cell(*divmod(index, 64)) for index in range(64 * 64)], np.zeros(64 * 64, bool)
        at_the_top = CellReadings(0.2, np.full(64 * 64, 0.2 * G_MAX), clear, clear)
        bench._prediction.learn(everywhere, at_the_top, ReadScheme.GROUND)
        bench.board.set_scheme(WriteScheme.HALF, ReadScheme.GROUND)
        with pytest.raises(EnvelopeError, match="line_current"):
            bench.board.pulse([UP])
        bench.pause()
        bench.go_on()
        with pytest.raises(EnvelopeError, match="line_current"):
            bench.board.pulse([UP])
        bench.board.make_safe()
        bench.board.clear()
        bench.board.arm(1.0)
        assert bench.board.pulse([UP]).delivered == 1


QUICK = SourceSetup(1.0, 15e-3, current_range=15e-3, nplc=0.01)


@pytest.mark.parametrize("scheme", [ReadScheme.REVERSE, ReadScheme.GROUND])
def test_an_smu_does_not_write_a_whole_row(scheme: ReadScheme) -> None:
    """Where other columns are held at 0 V, every cell of the row sees the level, and no ledger would count it."""
    with up() as bench:
        bench.board.set_scheme(WriteScheme.THIRD, scheme)
        bench.smu.configure(QUICK)
        with bench.routed(CELL) as smu:
            smu.source(0.2)
            with pytest.raises(EnvelopeError, match="a level of 900 mV would write every cell of row 3"):
                smu.sweep([0.0, 0.1, 0.9])


def test_an_smu_does_not_write_the_rest_of_the_array() -> None:
    """Where lines float, cells in other rows and columns see up to the whole level, backwards."""
    with up() as bench:
        bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
        bench.board.read([CELL, OTHER], 0.2, 1)
        bench.smu.configure(QUICK)
        with bench.routed(CELL) as smu:
            smu.source(0.2)
            with pytest.raises(EnvelopeError, match="others_may_change=True"):
                smu.sweep([0.0, 0.1, 0.9])
        with bench.routed(CELL, others_may_change=True) as smu:
            smu.sweep([0.0, 0.1, 0.9])
        assert {CELL, OTHER} <= set(bench._prediction.unread()), "nothing that was read is known any more"
        with bench.routed(CELL) as smu, pytest.raises(EnvelopeError, match="others_may_change=True"):
            smu.sweep([0.9])


def test_a_scheme_that_may_not_have_been_set_counts_as_the_worse_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(board: object, write: WriteScheme, read: ReadScheme) -> None:
        raise LinkError("no reply")

    with up() as bench:
        bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
        bench.smu.configure(QUICK)
        monkeypatch.setattr(type(bench.unlimited["board"]), "set_scheme", lose)
        with pytest.raises(LinkError):
            bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
        monkeypatch.undo()
        with bench.routed(CELL) as smu, pytest.raises(EnvelopeError, match="every cell of row"):
            smu.sweep([0.9])


def test_what_an_smu_wrote_is_read_before_the_board_pulses_it_high() -> None:
    """A sweep may have brought the cell to the highest level: its last reading says nothing any more."""
    with up() as bench:
        bench.board.read([CELL], 0.2, 1)
        bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
        bench.smu.configure(QUICK)
        with bench.routed(CELL, others_may_change=True) as smu:
            smu.sweep([0.1, 0.9, 0.1])
        assert bench._prediction.conductance(CELL) == G_MAX
        assert CELL in bench._prediction.unread()
        bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.GROUND)
        with pytest.raises(EnvelopeError, match="cell_current up to 15 mA"):
            bench.board.pulse([Pulse(CELL, 1.22, 80e-9)])
        assert CELL not in bench._prediction.unread(), "it was read before it was refused"


def test_a_look_of_our_own_does_not_count_as_the_protocols_read() -> None:
    """A cell that must be read again after a death is not done with because a prediction wanted to know it."""

    class Noting(NoLedger):
        def __init__(self) -> None:
            self.noted: list[Cell] = []

        @override
        def note_read(self, cells: Iterable[Cell]) -> None:
            self.noted += cells

    with up() as bench:
        ledger = Noting()
        bench.keep_ledger(ledger)
        with pytest.raises(EnvelopeError, match="cell_current up to 15 mA"):
            bench.board.pulse([Pulse(CELL, 1.22, 80e-9)] * 5000)
        assert CELL not in bench._prediction.unread()
        assert ledger.noted == []
        bench.board.read([OTHER], 0.2, 1)
        assert ledger.noted == [OTHER]
