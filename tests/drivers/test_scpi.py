"""The link that SCPI drivers share, against an instrument in memory."""

from __future__ import annotations

import math
import re
import struct
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from drivers.scpi import STALE_MAX, ScpiLink
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = bytes | BaseException | None
TOKEN = re.compile(r"\*ESE (\d+);\*ESE\?;\*ESE (\d+);\*ESE\?")


def timeout() -> VisaIOError:
    return VisaIOError(StatusCode.error_timeout)


class FakeInstrument:
    """Answers lines through `answer`; what is not read stays in its output, also for the next connection.

    `late` is put out before the next line is answered.
    """

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        self.answer = answer
        self.sent: list[str] = []
        self.pending = b""
        self.late = b""
        self.opened = 0
        self.plugged = True

    def connect(self) -> FakeInstrument:
        if not self.plugged:
            raise LinkError("cannot open it")
        self.opened += 1
        return self

    def write_raw(self, message: bytes) -> int:
        assert message.endswith(b"\n")
        line = message.decode("ascii")[:-1]
        self.sent.append(line)
        self.pending += self.late
        self.late = b""
        token = TOKEN.fullmatch(line)
        reply = self.answer(line) if token is None else f"{token[1]};{token[2]}\n".encode()
        if isinstance(reply, BaseException):
            raise reply
        self.pending += reply or b""
        return len(message)

    def read_raw(self) -> bytes:
        line, end, self.pending = self.pending.partition(b"\n")
        if not end:
            raise timeout()
        return line + end

    def read_bytes(self, count: int) -> bytes:
        data, self.pending = self.pending[:count], self.pending[count:]
        if len(data) < count:
            raise timeout()
        return data

    def close(self) -> None:
        pass

    @property
    def commands(self) -> list[str]:
        """What was sent apart from tokens."""
        return [line for line in self.sent if TOKEN.fullmatch(line) is None]


def linked(answer: Callable[[str], Answer]) -> tuple[FakeInstrument, ScpiLink]:
    instrument = FakeInstrument(answer)
    return instrument, ScpiLink(instrument.connect, "smu", "TCPIP0::bench::5025::SOCKET")


def once(first: Answer, later: Answer) -> Callable[[str], Answer]:
    """Answer the first line with `first`, all others with `later`."""
    answers = iter([first])
    return lambda line: next(answers, later)


def test_a_query_returns_the_answer_without_its_end() -> None:
    instrument, link = linked(lambda line: b"0.2\r\n")
    assert link.query(":SOUR:VOLT?") == "0.2"
    assert instrument.sent == [":SOUR:VOLT?"]
    assert instrument.opened == 1


def test_values_are_split_at_commas() -> None:
    _, link = linked(lambda line: b"1.0E+00, -9.9E37,9.91E37\n")
    first, second, third = link.query_values(":READ?")
    assert (first, second) == (1.0, -math.inf)
    assert math.isnan(third)


def test_garbled_values_name_instrument_address_command_and_reply() -> None:
    _, link = linked(lambda line: b"1.0,\x1b[31mtwo\n")
    with pytest.raises(LinkError) as caught:
        link.query_values(":READ?")
    for part in ("smu", "TCPIP0::bench::5025::SOCKET", ":READ?", r"\x1b[31mtwo"):
        assert part in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_an_answer_that_is_not_ascii_is_a_link_error() -> None:
    _, link = linked(lambda line: b"\xff\xfe\n")
    with pytest.raises(LinkError, match=re.escape(r"\xff\xfe")):
        link.query(":OUTP?")


@pytest.mark.parametrize(
    "failure",
    [timeout(), BrokenPipeError(32, "Broken pipe"), OSError("gone"), EOFError(), InvalidSession()],
    ids=lambda failure: type(failure).__name__,
)
def test_every_failure_of_the_channel_is_a_link_error(failure: Exception) -> None:
    _, link = linked(lambda line: failure)
    with pytest.raises(LinkError, match=r"smu at TCPIP0::bench::5025::SOCKET"):
        link.write(":OUTP 0")
    with pytest.raises(LinkError, match=r"smu at TCPIP0::bench::5025::SOCKET.*':OUTP\?'"):
        link.query(":OUTP?")


