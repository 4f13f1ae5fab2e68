"""Peers that are gone, silent or endless: first what pyvisa-py makes of them, then what our link does.

The tests that begin with `test_pyvisa_py` hold down the behaviour of the installed release: one that fails tells that
what it describes was mended there.
"""

from __future__ import annotations

import errno
import re
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.scpi import SilenceError
from drivers.visa_library import LINE_MAX, bench_library
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.hardware import HardwareBackend
    from drivers.scpi import ScpiLink
    from tests.drivers.link.conftest import Answer, Caller, Peer

    PeerMaker = Callable[[Answer], Peer]
    Linker = Callable[[str], ScpiLink]
    Raw = Callable[..., Any]

TIMEOUT = 0.4
"""Of the links, as in conftest.py (s)."""
AT_ONCE = TIMEOUT
"""What is told at once is told within this time (s), of which it needs a hundredth on an idle machine."""
IDLE = 0.1
"""Of the time-out: less processor time than this is no spin."""


def hang_up(caller: Caller, line: str) -> None:
    caller.hang_up()


def ignore(caller: Caller, line: str) -> None:
    pass


def keep_writing(raw: Any) -> None:
    for _ in range(100):
        raw.write(":OUTP 0")


def closed_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"TCPIP0::127.0.0.1::{listener.getsockname()[1]}::SOCKET"


def runs_on(work: Callable[[], object]) -> tuple[threading.Thread, list[BaseException]]:
    """Start `work` in a thread of its own and return it, with what it raises."""
    raised: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            raised.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    return thread, raised


def test_pyvisa_py_opens_a_closed_port(raw_to: Raw) -> None:
    assert raw_to(closed_address()).session is not None


def test_a_closed_port_cannot_be_opened(link_to: Linker, spending: Any) -> None:
    address = closed_address()
    with (
        spending() as spent,
        pytest.raises(LinkError, match=rf"smu: cannot open {address}: .*refused.*; check that"),
    ):
        link_to(address)
    assert spent.wall < AT_ONCE


def test_a_host_that_does_not_exist_cannot_be_opened(link_to: Linker) -> None:
    with pytest.raises(LinkError, match=r"smu: cannot open TCPIP0::no-such-host.invalid::5025::SOCKET: .*; check"):
        link_to("TCPIP0::no-such-host.invalid::5025::SOCKET")


def test_pyvisa_py_spins_when_the_peer_hangs_up_within_a_query(peer: PeerMaker, raw_to: Raw, spending: Any) -> None:
    raw = raw_to(peer(hang_up).address)
    with spending() as spent, pytest.raises(VisaIOError) as caught:
        raw.query(":READ?")
    assert caught.value.error_code == StatusCode.error_timeout
    assert spent.wall >= TIMEOUT
    assert spent.cpu > IDLE * TIMEOUT


def test_pyvisa_py_takes_a_command_for_a_peer_that_is_gone(peer: PeerMaker, raw_to: Raw) -> None:
    one = peer(hang_up)
    raw = raw_to(one.address)
    with pytest.raises(VisaIOError):
        raw.query(":READ?")
    assert raw.write(":OUTP 0") == len(":OUTP 0\n")
    with pytest.raises(OSError, match=r"Broken pipe|reset") as caught:
        keep_writing(raw)
    assert caught.value.errno in (errno.EPIPE, errno.ECONNRESET)
    assert one.lines == [":READ?"]


def test_a_peer_that_hangs_up_within_a_query_is_told_at_once(peer: PeerMaker, link_to: Linker, spending: Any) -> None:
    one = peer(hang_up)
    link = link_to(one.address)
    with (
        spending() as spent,
        pytest.raises(LinkError, match=rf"smu at {one.address}: the link failed at ':READ\?' .*closed the connection"),
    ):
        link.query(":READ?", once=True)
    assert spent.wall < AT_ONCE
    assert spent.cpu < IDLE * TIMEOUT
    assert one.lines == [":READ?"]


def test_the_beginning_of_an_answer_is_none(peer: PeerMaker, link_to: Linker) -> None:
    def break_off(caller: Caller, line: str) -> None:
        caller.say(b"0.2" if line == ":SOUR:VOLT?" else b"#0\n\n\n")
        caller.hang_up()

    link = link_to(peer(break_off).address)
    with pytest.raises(LinkError, match=r":SOUR:VOLT\?"):
        link.query(":SOUR:VOLT?")
    with pytest.raises(LinkError, match=r":TRAC:DATA\?"):
        link.query_block(":TRAC:DATA?", 4, "<f8")


