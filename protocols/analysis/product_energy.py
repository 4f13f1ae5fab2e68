"""What a product costs: in the array, in converters and amplifiers, and at least, for its noise.

The array's energy is what its input lines carry, times the voltages they stand at. A line i that is driven at V_i for a
share s_i of the slot, and at the floor V_f for the rest, draws

    P = sum_i (s_i V_i I_i(V_i) + (1 - s_i) V_f I_i(V_f))

where I_i(V), what all cells of the line carry, is measured with that line alone. Where wires or blocking cells keep
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
class LineCurrents:
    """What each input line carries with all its cells, by the voltage it stands at.

    Args:
        floor: level of lines without a pulse (V).
        rest: carried there, shape (lines,) (A).
        voltage: at which the lines were measured, shape (k,), above the floor, rising (V).
        slope: current above that at the floor, over voltage above the floor, shape (k, lines) (S).
    """

    floor: float
    rest: Array
    voltage: Array
    slope: Array

    def rise(self, voltage: Array) -> Array:
        """Return the currents above those at the floor (A) at `voltage`, shape (n, lines) (V).

        The slope is taken to be straight between the voltages that were measured, and the same beyond them.
        """
        slope = np.empty_like(voltage)
        for line in range(voltage.shape[1]):
            slope[:, line] = np.interp(voltage[:, line], self.voltage, self.slope[:, line])
        return (voltage - self.floor) * slope

    def conductance(self) -> Array:
        """Return current over voltage of each line at the highest voltage, shape (lines,) (S)."""
        highest = self.voltage[-1:]
        whole = np.broadcast_to(highest, (1, len(self.rest)))
        return np.asarray((self.rise(whole)[0] + self.rest) / highest[0], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class DrivenLines:
    """How the input lines stood in n passes.

    Args:
        voltage: of each line during its pulse, shape (n, lines) (V).
        share: of the slot that the pulse takes, shape (n, lines).
    """

    voltage: Array
    share: Array

    def excess(self, lines: LineCurrents) -> Array:
        """Return by how much the lines' currents exceed those at the floor, as means, shape (n,) (A)."""
        return np.asarray((self.share * lines.rise(self.voltage)).sum(axis=1), np.float64)

    def power(self, lines: LineCurrents) -> Array:
        """Return what goes into the array over the slot, as means, shape (n,) (W)."""
        pulsed = self.share * self.voltage * (lines.rise(self.voltage) + lines.rest)
        resting = (1 - self.share) * lines.floor * lines.rest
        return np.asarray((pulsed + resting).sum(axis=1), np.float64)


def line_currents(voltage: Array, floor: float, current: Array, idle: float) -> LineCurrents:
    """Return what lines carry, from products of each line alone.

    At a floor above 0 V all lines together carry `idle`; each has the share that it has of the pulses' currents. At 0 V
    lines carry nothing, and `idle` is what the readers are off by.

    Args:
        voltage: of the driven line, shape (k,), above `floor`, rising (V).
        floor: level of all other lines (V).
        current: sums over all columns, shape (k, lines) (A).
        idle: the same sum with all lines at the floor (A).
    """
    slope = np.maximum(current - idle, 0.0) / (voltage - floor)[:, None]
    whole = float(slope[0].sum())
    rest = slope[0] * (max(idle, 0.0) / whole) if floor > 0 and whole > 0 else np.zeros_like(slope[0])
    return LineCurrents(floor, rest, voltage, slope)


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
