"""The link that SCPI drivers share, against an instrument in memory."""

from __future__ import annotations

import math
import re
import threading
from typing import TYPE_CHECKING

import pytest
from pyvisa.constants import StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from drivers.scpi import STALE_MAX, SilenceError
from drivers.scpi_errors import read_error_queue
from labctl.errors import LinkError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.drivers.conftest import Answer, Linked


def timeout() -> VisaIOError:
    return VisaIOError(StatusCode.error_timeout)


def once(first: Answer, later: Answer) -> Callable[[str], Answer]:
    """Answer the first line with `first`, all others with `later`."""
    answers = iter([first])
    return lambda line: next(answers, later)


def test_a_query_returns_the_answer_without_its_end(linked: Linked) -> None:
    instrument, link = linked(lambda line: b"0.2\r\n")
    assert link.query(":SOUR:VOLT?") == "0.2"
    assert instrument.sent == [":SOUR:VOLT?"]
    assert instrument.opened == 1


def test_values_are_split_at_commas(linked: Linked) -> None:
    _, link = linked(lambda line: b"1.0E+00, -9.9E37,9.91E37\n")
    first, second, third = link.query_values(":READ?")
    assert (first, second) == (1.0, -math.inf)
    assert math.isnan(third)


def test_garbled_values_name_instrument_address_command_and_reply(linked: Linked) -> None:
    _, link = linked(lambda line: b"1.0,\x1b[31mtwo\n")
    with pytest.raises(LinkError) as caught:
        link.query_values(":READ?")
    for part in ("smu", "TCPIP0::bench::5025::SOCKET", ":READ?", r"\x1b[31mtwo"):
        assert part in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_an_answer_that_is_not_ascii_is_a_link_error(linked: Linked) -> None:
    _, link = linked(lambda line: b"\xff\xfe\n")
    with pytest.raises(LinkError, match=re.escape(r"\xff\xfe")):
        link.query(":OUTP?")


@pytest.mark.parametrize(
    "failure",
    [timeout(), BrokenPipeError(32, "Broken pipe"), OSError("gone"), EOFError(), InvalidSession()],
    ids=lambda failure: type(failure).__name__,
)
def test_every_failure_of_the_channel_is_a_link_error(linked: Linked, failure: Exception) -> None:
    _, link = linked(lambda line: failure)
    with pytest.raises(LinkError, match=r"smu at TCPIP0::bench::5025::SOCKET"):
        link.write(":OUTP 0")
    with pytest.raises(LinkError, match=r"smu at TCPIP0::bench::5025::SOCKET.*':OUTP\?'"):
        link.query(":OUTP?")


def test_a_late_answer_is_never_taken_for_the_next_one(linked: Linked) -> None:
    instrument, link = linked(lambda line: None if line == ":SLOW?" else b"next\n")
    with pytest.raises(LinkError, match="no answer to ':SLOW\\?' in time"):
        link.query(":SLOW?")
    instrument.late = b"slow\n"
    assert link.query(":NEXT?") == "next"
    assert link.query(":NEXT?") == "next"


def test_a_query_is_asked_once_more_on_a_new_connection(linked: Linked) -> None:
    instrument, link = linked(once(ConnectionResetError(), b"0\n"))
    assert link.query(":OUTP?") == "0"
    assert instrument.commands == [":OUTP?", ":OUTP?"]
    assert instrument.opened == 2


def test_a_query_is_not_repeated_if_a_command_before_it_may_be_lost(linked: Linked) -> None:
    instrument, link = linked(lambda line: None)
    link.write(":SOUR:VOLT 0.5")
    with pytest.raises(LinkError, match=re.escape("unknown whether ':SOUR:VOLT 0.5' arrived")):
        link.query(":READ?")
    assert instrument.commands == [":SOUR:VOLT 0.5", ":READ?"]


def test_an_answered_query_confirms_the_commands_before_it(linked: Linked) -> None:
    instrument, link = linked(lambda line: None if line.endswith("5") else b"0\n")
    link.write(":SOUR:VOLT 0.5")
    link.query(":SOUR:VOLT?")
    instrument.answer = once(ConnectionResetError(), b"1\n")
    assert link.query(":READ?") == "1"


def test_a_command_is_never_sent_twice(linked: Linked) -> None:
    instrument, link = linked(once(BrokenPipeError(), b"0\n"))
    with pytest.raises(LinkError, match="unknown whether it arrived"):
        link.write(":OUTP 1")
    assert link.query(":OUTP?") == "0"
    assert instrument.commands == [":OUTP 1", ":OUTP?"]


def test_a_command_that_fails_names_the_one_before_it_that_may_be_lost_too(linked: Linked) -> None:
    _, link = linked(once(None, BrokenPipeError()))
    link.write(":SOUR:VOLT 0.5")
    with pytest.raises(LinkError, match=re.escape("unknown whether it and ':SOUR:VOLT 0.5' before it arrived")):
        link.write(":OUTP 1")


