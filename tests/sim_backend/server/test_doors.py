"""Who may come in: this computer's programs only, unless an option and a token say otherwise."""

from __future__ import annotations

import contextlib
import hmac
import socket
from pathlib import Path
from typing import Any

import pytest

from labctl.backend import BackendOptions, WallClock
from labctl.bench_file import load_bench
from labctl.errors import InputError, LabctlError
from sim_backend.backend import TwinBackend
from sim_backend.server import offers
from sim_backend.server.bounds import Bounds
from sim_backend.server.loop import Loop
from sim_backend.server.offers import Terms
from sim_backend.server.serve import ServeRequest, serve
from sim_backend.server.tokens import Lock

ELSEWHERE = "192.0.2.7"
"""An address that no computer has (RFC 5737)."""


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "0", "00.0.0.0", "::", "::1", "::ffff:127.0.0.1", "127.1", "0x7f.1", "2130706433", "127.0.0.1 ",
     "localhost.", "LOCALHOST", "*", "192.168.0.1", "\u0661\u0662\u0667.0.0.1", "127.0.0.1\x00", "\x1b[31m"],
)  # fmt: skip
def test_without_a_token_only_what_is_surely_this_computer_is_served(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_socket(*_arguments: Any, **_options: Any) -> Any:
        pytest.fail("a socket was opened")

    monkeypatch.setattr(socket, "create_server", no_socket)
    with pytest.raises(InputError, match="--host"):
        serve(ServeRequest(host=host))


def _offered(terms: Terms) -> str:
    with contextlib.closing(TwinBackend(load_bench(), BackendOptions())) as twin:
        loop = Loop(WallClock(), Bounds(), print, lambda: None)
        with contextlib.closing(loop):
            return offers.offer(loop, twin.panels["board"], "probe-board", terms).resource


def test_a_name_that_stands_for_another_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `localhost` does where somebody has changed the table of hosts."""

    def resolved(*_arguments: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ELSEWHERE, 0))]

    assert _offered(Terms(host="localhost")).startswith("socket://localhost:")
    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    with pytest.raises(InputError, match=f"localhost: it stands for {ELSEWHERE}"):
        _offered(Terms(host="localhost"))


def test_what_is_listened_at_is_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    bound: list[Any] = []
    make = socket.create_server

    def noted(address: Any) -> socket.socket:
        made = make(address)
        bound.append(made.getsockname()[0])
        return made

    monkeypatch.setattr(socket, "create_server", noted)
    _offered(Terms())
    assert bound == ["127.0.0.1"]


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def noted(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", noted)
    with pytest.raises(PermissionError):
        Lock(b"0123456789abcdef").open_with(b"0123456789abcdeX\n")
    assert compared == [(b"0123456789abcdeX", b"0123456789abcdef")]


def test_a_name_that_stands_for_nothing_is_an_error_of_ours() -> None:
    with pytest.raises(LabctlError, match=r"no\.such\.host\.invalid"):
        _offered(Terms(host="no.such.host.invalid", token=b"x" * 20))


def test_the_token_is_told_to_nobody(serve_twin: Any, tmp_path: Path) -> None:
    twin = serve_twin("--host", "0.0.0.0", "--token-file", "token")
    token = (tmp_path / "token").read_text(encoding="ascii").strip()
    said = twin.stop()
    assert "token in token" in said
    assert token not in said
    assert token not in str(twin.instruments)
    assert token not in twin.bench.read_text(encoding="utf-8")
