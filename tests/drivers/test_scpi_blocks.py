"""Blocks of numbers behind a header, as the link that SCPI drivers share reads them, or refuses to."""

from __future__ import annotations

import math
import re
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from labctl.errors import LinkError

if TYPE_CHECKING:
    from tests.drivers.conftest import Answer, Linked

VALUES = [0.1, -1.5e-6, struct.unpack("<d", b"\x0a" * 8)[0], 9.9e37]
"""Their bytes hold the termination."""


def block(header: bytes, kind: str = "<f8") -> bytes:
    return header + np.array(VALUES, kind).tobytes() + b"\n"


@pytest.mark.parametrize("header", [b"#0", b"#232", b"#800000032"])
def test_blocks_are_read_with_the_termination_among_their_data(linked: Linked, header: bytes) -> None:
    _, link = linked(lambda line: block(header))
    values = link.query_block(":TRAC:DATA? 1,4", 4, "<f8")
    assert values.tolist() == [*VALUES[:3], math.inf]
    assert link.query_block(":TRAC:DATA? 1,4", 4, "<f8").shape == (4,)


def test_the_byte_order_is_honoured(linked: Linked) -> None:
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
def test_a_block_that_is_wrong_is_a_link_error(linked: Linked, reply: bytes) -> None:
    instrument, link = linked(lambda line: reply)
    with pytest.raises(LinkError, match=re.escape(":TRAC:DATA?")):
        link.query_block(":TRAC:DATA?", 4, "<f8")
    instrument.answer = lambda line: b"fine\n"
    assert link.query(":NEXT?") == "fine"


@pytest.mark.parametrize("failure", [BrokenPipeError(), b"0.1,0.2\n"])
def test_a_block_of_readings_that_are_taken_for_it_is_never_asked_for_twice(linked: Linked, failure: Answer) -> None:
    answers = iter([failure])
    instrument, link = linked(lambda line: next(answers, block(b"#0")))
    with pytest.raises(LinkError):
        link.query_block(":READ?", 4, "<f8", once=True)
    assert instrument.commands == [":READ?"]
    assert link.query_block(":READ?", 4, "<f8", once=True).shape == (4,)