def test_an_interrupted_exchange_leaves_a_dirty_link(linked: Linked) -> None:
    instrument, link = linked(once(KeyboardInterrupt(), b"next\n"))
    with pytest.raises(KeyboardInterrupt):
        link.query(":SLOW?")
    instrument.late = b"slow\n"
    assert link.query(":NEXT?") == "next"


def test_the_token_of_a_process_that_died_is_not_taken_for_ours(linked: Linked) -> None:
    instrument, link = linked(lambda line: b"next\n")
    instrument.pending = b"101;102\n"
    link.synchronise()
    assert link.query(":NEXT?") == "next"
    assert instrument.pending == b""


def test_synchronising_reads_over_old_answers_also_if_cut_off(linked: Linked) -> None:
    instrument, link = linked(lambda line: b"next\n" if line == ":NEXT?" else None)
    instrument.pending = b"1.0\n\xff\n2.0E-"
    link.synchronise([":ABOR", ":OUTP 0"])
    assert instrument.commands == [":ABOR", ":OUTP 0"]
    assert link.query(":NEXT?") == "next"


def test_a_babbling_instrument_is_given_up(linked: Linked) -> None:
    instrument, link = linked(lambda line: b"")
    instrument.pending = b"x\n" * (STALE_MAX + 1)
    with pytest.raises(LinkError, match="answered with 'x'"):
        link.synchronise()


def test_query_until_reads_over_old_answers_and_sets_nothing(linked: Linked) -> None:
    instrument, link = linked(lambda line: b"TSP\n")
    instrument.pending = b"1.0\n0\n"
    assert link.query_until("*LANG?", lambda line: line in ("SCPI", "TSP")) == "TSP"
    assert instrument.sent == ["*LANG?"]


def test_query_until_shows_what_came_instead(linked: Linked) -> None:
    _, link = linked(lambda line: b"SSH-2.0-OpenSSH\n")
    with pytest.raises(LinkError, match=r"'\*IDN\?' was answered with 'SSH-2.0-OpenSSH'"):
        link.query_until("*IDN?", lambda line: line.count(",") == 3)


def test_urgent_commands_take_a_second_connection(linked: Linked) -> None:
    instrument, link = linked(once(BrokenPipeError(), None))
    link.send_urgently([":OUTP 0"])
    assert instrument.commands == [":OUTP 0", ":OUTP 0"]
    assert instrument.opened == 2


def test_urgent_commands_that_cannot_be_confirmed_are_an_error(linked: Linked) -> None:
    instrument, link = linked(lambda line: BrokenPipeError())
    with pytest.raises(LinkError):
        link.send_urgently([":OUTP 0"])
    assert instrument.opened == 2


def test_a_closed_link_says_so(linked: Linked) -> None:
    instrument, link = linked(lambda line: b"1\n")
    link.close()
    link.close()
    with pytest.raises(LinkError, match="closed"):
        link.query(":OUTP?")
    assert instrument.sent == []


def test_a_link_that_cannot_be_reopened_stays_usable_later(linked: Linked) -> None:
    instrument, link = linked(once(BrokenPipeError(), b"1\n"))
    instrument.plugged = False
    with pytest.raises(LinkError, match="cannot open it"):
        link.query(":OUTP?")
    instrument.plugged = True
    assert link.query(":OUTP?") == "1"
    assert instrument.opened == 2


@pytest.mark.parametrize("gap", [" ", "  "])
def test_the_token_may_be_answered_with_blanks(linked: Linked, gap: str) -> None:
    instrument, link = linked(lambda line: b"next\n")
    instrument.gap = gap
    instrument.pending = b"1.0\n2."
    link.synchronise([":OUTP 0"])
    assert link.query(":NEXT?") == "next"


def test_an_answer_that_is_not_ascii_confirms_nothing(linked: Linked) -> None:
    instrument, link = linked(lambda line: None if line.endswith("5") else b"\xb5\n")
    link.write(":SOUR:VOLT 0.5")
    with pytest.raises(LinkError, match=r"xb5.*unknown whether ':SOUR:VOLT 0.5' arrived"):
        link.query(":SOUR:VOLT?")
    assert instrument.commands == [":SOUR:VOLT 0.5", ":SOUR:VOLT?"]


def test_after_a_time_out_a_query_is_not_asked_again(linked: Linked) -> None:
    instrument, link = linked(lambda line: None)
    with pytest.raises(SilenceError, match=r"no answer to ':OUTP\?' in time"):
        link.query(":OUTP?")
    with pytest.raises(SilenceError):
        link.query_block(":TRAC:DATA?", 2, "<f8")
    assert instrument.commands == [":OUTP?", ":TRAC:DATA?"]


