"""The probe board of the wire specification, version 1, over USB serial, TCP or a pseudo-terminal.

What is asked for is checked against the board's own capabilities before a byte leaves; the die's envelope is not
this file's business (`labctl/limited.py`), nor is any repetition of a write: there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from pydantic import AfterValidator
from typing_extensions import override

from drivers.board_errors import LostReplyError
from drivers.board_features import FeaturedBoard
from drivers.board_frames import POLL_TIME, Port
from drivers.board_link import BoardLink
from labctl.bench_file import InstrumentEntry
from labctl.board_data import (
    BoardStatus,
    Capabilities,
    Cell,
    CellReadings,
    ComplianceAction,
    Pulse,
    PulseReceipt,
    ReadScheme,
    Trip,
    WriteScheme,
)
from labctl.errors import InDoubtError, InputError, LinkError
from labctl.instruments import Identity, ProbeBoard
from labctl.messages import (
    pack_arm,
    pack_cell,
    pack_compliance,
    pack_entries,
    pack_pulse_read,
    pack_read,
    pack_scheme,
    split_pulse_read_reply,
    unpack_block,
    unpack_capabilities,
    unpack_receipt,
    unpack_status,
    unpack_trips,
)
from labctl.units import Seconds
from labctl.wire import Opcode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.backend import Backend
    from labctl.messages import ResultBlock

READ_MAX = 1024
PULSE_MAX = 1024
PULSE_READ_MAX = 1023
"""Entries of one request (board specification, section 3)."""
WATCHDOG_MIN, WATCHDOG_MAX = 0.02, 10.0
"""Periods (s) of the watchdog (board specification, section 3, ARM)."""
_SETTLING = 30e-6
_SAMPLE = 5e-6
_SLOT_MIN = 1e-6
"""Times (s) of a read and of a pulse (board specification, section 2, rule 9)."""


def _watchdog(period: float) -> float:
    if not WATCHDOG_MIN <= period <= WATCHDOG_MAX:
        raise ValueError(f"the board's watchdog takes 20 ms to 10 s, not {period} s")
    return period


class ProbeBoardSettings(InstrumentEntry):
    """`[instruments.NAME]` of a probe board."""

    watchdog: Annotated[Seconds, AfterValidator(_watchdog)] = 1.0


class LabctlProbeBoard(FeaturedBoard, ProbeBoard):
    """A probe board that speaks the wire specification.

    Args:
        link: to the board.
        name: in the bench file.
        settings: of the bench file.
    """

    Settings = ProbeBoardSettings

    def __init__(self, link: BoardLink, name: str, settings: ProbeBoardSettings) -> None:
        self.name = name
        self.address = settings.address
        self.watchdog = settings.watchdog
        self._link = link
        self._able: Capabilities | None = None
        self._period = 0.0

    @classmethod
    def open(cls, backend: Backend, name: str, settings: ProbeBoardSettings) -> LabctlProbeBoard:
        """Open the port; nothing is sent.

        Raises:
            LinkError: if the port cannot be opened.
        """
        port = backend.open_serial(settings.address, timeout=POLL_TIME, write_timeout=1.0)
        return cls(BoardLink(cast("Port", port), backend.clock, f"{name} at {settings.address}"), name, settings)

    @override
    def identify(self) -> Identity:
        fields = self._link.ask_outside(Opcode.IDENTIFY).decode(errors="replace").split(",")
        if len(fields) != 4:
            raise LinkError(f"{self.name} at {self.address} calls itself {','.join(fields)!r}: no probe board does")
        return Identity(*fields)

    @override
    def capabilities(self) -> Capabilities:
        if self._able is None:
            self._able = self._link.parse(unpack_capabilities, self._link.ask_outside(Opcode.CAPABILITIES))
        return self._able

    @override
    def status(self) -> BoardStatus:
        return self._link.parse(unpack_status, self._link.ask_outside(Opcode.STATUS))

    @override
    def open_session(self) -> None:
        self._link.open_session()

    @override
    def make_safe(self) -> None:
        self._link.make_safe()

    @override
    def close(self) -> None:
        self._link.close()

    @override
    def clear(self) -> Trip:
        return self._link.parse(unpack_trips, self._link.ask(Opcode.CLEAR))

    @override
    def arm(self, period: float) -> None:
        self._period = period
        self._link.ask(Opcode.ARM, pack_arm(period))

    @override
    def keep_alive(self) -> None:
        self._link.ask_if_free(Opcode.ARM, pack_arm(self._period))

    @override
    def set_scheme(self, write: WriteScheme, read: ReadScheme) -> None:
        self._link.ask(Opcode.SCHEME, pack_scheme(write, read))

    @override
    def set_compliance(self, limit: float, action: ComplianceAction) -> None:
        self._link.ask(Opcode.COMPLIANCE, pack_compliance(limit, action))

    @override
    def route(self, cell: Cell) -> None:
        self._check_cells([cell])
        self._link.ask(Opcode.ROUTE, pack_cell(cell))

    @override
    def unroute(self) -> None:
        self._link.ask(Opcode.UNROUTE)

    @override
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        self._check_count("cells", len(cells), READ_MAX)
        self._check_cells(cells)
        self._check_read(voltage, averages)
        duration = len(cells) * (_SETTLING + averages * _SAMPLE)
        reply = self._link.ask(Opcode.READ, pack_read(cells, voltage, averages), duration)
        return self._readings(voltage, self._link.parse(lambda payload: unpack_block(payload, len(cells)), reply))

    @override
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        self._check_count("pulses", len(pulses), PULSE_MAX)
        self._check_pulses(pulses)
        try:
            reply = self._link.ask(Opcode.PULSE, pack_entries(pulses), _duration(pulses))
        except LostReplyError as lost:
            return self._settle(pulses, lost)
        return PulseReceipt(*self._link.parse(unpack_receipt, reply), self._link.boot)

    @override
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        self._check_count("pulses", len(pulses), PULSE_READ_MAX)
        self._check_pulses(pulses)
        self._check_read(voltage, averages)
        duration = _duration(pulses) + len(pulses) * (_SETTLING + averages * _SAMPLE)
        try:
            reply = self._link.ask(Opcode.PULSE_READ, pack_pulse_read(pulses, voltage, averages), duration)
        except LostReplyError as lost:
            receipt = self._settle(pulses, lost)
            raise InDoubtError(
                f"{lost}; {receipt.executed} of {len(pulses)} pulses were put out, what was read is lost"
            ) from None
        executed, delivered, block = self._link.parse(split_pulse_read_reply, reply)
        return PulseReceipt(executed, delivered, self._link.boot), self._readings(voltage, block)

    def _settle(self, pulses: Sequence[Pulse], lost: LostReplyError) -> PulseReceipt:
        """Find out in a new session how many entries of a list without reply were put out; nothing is repeated.

        Raises:
            InDoubtError: if the board does not answer, was restarted, or counted what fits no number of entries.
        """
        try:
            found = self._link.open_session()
        except LinkError as error:
            raise InDoubtError(
                f"{lost}; {error}; 0 to {len(pulses)} pulses of the list were put out; re-read its cells"
            ) from None
        after = lost.before.delivered
        for executed, pulse in enumerate([*pulses, None]):
            if (found.boot, found.delivered) == (lost.before.boot, after):
                return PulseReceipt(executed, after, found.boot)
            after += pulse.count if pulse is not None else 0
        raise InDoubtError(
            f"{self.name} at {self.address} lost its reply and "
            f"{'was restarted' if found.boot != lost.before.boot else 'stopped'} "
            "within a list of pulses; re-read its cells before anything else"
        )

    def _readings(self, voltage: float, block: ResultBlock) -> CellReadings:
        """Give the currents with the voltage that the converter's grid made of the one asked for."""
        step = self.capabilities().read_step
        return CellReadings(round(voltage / step) * step, block.current, block.saturated, block.in_compliance)

    def _check_count(self, what: str, count: int, most: int) -> None:
        if not 1 <= count <= most:
            raise InputError(f"{self.name} takes 1 to {most} {what} at once, not {count}")

    def _check_cells(self, cells: Sequence[Cell]) -> None:
        able = self.capabilities()
        for cell in cells:
            if not (0 <= cell.row < able.rows and 0 <= cell.column < able.columns):
                raise InputError(f"{self.name} has {able.rows} rows and {able.columns} columns, no {cell}")

    def _check_read(self, voltage: float, averages: int) -> None:
        able = self.capabilities()
        if not abs(voltage) <= able.read_limit:
            raise InputError(f"{self.name} reads at up to {able.read_limit} V, not at {voltage} V")
        if not 1 <= averages <= able.averages_max:
            raise InputError(f"{self.name} averages 1 to {able.averages_max} samples, not {averages}")

    def _check_pulses(self, pulses: Sequence[Pulse]) -> None:
        able = self.capabilities()
        self._check_cells([pulse.cell for pulse in pulses])
        for pulse in pulses:
            if not able.v_min <= pulse.amplitude <= able.v_max:
                raise InputError(f"{self.name} pulses {able.v_min} V to {able.v_max} V, not {pulse.amplitude} V")
            if not round(able.width_min * 1e9) <= round(pulse.width * 1e9) <= round(able.width_max * 1e9):
                raise InputError(f"{self.name} makes pulses of {able.width_min} s to {able.width_max} s")
            if not 1 <= pulse.count <= able.count_max:
                raise InputError(f"{self.name} repeats a pulse 1 to {able.count_max} times, not {pulse.count}")


def _duration(pulses: Sequence[Pulse]) -> float:
    """Return how long (s) the board needs to put out a list."""
    return sum(pulse.count * max(2.0 * pulse.width, _SLOT_MIN) for pulse in pulses)
