"""The token: without it a connection gets nowhere, and says nothing."""

from __future__ import annotations

import itertools
import os
import socket
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.board_data import BoardState
from labctl.errors import InputError, StoreError
from sim_backend.server.bounds import Bounds
from sim_backend.server.tokens import LONGEST, Lock, load_token

if TYPE_CHECKING:
    from tests.sim_backend.server.conftest import ServeBench, ServedHere

TOKEN = b"0123456789-abcdefghij"
IDN = b"KEITHLEY INSTRUMENTS,"


def answer_to(served: ServedHere, *pieces: bytes) -> bytes:
    """Return what comes back first; nothing if the instrument hangs up."""
    connection = served.connect("smu")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for piece in pieces:
            connection.sendall(piece)
        return connection.recv(4096)
    except ConnectionError:
        return b""


def _write(path: Path, text: bytes) -> None:
    """Write a file that its owner alone may read."""
    path.write_bytes(text)
    path.chmod(0o600)


@pytest.mark.skipif(sys.platform == "win32", reason="no such modes there")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o666])
def test_a_file_that_other_users_can_get_at_is_refused(tmp_path: Path, mode: int) -> None:
    _write(tmp_path / "token", TOKEN + b"\n")
    (tmp_path / "token").chmod(mode)
    with pytest.raises(InputError, match="chmod 600"):
        load_token(tmp_path / "token")


def test_a_file_that_is_not_there_is_made_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = load_token(path)
    assert len(token) >= 32
    assert load_token(path) == token
    assert load_token(tmp_path / "other") != token
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"short\n", b"with a space in it\n", b"x" * 201, b"\xff" * 32, b"\0" * 32]
)
def test_a_file_without_a_token_is_refused(tmp_path: Path, text: bytes) -> None:
    _write(tmp_path / "token", text)
    with pytest.raises(InputError, match="its first line is no token"):
        load_token(tmp_path / "token")


def test_a_file_with_a_token_of_one_s_own(tmp_path: Path) -> None:
    _write(tmp_path / "token", TOKEN + b"\r\nand a remark\n")
    assert load_token(tmp_path / "token") == TOKEN


def test_a_file_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--token-file"):
        load_token(tmp_path)
    with pytest.raises(StoreError, match="--token-file"):
        load_token(tmp_path / "nowhere" / "token")


@given(st.binary(max_size=400), st.lists(st.integers(0, 400)))
def test_any_bytes_in_any_pieces_open_nothing_but_the_token(data: bytes, cuts: list[int]) -> None:
    lock, found = Lock(TOKEN), None
    places = sorted({0, *cuts, len(data)})
    pieces = [data[start:end] for start, end in itertools.pairwise(places)]
    with_token = Lock(TOKEN).open_with(TOKEN + b"\n" + data)
    assert with_token == data
    try:
        for piece in pieces:
            found = lock.open_with(piece)
    except PermissionError:
        assert b"\n" in data or len(data) > LONGEST
    assert found is None


@pytest.mark.parametrize(
    "pieces",
    [
        [TOKEN + b"\n", b"*IDN?\n"],
        [TOKEN + b"\r\n*IDN?\n"],
        [TOKEN[:5], TOKEN[5:], b"\n", b"*ID", b"N?\n"],
        [TOKEN + b"\n*IDN?", b"\n"],
    ],
)
def test_who_knows_it_is_answered(serve_bench: ServeBench, pieces: list[bytes]) -> None:
    served = serve_bench(token=TOKEN)
    assert answer_to(served, *pieces).startswith(IDN)


@pytest.mark.parametrize(
    "pieces",
    [
        [b"*IDN?\n"],
        [b"\n" + TOKEN + b"\n*IDN?\n"],
        [TOKEN + b" \n*IDN?\n"],
        [TOKEN[:-1] + b"\n*IDN?\n"],
        [TOKEN + b"x\n*IDN?\n"],
        [b"x" * 70_000],
        [b"GET / HTTP/1.1\r\n\r\n" + TOKEN + b"\n*IDN?\n"],
    ],
)
def test_who_does_not_is_hung_up_on(serve_bench: ServeBench, pieces: list[bytes]) -> None:
    served = serve_bench(token=TOKEN)
    assert answer_to(served, *pieces) == b""
    assert answer_to(served, TOKEN + b"\n:OUTP?\n") == b"0\n"


def test_the_board_asks_for_it_too(serve_bench: ServeBench) -> None:
    served = serve_bench(token=TOKEN)
    board = served.board()
    board.connection.sendall(TOKEN + b"\n")
    assert board.status().state is BoardState.SAFE


def test_strangers_make_room_at_once(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(hosts=3), token=TOKEN)
    friend = served.connect("smu")
    friend.sendall(TOKEN + b"\n*IDN?\n")
    assert friend.recv(4096).startswith(IDN)
    strangers = [served.connect("smu") for _ in range(10)]
    assert answer_to(served, TOKEN + b"\n*IDN?\n").startswith(IDN)
    friend.sendall(b"*IDN?\n")
    assert friend.recv(4096).startswith(IDN)
    assert len(strangers) == 10


def test_strangers_are_not_waited_for(serve_bench: ServeBench) -> None:
    served = serve_bench(Bounds(strange=0.1), token=TOKEN)
    stranger = served.connect("smu")
    assert stranger.recv(4096) == b""


def test_terminals_need_none(serve_bench: ServeBench) -> None:
    """Their device files belong to whoever started the service, and to nobody else."""
    served = serve_bench(token=TOKEN)
    device = served.terminals["smu"].removeprefix("ASRL").removesuffix("::INSTR")
    if not device:
        pytest.skip("this system has no pseudo-terminals")
    assert stat.S_IMODE(Path(device).stat().st_mode) == 0o600
    assert Path(device).stat().st_uid == os.getuid()
    terminal = os.open(device, os.O_RDWR | os.O_NOCTTY)
    os.write(terminal, b"*IDN?\n")
    assert os.read(terminal, 4096).startswith(IDN)
    os.close(terminal)
