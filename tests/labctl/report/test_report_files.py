"""Where the files of a report go: all or none, never through a link, and never over what must stay."""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path
from typing import Any

import pytest

from labctl.protocol import Protocol

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.usefixtures("pictures")


def test_out_takes_the_files(labctl: Any, slope: Any, make_run: Any, tmp_path: Path) -> None:
    folder = make_run()
    done = labctl("report", "--out", "there/it goes", "--json")
    assert Path(done.json["page"]) == tmp_path / "there" / "it goes" / "report.html"
    assert not (folder / "report").exists()


def test_what_cannot_be_is_refused(labctl: Any, slope: Any, make_run: Any, tmp_path: Path) -> None:
    folder = make_run()
    (tmp_path / "file").write_text("")
    for arguments, words in (
        (("report", folder, folder), "named twice"),
        (("report", "nothing"), "there is no run"),
        (("show", "nothing"), "there is no run"),
        (("report", "--out", tmp_path / "file"), "no folder"),
        (("report", *[make_run() for _ in range(7)]), "at most 6"),
    ):
        done = labctl(*arguments)
        assert (done.code, done.err.count("\n")) == (2, 1)
        assert words in done.err


def test_a_place_that_cannot_be_written_is_named(labctl: Any, slope: Any, make_run: Any, tmp_path: Path) -> None:
    make_run()
    (tmp_path / "file").write_text("")
    done = labctl("report", "--out", tmp_path / "file" / "below")
    assert done.code == 3
    assert "--out" in done.err


@pytest.mark.parametrize("beside", [False, True])
def test_a_link_in_a_run_folder_leads_nowhere(
    labctl: Any, slope: Any, make_run: Any, tmp_path: Path, beside: bool
) -> None:
    folder, other, mine = make_run(), make_run(), tmp_path / "mine"
    mine.mkdir()
    try:
        if beside:
            (folder / "report").mkdir()
        (folder / "report" / "with_00000001" if beside else folder / "report").symlink_to(mine)
    except OSError:
        pytest.skip("no links here")
    done = labctl("report", folder, *([other] if beside else []))
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "link" in done.err
    assert "--out" in done.err
    assert list(mine.iterdir()) == []


def test_a_link_in_place_of_a_file_is_replaced(labctl: Any, slope: Any, make_run: Any, tmp_path: Path) -> None:
    folder, mine = make_run(), tmp_path / "mine"
    mine.write_text("mine")
    (folder / "report").mkdir()
    try:
        for name in ("report.html", "figure.png.part"):
            (folder / "report" / name).symlink_to(mine)
    except OSError:
        pytest.skip("no links here")
    assert labctl("report", folder).code == 0
    assert mine.read_text() == "mine"
    assert not (folder / "report" / "report.html").is_symlink()


@pytest.mark.parametrize("command", ["report", "show"])
def test_ctrl_c_is_no_remark_of_a_page(
    labctl: Any, slope: Protocol[Any, Any], offer: Any, make_run: Any, command: str
) -> None:
    def impatient(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)

    folder = make_run("stopped")
    offer(dataclasses.replace(slope, figure=impatient, summarise=impatient))
    done = labctl(command)
    assert (done.code, done.out, done.err.count("\n")) == (130, "", 1)
    assert "stopped" in done.err
    assert not (folder / "report").exists()


def test_ctrl_c_during_the_writing_leaves_files_that_belong_together(
    labctl: Any, slope: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def impatient(path: Path, content: bytes) -> int:
        signal.raise_signal(signal.SIGINT)
        return write(path, content)

    folder = make_run()
    monkeypatch.setattr(Path, "write_bytes", impatient)
    assert labctl("report").code == 0
    assert sorted(path.name for path in (folder / "report").iterdir()) == ["figure.pdf", "figure.png", "report.html"]


def test_a_disk_that_is_full_leaves_what_was_there(
    labctl: Any, slope: Any, make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if "figure.pdf" in path.name:
            write(path, content[:1])
            raise OSError(28, "No space left on device")
        return write(path, content)

    folder = make_run()
    assert labctl("report").code == 0
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "report").iterdir()}
    monkeypatch.setattr(Path, "write_bytes", full)
    done = labctl("report")
    assert done.code == 3
    assert "No space left on device; choose another with --out" in done.err
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "report").iterdir()} == before
