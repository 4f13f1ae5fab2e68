"""One owner an address, whoever races for it and whatever a note says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labctl import locks
from labctl.errors import AddressLockedError, StoreError
from labctl.holder_note import Holder, Proof, proof, read_note, write_note
from labctl.locks import guarded, holder_of, is_locked, locked, unguarded

ME = Holder("20260101T000000Z_x_00000000", os.getpid(), "ada", "2026-01-01T00:00:00+00:00")
NOBODY = 65534
"""A user that owns nothing."""
ADDRESS = "socket://127.0.0.1:5025"
HOLDS = """
import os, sys
from pathlib import Path
from labctl import locks
locks.LOCK_FOLDER = Path(sys.argv[1])
holder = locks.Holder("theirs", os.getpid(), "bob", "since then")
with (locks.guarded if sys.argv[3] == "guard" else locks.locked)([sys.argv[2]], holder):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock folder of the test's own."""
    monkeypatch.setattr(locks, "LOCK_FOLDER", tmp_path / "locks")
    monkeypatch.setattr(locks, "PROBE_PATIENCE", 0.02)
    monkeypatch.setattr(locks, "_NOTE_PATIENCE", 0.05)
    return tmp_path / "locks"


@pytest.fixture
def other(folder: Path) -> Callable[..., subprocess.Popen[str]]:
    """Let another process hold a lock until it is killed or its input ends."""

    def start(kind: str = "run") -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(folder), ADDRESS, kind], stdin=pipe, stdout=pipe, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    return start


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_the_second_comer_is_told_who_holds_it(other: Callable[..., subprocess.Popen[str]]) -> None:
    process = other()
    with pytest.raises(AddressLockedError) as refused, locked([ADDRESS], ME):
        pass
    for part in (ADDRESS, "'theirs'", str(process.pid), "bob", "since then"):
        assert part in str(refused.value)
    end(process)
    with locked([ADDRESS], ME):
        assert holder_of(ADDRESS) == ME
    assert holder_of(ADDRESS) is None


def test_the_note_of_one_that_was_killed_is_not_believed(
    other: Callable[..., subprocess.Popen[str]], folder: Path
) -> None:
    end(other())
    (note,) = [path for path in folder.glob("*.json") if path.stat().st_size]
    assert read_note(note) is not None
    assert holder_of(ADDRESS) is None
    left = note.read_bytes()
    with locked([ADDRESS], ME):
        note.write_bytes(left)  # as if the next one could not write its own
        assert holder_of(ADDRESS) is None
        with pytest.raises(AddressLockedError, match="another process"), locked([ADDRESS], ME):
            pass


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not show what a process has open")
def test_a_note_that_names_a_process_without_the_lock_is_refuted(folder: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        with locked([ADDRESS], ME):
            (note,) = [path for path in folder.glob("*.json") if path.stat().st_size]
            write_note(note, Holder("forged", bystander.pid, "mallory", "yesterday"))
            assert holder_of(ADDRESS) is None
            assert proof(ME, note.with_suffix(".lock")) is Proof.SHOWN
        bystander.communicate(b"\n")


def test_whoever_only_looks_refuses_nobody(folder: Path) -> None:
    looking = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import sys\nfrom pathlib import Path\nfrom labctl import locks\n"
                "locks.LOCK_FOLDER = Path(sys.argv[1])\n"
                "print('looks', flush=True)\nwhile True: locks.is_locked(sys.argv[2])"
            ),
            str(folder),
            ADDRESS,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert looking.stdout is not None
    looking.stdout.readline()
    try:
        for _ in range(20):
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(locks, "PROBE_PATIENCE", 20.0)
                with locked([ADDRESS], ME):
                    pass
    finally:
        looking.kill()
        looking.communicate()


def test_a_guardian_at_work_is_let_finish(
    other: Callable[..., subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    process = other("guard")
    assert not unguarded([ADDRESS], 0.0)
    monkeypatch.setattr(locks, "GUARD_PATIENCE", 0.05)
    with pytest.raises(AddressLockedError, match="guardian of"), locked([ADDRESS], ME):
        pass
    assert not is_locked(ADDRESS)
    end(process)
    assert unguarded([ADDRESS], 0.0)
    with locked([ADDRESS], ME), guarded([ADDRESS], ME):
        assert not unguarded([ADDRESS], 0.0)


def test_a_lock_of_several_names_is_held_whole_or_not_at_all(other: Callable[..., subprocess.Popen[str]]) -> None:
    process = other()
    with pytest.raises(AddressLockedError), locked(["a", ADDRESS, "z"], ME):
        pass
    assert not is_locked("a")
    assert not is_locked("z")
    end(process)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 4000,
        json.dumps({"run": "x", "pid": 5, "user": "u"}),
        json.dumps({"run": "x", "pid": "5", "user": "u", "since": "s"}),
        json.dumps({"run": "x", "pid": True, "user": "u", "since": "s"}),
        json.dumps({"run": "x", "pid": 0, "user": "u", "since": "s"}),
        json.dumps({"run": "x", "pid": -1, "user": "u", "since": "s"}),
        json.dumps({"run": "x", "pid": 5, "user": "\x1b[2J", "since": "s"}),
        json.dumps({"run": "x" * 300, "pid": 5, "user": "u", "since": "s"}),
        json.dumps({"run": ["x"], "pid": 5, "user": "u", "since": "s"}),
    ],
)
def test_a_note_that_says_nothing_is_none(tmp_path: Path, text: str) -> None:
    note = tmp_path / "note.json"
    note.write_text(text, encoding="utf-8")
    assert read_note(note) is None


