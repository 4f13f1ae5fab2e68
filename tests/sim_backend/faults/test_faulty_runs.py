"""Runs under a fault plan: what strikes is told, what it breaks is said, and the run goes on where it can."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labctl.backend import BackendOptions
from labctl.bench import Bench
from labctl.bench_file import DEFAULT_BENCH, load_bench
from labctl.board_data import BoardState, Cell, Pulse, Trip
from labctl.cli import main
from labctl.engine import RunResult, Watcher, resume, run
from labctl.errors import EquipmentError, InputError, LabctlError, StoreError
from labctl.plan import RunRequest
from labctl.run_reader import RunReader
from labctl.toml_source import TomlSource
from sim_backend.backend import TwinBackend
from sim_backend.die_file import load_die

CELL = Cell(1, 2)


def begin(data: Path, plan: str, audit: bool = False) -> RunResult:
    options = BackendOptions(seed=3, audit=audit, faults=TomlSource("plan.toml", plan))
    return run(RunRequest("write-verify", settings={"levels": "40,90,140"}, options=options, data=data), Watcher())


def folder_of(data: Path) -> Path:
    return next(path for path in data.iterdir() if path.is_dir())


def log(folder: Path) -> list[str]:
    with closing(RunReader(folder)) as reader:
        return [message for _, message in reader.log()]


def fault(kind: str, **keys: Any) -> str:
    text = "".join(f"{key.rstrip('_')} = {value!r}\n" for key, value in keys.items())
    return f"[[fault]]\nkind = '{kind}'\n{text}\n"


def test_log_and_audit_tell_what_struck(tmp_path: Path) -> None:
    done = begin(
        tmp_path, fault("repeat", channel="board", message=20) + fault("delay", channel="board", message=30), True
    )
    assert done.passed
    told = [message for message in log(done.folder) if message.startswith("fault at")]
    assert [message.partition(": ")[2] for message in told] == [
        "board repeat (request 20, byte 0 of 28)",
        "board delay (request 30, byte 0 of 28, for 0.6)",
    ]
    with closing(sqlite3.connect(done.folder / "audit.sqlite")) as audit:
        assert list(audit.execute("SELECT channel, kind FROM fault ORDER BY n")) == [
            ("board", "repeat"),
            ("board", "delay"),
        ]
    main_audit(done.folder)


def main_audit(folder: Path) -> None:
    """An audit with faults in it can still be joined with the run's records."""
    with pytest.raises(SystemExit) as left:
        main(["audit", str(folder), "--json"])
    assert left.value.code == 0


def test_a_link_that_breaks_ends_the_run_and_it_goes_on(tmp_path: Path) -> None:
    with pytest.raises(EquipmentError, match=r"NOT SAFE.*watchdog") as ended:
        begin(tmp_path, fault("link-gone", channel="board", message=30, for_="20 ms"))
    assert ended.value.exit_code == 3
    assert resume(folder_of(tmp_path), Watcher()).passed
    assert sum("link-gone" in message for message in log(folder_of(tmp_path))) == 1


def test_what_struck_before_a_run_could_go_on_does_not_strike_again(tmp_path: Path) -> None:
    # In the second process the link breaks while the instruments are identified.
    gone = fault("link-gone", channel="board", message=30, for_="20 ms")
    later = fault("link-gone", channel="board", message=31, for_="20 ms")
    with pytest.raises(EquipmentError):
        begin(tmp_path, gone + later)
    with pytest.raises(EquipmentError):
        resume(folder_of(tmp_path), Watcher())
    assert resume(folder_of(tmp_path), Watcher()).passed


def test_delays_cost_no_time_on_the_wall(tmp_path: Path) -> None:
    done = begin(tmp_path, fault("delay", channel="board", direction="reply", message=30, for_="0.9 s") * 1)
    assert done.bench_time > 0.9
    assert done.wall_time < 60


@pytest.mark.parametrize(
    ("kind", "keys", "trip"),
    [
        ("trip", {"cause": "compliance"}, "COMPLIANCE"),
        ("trip", {}, "SUPPLY"),
        ("over-temperature", {"for_": "1 ms"}, "OVER_TEMPERATURE"),
        ("interlock", {"for_": "1 ms"}, "INTERLOCK"),
    ],
)
def test_a_trip_ends_the_run_safely_and_is_told_when_it_goes_on(
    tmp_path: Path, kind: str, keys: dict[str, Any], trip: str
) -> None:
    with pytest.raises(EquipmentError) as ended:
        begin(tmp_path, fault(kind, channel="board", step=1, **keys))
    assert "NOT SAFE" not in str(ended.value)
    assert resume(folder_of(tmp_path), Watcher()).passed
    assert trip


def test_a_reboot_within_a_list_leaves_its_cells_in_doubt(tmp_path: Path) -> None:
    with pytest.raises(EquipmentError):
        begin(tmp_path, fault("reboot", channel="board", pulse=1))
    resume(folder_of(tmp_path), Watcher())
    with closing(RunReader(folder_of(tmp_path))) as reader:
        assert reader._rows("SELECT state FROM write ORDER BY number")[0] == ("in doubt",)
    assert any("restarted" in m or "unknown what came" in m for m in log(folder_of(tmp_path)))