@pytest.mark.parametrize("failure", [BrokenPipeError(), ConnectionResetError(), EOFError(), b"\xff\n"])
def test_what_acts_is_never_asked_twice(linked: Linked, failure: Answer) -> None:
    instrument, link = linked(once(failure, b"1\n"))
    with pytest.raises(LinkError, match=r":READ\?"):
        link.query_values(":READ?", once=True)
    assert instrument.commands == [":READ?"]
    assert link.query(":OUTP?") == "1"


def test_an_entry_of_the_error_queue_is_never_lost_without_a_word(linked: Linked) -> None:
    """Asked again, an instrument whose answer was lost would say that there is no error."""
    _, link = linked(once(ConnectionResetError(), b'0,"No error"\n'))
    with pytest.raises(LinkError, match=r":SYST:ERR\?"):
        read_error_queue(link)
    assert read_error_queue(link) == []


@pytest.mark.parametrize(
    "reply",
    [b'0,"No error"', b'2;0,"No error"', b'1;0,""', b'1;0,"Undefined header"', b'1;-113,"No error"', b"1;", b";0"],
)
def test_an_answer_that_is_not_the_error_queues_next_is_told(linked: Linked, reply: bytes) -> None:
    _, link = linked(lambda _: reply + b"\n")
    link.synchronise()
    with pytest.raises(LinkError, match="was answered with"):
        read_error_queue(link)


@pytest.mark.parametrize("tag", [b"1", b"+1", b"#H1", b"#B1", b"#Q1", b" 1 "])
def test_an_error_queue_is_read_whatever_the_base_of_registers(linked: Linked, tag: bytes) -> None:
    _, link = linked(lambda _: tag + b';0,"No error"\n')
    link.synchronise()
    assert read_error_queue(link) == []


def test_a_link_on_which_nothing_was_set_asks_for_errors_without_setting_anything(linked: Linked) -> None:
    instrument, link = linked(lambda _: b'0,"No error"\n')
    assert read_error_queue(link) == []
    assert instrument.sent == [":SYST:ERR?"]


def test_a_time_out_of_its_own_lasts_for_one_query(linked: Linked) -> None:
    seen: list[float] = []

    def answer(line: str) -> Answer:
        seen.append(instrument.timeout)
        return b"1\n" if line != ":BREAK?" else ConnectionResetError()

    instrument, link = linked(answer)
    link.query(":LONG?", timeout=30.0)
    link.query_values(":LONG?", timeout=30.0)
    link.query(":SHORT?")
    with pytest.raises(LinkError):
        link.query(":BREAK?", timeout=30.0)
    link.query(":SHORT?")
    assert seen == [30_000.0, 30_000.0, 5000.0, 30_000.0, 30_000.0, 5000.0]


def test_the_token_is_not_waited_for_as_long_as_a_slow_query(linked: Linked) -> None:
    instrument, link = linked(lambda line: b"1\n")
    link.query(":LONG?", timeout=30.0)
    link.synchronise()
    assert instrument.timeout == 5000.0


def test_a_link_that_is_opened_again_meets_the_same_instrument(linked: Linked) -> None:
    instrument, link = linked(lambda line: b"K,2450,1,1.7\n" if line == "*IDN?" else once_broken(line))
    once_broken = once(ConnectionResetError(), b"1\n")
    assert link.query_until("*IDN?", bool) == "K,2450,1,1.7"
    assert link.query(":OUTP?") == "1"
    assert instrument.commands == ["*IDN?", ":OUTP?", "*IDN?", ":OUTP?"]


def test_another_instrument_at_the_address_is_not_asked_or_told_anything(linked: Linked) -> None:
    names = iter([b"K,2450,1,1.7\n"])
    instrument, link = linked(lambda line: next(names, b"K,2450,2,1.7\n") if line == "*IDN?" else BrokenPipeError())
    link.query_until("*IDN?", bool)
    with pytest.raises(LinkError, match=r"'\*IDN\?' was answered with 'K,2450,2,1.7'"):
        link.query(":OUTP?")
    with pytest.raises(LinkError, match=r"'K,2450,2,1.7'; ':OUTP 1' was not sent"):
        link.write(":OUTP 1")
    assert instrument.commands == ["*IDN?", ":OUTP?", "*IDN?", "*IDN?"]


def test_a_very_long_command_is_cut_in_messages(linked: Linked) -> None:
    _, link = linked(lambda line: None)
    with pytest.raises(LinkError) as caught:
        link.query(":SOUR:LIST:VOLT " + "0.1," * 10_000)
    assert len(str(caught.value)) < 500


def test_two_threads_never_share_an_exchange(linked: Linked) -> None:
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