def test_a_command_to_a_peer_that_is_gone_is_told_at_once(peer: PeerMaker, link_to: Linker, spending: Any) -> None:
    one = peer(lambda caller, line: caller.say(b"1\n"))
    link = link_to(one.address)
    assert link.query(":OUTP?") == "1"
    one.close()
    with (
        spending() as spent,
        pytest.raises(LinkError, match=rf"smu at {one.address}: .*':OUTP 0'.*unknown whether it arrived"),
    ):
        link.write(":OUTP 0")
    with pytest.raises(LinkError, match=r"refused.*':OUTP\?' was not sent"):
        link.query(":OUTP?")
    assert spent.wall < AT_ONCE


def test_a_peer_that_does_not_come_back_is_told_with_the_query(peer: PeerMaker, link_to: Linker, spending: Any) -> None:
    one = peer(lambda caller, line: one.close())
    link = link_to(one.address)
    with spending() as spent, pytest.raises(LinkError, match=r"':OUTP\?'.*does not come back: .*refused"):
        link.query(":OUTP?", timeout=10.0)
    assert spent.wall < 5.0


def test_a_silent_peer_is_told_within_the_time_out_and_asked_once(
    peer: PeerMaker, link_to: Linker, spending: Any
) -> None:
    one = peer(ignore)
    link = link_to(one.address)
    with (
        spending() as spent,
        pytest.raises(SilenceError, match=rf"smu at {one.address}: no answer to ':OUTP\?' in time; check power"),
    ):
        link.query(":OUTP?")
    assert TIMEOUT <= spent.wall < 2 * TIMEOUT
    assert spent.cpu < IDLE * TIMEOUT
    assert one.lines == [":OUTP?"]


def test_a_peer_that_accepts_and_says_nothing_ever_again_is_told(peer: PeerMaker, link_to: Linker) -> None:
    one = peer(ignore)
    link = link_to(one.address)
    with pytest.raises(SilenceError):
        link.query(":OUTP?")
    one.mute = True
    with pytest.raises(SilenceError, match=r"no answer to '\*ESE.*; ':OUTP 0' was not sent"):
        link.write(":OUTP 0")
    assert one.lines == [":OUTP?"]


def test_pyvisa_py_waits_for_ever_for_a_peer_that_takes_nothing(peer: PeerMaker, raw_to: Raw) -> None:
    one = peer(ignore)
    one.listens = False
    raw = raw_to(one.address)
    thread, raised = runs_on(lambda: raw.write_raw(b"x" * (1 << 25)))
    thread.join(3 * TIMEOUT)
    assert thread.is_alive()
    one.close()
    thread.join(5)
    assert [type(error) for error in raised] in ([ConnectionResetError], [BrokenPipeError])


def test_a_peer_that_takes_nothing_is_told_within_the_time_out(peer: PeerMaker, link_to: Linker, spending: Any) -> None:
    one = peer(ignore)
    one.listens = False
    link = link_to(one.address)
    with spending() as spent, pytest.raises(LinkError, match="unknown whether it arrived") as caught:
        link.write(":SOUR:LIST:VOLT " + "0.1," * (1 << 23))
    assert one.address in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert spent.wall < 2 * TIMEOUT
    assert spent.cpu < TIMEOUT


def babble(caller: Caller, line: str) -> None:
    with suppress(OSError):
        while True:
            caller.say(b"x" * 4096)


def trickle(caller: Caller, line: str) -> None:
    with suppress(OSError):
        while True:
            caller.say(b"x")
            threading.Event().wait(TIMEOUT / 40)


@pytest.mark.parametrize("endless", [babble, trickle])
def test_pyvisa_py_reads_an_endless_answer_for_ever(peer: PeerMaker, raw_to: Raw, endless: Answer) -> None:
    one = peer(endless)
    raw = raw_to(one.address, chunk_size=64)
    thread, raised = runs_on(lambda: raw.query(":READ?"))
    thread.join(3 * TIMEOUT)
    assert thread.is_alive()
    one.close()
    thread.join(5)
    assert not thread.is_alive()
    assert raised


