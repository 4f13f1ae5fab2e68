"""Instruments with a ledger: intent, write, confirmation, in this order, whatever goes wrong between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

import pytest

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import load_bench
from labctl.board_data import BoardState, BoardStatus, Cell, Pulse, PulseReceipt, ReadScheme, WriteScheme
from labctl.errors import InDoubtError, StoreError
from labctl.forwarding import ForwardingProbeBoard
from labctl.instruments import ProbeBoard
from labctl.ledger import Intent, NoLedger, OpenWrite, Outcome, PulseCount, WriteState
from labctl.ledgered import LedgeredProbeBoard
from labctl.smu_data import SourceSetup
from sim_backend.backend import TwinBackend

UP = Pulse(Cell(3, 5), 0.9, 80e-9)


class Journal(NoLedger):
    """A ledger in memory that notes in which order things are committed."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.open: dict[int, Intent] = {}

    def intend(self, intent: Intent) -> int:
        number = len(self.events) + 1
        self.events.append(intent)
        self.open[number] = intent
        return number

    def resolve(self, number: int, outcome: Outcome) -> None:
        del self.open[number]
        self.events.append(outcome)

    def open_writes(self) -> list[OpenWrite]:
        return [OpenWrite(number, intent) for number, intent in self.open.items()]


class FullJournal(Journal):
    """A ledger on a full disk."""

    def intend(self, intent: Intent) -> int:
        raise StoreError("full")


class Interrupting(ForwardingProbeBoard):
    """A board whose pulses are interrupted right after they were put out, or right before."""

    def __init__(self, board: ProbeBoard, journal: Journal) -> None:
        super().__init__(board)
        self.journal = journal
        self.fail: Callable[[], None] | None = None
        self.fails_before = False

    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        self.journal.events.append("sent")
        if self.fail is not None and self.fails_before:
            self.fail()
        receipt = super().pulse(pulses)
        if self.fail is not None:
            self.fail()
        return receipt


@pytest.fixture
def bench() -> Iterator[Bench]:
    file = load_bench(None)
    with closing(TwinBackend(file, BackendOptions())) as backend, closing(Bench(file, backend)) as bench:
        bench.identify()
        bench.bring_up()
        yield bench


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def inner(bench: Bench, journal: Journal) -> Interrupting:
    board = bench.unlimited["board"]
    assert isinstance(board, ProbeBoard)
    return Interrupting(board, journal)


@pytest.fixture
def board(inner: Interrupting, journal: Journal) -> LedgeredProbeBoard:
    ledgered = LedgeredProbeBoard(inner)
    ledgered.ledger = journal
    return ledgered


def interrupt() -> None:
    raise KeyboardInterrupt


def test_intent_write_and_confirmation_come_in_this_order(board: LedgeredProbeBoard, journal: Journal) -> None:
    board.pulse([UP, UP])
    assert journal.events == [
        Intent("board", [UP, UP], PulseCount(1, 0)),
        "sent",
        Outcome(WriteState.CONFIRMED, 2),
    ]


def test_nothing_is_sent_if_the_intent_cannot_be_committed(inner: Interrupting, journal: Journal) -> None:
    board = LedgeredProbeBoard(inner)
    board.ledger = FullJournal()
    with pytest.raises(StoreError):
        board.pulse([UP])
    assert journal.events == []
    assert inner.status().delivered == 0


@pytest.mark.parametrize(("before", "put_out"), [(True, 0), (False, 2)])
def test_a_write_that_was_broken_off_is_settled_by_the_count_before_the_next_one(
    board: LedgeredProbeBoard, inner: Interrupting, journal: Journal, before: bool, put_out: int
) -> None:
    inner.fail, inner.fails_before = interrupt, before
    with pytest.raises(KeyboardInterrupt):
        board.pulse([UP, UP])
    inner.fail = None
    asked_nothing = list(journal.events)
    board.pulse([UP])
    assert asked_nothing == [Intent("board", [UP, UP], PulseCount(1, 0)), "sent"]
    assert journal.events[2] == Outcome(WriteState.SETTLED, put_out)
    assert journal.events[3] == Intent("board", [UP], PulseCount(1, put_out))
    assert journal.events[-1] == Outcome(WriteState.CONFIRMED, 1)


def test_pulses_that_somebody_else_put_out_are_noticed(board: LedgeredProbeBoard, inner: Interrupting) -> None:
    board.pulse([UP])
    inner._board.pulse([UP])
    with pytest.raises(InDoubtError, match="another program"):
        board.pulse([UP])


def test_a_pause_in_which_somebody_else_used_the_board_is_not_gone_on_after(bench: Bench) -> None:
    bench.board.pulse([UP])
    assert bench.pause() == []
    bench.go_on()
    assert bench.pause() == []
    board = bench.unlimited["board"]
    assert isinstance(board, ProbeBoard)
    board.open_session()
    board.clear()
    board.arm(board.watchdog)
    board.pulse([UP])
    board.make_safe()
    with pytest.raises(InDoubtError, match="run --resume"):
        bench.go_on()
    assert board.status().state is BoardState.SAFE


def let_write(bench: Bench) -> None:
    """Set the bench up so that the SMU writes one cell alone, in time."""
    bench.board.set_scheme(WriteScheme.THIRD, ReadScheme.FLOAT)
    bench.smu.configure(SourceSetup(1.0, 1e-3, current_range=1e-3, nplc=0.01))


def test_an_smu_write_needs_an_intent_and_a_read_needs_none(bench: Bench) -> None:
    journal = Journal()
    bench.keep_ledger(journal)
    let_write(bench)
    with bench.routed(Cell(3, 5), others_may_change=True) as smu:
        smu.source(0.2)
        smu.measure()
        assert journal.events == []
        smu.sweep([-0.6])
        smu.sweep([0.1, 0.5, 0.9])
    wrote = [event.pulses for event in journal.events if isinstance(event, Intent)]
    assert [[pulse.amplitude for pulse in pulses] for pulses in wrote] == [[-0.6], [0.5, 0.9]]
    assert {pulse.cell for pulses in wrote for pulse in pulses} == {Cell(3, 5)}
    assert all(0 < pulse.width <= bench.envelope.pulse_width for pulses in wrote for pulse in pulses)
    assert journal.open == {}


def test_an_smu_write_without_an_answer_stays_in_doubt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal()
    bench.keep_ledger(journal)

    def break_off(smu: object, voltages: object, delay: float) -> None:
        interrupt()

    let_write(bench)
    with bench.routed(Cell(3, 5), others_may_change=True) as smu:
        monkeypatch.setattr(type(bench.unlimited["smu"]), "sweep", break_off)
        with pytest.raises(KeyboardInterrupt):
            smu.sweep([0.9])
        monkeypatch.undo()
    assert bench.settle() == [("smu", Outcome(WriteState.IN_DOUBT, None))]


def test_status_is_asked_once_for_many_writes(
    board: LedgeredProbeBoard, inner: Interrupting, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[BoardStatus] = []
    status = inner.status

    def ask() -> BoardStatus:
        asked.append(status())
        return asked[-1]

    monkeypatch.setattr(inner, "status", ask)
    for _ in range(3):
        board.pulse([UP])
    assert len(asked) == 1
