"""The fixture `served_panels`: other programs' view of the twin, over loopback TCP and a pseudo-terminal."""

from __future__ import annotations

import os
import struct
import threading
from typing import TYPE_CHECKING, cast

import pytest
import pyvisa
import serial

from labctl.wire import Frame, FrameReader, Kind, Opcode, encode_frame
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

    from tests.conftest import ServePanels


@pytest.fixture
def board() -> ProbeBoardPanel:
    """A board on a small die."""
    return ProbeBoardPanel(World(Die.fresh("d", 4, 4, device_named("ru-azo", 5.9e-3), seed=0), VirtualClock()), "board")


def waiting(port: serial.SerialBase) -> int:
    """Return how many bytes can be read at once; pyserial's types know it of `Serial` only."""
    return cast("serial.Serial", port).in_waiting


def ask(port: serial.SerialBase, opcode: Opcode, sequence: int, session: int = 0, payload: bytes = b"") -> Frame:
    """Send a request and wait for its answer."""
    port.write(encode_frame(Frame(Kind.REQUEST, opcode, sequence, session, payload)))
    reader, found = FrameReader(Kind.REPLY, Kind.ERROR), list[Frame]()
    while not found:
        piece = port.read(1)
        assert piece, "no answer in time"
        found = reader.feed(piece + port.read(waiting(port)))
    return found[0]


def test_over_tcp_with_pyserial(served_panels: ServePanels, board: ProbeBoardPanel) -> None:
    served = served_panels({"board": board})["board"]
    with serial.serial_for_url(served.url, timeout=5) as port:
        assert ask(port, Opcode.IDENTIFY, 1).payload.startswith(b"labctl,XPB-64,")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are a POSIX thing")
def test_over_a_pseudo_terminal(served_panels: ServePanels, board: ProbeBoardPanel) -> None:
    """Every byte passes as it is, and hosts may come and go."""
    served = served_panels({"board": board})["board"]
    for nonce in (0x0A0D1103, 0x131A047F, 0xFFFE1C15):
        with serial.Serial(served.terminal, timeout=5) as port:
            reply = ask(port, Opcode.HELLO, nonce, payload=struct.pack("<I", nonce))
            assert struct.unpack("<IHIQ", reply.payload)[0] == nonce


def test_over_tcp_with_pyvisa_py(served_panels: ServePanels, board: ProbeBoardPanel) -> None:
    served = served_panels({"board": board})["board"]
    manager = pyvisa.ResourceManager("@py")
    resource = cast("MessageBasedResource", manager.open_resource(served.visa, read_termination="\0", timeout=5000))
    resource.write_raw(encode_frame(Frame(Kind.REQUEST, Opcode.IDENTIFY, 1, 0)))
    assert resource.read_raw() == b"\0"
    (frame,) = FrameReader(Kind.REPLY).feed(resource.read_raw())
    assert frame.payload.startswith(b"labctl,XPB-64,")
    resource.close()
    manager.close()


def test_a_long_list_passes_in_both_directions(served_panels: ServePanels, board: ProbeBoardPanel) -> None:
    served = served_panels({"board": board})["board"]
    urls = [served.url] if served.terminal is None else [served.url, served.terminal]
    for nonce, url in enumerate(urls):
        with serial.serial_for_url(url, timeout=5) as port:
            session = struct.unpack("<IHIQ", ask(port, Opcode.HELLO, 9, payload=struct.pack("<I", nonce)).payload)[1]
            ask(port, Opcode.CLEAR, 1, session)
            cells = struct.pack("<iHH", 200_000, 1, 1024) + bytes(4 * 1024)
            assert len(ask(port, Opcode.READ, 2, session, cells).payload) == 9 * 1024


def test_several_hosts_and_several_panels(served_panels: ServePanels, board: ProbeBoardPanel) -> None:
    other = ProbeBoardPanel(board.world, "other")
    served = served_panels({"board": board, "other": other})
    with (
        serial.serial_for_url(served["board"].url, timeout=5) as one,
        serial.serial_for_url(served["board"].url, timeout=5) as two,
        serial.serial_for_url(served["other"].url, timeout=5) as three,
    ):
        for port, name in ((one, b"board"), (three, b"other"), (two, b"board")):
            assert b"TWIN-" + name in ask(port, Opcode.IDENTIFY, 1).payload
        assert board.world.clock.now() > 0.003


@pytest.fixture
def threads_before() -> int:
    """How many threads there are before anything is served."""
    return threading.active_count()


def test_the_server_ends_with_hosts_still_connected(
    threads_before: int, board: ProbeBoardPanel, request: pytest.FixtureRequest
) -> None:
    serve = cast("ServePanels", request.getfixturevalue("served_panels"))
    served = serve({"board": board})["board"]
    assert threading.active_count() == threads_before + 1
    port = serial.serial_for_url(served.url, timeout=5)
    ask(port, Opcode.IDENTIFY, 1)
    request.addfinalizer(port.close)