@pytest.mark.parametrize("endless", [babble, trickle])
def test_an_endless_answer_is_told_within_the_time_out(
    peer: PeerMaker, link_to: Linker, spending: Any, endless: Answer
) -> None:
    one = peer(endless)
    link = link_to(one.address)
    with spending() as spent, pytest.raises(LinkError, match=rf"smu at {one.address}: .*':READ\?'") as caught:
        link.query(":READ?", once=True)
    assert spent.wall < 2 * TIMEOUT
    assert len(str(caught.value)) < 1000


def test_an_answer_of_the_greatest_length_is_read(peer: PeerMaker, link_to: Linker) -> None:
    line = b"1" * (LINE_MAX - 2) + b"\n"
    link = link_to(peer(lambda caller, _: caller.say(line)).address)
    assert link.query(":READ?", timeout=5.0) == line[:-1].decode()


def test_pyvisa_py_clears_a_peer_that_is_gone_for_ever(peer: PeerMaker, raw_to: Raw) -> None:
    raw = raw_to(peer(hang_up).address)
    raw.write("*CLS")
    thread, _ = runs_on(raw.clear)
    thread.join(3 * TIMEOUT)
    assert thread.is_alive()
    raw.close()
    thread.join(5)
    assert not thread.is_alive()


def test_clearing_a_peer_that_is_gone_is_an_error_at_once(
    peer: PeerMaker, backend: HardwareBackend, spending: Any
) -> None:
    resource = backend.open_visa(peer(hang_up).address, write_termination="\n", timeout=round(1000 * TIMEOUT))
    resource.write("*CLS")
    with spending() as spent, pytest.raises(ConnectionResetError):
        resource.clear()
    assert spent.wall < AT_ONCE
    assert spent.cpu < IDLE * TIMEOUT


def test_clearing_a_peer_that_babbles_ends(peer: PeerMaker, backend: HardwareBackend, spending: Any) -> None:
    resource = backend.open_visa(peer(babble).address, write_termination="\n", timeout=round(1000 * TIMEOUT))
    resource.write("*CLS")
    with spending() as spent, pytest.raises(VisaIOError):
        resource.clear()
    assert spent.wall < 2 * TIMEOUT


def test_a_query_may_have_a_time_out_of_its_own(peer: PeerMaker, link_to: Linker, spending: Any) -> None:
    def slowly(caller: Caller, line: str) -> None:
        if line != ":NEVER?":
            threading.Event().wait(2 * TIMEOUT if line == ":SLOW?" else 0)
            caller.say(line.encode() + b"\n")

    link = link_to(peer(slowly).address)
    with spending() as spent:
        assert link.query(":SLOW?", timeout=10 * TIMEOUT) == ":SLOW?"
    assert spent.wall >= 2 * TIMEOUT
    with spending() as spent, pytest.raises(SilenceError):
        link.query(":NEVER?", timeout=TIMEOUT / 4)
    assert TIMEOUT / 4 <= spent.wall < TIMEOUT
    assert link.query(":FAST?") == ":FAST?"
    with spending() as spent, pytest.raises(SilenceError):
        link.query(":NEVER?")
    assert TIMEOUT <= spent.wall < 2 * TIMEOUT


def test_a_query_that_acts_is_never_asked_twice(peer: PeerMaker, link_to: Linker) -> None:
    def cut_once(caller: Caller, line: str) -> None:
        if len(one.callers) == 1:
            caller.hang_up()
        else:
            caller.say(b"1.0\n")

    one = peer(cut_once)
    link = link_to(one.address)
    with pytest.raises(LinkError, match=r"':READ\?'"):
        link.query_values(":READ?", once=True)
    assert one.lines == [":READ?"]
    assert link.query_values(":READ?", once=True) == [1.0]
    assert one.lines == [":READ?", ":READ?"]


def test_whatever_the_library_raises_where_a_peer_hangs_up_is_an_os_error() -> None:
    class Hislip:
        def read(self, count: int) -> tuple[bytes, StatusCode]:
            raise RuntimeError("Connection was dropped by server.")

    library: Any = bench_library()
    library.sessions[-1] = Hislip()
    try:
        with pytest.raises(ConnectionError, match=re.escape("Connection was dropped by server.")):
            library.read(-1, 10)
    finally:
        del library.sessions[-1]
