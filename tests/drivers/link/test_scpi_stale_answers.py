"""Answers that come late, unasked, or to somebody else: first what pyvisa-py makes of them, then what our link does."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pyvisa import constants
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drivers.hardware import HardwareBackend
    from drivers.scpi import ScpiLink
    from tests.drivers.link.conftest import Answer, Caller, Peer

    PeerMaker = Callable[[Answer], Peer]
    Linker = Callable[[str], ScpiLink]
    Raw = Callable[..., Any]

VALUES = np.array([0.1, -1.5e-6, *np.frombuffer(b"\n" * 8, "<f8"), 3.0])
"""Their bytes hold the termination."""


def echo(caller: Caller, line: str) -> None:
    if line.endswith("?"):
        caller.say(line.encode() + b"\n")


def dawdle(caller: Caller, line: str) -> None:
    """Say what `:SLOW?` asks for together with the next answer."""
    if line == ":SLOW?":
        caller.hold_back(b":SLOW?\n")
    else:
        echo(caller, line)


def test_pyvisa_py_takes_a_late_answer_for_the_next_one(peer: PeerMaker, raw_to: Raw) -> None:
    raw = raw_to(peer(dawdle).address)
    with pytest.raises(VisaIOError):
        raw.query(":SLOW?")
    assert raw.query(":NEXT?") == ":SLOW?"
    assert raw.query(":OTHER?") == ":NEXT?"


def test_clear_of_pyvisa_py_sends_nothing_and_does_not_help(peer: PeerMaker, raw_to: Raw) -> None:
    one = peer(dawdle)
    raw = raw_to(one.address)
    with pytest.raises(VisaIOError):
        raw.query(":SLOW?")
    raw.clear()
    assert raw.query(":NEXT?") == ":SLOW?"
    assert one.lines == [":SLOW?", ":NEXT?"]


def test_a_late_answer_is_never_taken_for_the_next_one(peer: PeerMaker, link_to: Linker) -> None:
    one = peer(dawdle)
    link = link_to(one.address)
    with pytest.raises(LinkError, match=r"no answer to ':SLOW\?' in time"):
        link.query(":SLOW?")
    assert [link.query(f":NEXT{n}?") for n in range(3)] == [":NEXT0?", ":NEXT1?", ":NEXT2?"]
    assert len(one.callers) == 2


def stutter(caller: Caller, line: str) -> None:
    """Say each answer twice."""
    caller.say((line.encode() + b"\n") * 2)


def test_pyvisa_py_takes_what_nobody_asked_for_as_an_answer(peer: PeerMaker, raw_to: Raw) -> None:
    raw = raw_to(peer(stutter).address)
    assert raw.query(":ONE?") == ":ONE?"
    assert raw.query(":TWO?") == ":ONE?"


def test_what_nobody_asked_for_is_never_an_answer(peer: PeerMaker, link_to: Linker) -> None:
    one = peer(stutter)
    link = link_to(one.address)
    assert [link.query(f":NEXT{n}?") for n in range(4)] == [":NEXT0?", ":NEXT1?", ":NEXT2?", ":NEXT3?"]
    assert len(one.callers) == 4  # each time, the link was opened again and synchronised


def test_what_nobody_asked_for_behind_a_command_is_an_error(peer: PeerMaker, link_to: Linker) -> None:
    said = threading.Event()

    def complain(caller: Caller, line: str) -> None:
        caller.say(b"what?\n" if line == ":OUTP 0" else line.encode() + b"\n")
        said.set()

    link = link_to(peer(complain).address)
    link.write(":OUTP 0")
    assert said.wait(5)
    with pytest.raises(LinkError, match=r"was said before ':OUTP\?' was asked; .*unknown whether ':OUTP 0' arrived"):
        link.query(":OUTP?")
    assert link.query(":OUTP?") == ":OUTP?"


def test_pyvisa_py_gives_one_thread_the_answer_of_another(peer: PeerMaker, raw_to: Raw) -> None:
    raw = raw_to(peer(echo).address)
    answers: list[str] = []
    raw.write(":MINE?")
    other = threading.Thread(target=lambda: answers.append(raw.query(":OTHERS?")))
    other.start()
    other.join(5)
    assert answers == [":MINE?"]
    assert raw.read() == ":OTHERS?"


def test_two_threads_get_their_own_answers(peer: PeerMaker, link_to: Linker) -> None:
    link = link_to(peer(echo).address)
    wrong: list[str] = []

    def work(name: str) -> None:
        for number in range(300):
            answer = link.query(f":{name}{number}?")
            if answer != f":{name}{number}?":
                wrong.append(answer)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def block_of(header: bytes) -> Answer:
    return lambda caller, line: caller.say(header + VALUES.tobytes() + b"\n")


def test_pyvisa_py_returns_an_empty_list_for_a_block_without_length(peer: PeerMaker, raw_to: Raw) -> None:
    raw = raw_to(peer(block_of(b"#0")).address)
    assert raw.query_binary_values(":TRAC:DATA?", "d") == []


def test_pyvisa_py_waits_in_vain_for_the_end_of_a_block_without_a_termination(peer: PeerMaker, raw_to: Raw) -> None:
    raw = raw_to(peer(block_of(b"#232")).address, read_termination=None)
    with pytest.raises(VisaIOError) as caught:
        raw.query_binary_values(":TRAC:DATA?", "d")
    assert caught.value.error_code == StatusCode.error_timeout


@pytest.mark.parametrize("header", [b"#0", b"#232", b"#800000032"])
def test_blocks_come_whole_and_alone(peer: PeerMaker, link_to: Linker, header: bytes) -> None:
    link = link_to(peer(block_of(header)).address)
    for _ in range(3):
        np.testing.assert_array_equal(link.query_block(":TRAC:DATA?", VALUES.size, "<f8"), VALUES)


def test_pyvisa_py_cannot_poll_lock_or_trigger_a_socket(peer: PeerMaker, raw_to: Raw) -> None:
    raw = raw_to(peer(echo).address)
    for call in (raw.read_stb, raw.lock):
        with pytest.raises(VisaIOError) as caught:
            call()
        assert caught.value.error_code == StatusCode.error_nonsupported_operation
    with pytest.raises(NotImplementedError):
        raw.assert_trigger()
    with pytest.raises(NotImplementedError):
        raw.enable_event(constants.EventType.service_request, constants.EventMechanism.queue)


def test_the_link_needs_no_call_that_pyvisa_py_has_not(
    peer: PeerMaker, backend: HardwareBackend, link_to: Linker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole life of a link, with everything closed to it that not all transports have."""
    one = peer(dawdle)
    library: Any = type(backend.open_visa(one.address).visalib)
    for name in ("clear", "read_stb", "lock", "unlock", "assert_trigger", "enable_event", "wait_on_event"):
        monkeypatch.setattr(library, name, None, raising=False)
    link = link_to(one.address)
    link.synchronise([":ABOR"])
    with pytest.raises(LinkError):
        link.query(":SLOW?")
    link.write(":OUTP 0")
    assert link.query(":NEXT?", timeout=2.0) == ":NEXT?"
    link.send_urgently([":OUTP 0"])
    link.close()


def test_an_instrument_may_put_a_blank_behind_the_semicolon(peer: PeerMaker, link_to: Linker) -> None:
    one = peer(dawdle)
    one.gap = " "
    link = link_to(one.address)
    with pytest.raises(LinkError):
        link.query(":SLOW?")
    assert link.query(":NEXT?") == ":NEXT?"
    link.synchronise()
    assert len(one.callers) == 2