def test_a_stuck_cell_stays_where_it_is_also_when_the_run_goes_on(tmp_path: Path) -> None:
    with pytest.raises(EquipmentError):
        begin(tmp_path, fault("stuck-cell", row=0, column=0, step=1) + fault("trip", channel="board", step=2))
    folder = folder_of(tmp_path)
    before = load_die(folder / "world.npz").die.state[0, 0]
    assert not resume(folder, Watcher()).passed
    assert load_die(folder / "world.npz").die.state[0, 0] == before


def test_a_full_disk_is_said_and_what_was_recorded_is_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="disk is full; free some space") as ended:
        begin(tmp_path, fault("disk-full", write=40, writes=1))
    assert ended.value.exit_code == 3
    done = resume(folder_of(tmp_path), Watcher())
    assert done.passed
    with closing(RunReader(done.folder)) as reader:
        assert reader.column("record", "level") == [40, 90, 140]


def test_what_is_not_safe_is_said_also_on_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(EquipmentError, match=r"NOT SAFE.*board"):
        begin(
            tmp_path,
            fault("link-gone", channel="board", message=30, for_="100 s") + fault("disk-full", write=40),
        )


def test_a_run_whose_disk_was_full_at_its_first_write_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="disk is full"):
        begin(tmp_path, fault("disk-full", write=3, writes=1))
    with pytest.raises(StoreError, match="begin a new run"):
        resume(folder_of(tmp_path), Watcher())


def test_a_plan_means_nothing_to_real_instruments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(fault("drop", channel="board", message=1), encoding="utf-8")
    arguments = ["run", "write-verify", "--bench", str(DEFAULT_BENCH), "--faults", str(plan), "--data", str(tmp_path)]
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--backend", "hardware"])
    assert left.value.code == 2
    assert "--faults means nothing to the hardware backend" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[[fault]]\nkind = 'drop'\nchannel = 'bord'\nmessage = 1",
            "plan.toml line 1, fault.channel: the bench has no",
        ),
        ("[[fault]]\nkind = 'drop'\nchannel = 'board'\nmesage = 1", "plan.toml line 4, fault.mesage: unknown key"),
    ],
)
def test_a_wrong_plan_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["run", "write-verify", "--faults", str(plan), "--data", str(tmp_path / "runs"), "--json"])
    assert left.value.code == 2
    assert words in json.loads(capsys.readouterr().out)["error"]["message"]
    assert not (tmp_path / "runs").exists()
    with pytest.raises(SystemExit):
        main(["run", "write-verify", "--faults", str(tmp_path / "none.toml")])
    assert "cannot read the fault plan" in capsys.readouterr().err


def test_a_flipped_bit_on_the_boards_link_is_noticed_and_mended(tmp_path: Path) -> None:
    plan = "".join(fault("flip", channel="board", direction=way, message=40, at=9) for way in ("request", "reply"))
    assert begin(tmp_path, plan).passed


def test_the_board_is_safe_while_it_is_too_hot(tmp_path: Path) -> None:
    file = load_bench()
    plan = fault("over-temperature", channel="board", time="1 s", for_="2 s")
    twin = TwinBackend(file, BackendOptions(faults=TomlSource("plan", plan)))
    with closing(twin), closing(Bench(file, twin)) as bench:
        bench.bring_up()
        bench.board.pulse([Pulse(CELL, 0.9, 80e-9)])
        twin.clock.sleep(1.5)
        status = bench.board.status()
        assert (status.state, status.trips) == (BoardState.SAFE, Trip.OVER_TEMPERATURE)
        with pytest.raises(LabctlError, match="lasts"):
            bench.bring_up()
        twin.clock.sleep(3.0)
        assert bench.bring_up() == Trip.OVER_TEMPERATURE


@pytest.mark.parametrize("kind", ["trip", "reboot"])
def test_what_an_smu_measures_of_a_cell_that_the_board_let_go_is_not_taken_for_the_cells(kind: str) -> None:
    file = load_bench()
    twin = TwinBackend(file, BackendOptions(faults=TomlSource("plan", fault(kind, channel="board", time="1 s"))))
    with closing(twin), closing(Bench(file, twin)) as bench:
        bench.bring_up()
        with pytest.raises(EquipmentError, match="no longer connected"):
            _measure_nothing(bench)


def _measure_nothing(bench: Bench) -> None:
    with bench.routed(CELL) as smu:
        smu.source(0.2)
        bench.check_route()
        bench.clock.sleep(1.0)
        assert abs(smu.measure().current) < 1e-9


def test_steps_and_the_disk_mean_nothing_to_a_served_twin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(fault("disk-full", write=1), encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["twin", "serve", "--faults", str(plan)])
    assert left.value.code == 2
    assert "neither steps nor the disk" in capsys.readouterr().err
    assert InputError.exit_code == 2
