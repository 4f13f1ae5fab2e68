"""What a product costs: in the array, in converters and amplifiers, and at least, for its noise.

The array's energy is what its input lines carry, times the voltages they stand at. A line i that is driven at V_i for a
share s_i of the slot, and at the floor V_f for the rest, draws

    P = sum_i G_i (s_i V_i^2 + (1 - s_i) V_f^2)

where G_i, what all cells of the line conduct, is measured with that line alone. Where wires or blocking cells keep
lines from carrying with all others what they carry alone, the sum of the column currents tells by how much: by
Kirchhoff's law it is what all lines carry together. All quantities are in SI units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

BOLTZMANN = 1.380649e-23
"""J/K (SI, exact)."""


@dataclass(frozen=True, slots=True, eq=False)
class LineConductances:
    """What each input line conducts with all its cells, by the voltage it stands at.

    Args:
        voltage: at which it was measured, shape (k,), rising (V).
        conductance: current over voltage, shape (k, lines) (S).
    """

    voltage: Array
    conductance: Array

    def at(self, voltage: Array) -> Array:
        """Return the conductances (S) at `voltage`, shape (n, lines) (V): straight between what was measured."""
        found = [
            np.interp(level, self.voltage, line)
            for level, line in zip(voltage.T, self.conductance.T, strict=True)
        ]  # fmt: skip
        return np.array(found).T


@dataclass(frozen=True, slots=True, eq=False)
class DrivenLines:
    """How the input lines stood in n passes.

    Args:
        voltage: of each line during its pulse, shape (n, lines) (V).
        share: of the slot that the pulse takes, shape (n, lines).
        floor: level of lines without their pulse (V).
    """

    voltage: Array
    share: Array
    floor: float

    def excess(self, lines: LineConductances) -> Array:
        """Return by how much the lines' currents exceed those of lines at the floor, as means, shape (n,) (A)."""
        each = self.share * (self.voltage - self.floor) * lines.at(self.voltage)
        return np.asarray(each.sum(axis=1), np.float64)

    def power(self, lines: LineConductances) -> Array:
        """Return what goes into the array over the slot, as means, shape (n,) (W)."""
        squares = self.share * self.voltage**2 + (1 - self.share) * self.floor**2
        return np.asarray((squares * lines.at(self.voltage)).sum(axis=1), np.float64)


def line_conductances(voltage: Array, floor: float, current: Array, idle: float) -> LineConductances:
    """Return what lines conduct, from products of each line alone.

    Args:
        voltage: of the driven line, shape (k,), above `floor`, rising (V).
        floor: level of all other lines (V).
        current: sums over all columns, shape (k, lines) (A).
        idle: the same sum with all lines at the floor: what readers are off by, too (A).
    """
    return LineConductances(voltage, np.maximum(current - idle, 0.0) / (voltage - floor)[:, None])


def loading(expected: Array, measured: Array) -> float:
    """Return by how much lines carry less, or more, together than the sum of what they carry alone: 1 for ideal wires.

    Args:
        expected: sums of the lines' currents above the floor's, shape (n,) (A).
        measured: sums of the column currents above the floor's, shape (n,) (A).
    """
    whole = float(expected.sum())
    return max(0.0, float(measured.sum()) / whole) if whole > 0 else 1.0


def operations(inputs: int, outputs: int, products: int) -> int:
    """Return how many operations products amount to: a multiplication and an addition for each weight."""
    return 2 * inputs * outputs * products


def conversion_energy(ratio: float, merit: float) -> float:
    """Return the energy (J) of one conversion at the Nyquist rate, by Schreier's figure of merit.

    FoM = SNDR + 10 log10(bandwidth / power), and a conversion takes 1 / (2 bandwidth).

    Args:
        ratio: signal to noise and distortion (dB).
        merit: figure of merit (dB).
    """
    return 0.5 * 10 ** ((ratio - merit) / 10)


def thermal_snr(conductance: float, voltage: float, time: float, temperature: float) -> float:
    """Return the signal-to-noise ratio (dB) of a product that only the cells' thermal noise disturbs.

    V^2 g t / (18 k T): weights and inputs evenly distributed, offset mapping, noise bandwidth 1 / (2 t).

    Args:
        conductance: of a cell, mean (S).
        voltage: of an input of 1 (V).
        time: over which a current is averaged (s).
        temperature: K.
    """
    return 10 * math.log10(voltage**2 * conductance * time / (18 * BOLTZMANN * temperature))


def thermal_energy(inputs: int, outputs: int, snr: float, temperature: float) -> float:
    """Return the energy (J) that goes into an array at least for a product of this signal-to-noise ratio (dB).

    6 N M k T SNR: of the array of `thermal_snr`, whose cells take g V^2 t / 3 each on average.
    """
    return 6 * inputs * outputs * BOLTZMANN * temperature * 10 ** (snr / 10)


@dataclass(frozen=True, slots=True)
class Costs:
    """What the parts around an array are taken to need.

    Args:
        dac: energy of putting one input on its line (J).
        adc: energy of one conversion (J).
        tia: power of one column's amplifier at rest (W).
        supply: from which amplifiers take the columns' currents (V).
        control: energy of moving one number to a line or from one (J).
    """

    dac: float
    adc: float
    tia: float
    supply: float
    control: float


@dataclass(frozen=True, slots=True)
class Work:
    """What is done in one product, on average.

    Args:
        inputs: lines that are driven.
        outputs: lines that are read.
        passes: electrical ones.
        averages: conversions of each output in each pass.
        slot: of each (s).
        still: time in a pass outside of its slots (s).
        power: what goes into the array during the slots (W).
        still_power: what goes into it outside of them (W).
        current: sum of the columns' mean currents (A).
    """

    inputs: int
    outputs: int
    passes: float
    averages: int
    slot: float
    still: float
    power: float
    still_power: float
    current: float


@dataclass(frozen=True, slots=True)
class ProductEnergy:
    """Energies of one product (J): into the array, and by the parts around it."""

    array: float
    dac: float
    adc: float
    tia: float
    control: float

    @property
    def system(self) -> float:
        """Of the array and all around it (J)."""
        return self.array + self.dac + self.adc + self.tia + self.control


def product_energy(work: Work, costs: Costs) -> ProductEnergy:
    """Return what one product takes, part by part."""
    slots = work.averages * work.slot
    return ProductEnergy(
        array=work.passes * (work.power * slots + work.still_power * work.still),
        dac=work.passes * work.inputs * costs.dac,
        adc=work.passes * work.outputs * work.averages * costs.adc,
        tia=work.passes * (work.outputs * costs.tia * (slots + work.still) + costs.supply * work.current * slots),
        control=work.passes * (work.inputs + work.outputs) * costs.control,
    )