def test_a_late_answer_is_never_taken_for_the_next_one() -> None:
    instrument, link = linked(lambda line: None if line == ":SLOW?" else b"next\n")
    with pytest.raises(LinkError, match="no answer to ':SLOW\\?' in time"):
        link.query(":SLOW?")
    instrument.late = b"slow\n"
    assert link.query(":NEXT?") == "next"
    assert link.query(":NEXT?") == "next"


def test_a_query_is_asked_once_more_on_a_new_connection() -> None:
    instrument, link = linked(once(ConnectionResetError(), b"0\n"))
    assert link.query(":OUTP?") == "0"
    assert instrument.commands == [":OUTP?", ":OUTP?"]
    assert instrument.opened == 2


def test_a_query_is_not_repeated_if_a_command_before_it_may_be_lost() -> None:
    instrument, link = linked(lambda line: None)
    link.write(":SOUR:VOLT 0.5")
    with pytest.raises(LinkError, match=re.escape("unknown whether ':SOUR:VOLT 0.5' arrived")):
        link.query(":READ?")
    assert instrument.commands == [":SOUR:VOLT 0.5", ":READ?"]


def test_an_answered_query_confirms_the_commands_before_it() -> None:
    instrument, link = linked(lambda line: None if line.endswith("5") else b"0\n")
    link.write(":SOUR:VOLT 0.5")
    link.query(":SOUR:VOLT?")
    instrument.answer = once(ConnectionResetError(), b"1\n")
    assert link.query(":READ?") == "1"


def test_a_command_is_never_sent_twice() -> None:
    instrument, link = linked(once(BrokenPipeError(), b"0\n"))
    with pytest.raises(LinkError, match="unknown whether it arrived"):
        link.write(":OUTP 1")
    assert link.query(":OUTP?") == "0"
    assert instrument.commands == [":OUTP 1", ":OUTP?"]


def test_a_command_that_fails_names_the_one_before_it_that_may_be_lost_too() -> None:
    _, link = linked(once(None, BrokenPipeError()))
    link.write(":SOUR:VOLT 0.5")
    with pytest.raises(LinkError, match=re.escape("unknown whether it and ':SOUR:VOLT 0.5' before it arrived")):
        link.write(":OUTP 1")


def test_an_interrupted_exchange_leaves_a_dirty_link() -> None:
    instrument, link = linked(once(KeyboardInterrupt(), b"next\n"))
    with pytest.raises(KeyboardInterrupt):
        link.query(":SLOW?")
    instrument.late = b"slow\n"
    assert link.query(":NEXT?") == "next"


def test_the_token_of_a_process_that_died_is_not_taken_for_ours() -> None:
    instrument, link = linked(lambda line: b"next\n")
    instrument.pending = b"101;102\n"
    link.synchronise()
    assert link.query(":NEXT?") == "next"
    assert instrument.pending == b""


def test_synchronising_reads_over_old_answers_also_if_cut_off() -> None:
    instrument, link = linked(lambda line: b"next\n" if line == ":NEXT?" else None)
    instrument.pending = b"1.0\n\xff\n2.0E-"
    link.synchronise([":ABOR", ":OUTP 0"])
    assert instrument.commands == [":ABOR", ":OUTP 0"]
    assert link.query(":NEXT?") == "next"


def test_a_babbling_instrument_is_given_up() -> None:
    instrument, link = linked(lambda line: b"")
    instrument.pending = b"x\n" * (STALE_MAX + 1)
    with pytest.raises(LinkError, match="answered with 'x'"):
        link.synchronise()


def test_query_until_reads_over_old_answers_and_sets_nothing() -> None:
    instrument, link = linked(lambda line: b"TSP\n")
    instrument.pending = b"1.0\n0\n"
    assert link.query_until("*LANG?", lambda line: line in ("SCPI", "TSP")) == "TSP"
    assert instrument.sent == ["*LANG?"]


