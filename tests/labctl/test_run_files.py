"""What a protocol leaves in a run's folder beside its records: names that it may not have, disks that are full."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from labctl import execution
from labctl.backend import BackendOptions
from labctl.engine import Watcher, resume, run
from labctl.errors import StoreError
from labctl.plan import RunRequest
from labctl.store import write_run_file


@pytest.mark.parametrize(
    "name",
    [
        *("../up.csv", "/up.csv", "a/b.csv", "a\\b.csv", "", ".", "..", "nul.csv", "end.", "a\0b", "a\nb"),
        *("run.sqlite", "RUN.SQLITE-wal", "manifest.json", "audit.sqlite", "guardian.log"),
    ],
)
def test_a_name_that_leaves_the_folder_or_is_the_runs_own_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with pytest.raises(StoreError, match="cannot keep a file"):
        write_run_file(folder, name, b"hostile")
    assert not list(folder.iterdir())
    assert [one.name for one in tmp_path.iterdir()] == ["run"]


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run_file(tmp_path, "map.csv", b"first")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(StoreError, match=r"map\.csv: No space left"):
            write_run_file(tmp_path, "map.csv", b"second")
    assert [one.name for one in tmp_path.iterdir()] == ["map.csv"]
    assert (tmp_path / "map.csv").read_bytes() == b"first"
    write_run_file(tmp_path, "map.csv", b"third")
    assert (tmp_path / "map.csv").read_bytes() == b"third"


def test_a_run_whose_files_found_no_room_is_resumed_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    request = RunRequest("read-map", {"rows": "2", "columns": "3"}, options=BackendOptions(seed=1), data=tmp_path)

    def full(*_: Any) -> None:
        raise StoreError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(execution, "write_run_file", full)
        with pytest.raises(StoreError, match="no room"):
            run(request, Watcher())
    (folder,) = tmp_path.glob("*_read-map_*")
    assert not list(folder.glob("*.csv"))
    result = resume(folder, Watcher())
    assert result.summary.cells == 6
    assert sorted(one.name for one in folder.glob("*.csv")) == ["conductance.csv", "levels.csv"]
