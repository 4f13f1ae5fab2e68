"""How late a served twin answers at real speed, and how late its watchdog bites, on the clock on the wall.

Run as `python benchmarks/served_twin.py`; other load on the computer shows in the figures.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import Final

from labctl.backend import WallClock
from labctl.board_data import BoardState, Cell, Pulse
from labctl.messages import pack_arm, pack_entries, pack_hello, unpack_hello_reply, unpack_status
from labctl.wire import SESSIONLESS, Frame, FrameReader, Kind, Opcode, encode_frame

LISTS: Final = 200
SLOTS: Final = 20
"""Pulses of a list; each takes a slot of 1 ms."""
PERIOD: Final = 0.1
"""Of the watchdog (s)."""
BITES: Final = 40


class Board:
    """One connection to the board."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = FrameReader(Kind.REPLY, Kind.ERROR)
        self._session = self._sequence = 0
        self._outside = 0x8000_0000
        self._greetings = 0

    def ask(self, opcode: Opcode, payload: bytes = b"") -> Frame:
        """Return the answer to a request."""
        if opcode in SESSIONLESS:
            self._outside += 1
            frame = Frame(Kind.REQUEST, opcode, self._outside, 0, payload)
        else:
            self._sequence += 1
            frame = Frame(Kind.REQUEST, opcode, self._sequence, self._session, payload)
        self._socket.sendall(b"\0" + encode_frame(frame))
        while True:
            for found in self._reader.feed(self._socket.recv(65_536)):
                return found

    def open(self) -> None:
        """Open a session and leave SAFE."""
        self._greetings += 1  # the same greeting twice would open no new session
        nonce = self._socket.getsockname()[1] << 16 | self._greetings
        self._session = unpack_hello_reply(self.ask(Opcode.HELLO, pack_hello(nonce)).payload).session
        self._sequence = 0
        self.ask(Opcode.CLEAR)


def main() -> None:
    """Print both distributions."""
    command = [sys.executable, "-m", "labctl", "twin", "serve", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = {one["name"]: one for one in json.loads(process.stdout.readline())["instruments"]}
        port = int(found["board"]["resource"].rpartition(":")[2])
        try:
            show("answers to lists of 20 ms", answers(Board(port)))
            show(f"watchdog of {PERIOD * 1e3:g} ms, nobody else talks", bites(port))
        finally:
            process.terminate()


def answers(board: Board) -> list[float]:
    """Return how late (s) answers come, measured against what the lists and the link take by specification."""
    clock, late = WallClock(), list[float]()
    board.open()
    board.ask(Opcode.ARM, pack_arm(5.0))
    pulses = pack_entries([Pulse(Cell(0, 0), 0.1, 0.5e-3, SLOTS)])
    for _ in range(LISTS):
        start = clock.now()
        board.ask(Opcode.PULSE, pulses)
        late.append(clock.now() - start - SLOTS * 1e-3 - 1e-3)
    return late


def bites(port: int) -> list[float]:
    """Return how late (s) the watchdog bites, as seen by another connection that asks for the state, each 1 ms."""
    clock, late = WallClock(), list[float]()
    armed, watcher = Board(port), Board(port)
    for _ in range(BITES):
        armed.open()
        armed.ask(Opcode.ARM, pack_arm(PERIOD))
        start = clock.now()
        clock.sleep(PERIOD - 3e-3)
        while unpack_status(watcher.ask(Opcode.STATUS).payload).state is BoardState.ARMED:
            pass
        late.append(clock.now() - start - PERIOD)
    return late


def show(name: str, late: list[float]) -> None:
    """Print a distribution in ms."""
    ordered = sorted(late)
    parts = {"median": 0.5, "90 %": 0.9, "99 %": 0.99, "latest": 1.0}
    figures = ", ".join(f"{word} {ordered[min(len(ordered) - 1, int(part * len(ordered)))] * 1e3:.2f} ms"
                        for word, part in parts.items())  # fmt: skip
    print(f"{name}: {figures} ({len(ordered)})")


if __name__ == "__main__":
    main()
