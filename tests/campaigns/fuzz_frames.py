"""Hostile bytes on the wire: for the frame reader, for the board, for the driver of a board, for drivers of text."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from campaigns.fuzz_judge import Given
from campaigns.mutations import NASTY, spoilt_bytes
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError

from drivers.board_link import BoardLink
from drivers.keithley_2400 import Keithley2400
from drivers.keithley_2400_link import Keithley2400Entry
from drivers.keithley_2450 import Keithley2450
from drivers.keithley_2600 import Keithley2600, Keithley2600Settings
from drivers.keysight_b2900 import KeysightB2900, KeysightB2900Settings
from drivers.probe_board import LabctlProbeBoard, ProbeBoardSettings
from drivers.scpi import ScpiLink
from drivers.scpi_text import decode_number, parse_block_header, parse_error, parse_identity
from labctl import feature_messages, messages
from labctl.bench_file import InstrumentEntry
from labctl.board_data import Capabilities, Cell, Feature, Pulse
from labctl.board_features import Coding, Direction, ProductSetup
from labctl.instruments import SourceMeter
from labctl.messages import PayloadError
from labctl.smu_data import SourceSetup
from labctl.wire import ENCODED_MAX, FRAME_MAX, Frame, FrameReader, Kind, Opcode, decode_frame, encode_frame
from sim_backend.clock import VirtualClock
from sim_backend.device_models.catalogue import device_named
from sim_backend.die import Die
from sim_backend.panels.probe_board import ProbeBoardPanel
from sim_backend.world import World

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

ROWS, COLUMNS = 3, 4
_ABLE: Final = Capabilities(
    ROWS, COLUMNS, -5.0, 5.0, 0.5, 152588e-9, 15259e-9, 20e-9, 1e-2, 1_000_000, 4096, Feature(31)
)
_PULSES: Final = [Pulse(Cell(0, 1), 0.9, 80e-9, 2), Pulse(Cell(2, 3), -0.75, 65e-9)]
_SETUP: Final = ProductSetup(Coding.AMPLITUDE, Direction.ROWS_IN, averages=1, floor=0.0, voltage=0.0, slot=1e-5)
_INPUTS: Final = np.full((1, ROWS), 0.1)
REQUESTS: Final[dict[Opcode, bytes]] = {
    Opcode.HELLO: struct.pack("<I", 7),
    Opcode.IDENTIFY: b"",
    Opcode.CAPABILITIES: b"",
    Opcode.STATUS: b"",
    Opcode.SAFE: b"",
    Opcode.CLEAR: b"",
    Opcode.ARM: messages.pack_arm(1.0),
    Opcode.SCHEME: messages.pack_scheme(3, 0),
    Opcode.COMPLIANCE: messages.pack_compliance(0.01, 0),
    Opcode.ROUTE: messages.pack_cell(Cell(1, 1)),
    Opcode.UNROUTE: b"",
    Opcode.READ: messages.pack_read([Cell(0, 0), Cell(0, 1)], 0.2, 4),
    Opcode.PULSE: messages.pack_entries(_PULSES),
    Opcode.PULSE_READ: messages.pack_pulse_read(_PULSES, 0.2, 2),
    Opcode.MULTIPLY: feature_messages.pack_multiply(_INPUTS, _SETUP),
    Opcode.TEMPERATURE: b"",
    Opcode.SELFTEST: b"",
    Opcode.CALIBRATION_READ: struct.pack("<BHH", 0, 0, 2),
    Opcode.CALIBRATION_WRITE: struct.pack("<IBHHdddd", 0x43414C31, 0, 0, 2, 1.0, 0.0, 1.0, 0.0),
}
"""A request of each kind that an armed board obeys."""
REPLIES: Final[dict[Opcode, bytes]] = {
    Opcode.HELLO: struct.pack("<IHIQ", 7, 5, 1, 0),
    Opcode.IDENTIFY: b"labctl,XPB-64,1,1.0",
    Opcode.CAPABILITIES: messages.pack_capabilities(_ABLE),
    Opcode.STATUS: struct.pack("<BHQIiIQ", 1, 0, 0, 1, 25000, 0, 10),
    Opcode.CLEAR: b"\x00\x00",
    Opcode.READ: struct.pack("<dd", 1e-5, 2e-5) + b"\x00\x01",
    Opcode.PULSE: struct.pack("<IQ", 2, 3),
    Opcode.PULSE_READ: struct.pack("<IQ", 2, 3) + struct.pack("<dd", 1e-5, 2e-5) + b"\x00\x00",
    Opcode.MULTIPLY: struct.pack(f"<{COLUMNS}d", *[1e-5] * COLUMNS) + b"\x00" * COLUMNS,
    Opcode.TEMPERATURE: struct.pack("<i", 25000),
    Opcode.SELFTEST: b"\x01" + struct.pack("<BBd", 1, 1, 0.5),
    Opcode.CALIBRATION_READ: struct.pack(f"<{2 * COLUMNS}d", *[1.0, 0.0] * COLUMNS) + b"\x11" * 32,
}
"""What a board answers; without an entry: nothing."""
_UNPACK: Final[tuple[Callable[[bytes], object], ...]] = (
    messages.unpack_hello, messages.unpack_hello_reply, messages.unpack_capabilities, messages.unpack_status,
    messages.unpack_trips, messages.unpack_arm, messages.unpack_scheme, messages.unpack_compliance,
    messages.unpack_cell, messages.unpack_entries, messages.unpack_read, messages.unpack_pulse_read,
    messages.unpack_receipt, messages.split_pulse_read_reply, messages.unpack_error,
    lambda payload: messages.unpack_error(payload, with_block=True),
    lambda payload: feature_messages.unpack_multiply(payload, ROWS, COLUMNS),
)  # fmt: skip
_ASK: Final[tuple[tuple[Opcode, Callable[[LabctlProbeBoard], object]], ...]] = (
    (Opcode.IDENTIFY, lambda board: board.identify()),
    (Opcode.CAPABILITIES, lambda board: board.capabilities()),
    (Opcode.STATUS, lambda board: board.status()),
    (Opcode.HELLO, lambda board: board.open_session()),
    (Opcode.CLEAR, lambda board: board.clear()),
    (Opcode.SAFE, lambda board: board.make_safe()),
    (Opcode.READ, lambda board: board.read([Cell(0, 0), Cell(0, 1)], 0.2, 4)),
    (Opcode.PULSE, lambda board: board.pulse(_PULSES)),
    (Opcode.PULSE_READ, lambda board: board.pulse_read(_PULSES, 0.2, 2)),
    (Opcode.MULTIPLY, lambda board: board.multiply(_INPUTS, _SETUP)),
    (Opcode.TEMPERATURE, lambda board: board.temperature()),
    (Opcode.SELFTEST, lambda board: board.self_test()),
    (Opcode.CALIBRATION_READ, lambda board: board.calibration(Direction.ROWS_IN)),
)
"""What a driver is asked, and the request whose answer is spoilt."""
_ASK_SMU: Final[tuple[Callable[[SourceMeter], object], ...]] = (
    lambda smu: smu.identify(),
    lambda smu: smu.read_errors(),
    lambda smu: smu.measure(),
    lambda smu: smu.configure(SourceSetup(0.5, 1e-3)),
    lambda smu: smu.make_safe(),
    lambda smu: smu.output_on(),
)
_LINES: Final = (
    b"KEITHLEY INSTRUMENTS,MODEL 2450,04096331,1.7.3d", b"Keysight Technologies,B2912A,MY1,1.0", b'0,"No error"',
    b'-113,"Undefined header"', b"1.0E-05,2.0E-01", b"9.9E37", b"9.91E37,9.91E37", b"1", b"0", b"101;102", b"#14abcd",
    b"#800000004abcd", b"#9999999999", b"#0abcd", b"VOLT", b"SCPI", b"OFF", b"nan", b"-inf", b"1_0", b"2.100000e+01",
)  # fmt: skip


class HostileBoard:
    """A serial port whose board answers whatever comes with `payload` for one operation, and rightly otherwise.

    Args:
        clock: passes while somebody waits.
        opcode: of the operation.
        make: makes the bytes that it is answered with of the request.
    """

    def __init__(self, clock: VirtualClock, opcode: int, make: Callable[[Frame], bytes]) -> None:
        self._clock = clock
        self._opcode = opcode
        self._make = make
        self._reader = FrameReader(Kind.REQUEST)
        self._waiting = bytearray()

    @property
    def in_waiting(self) -> int:
        """Bytes that came."""
        return len(self._waiting)

    def write(self, data: bytes, /) -> int:
        """Answer."""
        for frame in self._reader.feed(data):
            self._waiting += self._make(frame) if frame.opcode == self._opcode else answer_to(frame)
        return len(data)

    def read(self, size: int = 1, /) -> bytes:
        """Return what came, or let the time-out pass."""
        if not self._waiting:
            self._clock.sleep(0.05)
        found = bytes(self._waiting[:size])
        del self._waiting[:size]
        return found

    def close(self) -> None:
        """Nothing is open."""


class HostileChannel:
    """A VISA channel on which lines come that `line` makes up, whatever was said; tokens are mostly echoed."""

    timeout = 3000.0
    bytes_in_buffer = 0

    def __init__(self, throw: random.Random) -> None:
        self._throw = throw
        self._heard = b""
        self._budget = 300

    def write_raw(self, message: bytes) -> int:
        """Listen."""
        self._heard = message
        return len(message)

    def read_raw(self) -> bytes:
        """Return a line."""
        self._budget -= 1
        if self._budget < 0 or self._throw.random() < 0.05:
            raise VisaIOError(StatusCode.error_timeout)
        return self._line()

    def read_bytes(self, count: int) -> bytes:
        """Return what is asked for, or less."""
        if count > 1 << 20 or self._throw.random() < 0.3:
            raise VisaIOError(StatusCode.error_timeout)
        return self._throw.randbytes(count - 1) + b"\n"

    def clear(self) -> None:
        """Forget what was said, or fail at it."""
        if self._throw.random() < 0.3:
            raise VisaIOError(StatusCode.error_nonsupported_operation)

    def close(self) -> None:
        """Nothing is open."""

    def _line(self) -> bytes:
        throw, heard = self._throw, self._heard.strip()
        numbers = [part.split()[-1] for part in heard.split(b";") if part.startswith(b"*ESE ")]
        if throw.random() < 0.7:
            if heard.endswith(b"*IDN?"):
                return throw.choice(_LINES[:2]) + b"\n"
            if heard.endswith(b":SYST:ERR?"):
                return b";".join([*numbers[:1], _LINES[2]]) + b"\n"
            if numbers:
                tail = numbers[1:2] if len(numbers) > 1 else [throw.choice(_LINES)]
                return b";".join([numbers[0], *tail]) + b"\n"
        line = throw.choice(_LINES)
        return (spoilt_bytes(line, throw) if throw.random() < 0.6 else line) + b"\n"


def answer_to(frame: Frame) -> bytes:
    """Return what a good board says."""
    payload = REPLIES.get(cast("Opcode", frame.opcode), b"")
    if frame.opcode == Opcode.HELLO:
        payload = frame.payload + payload[4:]
    return encode_frame(Frame(Kind.REPLY, frame.opcode, frame.sequence, frame.session, payload))


class Frames:
    """Makes inputs of this family."""

    def __init__(self, folder: Path) -> None:
        del folder
        self._device = device_named("ru-azo", 5.9e-3)

    def draw(self, throw: random.Random) -> Given:
        """Return an input."""
        return throw.choice((self._stream, self._payload, self._board, self._driver, self._text, self._smu))(throw)

    def _stream(self, throw: random.Random) -> Given:
        """A stream of frames, spoilt, in pieces."""
        frames = [self._frame(throw) for _ in range(throw.randrange(1, 5))]
        data = spoilt_bytes(b"\x00" + b"".join(frames), throw)
        if throw.random() < 0.02:
            data = (
                throw.choice((b"\x01", b"\xff", b"x")) * throw.choice((ENCODED_MAX, ENCODED_MAX + 1, 10 * FRAME_MAX))
                + data
            )
        cuts = sorted(throw.randrange(len(data) + 1) for _ in range(throw.randrange(4)))
        pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

        def use() -> None:
            reader = FrameReader(*throw.sample(list(Kind), throw.randrange(1, 4)))
            for piece in pieces:
                for frame in reader.feed(piece):
                    assert decode_frame(encode_frame(frame)[:-1]) == frame
                    assert len(frame.payload) <= FRAME_MAX
            assert len(reader._buffer) <= ENCODED_MAX

        return Given("stream of frames", pieces, use)

    def _frame(self, throw: random.Random) -> bytes:
        opcode = throw.choice(list(REQUESTS))
        return encode_frame(
            Frame(throw.choice(list(Kind)), opcode, throw.getrandbits(32), throw.getrandbits(16), REQUESTS[opcode])
        )

    def _payload(self, throw: random.Random) -> Given:
        """A payload for what unpacks it."""
        unpack = throw.choice(_UNPACK)
        payload = throw.choice((*REQUESTS.values(), *REPLIES.values()))
        data = spoilt_bytes(payload, throw) if throw.random() < 0.9 else payload
        return Given("payload", data, lambda: unpack(data), (PayloadError,))

    def _board(self, throw: random.Random) -> Given:
        """Requests with a right checksum and wrong insides, for the board of the twin."""
        requests: list[tuple[int, bytes]] = []
        for _ in range(throw.randrange(1, 6)):
            opcode = throw.choice(list(REQUESTS))
            payload = REQUESTS[opcode]
            data = spoilt_bytes(payload, throw) if throw.random() < 0.8 else payload
            requests.append((throw.randrange(0x60) if throw.random() < 0.05 else opcode, data))
        ready = throw.random() < 0.8

        def use() -> None:
            die = Die("fuzz", ROWS, COLUMNS, self._device, 1)
            panel = ProbeBoardPanel(World(die, VirtualClock()), "board")
            self._talk(panel, requests, ready)

        return Given("request to the board", requests, use)

    def _talk(self, panel: ProbeBoardPanel, requests: list[tuple[int, bytes]], ready: bool) -> None:
        reader = FrameReader(Kind.REPLY, Kind.ERROR)

        def say(opcode: int, payload: bytes, sequence: int, session: int) -> list[Frame]:
            frame = Frame(Kind.REQUEST, opcode, sequence, session, payload[: FRAME_MAX - 14])
            return [frame for reply in panel.receive(encode_frame(frame)) for frame in reader.feed(reply)]

        (hello,) = say(Opcode.HELLO, b"\x01\x00\x00\x00", 0x80000001, 0)
        session = messages.unpack_hello_reply(hello.payload).session
        first = [(Opcode.CLEAR, b""), (Opcode.ARM, messages.pack_arm(10.0))] if ready else []
        for sequence, (opcode, payload) in enumerate([*first, *requests], 1):
            answers = say(opcode, payload, sequence, session)
            for answer in answers:
                if answer.kind is Kind.ERROR:
                    report = messages.unpack_error(answer.payload, with_block=False)
                    assert report.code != 14, f"INTERNAL: {report.text}"
        assert reader.bad_frames == 0

    def _driver(self, throw: random.Random) -> Given:
        """An answer with a right checksum and wrong insides, for the driver of a board."""
        opcode, ask = throw.choice(_ASK)
        payload = REPLIES.get(opcode, b"")
        kind, data = Kind.REPLY, spoilt_bytes(payload, throw)
        if throw.random() < 0.3:
            code = throw.choice((*range(16), 65535))
            kind, data = Kind.ERROR, struct.pack("<HHIQ", code, 0xFFFF, throw.choice((0, 1, 2, 1 << 31)), 3) + data
        raw = throw.random() < 0.1

        def make(frame: Frame) -> bytes:
            whole = encode_frame(Frame(kind, frame.opcode, frame.sequence, frame.session, data))
            return spoilt_bytes(whole, throw) + b"\x00" if raw else whole

        def use() -> None:
            clock = VirtualClock()
            board = LabctlProbeBoard(
                BoardLink(HostileBoard(clock, opcode, make), clock, "board at COM5"),
                "board",
                ProbeBoardSettings(driver="probe-board", address="COM5"),
            )
            board.open_session()
            ask(board)

        return Given("answer to the driver", (opcode.name, kind.name, data), use)

    def _text(self, throw: random.Random) -> Given:
        """A line for what reads numbers, identities, errors and block headers."""
        line = throw.choice(_LINES)
        data = spoilt_bytes(line, throw) if throw.random() < 0.8 else throw.choice(NASTY).encode("utf-8", "replace")
        text = data.decode("latin-1")
        if throw.random() < 0.3:
            return Given("block header", data, lambda: parse_block_header(data), (ValueError,))
        if throw.random() < 0.3:
            return Given("block", data, lambda: _block_of(data, throw))
        parse = throw.choice((decode_number, parse_identity, parse_error))
        return Given("line of text", text, lambda: parse(text), (ValueError,))

    def _smu(self, throw: random.Random) -> Given:
        """Lines for the driver of a source-measure unit."""
        make = throw.choice((_open_2400, _open_2450, _open_2600, _open_b2900))
        ask = throw.choice(_ASK_SMU)

        def use() -> None:
            smu = make(_HostileBackend(HostileChannel(throw)))
            try:
                ask(smu)
            finally:
                smu.close()

        return Given("answers to a source-measure unit's driver", make.__name__, use)


class _HostileBackend:
    """Opens a hostile channel."""

    def __init__(self, channel: HostileChannel) -> None:
        self._channel = channel
        self.clock = VirtualClock()

    def open_visa(self, resource_name: str, **settings: Any) -> HostileChannel:
        """Return the channel."""
        del resource_name, settings
        return self._channel


_SOCKET: Final = "TCPIP0::192.168.1.50::5025::SOCKET"


def _open_2400(backend: Any) -> Any:
    return Keithley2400.open(backend, "smu", Keithley2400Entry(driver="keithley-2400", address="GPIB0::24::INSTR"))


def _open_2450(backend: Any) -> Any:
    return Keithley2450.open(backend, "smu", InstrumentEntry(driver="keithley-2450", address=_SOCKET))


def _open_2600(backend: Any) -> Any:
    return Keithley2600.open(backend, "smu", Keithley2600Settings(driver="keithley-2600", address=_SOCKET))


def _open_b2900(backend: Any) -> Any:
    return KeysightB2900.open(backend, "smu", KeysightB2900Settings(driver="keysight-b2900", address=_SOCKET))


def _block_of(data: bytes, throw: random.Random) -> object:
    """Let a link read a block that begins with some bytes."""

    class _Channel(HostileChannel):
        def _line(self) -> bytes:
            return data + b"\n"

    return ScpiLink(lambda: _Channel(throw), "smu", "nowhere").query_block("DATA?", 4, "<f4", once=True)
