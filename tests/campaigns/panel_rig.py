"""A panel on a bench with one resistor, and a watch on its error queue."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from campaigns.scpi_lines import ScpiLines
from campaigns.tsp_lines import TspLines

from sim_backend.clock import VirtualClock
from sim_backend.panels.keithley_2400 import Keithley2400Panel
from sim_backend.panels.keithley_2400_instrument import Options as Options2400
from sim_backend.panels.keithley_2450 import Keithley2450Panel
from sim_backend.panels.keithley_2450_instrument import Options as Options2450
from sim_backend.panels.keithley_2600 import Keithley2600Panel
from sim_backend.panels.keithley_2600_lua import Bounds
from sim_backend.panels.keithley_2600_surroundings import Options as Options2600
from sim_backend.panels.keysight_b2900 import KeysightB2900Panel
from sim_backend.panels.keysight_b2900_instrument import Options as OptionsB2900
from sim_backend.panels.scpi_events import EventKind
from sim_backend.smu_terminals import Operating

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.panel import Panel
    from sim_backend.world import World

PATIENCE: Final = 0.05
"""How long the panels wait for a run (s on the virtual clock): among the lines are runs that end in years."""
OVERFLOW: Final = -350


class Resistor:
    """Terminals with a resistor on them."""

    resistance = 10e3

    def __init__(self) -> None:
        self._driven: tuple[float, float] | None = None
        self._conversions = 0

    def drive(self, voltage: float, limit: float) -> None:
        """Switch the output on, or change its level (V) or limit (A)."""
        self._driven = voltage, limit

    def release(self) -> None:
        """Switch the output off."""
        self._driven = None

    def settle(self) -> None:
        """Let time act: on a resistor it does not."""

    def count_conversion(self) -> int:
        """Return how many conversions there were before this one."""
        self._conversions += 1
        return self._conversions - 1

    def measure(self, duration: float) -> Operating:
        """Return voltage and current."""
        del duration
        if self._driven is None:
            return Operating(0.0, 0.0, in_compliance=False)
        voltage, limit = self._driven
        current = voltage / self.resistance
        if abs(current) <= limit:
            return Operating(voltage, current, in_compliance=False)
        held = math.copysign(limit, voltage)
        return Operating(held * self.resistance, held, in_compliance=True)


class ResistorWorld:
    """What panels use of a world."""

    has_real_instruments = False

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self._terminals = Resistor()

    def smu(self, _name: str) -> Resistor:
        """Return the terminals."""
        return self._terminals

    def seed_of(self, _name: str) -> int:
        """Return the seed of the instrument's errors, of which it has none."""
        return 0


@dataclass(frozen=True, slots=True)
class PanelKind:
    """One panel.

    Args:
        make: makes it, switched on just now.
        lines: makes what writes lines for it.
        queue: returns its error queue.
        capacity: entries that the queue holds.
        wake: what makes it listen again while it waits for a run, or for the end of a script.
        calm: what brings a panel that listens to a known state, with its error queue empty.
        mistakes: lines that are wrong, and the error that each gives.
        next_error: asks for the oldest entry.
        most_errors: errors that one line may give at most; None: any number.
    """

    make: Callable[[World], Panel]
    lines: Callable[[Panel], ScpiLines | TspLines]
    queue: Callable[[Any], Any]
    capacity: int
    wake: bytes
    calm: bytes
    mistakes: tuple[tuple[bytes, int], ...]
    next_error: bytes
    most_errors: int | None = 1


_SCPI_MISTAKES = (
    (b":NONSENSE 1", -113),
    (b":SOUR:VOLT 1,2,3,4", -108),
    (b":SOUR:VOLT", -109),
    (b":SOUR:VOLT 'x'", -104),
    (b":SOUR:VOLT 1X", -131),
    (b"*ESE 999", -222),
    (b":SOUR:VOLT 0.1;:SOUR:VOLT \x80;:NONSENSE", -101),
    (b"*IDN?;*NOPE;*IDN?", -113),
)


def _scpi_lines(panel: Panel) -> ScpiLines:
    return ScpiLines(cast("Any", panel))


PANELS: Final[dict[str, PanelKind]] = {
    "keithley-2400": PanelKind(
        lambda world: Keithley2400Panel(world, "smu", options=Options2400(patience=PATIENCE)),
        _scpi_lines,
        lambda panel: panel._instrument.status.log,
        10,
        b"\x18",
        b"\x18*RST;:STAT:PRES;:FORM:SREG ASC;*CLS\n",
        _SCPI_MISTAKES,
        b":SYST:ERR?\n",
    ),
    "keithley-2450": PanelKind(
        lambda world: Keithley2450Panel(world, "smu", options=Options2450(patience=PATIENCE)),
        _scpi_lines,
        lambda panel: panel._instrument.status.log,
        1000,
        b"",
        b"*RST;*CLS\n",
        _SCPI_MISTAKES,
        b":SYST:ERR?\n",
    ),
    "keithley-2600": PanelKind(
        lambda world: Keithley2600Panel(
            world, "smu", options=Options2600(bounds=Bounds(instructions=100_000, seconds=0.5), patience=10.0)
        ),
        lambda _: TspLines(),
        lambda panel: panel._instrument.surroundings.errors,
        100,
        b"endscript\n",
        b"*CLS\n",
        ((b"nonsense(", -285), (b"nonsense(1)", -286), (b"*NOPE", -285), (b"error('x')", -286), (b"*ESE 999", 1101)),
        b"print(errorqueue.next())\n",
        None,
    ),
    "keysight-b2900": PanelKind(
        lambda world: KeysightB2900Panel(world, "smu", options=OptionsB2900(patience=PATIENCE, longest=PATIENCE)),
        _scpi_lines,
        lambda panel: panel._instrument.status.log,
        30,
        b"",
        b"*RST;*CLS\n",
        _SCPI_MISTAKES,
        b":SYST:ERR?\n",
    ),
}
"""By the name of the driver."""


class WatchedEntries(deque[Any]):
    """The entries of an error queue, which may only grow at one end, shrink at the other, and end with an overflow.

    Args:
        queue: the panel's; its entries are watched from here on.
        capacity: entries that it holds.
    """

    def __init__(self, queue: Any, capacity: int) -> None:
        super().__init__(queue._entries)
        self._capacity = capacity
        self.posted = 0
        """Errors that came in since this was last set."""
        self.broken: list[str] = []
        """Rules that were broken."""
        queue._entries = self

    def append(self, entry: Any, /) -> None:
        """Take an entry, if there is room."""
        self._count(entry)
        if len(self) >= self._capacity:
            self.broken.append(f"{entry.code} was added to {len(self)} entries")
        super().append(entry)

    def __setitem__(self, place: Any, entry: Any, /) -> None:
        """Make the last one of a full queue an overflow."""
        self._count(entry)
        if len(self) < self._capacity or place != -1 or entry.code != OVERFLOW:
            self.broken.append(f"entry {place} of {len(self)} became {entry.code}")
        super().__setitem__(place, entry)

    def _count(self, entry: Any) -> None:
        """Count an error; what an instrument only remarks is none."""
        self.posted += getattr(entry, "kind", EventKind.ERROR) == EventKind.ERROR

    def pop(self) -> Any:
        """Nothing is taken from the end where entries come in."""
        self.broken.append("the newest entry was taken")
        return super().pop()


def new_panel(kind: PanelKind) -> Panel:
    """Return a panel that was switched on just now, on a world of its own."""
    return kind.make(cast("World", ResistorWorld()))