@pytest.mark.skipif(sys.platform == "win32", reason="links and modes are of the other kind there")
def test_a_note_follows_no_link_and_is_everybodys(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine", encoding="utf-8")
    (tmp_path / "note.json").symlink_to(precious)
    write_note(tmp_path / "note.json", ME)
    assert precious.read_text(encoding="utf-8") == "mine"
    write_note(tmp_path / "plain.json", ME)
    assert (tmp_path / "plain.json").stat().st_mode & 0o777 == 0o666
    assert read_note(tmp_path / "plain.json") == ME


def as_nobody(folder: Path, work: Callable[[], bool]) -> bool:
    """Return what `work` comes to in a process of another user, who may look into the folders on the way."""
    opened = [path for path in folder.parents if path.stat().st_mode & 0o005 != 0o005]
    modes = {path: path.stat().st_mode for path in opened}
    for path in opened:
        path.chmod(modes[path] | 0o055)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setuid(NOBODY)
            code = 0 if work() else 1
        finally:
            os._exit(code)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for path in opened:
        path.chmod(modes[path])
    return ended == 0


def takes() -> bool:
    with locked([ADDRESS], ME):
        return True


def dies() -> bool:
    with locked([ADDRESS], ME):
        os._exit(0)


two_users = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can be two users")


@two_users
def test_another_user_may_hold_what_one_held_before(folder: Path) -> None:
    folder.mkdir(mode=0o700)  # as under the umask of whoever came first
    for _ in range(2):
        assert takes()
        assert as_nobody(folder, takes)
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert list(folder.iterdir()) == []


@two_users
def test_another_user_may_hold_what_one_held_who_was_killed(
    folder: Path, other: Callable[..., subprocess.Popen[str]]
) -> None:
    end(other())
    left = set(folder.iterdir())
    assert len(left) == 2  # a lock and its note
    assert as_nobody(folder, takes)
    assert set(folder.iterdir()) == left  # the sticky bit keeps what is another's
    assert takes()
    assert list(folder.iterdir()) == []
    assert as_nobody(folder, dies)
    assert takes()


@two_users
def test_another_user_is_told_who_holds_a_lock(folder: Path, other: Callable[..., subprocess.Popen[str]]) -> None:
    process = other()

    def refused() -> bool:
        with pytest.raises(AddressLockedError, match=f"'theirs' .process {process.pid} of bob"), locked([ADDRESS], ME):
            pass
        return True

    assert as_nobody(folder, refused)
    end(process)


@pytest.mark.skipif(sys.platform == "win32", reason="the folder is no temporary one there")
def test_a_link_in_the_place_of_the_folder_is_refused_and_what_it_leads_to_stays_as_it_is(
    folder: Path, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    folder.symlink_to(private)
    with pytest.raises(StoreError, match="it is a link"), locked([ADDRESS], ME):
        pass
    assert private.stat().st_mode & 0o777 == 0o700
    assert list(private.iterdir()) == []


def test_a_lock_that_is_let_go_leaves_no_file_and_is_held_by_one_at_a_time(folder: Path) -> None:
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom labctl import locks\n"
        "locks.LOCK_FOLDER, locks.PROBE_PATIENCE = Path(sys.argv[1]), 30.0\n"
        "inside = Path(sys.argv[3])\n"
        "for _ in range(40):\n"
        "    with locks.locked([sys.argv[2]], locks.Holder('r', os.getpid(), 'u', 's')):\n"
        "        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))\n"
        "        inside.unlink()\n"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", script, str(folder), ADDRESS, str(folder.parent / "inside")])
        for _ in range(3)
    ]
    assert [racer.wait() for racer in racers] == [0, 0, 0]
    assert list(folder.iterdir()) == []


def test_who_only_looks_leaves_nothing_behind(folder: Path) -> None:
    assert not is_locked(ADDRESS)
    assert holder_of(ADDRESS) is None
    assert not folder.exists()
    with locked([ADDRESS], ME):
        assert is_locked(ADDRESS)
    before = sorted(folder.iterdir())
    assert not is_locked(ADDRESS)
    assert sorted(folder.iterdir()) == before
