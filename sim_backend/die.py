"""A die: the states of its cells, what was done to each, and what follows from both.

Cells are addressed by their flat index, row * columns + column. A die knows one moment, `time`; whoever lets time
pass sets it. Conductances are worked out from the states whenever they are asked for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from labctl.errors import BenchFileError, InputError, ModelError
from sim_backend.device_models.validity import check_voltage
from sim_backend.noise.aging import drifted, window_left
from sim_backend.noise.array_pulses import ArrayPulses
from sim_backend.noise.array_state import ArrayState
from sim_backend.noise.cell_traits import CellTraits
from sim_backend.noise.keyed import CELLS, KeyedNoise
from sim_backend.noise.kinds import Noise, NoiseKind
from sim_backend.noise.read_noise import ReadNoise
from sim_backend.noise.step_table import step_table

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from labctl.units import Volts
    from sim_backend.device_models.interface import CellLaw, DeviceModel, PerCell, Train
    from sim_backend.noise.step_table import StepTable

    Cells = NDArray[np.int64]

SEEDS = 1 << 63
"""Seeds are 0 to this, without it: what a file holds as a signed 64-bit word."""
DEAD = 1e-15
"""Conductance of a dead cell, in S: what a good insulator leaks. Above 0, so that every current has a voltage."""
_READS = 1 << 46
"""Most samples and pulses of one cell that a die counts."""
_TABLES = 8
"""Pulses on the whole array whose steps are kept."""


class Die:
    """Cells of one device in rows and columns.

    Args:
        die_id: as in the bench file.
        rows: lines that carry the positive side of a cell.
        columns: lines that carry the negative side.
        model: of every cell.
        seed: from which all its noise follows.
        noise: which noises it has.

    Raises:
        BenchFileError: for a shape without cells, or with more than 512 x 512.
        InputError: for a seed outside 0 .. 2**63 - 1.
    """

    def __init__(
        self, die_id: str, rows: int, columns: int, model: DeviceModel, seed: int, noise: Noise | None = None
    ) -> None:
        if rows < 1 or columns < 1 or rows * columns > CELLS:
            raise BenchFileError(f"a die of {rows} x {columns} cannot be simulated: 1 to {CELLS} cells are possible")
        if not 0 <= seed < SEEDS:
            raise InputError(f"seed {seed} lies outside 0 .. 2^63 - 1")
        self.id = die_id
        self.rows = rows
        self.columns = columns
        self.model = model
        self.profile = model.profile
        self.seed = seed
        self.noise = noise or Noise()
        self.time = 0.0
        """The present (s, at least 0): drift, 1/f and telegraph noise follow it."""
        cells, sizes, shape = rows * columns, model.profile.noise, (rows, columns)
        self._traits = CellTraits(seed, cells, sizes, self.noise)
        self.states: Final = np.array(model.erased(cells)).reshape(len(model.variables), rows, columns)
        """State variables of every cell, shape (variables, rows, columns); `model.variables` has their names."""
        if self._traits.stuck is not None:
            self.states[0].reshape(-1)[self._traits.stuck] = self._traits.stuck_at
        self.write_count: Final = np.zeros(shape, np.int64)
        """Pulses that each cell has seen and that could disturb it, half-selected or not; a stretch of time under the
        voltage of a source-measure unit counts as one. Keys the write noise."""
        self.read_count: Final = np.zeros(shape, np.int64)
        """Samples that were taken of each cell. Keys the read noise."""
        self.written_at: Final = np.zeros(shape)
        """When each cell saw its last such pulse (s)."""
        self.travelled: Final = np.zeros(shape)
        """Levels that each cell has passed, up and down."""
        self._read_noise = ReadNoise(seed, cells, sizes, self.noise)
        self._write_noise = KeyedNoise(seed, NoiseKind.WRITE, cells) if self.noise.write else None
        self._drifts = self.noise.drift and sizes.drift_exponent > 0
        self._wears = self.noise.wear and sizes.wear_exponent > 0
        self._thresholds = (_threshold(model, 1.0), _threshold(model, -1.0))
        offset = 0.0 if self._traits.offset is None else float(self._traits.offset.max())
        self.conductance_bound = model.highest_conductance + max(0.0, offset)
        """No cell of the die ever conducts more than this (S, at the reference read voltage)."""
        self._flat = ArrayState(
            self.state.reshape(-1), self.write_count.reshape(-1), self.written_at.reshape(-1),
            self.travelled.reshape(-1),
        )  # fmt: skip
        self.accelerated = True
        """Whether pulses on the whole array are compiled, if numba is installed: set before the first of them."""
        self._pulses: ArrayPulses | None = None
        self._tables: dict[tuple[float, float, int, float], StepTable] = {}
        self._plain = False

    @classmethod
    def fresh(
        cls, die_id: str, rows: int, columns: int, model: DeviceModel, seed: int, noise: Noise | None = None
    ) -> Die:
        """Return a die that has seen nothing: every cell erased. Arguments and errors as for the class."""
        return cls(die_id, rows, columns, model, seed, noise)

    @property
    def state(self) -> NDArray[np.float64]:
        """Positions of the cells, 0 (erased) to `model.top`: a view of shape (rows, columns)."""
        return self.states[0]

    def conductance(self) -> NDArray[np.float64]:
        """Return the true conductances (S) at the reference read voltage, shape (rows, columns)."""
        return self.conductance_of(np.arange(self.rows * self.columns)).reshape(self.rows, self.columns)

    def conductance_of(self, cells: Cells) -> NDArray[np.float64]:
        """Return the true conductances (S) of `cells`, in their shape: without read, 1/f and telegraph noise."""
        flat = cells.reshape(-1)
        return self._own(flat, self._states_of(flat)).reshape(cells.shape)

    def conductance_in(self, cells: Cells, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what `cells`, shape (n,), would conduct (S) in `states`, shape (variables, n)."""
        return self._own(cells, states)

    def law(self, cells: Cells) -> CellLaw:
        """Return the I-V law of `cells`, shape (n,), in the states they are in."""
        states = self._states_of(cells)
        return self.model.law(states, self._own(cells, states))

    def current(self, cells: Cells, voltage: PerCell) -> NDArray[np.float64]:
        """Return the currents (A), without noise, of `cells` under `voltage` (V), in their shape."""
        if isinstance(voltage, np.ndarray):
            voltage = np.broadcast_to(voltage, cells.shape).reshape(-1)
        return self.law(cells.reshape(-1)).current(voltage).reshape(cells.shape)

    def voltage(self, cell: Cells, current: float) -> float:
        """Return the voltage (V) at which one cell, an index array of shape (1,), carries `current` (A)."""
        return float(self.law(cell).voltage(current)[0])

    def sample_noise(
        self, cells: Cells, voltage: PerCell, samples: int, duration: float, shares: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Take samples of cells; return the noise (A) of their means, in the shape of `cells`.

        A cell named twice is sampled once: both get the same number.

        Args:
            cells: which.
            voltage: across them (V), one or one for each.
            samples: how many of each.
            duration: over which they are taken (s), up to the die's present.
            shares: of the samples during which each cell is under voltage, in the shape of `cells`; None: of all.
        """
        count = self.read_count.reshape(-1)
        flat = cells.reshape(-1)
        number = count[flat]
        count[flat] = number + samples
        if self._read_noise.silent:
            return np.zeros(cells.shape)
        noise = self._read_noise.mean(flat, number, self.conductance_of(flat), samples, self.time, duration, shares)
        if self._traits.dead is not None:
            noise[self._traits.dead[flat]] = 0.0
        # Noise of the conductance: where the cell blocks, its noise is as much smaller as its current.
        return noise.reshape(cells.shape) * self._passed(voltage)

    def expose(self, cells: Cells, voltage: PerCell, train: Train) -> bool:
        """Let a train act on cells.

        Args:
            cells: which, each named once, shape (n,).
            voltage: of the pulses across them (V), one or one for each.
            train: what acts.

        Returns:
            whether the voltage disturbs any of them; where it does not, nothing changes and nothing is counted.

        Raises:
            ModelError: for a voltage beyond those for which the model holds; nothing changes.
        """
        self._check(voltage)
        if isinstance(voltage, np.ndarray):
            disturbed = (voltage >= self._thresholds[0]) | (voltage <= -self._thresholds[1])
            if not disturbed.all():
                cells, voltage = cells[disturbed], voltage[disturbed]
            if not cells.size:
                return False
        elif not (voltage >= self._thresholds[0] or voltage <= -self._thresholds[1]):
            return False
        self._advance(cells, voltage, train)
        return True

    def pulse_all(self, voltage: Volts, train: Train) -> bool:
        """Let a train act on every cell: the same as `expose`, faster where its steps can be looked up.

        They can while all cells have seen equally many pulses and none is near the ends of its range, or otherwise
        not plain (`step_table` says which are, and how near a looked-up step is to the computed one). The first use
        of a train takes some milliseconds. Arguments and errors as for `expose`.
        """
        self._check(voltage)
        if self.model.disturbs(voltage) and self._is_plain():
            table = self._step_table(voltage, train)
            if self._array_pulses().apply(self._flat, table, train.count, self.time):
                return True
        return self.expose(np.arange(self.rows * self.columns), voltage, train)

    def stick(self, cell: int) -> None:
        """Let a cell, by its flat index, be stuck where it is: no pulse changes it any more."""
        self._traits.stick(cell)
        self._pulses = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything that time and use have changed, by name; with id, model, seed and noise it is the die.

        `states` has the shape (variables, rows, columns), all others (rows, columns); float64 but for the counts,
        which are int64.
        """
        return {
            "states": self.states, "write_count": self.write_count, "read_count": self.read_count,
            "written_at": self.written_at, "travelled": self.travelled,
        }  # fmt: skip

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `arrays` gave, in the same shapes and types.

        Raises:
            ModelError: for a number that no cell can have; nothing changes.
        """
        positions = arrays["states"][0]
        if not np.isfinite(arrays["states"]).all():
            raise ModelError("a state is no number")
        if positions.min() < 0 or positions.max() > self.model.top:
            raise ModelError(f"a state lies outside 0 .. {self.model.top:g}")
        for name in ("write_count", "read_count"):
            if arrays[name].min() < 0 or arrays[name].max() >= _READS:
                raise ModelError(f"a count lies outside 0 .. {_READS - 1}")
        for name in ("written_at", "travelled"):
            if not np.isfinite(arrays[name]).all() or arrays[name].min() < 0:
                raise ModelError(f"{name} has a number that is below 0 or none")
        for name, own in self.arrays().items():
            np.copyto(own, arrays[name])
        self._plain = False

    def _states_of(self, cells: Cells) -> NDArray[np.float64]:
        return self.states.reshape(len(self.states), -1).take(cells, axis=1)

    def _own(self, cells: Cells, states: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the true conductances (S) of cells in `states`."""
        profile, traits = self.profile, self._traits
        own = self.model.conductance(states)
        if self._wears:
            own = profile.g_min + (own - profile.g_min) * window_left(profile.noise, self.travelled.reshape(-1)[cells])
        if traits.offset is not None:
            own = own + traits.offset[cells]
        if self._drifts:
            own = own * drifted(profile.noise, self.time - self.written_at.reshape(-1)[cells])
        own = np.maximum(own, profile.g_floor)
        return own if traits.dead is None else np.where(traits.dead[cells], DEAD, own)

    def _passed(self, voltage: PerCell) -> PerCell:
        """Return what a conductance's noise (S) is multiplied with to give the current's (A)."""
        if isinstance(voltage, np.ndarray):
            return np.abs(voltage) / np.where(voltage < 0, self.profile.rectification, 1.0)
        return abs(voltage) / (self.profile.rectification if voltage < 0 else 1.0)

    def _check(self, voltage: PerCell) -> None:
        """Refuse a voltage at which the model says nothing."""
        most = float(np.abs(voltage).max(initial=0.0)) if isinstance(voltage, np.ndarray) else abs(voltage)
        check_voltage(self.profile, most)

    def _advance(self, cells: Cells, voltage: PerCell, train: Train) -> None:
        """Let a train that disturbs act on `cells`."""
        traits = self._traits
        before = self._states_of(cells)
        rate = 1.0 if traits.rate is None else traits.rate[cells]
        after = self.model.advance(before, voltage, train, self._own(cells, before), rate)
        position: NDArray[np.float64] = after[0]
        count = self.write_count.reshape(-1)
        number = count[cells]
        if self._write_noise is not None:
            # Where the law moves nothing, the variance is 0: noise alone moves no cell.
            deviation = np.sqrt(self.model.write_variance(before, after))
            position = position + deviation * self._write_noise.normal(cells, number)
            position = np.minimum(np.maximum(position, 0.0), self.model.top)
        if traits.fixed is not None:
            fixed = traits.fixed[cells]
            after = np.where(fixed, before, after)
            position = np.where(fixed, before[0], position)
        states = self.states.reshape(len(self.states), -1)
        states[:, cells] = after
        states[0, cells] = position
        self.travelled.reshape(-1)[cells] += np.abs(position - before[0])
        count[cells] = number + train.count
        self.written_at.reshape(-1)[cells] = self.time
        self._plain = False

    def _step_table(self, voltage: Volts, train: Train) -> StepTable:
        key = (voltage, train.width, train.count, train.period)
        if key not in self._tables:
            if len(self._tables) >= _TABLES:
                self._tables.clear()
            self._tables[key] = step_table(self.model, voltage, train)
        return self._tables[key]

    def _is_plain(self) -> bool:
        """Return whether cells differ by nothing but their positions, in what a pulse depends on."""
        if not self._plain:
            erased = self.model.erased(1)[1:, :, None]
            alike = np.ptp(self.write_count) == 0 and (self.states[1:] == erased).all()
            self._plain = bool(alike) and not (self._drifts or self._wears)
        return self._plain

    def _array_pulses(self) -> ArrayPulses:
        if self._pulses is None:
            traits, cells = self._traits, self.rows * self.columns
            rate = traits.rate
            if traits.fixed is not None:
                rate = np.where(traits.fixed, 0.0, 1.0 if rate is None else rate)
            self._pulses = ArrayPulses(self._write_noise, rate, cells, accelerated=self.accelerated)
        return self._pulses


def _threshold(model: DeviceModel, sign: float) -> float:
    """Return the smallest magnitude (V) of this sign that disturbs a cell; infinite if none does."""
    low, high = 0.0, model.profile.voltage_max
    if not model.disturbs(sign * high):
        return math.inf
    while low < (middle := (low + high) / 2) < high:
        if model.disturbs(sign * middle):
            high = middle
        else:
            low = middle
    return high
