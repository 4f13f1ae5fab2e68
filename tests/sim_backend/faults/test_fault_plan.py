"""A fault plan is read with the same care as a bench file."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import BenchFileError, LabctlError
from labctl.toml_source import TomlSource
from sim_backend.faults.kinds import MESSAGES, Direction, FaultKind
from sim_backend.faults.plan import FaultPlan, read_plan

GOOD = """
[[fault]]
kind = "cut"
channel = "board"
direction = "reply"
message = 17
at = 5

[[fault]]   # another one
kind = "link-gone"
channel = "smu"
byte = 1000
for = "20 ms"

[[fault]]
kind = "stuck-cell"
row = 1
column = 2
pulse = 30

[[fault]]
kind = "disk-full"
write = 12
writes = 3

[random]
seed = 4
rate = 0.01
kinds = ["drop", "flip"]
"""


BAD_SECOND = """[[fault]]
kind = 'drop'
channel = 'board'
message = 1

[[fault]]
kind = 'drop'
channel = 'board'
message = 0
"""


def read(text: str) -> FaultPlan:
    return read_plan(TomlSource("plan.toml", text))


def check(text: str) -> None:
    source = TomlSource("plan.toml", text)
    read_plan(source).check_fits({"smu": False, "board": True}, 4, 4, source)


def test_a_plan_says_what_where_when_and_how() -> None:
    plan = read(GOOD)
    cut, gone, stuck, disk = plan.fault
    assert (cut.kind, cut.channel, cut.direction, cut.message, cut.at) == (
        FaultKind.CUT, "board", Direction.REPLY, 17, 5,
    )  # fmt: skip
    assert (gone.kind, gone.direction, gone.byte, gone.lasting) == (FaultKind.LINK_GONE, Direction.REQUEST, 1000, 0.02)
    assert (stuck.row, stuck.column, stuck.pulse) == (1, 2, 30)
    assert (disk.write, disk.writes) == (12, 3)
    assert plan.random is not None
    assert (plan.random.seed, plan.random.rate, plan.random.kinds) == (4, 0.01, (FaultKind.DROP, FaultKind.FLIP))
    check(GOOD)


def test_dice_without_kinds_throw_what_strikes_messages() -> None:
    plan = read("[random]\nrate = 1.0\n")
    assert plan.random is not None
    assert set(plan.random.kinds) == MESSAGES
    assert plan.fault == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fault = 3", ("fault",)),
        ("[[fault]]\nkind = 'drip'\nchannel = 'board'\nmessage = 1", ("line 2, fault.kind", "'drip'", "drop, delay")),
        ("[[fault]]\nkind = 'drop'\nchannel = 'board'\nmesage = 1", ("line 4, fault.mesage", "did you mean 'message'")),
        ("[[fault]]\nkind = 'drop'\nmessage = 1", ("line 1, fault", "needs a channel")),
        ("[[fault]]\nkind = 'drop'\nchannel = 'board'", ("line 1", "exactly one of message, byte, time, step, pulse")),
        (
            BAD_SECOND,
            ("line 9, fault.message", "greater than or equal to 1, not 0"),
        ),
        ("[[fault]]\nkind = 'drop'\nchannel = 'board'\nmessage = 1\nbyte = 2", ("line 1", "exactly one of")),
        ("[[fault]]\nkind = 'drop'\nchannel = 'board'\nmessage = 1\nat = 2", ("'at' means nothing to 'drop'",)),
        ("[[fault]]\nkind = 'drop'\nchannel = 'board'\nmessage = 1\nfor = '1 s'", ("'for' means nothing to 'drop'",)),
        ("[[fault]]\nkind = 'delay'\nchannel = 'board'\nmessage = 1\nfor = '1 V'", ("line 5, fault.for", "'1 V'")),
        ("[[fault]]\nkind = 'delay'\nchannel = 'board'\nmessage = 1\nfor = 1", ("line 5, fault.for", "1")),
        ("[[fault]]\nkind = 'disk-full'\nmessage = 1", ("line 1", "strikes no channel")),
        ("[[fault]]\nkind = 'disk-full'\ntime = '1 s'", ("line 1", "needs `write`")),
        ("[[fault]]\nkind = 'stuck-cell'\npulse = 1\nrow = 2", ("line 1", "needs row and column")),
        ("[random]\nrate = 2.0", ("line 2, random.rate", "less than or equal to 1, not 2.0")),
        ("[random]\nrate = 0.1\nkinds = ['disk-full']", ("line 1, random", "cannot be drawn")),
        ("[random]\nrate = 0.1\nseeds = 1", ("line 3, random.seeds", "did you mean 'seed'")),
        ("[rnadom]\nrate = 0.1", ("line 1, rnadom", "did you mean 'random'")),
        ("[[fault]\nkind", ("is not TOML",)),
    ],
)
def test_what_is_wrong_is_said_in_one_line(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(BenchFileError) as refused:
        read(text)
    message = str(refused.value)
    assert message.startswith("plan.toml")
    assert "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[fault]]\nkind = 'drop'\nchannel = 'bord'\nmessage = 1", ("line 1", "no instrument 'bord'", "board, smu")),
        ("\n[[fault]]\nkind = 'flip'\nchannel = 'smu'\nmessage = 1", ("line 2", "probe boards only", "nobody can see")),
        ("[[fault]]\nkind = 'trip'\nchannel = 'smu'\nmessage = 1", ("line 1", "probe boards only")),
        ("[[fault]]\nkind = 'stuck-cell'\nrow = 4\ncolumn = 0\nstep = 1", ("line 1", "rows 0..3")),
        ("[random]\nrate = 0.1\nchannels = ['sum']", ("line 1", "no instrument 'sum'")),
    ],
)
def test_what_the_bench_has_not_is_refused(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(BenchFileError) as refused:
        check(text)
    assert all(word in str(refused.value) for word in words), refused.value


@given(st.text(alphabet="[]faultkindchel=\"'0123456789.\n -rom", max_size=80))
def test_whatever_stands_in_a_plan_only_our_errors_come_of_it(text: str) -> None:
    with suppress(LabctlError):
        check(text)


def test_the_page_shows_a_plan_and_lists_every_kind() -> None:
    page = (Path(__file__).parents[3] / "docs/faults.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    check(text)
    listed = re.findall(r"^\| ([a-z-]+) \|", page, re.MULTILINE)
    assert listed == ["kind", *(kind.value for kind in FaultKind)]