def test_query_until_shows_what_came_instead() -> None:
    _, link = linked(lambda line: b"SSH-2.0-OpenSSH\n")
    with pytest.raises(LinkError, match=r"'\*IDN\?' was answered with 'SSH-2.0-OpenSSH'"):
        link.query_until("*IDN?", lambda line: line.count(",") == 3)


def test_urgent_commands_take_a_second_connection() -> None:
    instrument, link = linked(once(BrokenPipeError(), None))
    link.send_urgently([":OUTP 0"])
    assert instrument.commands == [":OUTP 0", ":OUTP 0"]
    assert instrument.opened == 2


def test_urgent_commands_that_cannot_be_confirmed_are_an_error() -> None:
    instrument, link = linked(lambda line: BrokenPipeError())
    with pytest.raises(LinkError):
        link.send_urgently([":OUTP 0"])
    assert instrument.opened == 2


def test_a_closed_link_says_so() -> None:
    instrument, link = linked(lambda line: b"1\n")
    link.close()
    link.close()
    with pytest.raises(LinkError, match="closed"):
        link.query(":OUTP?")
    assert instrument.sent == []


def test_a_link_that_cannot_be_reopened_stays_usable_later() -> None:
    instrument, link = linked(once(BrokenPipeError(), b"1\n"))
    instrument.plugged = False
    with pytest.raises(LinkError, match="cannot open it"):
        link.query(":OUTP?")
    instrument.plugged = True
    assert link.query(":OUTP?") == "1"
    assert instrument.opened == 2


def test_two_threads_never_share_an_exchange() -> None:
    instrument, link = linked(lambda line: line.encode() + b"\n")
    wrong: list[str] = []

    def work(name: str) -> None:
        for index in range(300):
            answer = link.query(f"{name}{index}?")
            if answer != f"{name}{index}?":
                wrong.append(answer)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(instrument.sent) == 600


VALUES = [0.1, -1.5e-6, struct.unpack("<d", b"\x0a" * 8)[0], 9.9e37]
"""Their bytes hold the termination."""


def block(header: bytes, kind: str = "<f8") -> bytes:
    return header + np.array(VALUES, kind).tobytes() + b"\n"


@pytest.mark.parametrize("header", [b"#0", b"#232", b"#800000032"])
def test_blocks_are_read_with_the_termination_among_their_data(header: bytes) -> None:
    _, link = linked(lambda line: block(header))
    values = link.query_block(":TRAC:DATA? 1,4", 4, "<f8")
    assert values.tolist() == [*VALUES[:3], math.inf]
    assert link.query_block(":TRAC:DATA? 1,4", 4, "<f8").shape == (4,)


def test_the_byte_order_is_honoured() -> None:
    _, link = linked(lambda line: block(b"#0", ">f8"))
    assert link.query_block(":TRAC:DATA?", 4, ">f8").tolist() == [*VALUES[:3], math.inf]


@pytest.mark.parametrize(
    "reply",
    [
        b"#0" + b"\n" * 31,  # too short: no end in time
        b"#0" + b"\n" * 32 + b"x",  # no termination after the data
        b"#0" + b"\x00" * 33 + b"\n",  # one byte too many
        b"#224" + b"\x00" * 24 + b"\n",  # fewer than asked for
        b"#231" + b"\x00" * 32 + b"\n",  # says one byte less than there are
        b"#9999999999" + b"\x00" * 24 + b"\n",  # claims more than could ever come
        b"0.1,0.2\n",
        b"\n",
        b"",
    ],
)
def test_a_block_that_is_wrong_is_a_link_error(reply: bytes) -> None:
    instrument, link = linked(lambda line: reply)
    with pytest.raises(LinkError, match=re.escape(":TRAC:DATA?")):
        link.query_block(":TRAC:DATA?", 4, "<f8")
    instrument.answer = once(b"fine\n", b"fine\n")
    assert link.query(":NEXT?") == "fine"
