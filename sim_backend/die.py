"""A die: the states of its cells, what was done to each, and what follows from both.

Cells are addressed by their flat index, row * columns + column. Every public array is written by nobody but the die,
except in tests; conductances are worked out from `state` whenever they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import BenchFileError, InputError
from sim_backend.keyed_noise import CELLS, KeyedNoise
from sim_backend.noise import Noise, NoiseKind
from sim_backend.ru_azo import RuAzo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_profile import DeviceProfile

SEEDS = 1 << 63
"""Seeds are 0 to this, without it: what a file holds as a signed 64-bit word."""


class Die:
    """Cells of one device in rows and columns.

    Args:
        die_id: as in the bench file.
        rows: lines that carry the positive side of a cell.
        columns: lines that carry the negative side.
        device: profile of every cell.
        seed: from which all its noise follows.
        noise: which noises it has.

    Raises:
        BenchFileError: for a shape without cells, or with more than 512 x 512.
        InputError: for a seed outside 0 .. 2**63 - 1.
    """

    def __init__(
        self, die_id: str, rows: int, columns: int, device: DeviceProfile, seed: int, noise: Noise | None = None
    ) -> None:
        if rows < 1 or columns < 1 or rows * columns > CELLS:
            raise BenchFileError(f"a die of {rows} x {columns} cannot be simulated: 1 to {CELLS} cells are possible")
        if not 0 <= seed < SEEDS:
            raise InputError(f"seed {seed} lies outside 0 .. 2^63 - 1")
        self.id = die_id
        self.rows = rows
        self.columns = columns
        self.device = device
        self.seed = seed
        self.noise = noise or Noise()
        self.cell = RuAzo(device)
        """The model of every cell."""
        self.state = np.zeros((rows, columns))
        """States, shape (rows, columns), 0 (erased) to 33,040."""
        self.write_count = np.zeros((rows, columns), dtype=np.int64)
        """Pulses above the threshold that each cell has seen, half-selected or not; a stretch of time under the
        voltage of a source-measure unit counts as one. Keys the write noise."""
        self.read_count = np.zeros((rows, columns), dtype=np.int64)
        """Samples that were taken of each cell. Keys the read noise."""
        self._read_noise = KeyedNoise(seed, NoiseKind.READ)
        self._write_noise = KeyedNoise(seed, NoiseKind.WRITE)
        everywhere = np.arange(rows * columns)
        spread = KeyedNoise(seed, NoiseKind.SPREAD).normal(everywhere, np.zeros_like(everywhere))
        self._offset = device.spread * spread if self.noise.spread else np.zeros(rows * columns)
        self.conductance_bound = float(self.cell.conduction.conductance.values[-1] + max(0.0, self._offset.max()))
        """No cell of the die ever conducts more than this (S, at the reference read voltage)."""

    @classmethod
    def fresh(
        cls, die_id: str, rows: int, columns: int, device: DeviceProfile, seed: int, noise: Noise | None = None
    ) -> Die:
        """Return a die that has seen nothing: every cell erased. Arguments and errors as for the class."""
        return cls(die_id, rows, columns, device, seed, noise)

    def conductance(self) -> NDArray[np.float64]:
        """Return the true conductances (S) at the reference read voltage, shape (rows, columns)."""
        return self.conductance_of(np.arange(self.state.size)).reshape(self.state.shape)

    def conductance_of(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the true conductances (S) of `cells`, in their shape."""
        nominal = self.cell.conduction.conductance(self.state.reshape(-1)[cells])
        return self._own(cells, nominal)

    def current(self, cells: NDArray[np.int64], voltage: float | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the currents (A), without noise, of `cells` under `voltage` (V), in their shape."""
        nominal = self.cell.conduction.conductance(self.state.reshape(-1)[cells])
        return self.cell.conduction.current(self._own(cells, nominal), nominal, voltage)

    def voltage(self, cell: NDArray[np.int64], current: float) -> float:
        """Return the voltage (V) at which one cell, an index array of shape (1,), carries `current` (A)."""
        nominal = self.cell.conduction.conductance(self.state.reshape(-1)[cell])
        return self.cell.conduction.voltage(float(self._own(cell, nominal)[0]), float(nominal[0]), current)

    def sample_noise(self, cells: NDArray[np.int64], voltage: float, samples: int) -> NDArray[np.float64]:
        """Take `samples` samples of `cells` under `voltage` (V); return the noise (A) of their means.

        A cell named twice is sampled once: both get the same number.
        """
        count = self.read_count.reshape(-1)
        number = count[cells]
        count[cells] = number + samples
        if not self.noise.read:
            return np.zeros(cells.shape)
        # Noise of the conductance: where the cell blocks, its noise is as much smaller as its current.
        deviation = self.cell.read_noise(self.conductance_of(cells)) * (abs(voltage) / self.cell.blocked(voltage))
        return deviation * self._read_noise.normal(cells, number) / np.sqrt(samples)

    def expose(self, cells: NDArray[np.int64], voltage: float, time: float, pulses: int = 1) -> bool:
        """Let `voltage` (V) act on `cells`, each named once, for `time` (s) in all, as `pulses` pulses.

        Returns:
            whether the voltage reached the threshold; below it nothing changes.
        """
        if abs(voltage) < self.device.hard_threshold:
            return False
        state = self.state.reshape(-1)
        count = self.write_count.reshape(-1)
        before, number = state[cells], count[cells]
        after = self.cell.kinetics.advance(before, voltage, time)
        if self.noise.write:
            # Where the law moves nothing, the variance is 0: noise alone moves no cell.
            deviation = np.sqrt(self.cell.write_variance(before, after))
            after = np.clip(after + deviation * self._write_noise.normal(cells, number), 0.0, self.cell.top)
        state[cells] = after
        count[cells] = number + pulses
        return True

    def _own(self, cells: NDArray[np.int64], nominal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the conductances (S) of cells whose states have the `nominal` one."""
        return np.maximum(nominal + self._offset[cells], self.device.g_floor)
