"""A run goes on in another process: at other addresses, on the same instruments; its cost is that of all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from typing_extensions import override

from labctl.backend import WallClock
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH
from labctl.board_data import Cell, Pulse
from labctl.engine import Watcher, resume, run
from labctl.errors import EquipmentError, IdentityError, InputError, StoreError
from labctl.instruments import ProbeBoard
from labctl.ledger import Intent, PulseCount, WriteState
from labctl.ledger import Outcome as LedgerOutcome
from labctl.plan import RunRequest
from labctl.protocol import Outcome, Parameters, Protocol, Start, StepEnd
from labctl.protocol_bench import ProtocolBench
from labctl.run_reader import RunReader
from labctl.starting import find_start
from labctl.store import RunWriter

A, B = Cell(2, 1), Cell(5, 3)
STEPS = 6
BENCH = DEFAULT_BENCH.read_text(encoding="utf-8")
BOARD = "/dev/ttyACM0"


@dataclass(frozen=True, slots=True)
class Item:
    number: int


@dataclass(frozen=True, slots=True)
class Sum:
    items: int


class Breaking:
    """A protocol of steps without writes, which breaks off where a test wants it to."""

    def __init__(self) -> None:
        self.at: dict[int, Callable[[ProtocolBench], None]] = {}
        self.each: Callable[[ProtocolBench], None] = lambda bench: None
        self.starts: list[Start[Any]] = []

    def run(self, bench: ProtocolBench, parameters: Parameters, start: Start[Any]) -> Iterator[Item | StepEnd]:
        self.starts.append(start)
        for number in range(start.steps, STEPS):
            self.each(bench)
            self.at.pop(number, lambda bench: None)(bench)
            yield Item(number)
            yield StepEnd()


@pytest.fixture
def breaking(offer: Callable[[Protocol[Any, Any]], None]) -> Breaking:
    made_up = Breaking()
    offer(
        Protocol(
            name="made-up",
            title="for a test",
            parameters=Parameters,
            record=Item,
            needs=(ProbeBoard,),
            check=lambda die, envelope, parameters: None,
            steps=lambda parameters: STEPS,
            run=made_up.run,
            summarise=lambda records, parameters: Outcome(True, Sum(len(records))),
            caption=lambda record: str(record.number),
        )
    )
    return made_up


def _fail(bench: ProtocolBench) -> None:
    raise EquipmentError("a fault of the test")


def a_bench(tmp_path: Path, *changes: tuple[str, str], name: str = "bench.toml") -> Path:
    text = BENCH
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def broken(breaking: Breaking, tmp_path: Path, at: int = 2, wall: WallClock | None = None) -> Path:
    """Return the folder of a run that failed."""
    breaking.at[at] = _fail
    request = RunRequest("made-up", bench=a_bench(tmp_path), backend="twin", data=tmp_path)
    with pytest.raises(EquipmentError, match="a fault of the test"):
        run(request, Watcher(), wall)
    return next(tmp_path.glob("*_made-up_*"))


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def test_a_run_goes_on_where_its_bench_has_moved(breaking: Breaking, tmp_path: Path) -> None:
    folder = broken(breaking, tmp_path)
    breaking.at[4] = _fail
    moved = a_bench(tmp_path, (BOARD, "/dev/ttyACM7"), ('watchdog = "1 s"', 'watchdog = "2 s"'), name="moved.toml")
    seen: list[tuple[str, float]] = []
    breaking.each = lambda bench: seen.append((bench.board.address, bench.board.watchdog))
    with pytest.raises(EquipmentError, match="a fault of the test"):
        resume(folder, Watcher(), bench=moved)
    assert resume(folder, Watcher()).summary == Sum(STEPS)
    assert seen == [("/dev/ttyACM7", 2.0)] * 5
    found = manifest(folder)
    assert found["asked"]["bench_name"] == "moved.toml"
    assert found["bench"]["instruments"]["board"]["address"] == "/dev/ttyACM7"
    assert found["began_at"]["board"] == BOARD


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('voltage = "1.3 V"', 'voltage = "1.2 V"'), ["[envelope] voltage", "1.2", "1.3"]),
        (('id = "W12-D3"', 'id = "W12-D4"'), ["[die] id", "W12-D4", "W12-D3"]),
        (('expect = "2450"', 'expect = "245"'), ["[instruments.smu] expect"]),
        (('expect = "2450"', ""), ["[instruments.smu] expect"]),
        (("[instruments.smu]", "[instruments.meter]"), ["[instruments]", "meter"]),
        (('name = "', 'name = "other '), ["[bench] name", "other"]),
    ],
)
def test_a_bench_that_differs_in_more_is_refused(
    breaking: Breaking, tmp_path: Path, change: tuple[str, str], words: list[str]
) -> None:
    folder = broken(breaking, tmp_path)
    before = manifest(folder)
    with pytest.raises(InputError) as refused:
        resume(folder, Watcher(), bench=a_bench(tmp_path, change, name="other.toml"))
    for word in ["other.toml", *words]:
        assert word in str(refused.value)
    assert manifest(folder) == before
    assert resume(folder, Watcher()).summary == Sum(STEPS)


def test_another_instrument_at_the_address_is_refused_before_anything_is_set(
    breaking: Breaking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = broken(breaking, tmp_path)
    path = folder / "manifest.json"
    serial = manifest(folder)["instruments"]["board"]["serial"]
    path.write_text(path.read_text(encoding="utf-8").replace(f'"serial": "{serial}"', '"serial": "X-17"'), "utf-8")

    def comes_up(bench: Bench) -> None:
        pytest.fail("the bench came up")

    monkeypatch.setattr(Bench, "bring_up", comes_up)
    with pytest.raises(IdentityError, match=f"board at {BOARD} is .*{serial}.*began with .*X-17"):
        resume(folder, Watcher())


@pytest.mark.parametrize("entry", [None, {}, [], {"board": None}, {"board": 5, "smu": 5}])
def test_a_manifest_that_does_not_say_which_instruments_it_had_is_refused(
    breaking: Breaking, tmp_path: Path, entry: object
) -> None:
    folder = broken(breaking, tmp_path)
    (folder / "manifest.json").write_text(json.dumps(manifest(folder) | {"instruments": entry}), encoding="utf-8")
    with pytest.raises(StoreError, match="does not say which instrument"):
        resume(folder, Watcher())


class Set(WallClock):
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 0.0

    @override
    def now(self) -> float:
        return self.time


def test_the_cost_of_a_run_is_that_of_all_its_processes(breaking: Breaking, tmp_path: Path) -> None:
    wall, first = Set(), Set()
    benches: list[float] = []

    def spend(bench: ProtocolBench) -> None:
        bench.wait(0.5)
        first.time += 100
        wall.time += 100

    breaking.each = spend
    folder = broken(breaking, tmp_path, 3, first)
    assert first.time == 400  # the fourth step was broken off
    with closing(RunReader(folder)) as reader:
        benches += reader._rows("SELECT MAX(bench_cost), MAX(wall_cost) FROM state")[0]
    assert benches[1] == 400
    breaking.at[5], wall.time = _fail, 5000.0
    with pytest.raises(EquipmentError, match="a fault of the test"):
        resume(folder, Watcher(), wall)
    wall.time = 70000.0
    result = resume(folder, Watcher(), wall)
    assert result.wall_time == 800  # six steps, and two that were broken off
    assert result.bench_time >= 4.0
    assert result.bench_time > benches[0] > 2.0
    assert breaking.starts[2].time < result.bench_time


# --- cells that must be read ---


class Wired:
    """A bench whose board has counted what a test says."""

    def __init__(self, count: PulseCount) -> None:
        self._count = count

    def settle(self) -> list[tuple[str, LedgerOutcome]]:
        return []

    def pulse_counts(self) -> Mapping[str, PulseCount]:
        return {"board": self._count}


def opened(folder: Path) -> RunWriter:
    return RunWriter(folder, {"record": Item}, power_safe=False)


def written(store: RunWriter, cell: Cell, count: PulseCount) -> None:
    number = store.ledger.intend(Intent("board", [Pulse(cell, 0.9, 80e-9)], count))
    store.ledger.resolve(number, LedgerOutcome(WriteState.CONFIRMED, 1))


def began(store: RunWriter, count: PulseCount) -> frozenset[Cell]:
    return find_start(store, cast("Bench", Wired(count)), None, True, lambda message: None).touched


def test_cells_that_others_may_have_used_are_named_until_they_are_read_whatever_dies_between(tmp_path: Path) -> None:
    with closing(opened(tmp_path)) as store:
        written(store, A, PulseCount(1, 0))
        written(store, B, PulseCount(1, 1))
        store.end_step(1.0)
    with closing(opened(tmp_path)) as store:  # the board was restarted and used; a write is confirmed; a second death
        assert began(store, PulseCount(2, 7)) == {A, B}
        store.ledger.note_read([A])
        written(store, A, PulseCount(2, 7))
    with closing(opened(tmp_path)) as store:  # nobody used it since; one cell is read, and a step ends
        assert began(store, PulseCount(2, 8)) == {A, B}
        store.ledger.note_read([A])
        store.end_step(2.0)
    with closing(opened(tmp_path)) as store:
        assert began(store, PulseCount(2, 8)) == {B}
        store.ledger.note_read([B])
        store.end_step(3.0)
    with closing(opened(tmp_path)) as store:
        assert began(store, PulseCount(2, 8)) == frozenset()


def test_a_cell_of_a_broken_step_is_named_until_it_is_read(breaking: Breaking, tmp_path: Path) -> None:
    def pulse_and_fail(bench: ProtocolBench) -> None:
        bench.board.pulse([Pulse(B, 0.9, 80e-9)])
        _fail(bench)

    breaking.each = lambda bench: bench.board.pulse([Pulse(A, 0.9, 80e-9)]) and None
    breaking.at[2] = pulse_and_fail
    with pytest.raises(EquipmentError):
        run(RunRequest("made-up", data=tmp_path), Watcher())
    folder = next(tmp_path.glob("*_made-up_*"))
    breaking.each = lambda bench: bench.board.read([A], 0.2, 4) and None
    breaking.at[4] = _fail
    with pytest.raises(EquipmentError):
        resume(folder, Watcher())
    assert breaking.starts[1].touched == {A, B}
    breaking.each = lambda bench: bench.board.pulse_read([Pulse(B, 0.9, 80e-9)], 0.2, 4) and None
    breaking.at[5] = _fail
    with pytest.raises(EquipmentError):
        resume(folder, Watcher())
    assert breaking.starts[2].touched == {B}
    breaking.each = lambda bench: None
    resume(folder, Watcher())
    assert breaking.starts[3].touched == {B}  # the last step was broken off after its pulse
