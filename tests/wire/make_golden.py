"""Writes golden.json: the probe board's bytes, worked out from the wire specification alone.

Run it as `python tests/wire/make_golden.py`. It uses neither `labctl.wire` nor a COBS library, so that a mistake
in either shows. The exchanges are one conversation, in order, with a board of 64 x 64 that was just powered up.

An exchange has a name, `request` and `reply`. A frame has its header in words, its payload as a list of
`[name, type, value]` (types u8 u16 u32 u64 i32 f64, text, hex), and `frame`: the encoded bytes with the delimiter.
`currents` says what the die answered, one list of `[A, flags]` a group of cells read; `held` says which pulse trains
(counted in the exchange) reached the current limit. `free` names the reply's fields that a board is free in.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

REQUEST, REPLY, ERROR = 1, 2, 3
SESSION = 0x1234
NONE = 0xFFFF
LAYOUT = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q", "i32": "<i", "f64": "<d"}

Words = list[list[Any]]


def stuff(data: bytes) -> bytes:
    """Return `data` in consistent overhead byte stuffing, byte by byte as its authors describe it."""
    out, block = bytearray(), bytearray()
    full = False
    for byte in data:
        full = False
        if byte == 0:
            out += bytes([len(block) + 1]) + block
            block.clear()
        else:
            block.append(byte)
            if len(block) == 254:
                out += b"\xff" + block
                block.clear()
                full = True
    if not full:
        out += bytes([len(block) + 1]) + block
    return bytes(out)


def pack(words: Words) -> bytes:
    """Return the payload that `words` spell."""
    out = b""
    for _, kind, value in words:
        if kind == "text":
            out += value.encode()
        elif kind == "hex":
            out += bytes.fromhex(value)
        else:
            out += struct.pack(LAYOUT[kind], value)
    return out


def frame(kind: int, opcode: int, sequence: int, session: int, words: Words) -> dict[str, Any]:
    """Return one frame in words and in bytes."""
    body = struct.pack("<BBHIH", 1, kind, opcode, sequence, session) + pack(words)
    whole = body + struct.pack("<I", zlib.crc32(body))
    return {
        "version": 1,
        "kind": kind,
        "opcode": opcode,
        "sequence": sequence,
        "session": session,
        "payload": words,
        "frame": (stuff(whole) + b"\x00").hex(),
    }


class Conversation:
    """Collects exchanges."""

    def __init__(self) -> None:
        self.exchanges: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        opcode: int,
        sequence: int,
        request: Words,
        reply: Words,
        *,
        kind: int = REPLY,
        session: int = SESSION,
        free: tuple[str, ...] = (),
        currents: Words | None = None,
        held: tuple[int, ...] = (),
    ) -> None:
        """Add an exchange; the reply repeats opcode, sequence and session."""
        self.exchanges.append(
            {
                "name": name,
                "request": frame(REQUEST, opcode, sequence, session, request),
                "reply": frame(kind, opcode, sequence, session, reply),
                "free": list(free),
                "currents": currents or [],
                "held": list(held),
            }
        )

    def refuse(
        self,
        name: str,
        opcode: int,
        sequence: int,
        request: Words,
        code: int,
        text: str,
        *,
        entry: int = NONE,
        executed: int = 0,
        delivered: int = 0,
        block: Words | None = None,
        session: int = SESSION,
        currents: Words | None = None,
        held: tuple[int, ...] = (),
    ) -> None:
        """Add an exchange that ends in an error; its text is free."""
        reply = [
            ["code", "u16", code],
            ["entry", "u16", entry],
            ["executed", "u32", executed],
            ["delivered", "u64", delivered],
            *(block or []),
            ["text", "text", text],
        ]
        self.add(
            name, opcode, sequence, request, reply,
            kind=ERROR, session=session, free=("text",), currents=currents, held=held,
        )  # fmt: skip


def cells(*places: tuple[int, int]) -> Words:
    """Return cells in words."""
    return [word for row, column in places for word in (["row", "u16", row], ["column", "u16", column])]


def reading(voltage: int, averages: int, n: int) -> Words:
    """Return the head of READ and PULSE_READ."""
    return [["voltage_uV", "i32", voltage], ["averages", "u16", averages], ["n", "u16", n]]


def entries(*pulses: tuple[int, int, int, int, int]) -> Words:
    """Return pulse entries in words."""
    words: Words = []
    for row, column, amplitude, width, count in pulses:
        words += cells((row, column))
        words += [["amplitude_uV", "i32", amplitude], ["width_ns", "u32", width], ["count", "u32", count]]
    return words


def block(*results: tuple[float, int]) -> Words:
    """Return a result block in words: all currents, then all flags."""
    return [["current_A", "f64", current] for current, _ in results] + [["flags", "u8", flags] for _, flags in results]


def receipt(executed: int, delivered: int) -> Words:
    """Return the answer to PULSE."""
    return [["executed", "u32", executed], ["delivered", "u64", delivered]]


def status(state: int, trips: int, delivered: int, bad_frames: int) -> Words:
    """Return the answer to STATUS."""
    return [
        ["state", "u8", state],
        ["trips", "u16", trips],
        ["delivered", "u64", delivered],
        ["boot", "u32", 1],
        ["temperature_mdegC", "i32", 25_000],
        ["bad_frames", "u32", bad_frames],
        ["time_us", "u64", 123_456],
    ]


def outside_session(talk: Conversation) -> None:
    """What is asked before a session is open."""
    identity = "labctl,XPB-64,TWIN-board,1.0.0"
    talk.add("identify", 0x0002, 0x8000_0000, [], [["identity", "text", identity]], session=0)
    able: Words = [
        ["rows", "u16", 64], ["columns", "u16", 64], ["v_min_uV", "i32", -5_000_000], ["v_max_uV", "i32", 5_000_000],
        ["read_limit_uV", "u32", 500_000], ["write_step_nV", "u32", 152_588], ["read_step_nV", "u32", 15_259],
        ["width_min_ns", "u32", 20], ["width_max_ns", "u32", 10_000_000], ["count_max", "u32", 1_000_000],
        ["averages_max", "u16", 4096], ["features", "u32", 1],
    ]  # fmt: skip
    talk.add("capabilities", 0x0003, 0x8000_0001, [], able, session=0)
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
    talk.refuse("an operation without its feature", 0x0040, 4, [], 12, "this board has no TEMPERATURE")
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


def golden() -> dict[str, Any]:
    """Return everything that golden.json holds."""
    talk = Conversation()
    for part in (outside_session, idle, armed, tripping):
        part(talk)
    return {"specification": "probe board, wire specification version 1", "exchanges": talk.exchanges}


def text() -> str:
    """Return the text of golden.json, one field of an exchange a line."""
    content = golden()
    exchanges = [
        "  {" + ",\n   ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in exchange.items()) + "}"
        for exchange in content["exchanges"]
    ]
    head = json.dumps(content["specification"])
    return f'{{"specification": {head},\n "exchanges": [\n' + ",\n".join(exchanges) + "\n]}\n"


if __name__ == "__main__":
    Path(__file__).with_name("golden.json").write_text(text(), encoding="utf-8")
