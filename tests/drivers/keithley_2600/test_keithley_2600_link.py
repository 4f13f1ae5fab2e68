"""The TSP link: numbered queries, old and damaged answers, scripts that nobody ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from drivers.scpi import SilenceError
from labctl.errors import LinkError

if TYPE_CHECKING:
    from drivers.tsp import TspLink
    from tests.drivers.keithley_2600.conftest import TspWire

ASKED = 'print("<{0}>", smua.source.limiti, "<{0}>", smua.source.limiti)'


def test_a_query_carries_its_number_and_its_answer_twice(link: TspLink, tsp: TspWire) -> None:
    tsp.say_bytes(ASKED.format(1000), b"<1000>\t1.50000e-02\t<1000>\t1.50000e-02\n")
    tsp.say_bytes(ASKED.format(1001), b"<1001>\t2.00000e-02\t<1001>\t2.00000e-02\n")
    assert link.query("smuX.source.limiti") == "1.50000e-02"
    assert link.query_values("smuX.source.limiti") == [0.02]


def test_values_are_separated_by_tabs(link: TspLink, tsp: TspWire) -> None:
    tsp.say("a, b, c -> 1.00000e+00 -2.50000e-09 9.91000e+37")
    first, second, third = link.query_values("a, b, c")
    assert (first, second) == (1.0, -2.5e-9)
    assert np.isnan(third)


def test_an_old_answer_is_read_over(link: TspLink, tsp: TspWire) -> None:
    tsp.say("first -> 1.00000e+00")
    link.query("first")
    late = b"<1000>\t7.00000e+00\t<1000>\t7.00000e+00\nTSP>\n"
    tsp.say_bytes('print("<1001>", x, "<1001>", x)', late + b"<1001>\t2.00000e+00\t<1001>\t2.00000e+00\n")
    assert link.query_values("x") == [2.0]


@pytest.mark.parametrize(
    "reply",
    [
        b"<1000>\t1.50000e-02\t<1000>\t1.5000\n",
        b"<1000>\t1.50000e-02\t<1000>\t1.60000e-02\n",
        b"<1000>\t-1.50000e-02\t<1000>\t1.50000e-02\n",
        b"<1000>\t1.50000e-02\t<1000\n",
        b"<1000>\n",
        b"<1000>\t<1000>\n",
        b"<1000>\t1.50000e-02\t<1000>\t1.50000e-02<1000>\t1.50000e-02\t<1000>\t1.50000e-02\n",
        b"\x00<1000>\t1.50000e-02\t<1000>\t1.50000e-02\n",
        b"<1000>\t1.5\xff0000e-02\t<1000>\t1.50000e-02\n",
    ],
)
def test_a_damaged_answer_is_asked_for_again(link: TspLink, tsp: TspWire, reply: bytes) -> None:
    tsp.say_bytes(ASKED.format(1000), reply)
    tsp.tag = 1001
    tsp.say_sync()
    tsp.say("smua.source.limiti -> 1.50000e-02")
    assert link.query_values("smuX.source.limiti") == [0.015]
    assert tsp.connections == 2


def test_a_damaged_answer_behind_a_command_is_an_error_and_confirms_nothing(link: TspLink, tsp: TspWire) -> None:
    tsp.say("smua.source.levelv = 1")
    tsp.say_bytes(ASKED.format(1000), b"<1000>\t1.5\t<1000>\t1.\n")
    link.write("smuX.source.levelv = 1")
    with pytest.raises(LinkError, match=r"smua\.source\.limiti.*unknown whether 'smua\.source\.levelv = 1' arrived"):
        link.query("smuX.source.limiti")


def test_after_a_time_out_the_link_is_synchronised_before_anything_else(link: TspLink, tsp: TspWire) -> None:
    tsp.say("smua.source.levelv = 1")
    tsp.say_bytes(ASKED.format(1000), None)
    link.write("smuX.source.levelv = 1")
    with pytest.raises(LinkError, match="no answer"):
        link.query("smuX.source.limiti")
    tsp.output = b"<1000>\t9.00000e+00\t<1000>\t9.00000e+00\n"  # it comes late
    tsp.tag = 1001
    tsp.say_sync()
    tsp.say("smua.source.limiti -> 1.50000e-02")
    assert link.query_values("smuX.source.limiti") == [0.015]


def test_a_block_without_length_is_read_to_its_end(link: TspLink, tsp: TspWire) -> None:
    # 0x0A inside the data ends the first read; pyvisa's query_binary_values returns an empty list for a #0 block.
    values = np.frombuffer(b"\n\n\x0a?\n@\n@" * 3, "<f8")
    tsp.say_block("printbuffer(1, 3, smua.nvbuffer1.readings)", values.tobytes())
    block = link.query_block("printbuffer(1, 3, smuX.nvbuffer1.readings)", 3, "<f8")
    np.testing.assert_array_equal(block, values)


def test_an_old_block_is_read_over(link: TspLink, tsp: TspWire) -> None:
    tsp.output = b"#0" + np.array([1.0, 2.0]).tobytes() + b"\n"
    tsp.say_block("printbuffer(1, 2, b)", np.array([3.0, 4.0]).tobytes())
    np.testing.assert_array_equal(link.query_block("printbuffer(1, 2, b)", 2, "<f8"), [3.0, 4.0])


def test_an_instrument_that_waits_for_the_end_of_a_script_is_freed(link: TspLink, tsp: TspWire) -> None:
    tsp.say_sync("abort", "abort", "smua.source.output = 0", answered=False)
    tsp.say_sync("abort", "endscript", "abort", "smua.source.output = 0")
    link.send_urgently(["smuX.source.output = 0"])


def test_a_dead_instrument_is_an_error(link: TspLink, tsp: TspWire) -> None:
    tsp.say_sync("abort", "abort", answered=False)
    tsp.say_sync("abort", "endscript", "abort", answered=False)
    with pytest.raises(LinkError, match="check power"):
        link.send_urgently([])


def test_a_query_that_is_not_answered_in_time_is_not_asked_again(link: TspLink, tsp: TspWire) -> None:
    tsp.say_bytes(ASKED.format(1000), None)
    with pytest.raises(SilenceError, match=r"smua\.source\.limiti.*in time"):
        link.query("smuX.source.limiti")
    assert tsp.connections == 1


def test_a_damaged_answer_to_what_acts_is_not_asked_for_again(link: TspLink, tsp: TspWire) -> None:
    tsp.say_bytes('print("<1000>", smua.measure.i(), "<1000>", smua.measure.i())', b"<1000>\t1.5\t<1000>\t1.\n")
    with pytest.raises(LinkError, match=r"smua\.measure\.i"):
        link.query_values("smuX.measure.i()", once=True)
    assert tsp.connections == 1


def test_a_slow_query_is_given_its_time(link: TspLink, tsp: TspWire) -> None:
    tsp.say("smua.measure.i() -> 1.00000e-09")
    assert link.query_values("smuX.measure.i()", timeout=30.0) == [1e-9]
    assert tsp.timeout == 30_000.0
    tsp.say("smua.source.limiti -> 1.50000e-02")
    link.query("smuX.source.limiti")
    assert tsp.timeout == 3000.0
