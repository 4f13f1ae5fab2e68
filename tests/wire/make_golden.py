"""Writes golden.json: the probe board's bytes, worked out from the wire specification alone.

Run it as `python tests/wire/make_golden.py`. It and `golden_words.py` use neither `labctl.wire` nor a COBS library, so
that a mistake in either shows. `exchanges` are one conversation, in order, with a board of 64 x 64 that was just
powered up; `others` are conversations with other boards: their shape and features, and the exchanges.

An exchange has a name, `request` and `reply`. A frame has its header in words, its payload as a list of
`[name, type, value]` (types u8 u16 u32 u64 i32 f64, text, hex), and `frame`: the encoded bytes with the delimiter.
`currents` says what the die answered, one list of `[A, flags]` a group of cells read or a vector multiplied; `held`
says which pulse trains, or inputs of a product (counted in the exchange), reached the current limit; `fails`, that the
world behind the board could not go on. `free` names the reply's fields that a board is free in; tests of SELFTEST and
their values are a board's own: those here are the twin's.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from golden_words import (
    SESSION,
    Conversation,
    Words,
    block,
    capabilities,
    cells,
    coefficients,
    entries,
    identity,
    lines,
    product,
    reading,
    receipt,
    status,
)


def outside_session(talk: Conversation) -> None:
    """What is asked before a session is open."""
    name = "labctl,XPB-64,TWIN-board,1.0.0"
    talk.add("identify", 0x0002, 0x8000_0000, [], [["identity", "text", name]], session=0)
    talk.add("capabilities", 0x0003, 0x8000_0001, [], capabilities(64, 64, 31), session=0)
    talk.add("status of a fresh board", 0x0004, 0x8000_0002, [], status(0, 0, 0, 0), session=0, free=("time_us",))
    talk.refuse("no session is open", 0x0006, 1, [], 5, "session 1 is not open", session=1)
    talk.refuse("session 0 is none", 0x0006, 1, [], 5, "session 0 is not open", session=0)
    short: Words = [["nonce", "hex", "123456"]]
    talk.refuse("hello of three bytes", 0x0001, 0x8000_0003, short, 2, "4 bytes expected, 3 found", session=0)
    talk.refuse("safe with a byte", 0x0005, 0x8000_0004, [["x", "u8", 0]], 2, "no bytes expected", session=0)
    hello: Words = [["nonce", "u32", 0x8765_4321]]
    opened = [*hello, ["session", "u16", SESSION], ["boot", "u32", 1], ["delivered", "u64", 0]]
    talk.add("hello", 0x0001, 0x8000_0005, hello, opened, session=0)
    talk.add("the same hello again", 0x0001, 0x8000_0006, hello, opened, session=0xABCD)


def idle(talk: Conversation) -> None:
    """What is asked while the board is not armed: sequences 1 to 10."""
    talk.refuse("read while safe", 0x0020, 1, [*reading(200_000, 16, 1), *cells((0, 0))], 9, "CLEAR first")
    talk.refuse("a sequence that is not due", 0x0006, 5, [], 6, "sequence 2 is due, not 5")
    talk.refuse("another session", 0x0006, 2, [], 5, "session 4661 is not open", session=SESSION + 1)
    talk.add("clear", 0x0006, 2, [], [["trips", "u16", 0]])
    talk.add("clear repeated", 0x0006, 2, [], [["trips", "u16", 0]])
    talk.refuse("an undefined operation", 0x0099, 3, [], 1, "there is no operation 0x0099")
    talk.add("temperature", 0x0040, 4, [], [["temperature_mdegC", "i32", 25_000]])
    talk.refuse("arm of three bytes", 0x0007, 5, [["period_ms", "hex", "e80300"]], 2, "4 bytes expected, 3 found")
    talk.refuse("a watchdog too fast", 0x0007, 6, [["period_ms", "u32", 19]], 4, "20..10000 ms")
    scheme: Words = [["write", "u8", 1], ["read", "u8", 0]]
    talk.refuse("an unknown scheme", 0x0010, 7, scheme, 3, "1 is not a valid WriteScheme")
    one: Words = [["n", "u16", 1]]
    talk.refuse("pulse while idle", 0x0021, 8, [*one, *entries((0, 0, 900_000, 80, 1))], 8, "ARM first")
    talk.add("compliance", 0x0011, 9, [["limit_A", "f64", 0.01], ["action", "u8", 0]], [])
    talk.add("scheme", 0x0010, 10, [["write", "u8", 2], ["read", "u8", 1]], [])


def armed(talk: Conversation) -> None:
    """What is asked while the board is armed: sequences 11 to 19."""
    talk.add("arm", 0x0007, 11, [["period_ms", "u32", 10_000]], [])
    talk.add("route", 0x0012, 12, cells((2, 3)), [])
    talk.add("unroute", 0x0013, 13, [], [])
    results = (1.0e-6, 0), (-2.5e-3, 1), (7.1e-3, 2)
    talk.add(
        "read of two rows", 0x0020, 14, [*reading(200_000, 16, 3), *cells((1, 0), (1, 63), (63, 1))], block(*results),
        currents=[[list(results[0]), list(results[1])], [list(results[2])]],
    )  # fmt: skip
    foreign = [*reading(200_000, 16, 2), *cells((0, 0), (64, 0))]
    talk.refuse("a row that is not there", 0x0020, 15, foreign, 11, "row 64, column 0", entry=1)
    two: Words = [["n", "u16", 2]]
    talk.add("pulse", 0x0021, 16, [*two, *entries((0, 1, 900_000, 80, 3), (1, 0, -750_000, 65, 2))], receipt(2, 5))
    narrow = [*two, *entries((0, 1, 900_000, 80, 3), (1, 0, -750_000, 19, 2))]
    talk.refuse("a pulse too narrow", 0x0021, 17, narrow, 4, "20..10000000 ns", entry=1, delivered=5)
    long = [["n", "u16", 1], *entries((0, 0, 100_000, 2501, 1_000_000))]
    talk.refuse("a run over 5 s", 0x0021, 18, long, 4, "the run would last 5.002 s, over 5 s", delivered=5)
    both = [*reading(-100_000, 1, 2), *entries((5, 6, 900_000, 80, 1), (6, 5, 1_300_000, 1000, 4))]
    results = (-3.0e-4, 0), (-4.0e-4, 2)
    talk.add(
        "pulse and read", 0x0022, 19, both, receipt(2, 10) + block(*results),
        currents=[[list(results[0])], [[-4.0e-4, 0]]], held=(1,),
    )  # fmt: skip


def tripping(talk: Conversation) -> None:
    """What a trip does, and the way out of it: sequences 20 to 30, and what works without a session."""
    talk.add("compliance that trips", 0x0011, 20, [["limit_A", "f64", 0.001], ["action", "u8", 1]], [])
    two = [["n", "u16", 2], *entries((0, 0, 500_000, 20, 1), (0, 1, 900_000, 80, 1))]
    talk.refuse("a pulse that trips", 0x0021, 21, two, 10, "limit", entry=1, executed=1, delivered=12, held=(1,))
    talk.add("status after a trip", 0x0004, 0x8000_0007, [], status(0, 2, 12, 0), session=0, free=("time_us",))
    talk.add("clear after a trip", 0x0006, 22, [], [["trips", "u16", 2]])
    talk.refuse(
        "a read that trips", 0x0020, 23, [*reading(200_000, 1, 2), *cells((4, 4), (4, 5))], 10, "limit", entry=1,
        delivered=12, currents=[[[1e-4, 0], [1e-3, 2]]],
    )  # fmt: skip
    talk.add("clear once more", 0x0006, 24, [], [["trips", "u16", 2]])
    talk.add("arm once more", 0x0007, 25, [["period_ms", "u32", 1000]], [])
    both = [*reading(200_000, 1, 2), *entries((5, 6, 500_000, 20, 1), (6, 5, 900_000, 80, 1))]
    talk.refuse(
        "a pulse and read that trips", 0x0022, 26, both, 10, "limit", entry=1, executed=1, delivered=14,
        block=block((2.0e-4, 1)), currents=[[[2.0e-4, 1]]], held=(1,),
    )  # fmt: skip
    talk.add("clear a third time", 0x0006, 27, [], [["trips", "u16", 2]])
    talk.add("arm a third time", 0x0007, 28, [["period_ms", "u32", 20]], [])
    talk.add("disarm", 0x0007, 29, [["period_ms", "u32", 0]], [])
    long = [*reading(200_000, 1, 127), *cells(*[(0x0101, 0x0101)] * 127)]
    talk.refuse("a frame of long runs without zeros", 0x0020, 30, long, 11, "row 257", entry=0, delivered=14)
    talk.add("safe", 0x0005, 0x8000_0008, [], [], session=SESSION)
    hello: Words = [["nonce", "u32", 1]]
    opened = [*hello, ["session", "u16", 2 * SESSION], ["boot", "u32", 1], ["delivered", "u64", 14]]
    talk.add("another hello", 0x0001, 0x8000_0009, hello, opened, session=SESSION)


def greeting(talk: Conversation, features: int) -> None:
    """Open the first session of a board of 3 rows and 5 columns."""
    talk.add("capabilities of 3 x 5", 0x0003, 0x8000_0000, [], capabilities(3, 5, features), session=0)
    hello: Words = [["nonce", "u32", 7]]
    opened = [*hello, ["session", "u16", SESSION], ["boot", "u32", 1], ["delivered", "u64", 0]]
    talk.add("hello of 3 x 5", 0x0001, 0x8000_0001, hello, opened, session=0)


def featured(talk: Conversation) -> None:
    """Everything beyond reading and pulsing, on 3 rows and 5 columns: sequences 1 to 24."""
    greeting(talk, 31)
    ones = [(1.0, 0.0)]
    talk.add(
        "coefficients while safe", 0x0050, 1, lines(1, 0, 3), [*coefficients(*ones * 3), *identity(ones * 5, ones * 3)]
    )
    one = product(0, 0, 1, [[1, 2, 3]])
    talk.refuse("multiply while safe", 0x0030, 2, one, 9, "CLEAR first")
    key: Words = [["key", "u32", 0x4341_4C31]]
    talk.refuse(
        "write coefficients while safe", 0x0051, 3, [*key, *lines(0, 0, 1), *coefficients((1.5, 0.0))], 9, "CLEAR"
    )
    talk.refuse("self-test while safe", 0x0041, 4, [], 9, "CLEAR first")
    talk.add("clear 3 x 5", 0x0006, 5, [], [["trips", "u16", 0]])
    first = [(1e-6, 0), (2e-6, 0), (3e-6, 1), (4e-6, 0), (5e-6, 0)]
    second = [(-1e-9, 2)] * 5
    talk.add(
        "two vectors on the rows", 0x0030, 6,
        product(0, 0, 16, [[100_000, 0, -50_000], [200_000, 1, 500_000]], slot=20_000), block(*first, *second),
        currents=[[list(each) for each in group] for group in (first, second)],
    )  # fmt: skip
    rows = [(1.5e-5, 0), (2.5e-5, 0), (3.5e-5, 0)]
    talk.add(
        "widths on the columns", 0x0030, 7, product(1, 1, 4, [[0, 1, 50_000, 100_000, 99_999]], 2_900, 97_100),
        block(*rows), currents=[[list(each) for each in rows]],
    )  # fmt: skip
    talk.refuse("a length of the other direction", 0x0030, 8, product(0, 1, 1, [[1, 2, 3]]), 2, "38 bytes expected")
    talk.refuse("an unknown coding", 0x0030, 9, [["coding", "u8", 2], *one[1:]], 3, "2 is not a coding")
    talk.refuse("a slot of 0", 0x0030, 10, product(0, 0, 1, [[1, 2, 3]], slot=0), 4, "1000..10000000 ns")
    wide = product(1, 0, 1, [[1, 2, 3], [4, 100_001, 6]])
    talk.refuse("a width beyond the slot", 0x0030, 11, wide, 4, "at most the slot", entry=4)
    high = product(0, 0, 1, [[1, 2, 3], [4, 5, 400_001]], floor=100_000)
    talk.refuse("an input too high with its floor", 0x0030, 12, high, 4, "500000 uV", entry=5)
    many = product(0, 0, 4096, [[1, 2, 3]], slot=10_000_000)
    talk.refuse("a product of over 5 s", 0x0030, 13, many, 4, "the run would last 40.981 s, over 5 s")
    pairs = [(1.25, 1e-6), (0.5, -2.0e-9)]
    columns = [*ones * 3, *pairs]
    talk.add(
        "write coefficients", 0x0051, 14, [*key, *lines(0, 3, 2), *coefficients(*pairs)], identity(columns, ones * 3)
    )
    stored = [*coefficients(*columns[2:]), *identity(columns, ones * 3)]
    talk.add("read coefficients", 0x0050, 15, lines(0, 2, 3), stored)
    wrong: Words = [["key", "u32", 0x4341_4C30], *lines(0, 0, 1), *coefficients((2.0, 0.0))]
    talk.refuse("a wrong key", 0x0051, 16, wrong, 13, "0x43414c30 is not the key")
    talk.refuse("a line that is not there", 0x0050, 17, lines(1, 2, 2), 4, "readers 0 to 2")
    zero = [*key, *lines(1, 0, 2), *coefficients((1.0, 0.0), (0.0, 0.0))]
    talk.refuse("a gain of 0", 0x0051, 18, zero, 4, "a gain is above 0", entry=1)
    talk.add(
        "coefficients back", 0x0051, 19, [*key, *lines(0, 3, 2), *coefficients(*ones * 2)], identity(ones * 5, ones * 3)
    )
    values = [(1, 5_000_003_584 / 1e9), (2, -5_000_003_584 / 1e9), *((test, 0.0) for test in (3, 4, 5, 6, 7))]
    tests = [word for n, value in values for word in (["test", "u8", n], ["passed", "u8", 1], ["value", "f64", value])]
    talk.add("self-test", 0x0041, 20, [], [["n", "u8", 7], *tests])
    talk.add("compliance that trips products", 0x0011, 21, [["limit_A", "f64", 0.001], ["action", "u8", 1]], [])
    talk.refuse(
        "a product that trips", 0x0030, 22, product(0, 0, 1, [[1, 2, 3], [4, 500_000, 6]]), 10, "limit", entry=4,
        currents=[[[0.0, 0]] * 5] * 2, held=(4,),
    )  # fmt: skip
    talk.add("clear 3 x 5 after a trip", 0x0006, 23, [], [["trips", "u16", 2]])
    talk.refuse("a world without answer", 0x0020, 24, [*reading(200_000, 1, 1), *cells((2, 4))], 14, "no", fails=True)
    talk.add("status of 3 x 5 after it", 0x0004, 0x8000_0002, [], status(0, 0, 0, 0), session=0, free=("time_us",))


def bare(talk: Conversation) -> None:
    """A board that only reads and pulses: UNSUPPORTED comes before the length."""
    greeting(talk, 0)
    for sequence, opcode in enumerate((0x0012, 0x0013, 0x0030, 0x0040, 0x0041, 0x0050, 0x0051), 1):
        text = "this board has none"
        talk.refuse(f"no feature for 0x{opcode:04x}", opcode, sequence, [["x", "u8", 1]], 12, text)


def golden() -> dict[str, Any]:
    """Return everything that golden.json holds."""
    talk, more, less = Conversation(), Conversation(), Conversation()
    for part in (outside_session, idle, armed, tripping):
        part(talk)
    featured(more)
    bare(less)
    return {
        "specification": "probe board, wire specification version 1",
        "exchanges": talk.exchanges,
        "others": [
            {"rows": 3, "columns": 5, "features": 31, "exchanges": more.exchanges},
            {"rows": 3, "columns": 5, "features": 0, "exchanges": less.exchanges},
        ],
    }


def text() -> str:
    """Return the text of golden.json, one field of an exchange a line."""
    content = golden()
    head = json.dumps(content["specification"])
    others = [
        "{" + ", ".join(f"{json.dumps(key)}: {board[key]}" for key in ("rows", "columns", "features"))
        + f',\n "exchanges": {listed(board["exchanges"])}}}'
        for board in content["others"]
    ]  # fmt: skip
    return (
        f'{{"specification": {head},\n "exchanges": {listed(content["exchanges"])},\n'
        ' "others": [\n' + ",\n".join(others) + "\n]}\n"
    )


def listed(exchanges: list[dict[str, Any]]) -> str:
    """Return exchanges as text."""
    fields = (
        "  {" + ",\n   ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in exchange.items()) + "}"
        for exchange in exchanges
    )
    return "[\n" + ",\n".join(fields) + "\n]"


if __name__ == "__main__":
    Path(__file__).with_name("golden.json").write_text(text(), encoding="utf-8")
