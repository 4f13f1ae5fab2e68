"""Frames and payloads of the probe board, in words and in bytes, worked out from the wire specification alone."""

from __future__ import annotations

import hashlib
import struct
import zlib
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
        fails: bool = False,
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
                "fails": fails,
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
        fails: bool = False,
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
            kind=ERROR, session=session, free=("text",), currents=currents, held=held, fails=fails,
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


def capabilities(rows: int, columns: int, features: int) -> Words:
    """Return the answer to CAPABILITIES."""
    return [
        ["rows", "u16", rows], ["columns", "u16", columns],
        ["v_min_uV", "i32", -5_000_000], ["v_max_uV", "i32", 5_000_000],
        ["read_limit_uV", "u32", 500_000], ["write_step_nV", "u32", 152_588], ["read_step_nV", "u32", 15_259],
        ["width_min_ns", "u32", 20], ["width_max_ns", "u32", 10_000_000], ["count_max", "u32", 1_000_000],
        ["averages_max", "u16", 4096], ["features", "u32", features],
    ]  # fmt: skip


def product(
    coding: int, direction: int, averages: int, vectors: list[list[int]], floor: int = 0, voltage: int = 0,
    slot: int = 100_000,
) -> Words:  # fmt: skip
    """Return MULTIPLY in words."""
    name, kind = ("input_uV", "i32") if coding == 0 else ("width_ns", "u32")
    return [
        ["coding", "u8", coding], ["direction", "u8", direction], ["averages", "u16", averages],
        ["n", "u16", len(vectors)], ["floor_uV", "i32", floor], ["voltage_uV", "i32", voltage],
        ["slot_ns", "u32", slot], *([name, kind, value] for vector in vectors for value in vector),
    ]  # fmt: skip


def lines(direction: int, first: int, n: int) -> Words:
    """Return which coefficients are meant."""
    return [["direction", "u8", direction], ["first_line", "u16", first], ["n", "u16", n]]


def coefficients(*pairs: tuple[float, float]) -> Words:
    """Return coefficients in words."""
    return [word for gain, offset in pairs for word in (["gain", "f64", gain], ["offset_A", "f64", offset])]


def identity(columns: list[tuple[float, float]], rows: list[tuple[float, float]]) -> Words:
    """Return the identity of all coefficients: of the columns' readers, then of the rows'."""
    return [["id", "hex", hashlib.sha256(pack(coefficients(*columns, *rows))).hexdigest()]]
