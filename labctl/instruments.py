"""What an experiment may ask of an instrument, whatever its make.

Voltages in V, currents in A, widths and times in s. Polarity: a positive voltage makes the row line positive
against the column line, potentiates, and gives a positive current from row to column.
A driver implements one of the two interfaces below; a protocol sees nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum, IntEnum, IntFlag
from typing import TYPE_CHECKING, ClassVar

from labctl.board_features import BoardFeatures
from labctl.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers at an address: the four fields of `*IDN?`, or of the board's IDENTIFY.

    Args:
        vendor: the maker.
        model: without the word MODEL that some makers put before it.
        serial: the serial number.
        firmware: its version.
        reply: what was answered, word for word; "" where the fields are all there is.
    """

    vendor: str
    model: str
    serial: str
    firmware: str
    reply: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.reply or ",".join((self.vendor, self.model, self.serial, self.firmware))


@dataclass(frozen=True, slots=True)
class Cell:
    """A crossing of the array, counted from 0."""

    row: int
    column: int

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column}"


@dataclass(frozen=True, slots=True)
class Pulse:
    """A train of `count` equal pulses on one cell.

    Args:
        cell: where.
        amplitude: height in V, with sign.
        width: of one pulse, in s.
        count: how many.
    """

    cell: Cell
    amplitude: float
    width: float
    count: int = 1


class Instrument(ABC):
    """What every instrument of a bench can do."""

    models: ClassVar[tuple[str, ...]] = ()
    """Models that the driver speaks to, as parts of the identity's model; none: any."""

    name: str
    """Its name in the bench file."""
    address: str
    """Where it is."""

    @abstractmethod
    def identify(self) -> Identity:
        """Return who answers; nothing is set.

        Raises:
            LinkError: if nobody does.
        """

    @abstractmethod
    def make_safe(self) -> None:
        """Put the instrument in its safe state, from any state, any number of times.

        Raises:
            LinkError: if it cannot be confirmed that the instrument is safe.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the channel. Closing twice is harmless."""


class OffMode(Enum):
    """What the terminals of a source-measure unit do while its output is off."""

    NORMAL = "normal"
    HIGH_IMPEDANCE = "high impedance"
    ZERO = "zero"
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class SourceSetup:
    """How a source-measure unit sources voltage and measures current.

    Args:
        voltage: the largest magnitude that will be sourced; selects a fixed source range (V).
        current_limit: compliance (A).
        current_range: fixed measure range that holds this current (A); None measures with auto range.
        nplc: integration time in power line cycles.
        four_wire: remote sense.
        off_mode: what the terminals do while the output is off.
    """

    voltage: float
    current_limit: float
    current_range: float | None = None
    nplc: float = 1.0
    four_wire: bool = False
    off_mode: OffMode = OffMode.NORMAL


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a source-measure unit.

    Args:
        voltage: sourced or read back (V).
        current: measured (A); not a number when `overrange`.
        time: since the instrument's first reading (s), by the instrument.
        in_compliance: the limit held the output back: the voltage is not what was asked for.
        overrange: the reading did not fit the measure range.
    """

    voltage: float
    current: float
    time: float
    in_compliance: bool = False
    overrange: bool = False


@dataclass(frozen=True, slots=True)
class PulseTrain:
    """A train of equal rectangular pulses of voltage from a source-measure unit.

    Args:
        level: of the pulses (V).
        width: of each pulse (s), by the instrument's own definition.
        count: how many.
        base: level before, between and after the pulses (V).
        rest: from the end of a pulse to the beginning of the next one (s).
    """

    level: float
    width: float
    count: int = 1
    base: float = 0.0
    rest: float = 1e-3


class SourceMeter(Instrument):
    """A source-measure unit that sources voltage and measures current."""

    has_watchdog: bool = False
    """Whether the instrument makes its own output safe when the host falls silent. A driver that says so names the
    command in its docstring; one that does not says where none was found."""
    pulse_width_min: float | None = None
    """Width (s) of the shortest pulse that the instrument puts out; None: it has no pulses."""

    @property
    def supports_pulses(self) -> bool:
        """Whether `pulse` is more than a refusal."""
        return self.pulse_width_min is not None

    @abstractmethod
    def configure(self, setup: SourceSetup) -> SourceSetup:
        """Reset to a known state with the output off at 0 V, then apply `setup`; return what it reads back.

        The limit and the over-voltage protection are set to the nearest setting that allows `setup`.

        Raises:
            SettingError: if the instrument reads back another value than it was given.
            RefusedError: if the instrument refuses.
        """

    @abstractmethod
    def source(self, voltage: float) -> None:
        """Source `voltage` (V), within the configured range.

        Raises:
            SettingError: if the configured range cannot hold it.
        """

    @abstractmethod
    def output_on(self) -> None:
        """Switch the output on and confirm it; `configure` must have been called.

        Raises:
            RefusedError: if the output stays off.
        """

    @abstractmethod
    def output_off(self) -> None:
        """Source 0 V, switch the output off and confirm it."""

    @abstractmethod
    def measure(self) -> Reading:
        """Return one reading at the present level; the output must be on."""

    @abstractmethod
    def sweep(self, voltages: Sequence[float], delay: float = 0.0) -> list[Reading]:
        """Source each of `voltages` (V), wait `delay` (s), measure; return the buffered readings.

        The sweep goes on through compliance; a reading says whether it was held back.
        """

    def pulse(self, train: PulseTrain) -> list[Reading]:
        """Put out pulses and return one reading of each, taken at its end; then source 0 V.

        The output must be on, the measure range be fixed, and the integration time fit in a pulse.

        Raises:
            SettingError: if the instrument or its configuration cannot do that; nothing was sent.
            RefusedError: if the instrument refuses, or does not end in time.
            TrippedError: if the output went off.
        """
        raise SettingError(
            f"{self.name} at {self.address}: this instrument has no pulses, so one of {train.level:g} V and "
            f"{train.width:g} s was not sent; pulse with the probe board, or with another source-measure unit"
        )

    @abstractmethod
    def read_errors(self) -> list[str]:
        """Return and clear what stands in the instrument's error queue, oldest first."""


