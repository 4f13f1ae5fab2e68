"""Names of runs and data folders: strict where they are ours, and a run is known wherever its folder is by now."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl import locks
from labctl.bench import Bench
from labctl.board_data import Cell, Pulse
from labctl.engine import Watcher, run
from labctl.errors import InputError, RunNotFoundError, StoreError
from labctl.ledger import Intent
from labctl.locks import Holder, locked
from labctl.plan import RunRequest
from labctl.pulse_history import LIFE, Life, pulses_before
from labctl.run_list import ask_run, show_runs
from labctl.run_lock import is_alive, run_lock_name
from labctl.run_names import RUN_NAME, check_data, id_of, run_id, run_name
from labctl.run_reader import RunReader, find_run, run_folders
from labctl.steering import Wish
from labctl.store import RunWriter, write_manifest

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DIE = Life(json.dumps(["W1"]), outlives=True)
CELL = Cell(1, 1)
MakeRun = Callable[..., Path]


@dataclass(frozen=True, slots=True)
class Item:
    number: int


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Make a run that put pulses on a cell and ended in a state."""

    def call(number: int, state: str = "stopped", pulses: int = 5) -> Path:
        folder = tmp_path / f"20261122T{number:06d}Z_made-up_{number:08x}"
        if not folder.exists():
            folder.mkdir()
            write_manifest(folder, {"run": folder.name, LIFE: DIE.name, "steps": 3, "protocol": "made-up"})
        with closing(RunWriter(folder, {"record": Item}, power_safe=False)) as store:
            store.set_state(NOW, "running")
            store.ledger.intend(Intent("board", [Pulse(CELL, 0.9, 80e-9, pulses)], None))
            store.set_state(NOW, state)
        return folder

    return call


def _sends(bench: Bench) -> None:
    pytest.fail("something was sent")


# --- names ---


@given(st.text())
def test_any_protocol_makes_a_name_that_every_computer_can_have_and_that_is_found(protocol: str) -> None:
    name = run_name(protocol, NOW)
    assert RUN_NAME.fullmatch(name)
    assert len(name) < 128
    check_data(Path(name))


def test_the_protocol_is_read_in_the_name() -> None:
    assert run_name("write-verify", NOW).startswith("20261122T000000Z_write-verify_")
    assert run_name("My_Sweep/../x", NOW).startswith("20261122T000000Z_my-sweep-x_")


@pytest.mark.parametrize("digits", ["\u0660" * 8 + "T000000Z_x_00000000", "20261122T000000Z_x_0000000\u0661"])
def test_digits_of_other_scripts_are_none(digits: str) -> None:
    assert not RUN_NAME.fullmatch(digits)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "CON",
            "nul",
            "Aux.txt",
            "com1",
            "COM\u00b9",
            "lpt9.tar.gz",
            "prn .x",
            "CONOUT$",
            "runs.",
            "runs ",
            "a/runs./b",
        ),
        *("a\nb", "a\x1b[2J", "a\x00b", "a:b", "what?", "a|b", 'a"b', "a\\b", "\u202eabc", "caf\udce9"),
    ],
)
def test_a_data_folder_that_not_every_computer_can_have_is_refused(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="on every computer"):
        check_data(tmp_path / name)
    monkeypatch.setattr(Bench, "identify", _sends)
    with pytest.raises(InputError):
        run(RunRequest("write-verify", data=tmp_path / name), Watcher())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    ["runs", "a/b/c", "../runs", "my runs", "2026-11", "r\u00e9sultats", "console", "com", "com10", ".hidden", "a.b"],
)
def test_a_data_folder_with_an_ordinary_name_may_be_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "here").mkdir()
    check_data(tmp_path / "here" / name)
    assert list(tmp_path.iterdir()) == [tmp_path / "here"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such folder can be there")
def test_a_folder_that_is_there_may_be_called_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "aux" / "runs.").mkdir(parents=True)
    check_data(tmp_path / "aux" / "runs." / "more")


def test_what_cannot_hold_runs_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bench, "identify", _sends)
    (tmp_path / "file").write_text("")
    for place in ("file", "file/runs"):
        with pytest.raises(StoreError, match="is no folder; choose another with --data"):
            run(RunRequest("write-verify", data=tmp_path / place), Watcher())

    def access(path: Path, mode: int) -> bool:
        return path != tmp_path

    monkeypatch.setattr(os, "access", access)
    with pytest.raises(StoreError, match="may not write"):
        run(RunRequest("write-verify", data=tmp_path / "runs"), Watcher())


# --- found ---


