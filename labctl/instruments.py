"""What an experiment may ask of an instrument, whatever its make.

Voltages in V, currents in A, widths and times in s. Polarity: a positive voltage makes the row line positive
against the column line, potentiates, and gives a positive current from row to column.
A driver implements one of the two interfaces below; a protocol sees nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from labctl.board_features import BoardFeatures
from labctl.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    from labctl.smu_data import PulseTrain, Reading, SourceSetup


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


class SourceMeter(Instrument):
    """A source-measure unit that sources voltage and measures current."""

    has_watchdog: bool = False
    """Whether the instrument makes its own output safe when the host falls silent. A driver that says so names the
    command in its docstring; one that does not says where none was found."""
    sweeps_by_itself: bool = True
    """Whether the instrument goes on through a sweep when the host falls silent. A driver that steps from level to
    level itself says False, and no sweep goes above the die's read voltage: what is left standing must not write."""
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
