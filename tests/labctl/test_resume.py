"""A run that ended early goes on in another process: steps done stay done, and nothing is written twice."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import engine
from labctl.backend import BackendOptions, WallClock
from labctl.bench import Bench
from labctl.board_data import BoardState, Cell, Pulse
from labctl.engine import Watcher, resume, run
from labctl.errors import AddressLockedError, EquipmentError, InputError, InterruptedRunError, StoreError
from labctl.instruments import Identity, ProbeBoard
from labctl.ledger import Intent, PulseCount, WriteState
from labctl.ledger import Outcome as LedgerOutcome
from labctl.plan import Plan, RunRequest
from labctl.protocol import Outcome, Parameters, Protocol, Start, StepEnd, pack_memory, unpack_memory
from labctl.protocol_bench import ProtocolBench
from labctl.run_reader import RunReader
from labctl.starting import find_start
from labctl.steering import Wish, steer
from labctl.store import RunWriter
from labctl.units import Siemens

CELL = Cell(2, 1)
UP = Pulse(CELL, 0.9, 80e-9)
STEPS = 6


@dataclass(frozen=True, slots=True)
class Item:
    number: int
    conductance: Siemens


@dataclass(frozen=True, slots=True)
class Sum:
    items: int
    last: Siemens


@dataclass(frozen=True, slots=True)
class Memory:
    numbers: tuple[float, ...]


class Breaking:
    """A protocol that pulses a cell and reads it at each step, and breaks off where a test wants it to."""

    def __init__(self) -> None:
        self.before_pulse: dict[int, Callable[[ProtocolBench], None]] = {}
        self.after_pulse: dict[int, Callable[[ProtocolBench], None]] = {}
        self.starts: list[Start[Memory]] = []

    def run(self, bench: ProtocolBench, parameters: Parameters, start: Start[Memory]) -> Iterator[Item | StepEnd]:
        self.starts.append(start)
        numbers = () if start.memory is None else start.memory.numbers
        for number in range(start.steps, STEPS):
            self.before_pulse.pop(number, _nothing)(bench)
            bench.board.pulse([UP])
            self.after_pulse.pop(number, _nothing)(bench)
            found = bench.board.read([CELL], 0.2, 4)
            yield Item(number, float(found.current[0]) / found.voltage)
            numbers = (*numbers, float(found.current[0]))
            yield StepEnd(Memory(numbers))

    def protocol(self) -> Protocol[Parameters, Item]:
        return Protocol(
            name="made-up",
            title="for a test",
            parameters=Parameters,
            record=Item,
            needs=(ProbeBoard,),
            check=lambda die, envelope, parameters: None,
            steps=lambda parameters: STEPS,
            run=self.run,
            summarise=lambda records, parameters: Outcome(
                True, Sum(len(records), records[-1].conductance if records else math.nan)
            ),
            caption=lambda record: str(record.number),
            memory=Memory,
        )


def _nothing(bench: ProtocolBench) -> None:
    pass


def _fail(bench: ProtocolBench) -> None:
    raise EquipmentError("a fault of the test")


def _interrupt(bench: ProtocolBench) -> None:
    signal.raise_signal(signal.SIGINT)


@pytest.fixture
def breaking(offer: Callable[[Protocol[Any, Any]], None]) -> Breaking:
    made_up = Breaking()
    offer(made_up.protocol())
    return made_up


def begin(tmp_path: Path, **options: Any) -> Any:
    return run(RunRequest("made-up", data=tmp_path, options=BackendOptions(seed=3, **options)), Watcher())


def folder_of(tmp_path: Path) -> Path:
    return next(tmp_path.glob("*_made-up_*"))


def records(folder: Path) -> list[Item]:
    with closing(RunReader(folder)) as reader:
        return reader.typed("record", Item)


def ledger(folder: Path) -> list[tuple[str, int | None]]:
    with closing(RunReader(folder)) as reader:
        return reader._rows("SELECT state, put_out FROM write ORDER BY number")


@pytest.mark.parametrize(
    ("how", "error"), [(_interrupt, InterruptedRunError), (_fail, EquipmentError)], ids=["Ctrl-C", "failure"]
)
@pytest.mark.parametrize("at", range(STEPS))
def test_a_run_that_is_broken_off_between_steps_ends_as_if_it_had_not_been(
    breaking: Breaking, tmp_path: Path, how: Callable[[ProtocolBench], None], error: type[Exception], at: int
) -> None:
    whole = begin(tmp_path / "whole")
    breaking.before_pulse[at] = how
    with pytest.raises(error):  # a signal lets its step finish, the last one, too
        begin(tmp_path / "broken")
    folder = folder_of(tmp_path / "broken")
    resumed = resume(folder, Watcher())
    assert records(folder) == records(whole.folder)
    assert resumed.summary == whole.summary
    assert [item.number for item in records(folder)] == list(range(STEPS))
    assert ledger(folder) == [("confirmed", 1)] * STEPS


def test_a_pulse_that_was_put_out_in_a_broken_step_is_known_and_its_cell_read(
    breaking: Breaking, tmp_path: Path
) -> None:
    breaking.after_pulse[2] = _fail
    with pytest.raises(EquipmentError, match="a fault"):
        begin(tmp_path)
    resume(folder_of(tmp_path), Watcher())
    assert breaking.starts[0] == Start()
    assert breaking.starts[1].steps == 2
    assert breaking.starts[1].touched == {CELL}
    assert len(ledger(folder_of(tmp_path))) == STEPS + 1


def test_memory_and_bench_time_go_on(breaking: Breaking, tmp_path: Path) -> None:
    breaking.before_pulse[4] = _fail
    with pytest.raises(EquipmentError):
        begin(tmp_path)
    resume(folder_of(tmp_path), Watcher())
    second = breaking.starts[1]
    conductances = [item.conductance for item in records(folder_of(tmp_path))]
    assert second.memory is not None
    assert len(second.memory.numbers) == 4
    assert second.touched == frozenset()
    with closing(RunReader(folder_of(tmp_path))) as reader:
        times = [row[0] for row in reader._rows("SELECT bench_time FROM step ORDER BY number")]
    assert second.time == times[3] < times[4]
    assert len(conductances) == STEPS


def test_a_run_may_be_broken_off_again_and_again(breaking: Breaking, tmp_path: Path) -> None:
    for at in (1, 3, 5):
        breaking.before_pulse[at] = _fail
    with pytest.raises(EquipmentError):
        begin(tmp_path)
    for _ in range(2):
        with pytest.raises(EquipmentError):
            resume(folder_of(tmp_path), Watcher())
    assert resume(folder_of(tmp_path), Watcher()).summary.items == STEPS


def test_a_finished_run_is_not_gone_on_with(breaking: Breaking, tmp_path: Path) -> None:
    done = begin(tmp_path)
    with pytest.raises(InputError, match="is finished"):
        resume(done.folder, Watcher())


def test_a_twin_that_died_with_its_run_is_not_gone_on_with(breaking: Breaking, tmp_path: Path) -> None:
    breaking.before_pulse[2] = _fail
    with pytest.raises(EquipmentError):
        begin(tmp_path)
    (folder_of(tmp_path) / "world.npz").unlink()
    with pytest.raises(InputError, match="labctl twin serve"):
        resume(folder_of(tmp_path), Watcher())


def test_a_die_that_was_used_since_is_not_taken_for_the_runs(breaking: Breaking, tmp_path: Path) -> None:
    die = tmp_path / "die.npz"
    breaking.before_pulse[2] = _fail
    with pytest.raises(EquipmentError):
        begin(tmp_path / "first", die=die)
    begin(tmp_path / "second", die=die)
    with pytest.raises(InputError, match="was used since"):
        resume(folder_of(tmp_path / "first"), Watcher())


def test_a_manifest_that_does_not_say_what_was_asked_is_refused(breaking: Breaking, tmp_path: Path) -> None:
    breaking.before_pulse[2] = _fail
    with pytest.raises(EquipmentError):
        begin(tmp_path)
    manifest = folder_of(tmp_path) / "manifest.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"asked"', '"asked of old"'), encoding="utf-8")
    with pytest.raises(StoreError, match="another version"):
        resume(folder_of(tmp_path), Watcher())


@given(st.lists(st.floats(allow_nan=False)))
def test_memory_comes_back_to_the_last_bit(numbers: list[float]) -> None:
    back = unpack_memory(Memory, pack_memory(Memory(tuple(numbers))))
    assert [number.hex() for number in back.numbers] == [number.hex() for number in numbers]


def test_a_paused_run_is_safe_and_goes_on_as_it_was_set(breaking: Breaking, tmp_path: Path) -> None:
    whole = begin(tmp_path / "whole")
    states: list[BoardState] = []

    def pause(bench: ProtocolBench) -> None:
        steer(folder_of(tmp_path / "paused"), Wish.PAUSE)
        threading.Thread(target=go_on, args=(bench,)).start()

    def go_on(bench: ProtocolBench) -> None:
        clock = WallClock()
        while not bench._bench.is_paused:
            clock.sleep(0.01)
        states.append(bench.board.status().state)
        steer(folder_of(tmp_path / "paused"), Wish.GO_ON)

    breaking.before_pulse[3] = pause
    paused = begin(tmp_path / "paused")
    assert states == [BoardState.SAFE]
    assert records(paused.folder) == records(whole.folder)
    with closing(RunReader(paused.folder)) as reader:
        assert [row[0] for row in reader._rows("SELECT state FROM state")] == [
            "running",
            "paused",
            "running",
            "finished",
        ]


def test_a_run_that_is_asked_to_stop_finishes_its_step(breaking: Breaking, tmp_path: Path) -> None:
    breaking.before_pulse[3] = lambda bench: steer(folder_of(tmp_path), Wish.STOP)
    with pytest.raises(InterruptedRunError) as stopped:
        begin(tmp_path)
    assert stopped.value.exit_code == 143
    assert [item.number for item in records(folder_of(tmp_path))] == [0, 1, 2, 3]
    assert resume(folder_of(tmp_path), Watcher()).summary.items == STEPS


def test_a_run_that_is_under_way_is_not_gone_on_with_and_the_message_says_who_holds_it(
    breaking: Breaking, tmp_path: Path
) -> None:
    refused: list[EquipmentError] = []

    def again(bench: ProtocolBench) -> None:
        with pytest.raises(AddressLockedError, match="is held by run") as held:
            resume(folder_of(tmp_path), Watcher())
        refused.append(held.value)

    breaking.before_pulse[2] = again
    assert begin(tmp_path).summary.items == STEPS
    assert [error.run for error in refused] == [folder_of(tmp_path)]


def test_a_run_that_another_process_finished_meanwhile_is_not_gone_on_with(
    breaking: Breaking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking.before_pulse[2] = _fail
    with pytest.raises(EquipmentError):
        begin(tmp_path)
    folder, look_up = folder_of(tmp_path), engine.plan_again

    def slowly(manifest: Mapping[str, Any], place: Path, bench: Path | None) -> Plan:
        monkeypatch.setattr(engine, "plan_again", look_up)
        resume(place, Watcher())
        return look_up(manifest, place, bench)

    monkeypatch.setattr(engine, "plan_again", slowly)
    with pytest.raises(InputError, match="is finished") as refused:
        resume(folder, Watcher())
    assert refused.value.run == folder
    assert ledger(folder) == [("confirmed", 1)] * STEPS


def test_a_world_that_could_not_be_saved_again_is_not_gone_on_with(
    breaking: Breaking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking.before_pulse[2] = breaking.before_pulse[4] = _fail
    with pytest.raises(EquipmentError):
        begin(tmp_path)
    with monkeypatch.context() as full:
        full.setattr("sim_backend.world.World.save", _disk_is_full)
        with pytest.raises(EquipmentError, match="a fault of the test"):
            resume(folder_of(tmp_path), Watcher())
    assert len(records(folder_of(tmp_path))) == 4
    with pytest.raises(InputError, match="labctl twin serve"):
        resume(folder_of(tmp_path), Watcher())


class Wired:
    """A bench of instruments that keep no count."""

    def settle(self) -> list[tuple[str, LedgerOutcome]]:
        return []

    def pulse_counts(self) -> dict[str, PulseCount]:
        return {}


@pytest.mark.parametrize(("outlived", "touched"), [(True, {CELL}), (False, set[Cell]())])
def test_where_nothing_counts_cells_are_read_again_unless_nobody_else_can_have_used_them(
    tmp_path: Path, outlived: bool, touched: set[Cell]
) -> None:
    with closing(RunWriter(tmp_path, {"record": Item}, power_safe=False)) as store:
        store.ledger.resolve(store.ledger.intend(Intent("smu", [UP], None)), LedgerOutcome(WriteState.CONFIRMED, None))
        store.end_step(1.0)
        start = find_start(store, cast("Bench", Wired()), None, outlived, lambda message: None)
    assert start.touched == touched


def _disk_is_full(world: object, path: Path) -> None:
    raise StoreError(f"cannot write {path}: the disk of the test is full")


def test_a_wish_is_heard_while_a_run_that_goes_on_comes_up(
    breaking: Breaking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking.before_pulse[2] = _fail
    with pytest.raises(EquipmentError):
        begin(tmp_path)
    folder, identify = folder_of(tmp_path), Bench.identify
    steer(folder, Wish.PAUSE)  # somebody asked the process that is gone

    def slowly(bench: Bench) -> dict[str, Identity]:
        steer(folder, Wish.STOP)
        return identify(bench)

    monkeypatch.setattr(Bench, "identify", slowly)
    with pytest.raises(InterruptedRunError):
        resume(folder, Watcher())
    assert len(records(folder)) == 3