@pytest.mark.parametrize(
    "name", ["..", "../x", "/", "/etc/passwd", "CON", "NUL", "", ".", "*", "%2e%2e", "-", "x" * 9999]
)
def test_what_is_no_run_is_not_found(
    tmp_path: Path, make_run: MakeRun, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(1)
    data = tmp_path / "data"
    data.mkdir()
    monkeypatch.chdir(data)
    with pytest.raises(RunNotFoundError):
        find_run(data, name)


def test_a_path_leads_to_a_run_and_a_link_in_the_data_folder_does_not(tmp_path: Path, make_run: MakeRun) -> None:
    folder = make_run(1)
    data = tmp_path / "data"
    data.mkdir()
    assert find_run(data, str(folder)) == folder
    assert find_run(data, f"{data}/../{folder.name}").samefile(folder)
    try:
        (data / folder.name).symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("this user makes no links")
    assert run_folders(data) == []
    with pytest.raises(RunNotFoundError):
        find_run(data, folder.name[:10])


def test_a_run_that_was_renamed_is_listed_and_found_by_its_name(
    tmp_path: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def can(folder: Path, manifest: object, state: str) -> bool:
        return state == "stopped"

    monkeypatch.setattr("labctl.run_list.can_go_on", can)
    first, second = make_run(1), make_run(2)
    renamed = first.rename(tmp_path / "the good one")
    assert set(run_folders(tmp_path)) == {renamed, second}
    assert find_run(tmp_path, "the good") == renamed
    assert run_id(renamed) == first.name
    show_runs(tmp_path, json=True)
    lines = {line["run"]: line for line in json.loads(capsys.readouterr().out)["runs"]}
    assert lines["the good one"]["state"] == "stopped"
    assert lines["the good one"]["resume"] == f"labctl run --resume {shlex.quote(str(renamed))}"
    assert lines[second.name]["resume"] == f"labctl run --resume {second.name} --data {shlex.quote(str(tmp_path))}"


@pytest.mark.parametrize("said", [None, 5, "../../x", "", "CON", "x" * 5000])
def test_an_id_that_is_none_is_not_believed(tmp_path: Path, said: object) -> None:
    assert id_of({"run": said}, tmp_path / "name") == "name"


def test_a_run_is_alive_wherever_its_folder_is_and_one_that_was_renamed_hears_nothing(
    tmp_path: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "LOCK_FOLDER", tmp_path / "locks")
    folder = make_run(1, "running")
    with locked([run_lock_name(folder)], Holder(folder.name, os.getpid(), "ada", "now")):
        ask_run(tmp_path, folder.name, Wish.PAUSE)
        renamed = folder.rename(tmp_path / "renamed")
        assert is_alive(renamed)
        with pytest.raises(InputError, match="works in a folder called '20261122T000001Z_made-up_00000001'"):
            ask_run(tmp_path, "renamed", Wish.PAUSE)
    assert not is_alive(renamed)


# --- the life of a die ---


def test_a_life_counts_each_run_once_whatever_its_folder_is_called(tmp_path: Path, make_run: MakeRun) -> None:
    new = tmp_path / "20261122T235959Z_made-up_ffffffff"
    folder = make_run(1)
    assert pulses_before(new, DIE) == Counter({CELL: 5})
    renamed = folder.rename(tmp_path / "renamed")
    assert pulses_before(new, DIE) == Counter({CELL: 5})
    assert pulses_before(renamed, DIE) == Counter()
    make_run(2, "running").rename(tmp_path / "killed and renamed")
    assert pulses_before(new, DIE) == Counter({CELL: 10})


def test_a_copy_takes_nothing_from_a_life_and_adds_nothing(tmp_path: Path, make_run: MakeRun) -> None:
    new = tmp_path / "20261122T235959Z_made-up_ffffffff"
    folder = make_run(1)
    shutil.copytree(folder, tmp_path / "a copy")
    shutil.copytree(folder, tmp_path / "z copy")
    make_run(1, "stopped", 7)
    for _ in range(2):
        assert pulses_before(new, DIE) == Counter({CELL: 12})
    assert pulses_before(tmp_path / "a copy", DIE) == Counter()
    make_run(1, "finished", 1)
    for _ in range(2):
        assert pulses_before(new, DIE) == Counter({CELL: 13})


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_a_folder_whose_name_is_no_text_is_read(tmp_path: Path, make_run: MakeRun) -> None:
    folder = make_run(1)
    odd = tmp_path / os.fsdecode(b"caf\xe9 100% #1?")
    folder.rename(odd)
    assert run_folders(tmp_path) == [odd]
    with closing(RunReader(odd)) as reader:
        assert reader.state().state == "stopped"
    with closing(RunWriter(odd, {"record": Item}, power_safe=False)) as writer:
        writer.set_state(NOW, "running")
        with closing(RunReader(odd)) as reader:
            assert reader.state().state == "running"