class BoardState(IntEnum):
    """State of the probe board (BOARD specification, section 2, rule 6)."""

    SAFE = 0
    IDLE = 1
    ARMED = 2


class Trip(IntFlag):
    """Protections of the probe board that fired."""

    NONE = 0
    WATCHDOG = 1
    COMPLIANCE = 2
    OVER_TEMPERATURE = 4
    INTERLOCK = 8
    SUPPLY = 16


class WriteScheme(IntEnum):
    """What the other lines get while a cell is pulsed: V/2, or V/3 and 2V/3."""

    HALF = 2
    THIRD = 3


class ReadScheme(IntEnum):
    """What the other lines of the driven side get while cells are read."""

    GROUND = 0
    FLOAT = 1
    REVERSE = 4


class ComplianceAction(IntEnum):
    """What the board does with a line that reaches its current limit."""

    CLAMP = 0
    TRIP = 1


class Feature(IntFlag):
    """What a probe board can do beyond reading and pulsing."""

    NONE = 0
    SMU_PORT = 1
    MULTIPLY = 2
    TEMPERATURE = 4
    SELF_TEST = 8
    CALIBRATION = 16


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a probe board can do; voltages in V, widths in s."""

    rows: int
    columns: int
    v_min: float
    v_max: float
    read_limit: float
    write_step: float
    read_step: float
    width_min: float
    width_max: float
    count_max: int
    averages_max: int
    features: Feature


@dataclass(frozen=True, slots=True)
class BoardStatus:
    """State of a probe board.

    Args:
        state: SAFE, IDLE or ARMED.
        trips: protections that fired and were not cleared.
        delivered: pulses put out since power-up.
        boot: power-ups so far.
        temperature: in degC.
        bad_frames: damaged frames that the board dropped.
        time: since power-up, in s.
    """

    state: BoardState
    trips: Trip
    delivered: int
    boot: int
    temperature: float
    bad_frames: int
    time: float


@dataclass(frozen=True, slots=True)
class CellReadings:
    """Mean currents of n cells, in the order they were asked for.

    Args:
        voltage: across each cell, as the converter put it out (V).
        current: shape (n,), in A.
        saturated: shape (n,): amplifier or converter was at its end.
        in_compliance: shape (n,): the line driver was held back by its limit.
    """

    voltage: float
    current: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    in_compliance: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PulseReceipt:
    """What a list of pulses did.

    Args:
        executed: entries of the list that were put out.
        delivered: the board's pulse counter afterwards.
        boot: the board's power-up counter; with another boot, `delivered` starts anew.
    """

    executed: int
    delivered: int
    boot: int


class ProbeBoard(Instrument, BoardFeatures):
    """A crossbar probe board: drives and reads the lines of an array, and lets an SMU through to one cell."""

    watchdog: float
    """Period of the watchdog that the bench asks for (s)."""

    @abstractmethod
    def keep_alive(self) -> None:
        """Restart the watchdog, unless a request is under way: that restarts it by itself."""

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Return what the board can do; nothing is set."""

    @abstractmethod
    def status(self) -> BoardStatus:
        """Return the board's state; nothing is set."""

    @abstractmethod
    def open_session(self) -> None:
        """Open a session: from here on each request is executed at most once."""

    @abstractmethod
    def clear(self) -> Trip:
        """Leave the safe state; return the trips that were cleared."""

    @abstractmethod
    def arm(self, period: float) -> None:
        """Arm the board with a watchdog of `period` (s); 0 disarms it: SMU port open, lines grounded."""

    @abstractmethod
    def set_scheme(self, write: WriteScheme, read: ReadScheme) -> None:
        """Choose what the unselected lines get."""

    @abstractmethod
    def set_compliance(self, limit: float, action: ComplianceAction) -> None:
        """Limit the current of each line (A)."""

    @abstractmethod
    def route(self, cell: Cell) -> None:
        """Connect the SMU to a cell: high to its row, low to its column."""

    @abstractmethod
    def unroute(self) -> None:
        """Disconnect the SMU."""

    @abstractmethod
    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        """Read cells at `voltage` (V), each the mean of `averages` samples; opens the SMU port."""

    @abstractmethod
    def pulse(self, pulses: Sequence[Pulse]) -> PulseReceipt:
        """Put out a list of pulses, one after the other; opens the SMU port.

        Raises:
            InDoubtError: if it is unknown how many were put out.
        """

    @abstractmethod
    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        """Put out each pulse of a list and read its cell before the next one."""
