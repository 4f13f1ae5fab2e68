"""A twin whose world is looked at from outside: what was truly put out, and how often."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from sim_backend.backend import TwinBackend
from sim_backend.faults.schedule import Progress

if TYPE_CHECKING:
    from labctl.backend import BackendOptions
    from labctl.bench_file import BenchFile
    from sim_backend.device_models.interface import Train
    from sim_backend.smu_terminals import SmuTerminals


@dataclass(frozen=True, slots=True)
class Put:
    """A pulse that was put out, on one power-up of the board."""

    row: int
    column: int
    amplitude: float
    width: float


@dataclass(slots=True)
class Truth:
    """What truly happened in one run, over all its shares.

    Args:
        pulses: that the board put out, by power-up.
        smu_writes: how often a source-measure unit went beyond the read voltage with a cell at its terminals.
        struck: how often a kind of fault did.
    """

    smu_writes: int = 0
    pulses: dict[int, list[Put]] = field(default_factory=dict[int, list[Put]])
    struck: Counter[str] = field(default_factory=Counter[str])


class RiggedTwin(TwinBackend):
    """A twin whose world is looked at from outside."""

    truth = Truth()
    last: RiggedTwin | None = None
    progress: Progress | None = None
    """How far the fault plan came."""

    def __init__(self, bench: BenchFile, options: BackendOptions) -> None:
        super().__init__(bench, options)
        self.read_voltage = bench.envelope.read_voltage
        type(self).last = self
        world, put_out = self.world, self.world.pulse_cell

        def pulse_cell(row: int, column: int, amplitude: float, train: Train, *rest: Any) -> bool:
            pulse = Put(row, column, amplitude, train.width)
            self.truth.pulses.setdefault(world.counters.boot, []).extend([pulse] * train.count)
            return put_out(row, column, amplitude, train, *rest)

        world.pulse_cell = pulse_cell  # type: ignore[method-assign]
        for terminals in world._smus.values():
            self._look_at(terminals)

    def _look_at(self, terminals: SmuTerminals) -> None:
        drive, limit = terminals.drive, self.read_voltage

        def count_writes(voltage: float, current_limit: float) -> None:
            is_write = terminals._port.load is not None and abs(voltage) > limit >= abs(terminals._voltage)
            self.truth.smu_writes += is_write
            drive(voltage, current_limit)

        terminals.drive = count_writes  # type: ignore[method-assign]

    @override
    def close(self) -> None:
        super().close()
        if self.faults is not None:
            self.progress = self.faults.progress
            self.truth.struck.update(struck.kind.value for struck in self.faults.struck)
            self.faults.struck.clear()
