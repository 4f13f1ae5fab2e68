"""From the passes of an `energy` run to what a product takes: line currents, powers, and the work that costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.product_energy import (
    Costs,
    DrivenLines,
    LineCurrents,
    Work,
    conversion_energy,
    line_currents,
    loading,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.energy import EnergyParameters, EnergyReading

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """What the passes of a run show; passes of products are in their order.

    Args:
        lines: what each input line carries.
        height: at which it was measured last (V).
        cell: conductance of a cell of the region at that height, mean (S).
        loading: by how much lines carry less together than each alone.
        closure: rms difference of the column currents from what lines and loading say, over their mean.
        expected: sums of the lines' currents above the floor's, without loading, shape (passes,) (A).
        measured: sums of the column currents above the floor's, shape (passes,) (A).
        power: into the array during the slots, shape (passes,) (W).
        vectors: that were multiplied.
        work: of one product, on average.
    """

    lines: LineCurrents
    height: float
    cell: float
    loading: float
    closure: float
    expected: Array
    measured: Array
    power: Array
    vectors: int
    work: Work

    def chip(self, slot: float) -> Work:
        """Return the work of the same products in one `slot` (s) for each pass and no time beside it."""
        return replace(self.work, averages=1, slot=slot, still=0.0, still_power=0.0)


def account_of(records: Sequence[EnergyReading]) -> Account | None:
    """Return what the passes of a run show; None before lines and a product are measured."""
    idle = [record for record in records if record.stage == "idle"]
    alone = [record for record in records if record.stage == "line"]
    products = [record for record in records if record.stage == "product"]
    if not (idle and alone and products):
        return None
    at_floor = np.array([record.current for record in idle]).mean(axis=0)
    lines = _lines(alone, float(at_floor.sum()))
    first = products[0]
    driven = DrivenLines(
        np.array([record.voltage for record in products]), np.array([record.share for record in products])
    )
    measured: Array = np.array([sum(record.current) for record in products]) - float(at_floor.sum())
    expected = driven.excess(lines)
    loaded = loading(expected, measured)
    power = loaded * driven.power(lines)
    at_rest = loaded * lines.floor * float(lines.rest.sum())
    vectors = len({record.index for record in products})
    mean = float(measured.mean())
    work = Work(
        inputs=len(first.voltage),
        outputs=first.columns,
        passes=len(products) / vectors,
        averages=first.averages,
        slot=first.slot,
        still=first.still,
        power=float(power.mean()),
        still_power=float(power.mean()) if first.stays else at_rest,
        current=max(0.0, mean) + float(lines.rest.sum()),
    )
    closure = float(np.sqrt(np.mean(np.square(measured - loaded * expected)))) / mean if mean > 0 else 1.0
    return Account(
        lines=lines,
        height=float(lines.voltage[-1]),
        cell=_cell(alone, at_floor),
        loading=loaded,
        closure=closure,
        expected=expected,
        measured=measured,
        power=power,
        vectors=vectors,
        work=work,
    )


def costs_of(parameters: EnergyParameters) -> Costs:
    """Return what the parts around the array are taken to need."""
    p = parameters
    return Costs(
        dac=p.dac_energy,
        adc=conversion_energy(p.adc_snr, p.adc_merit),
        tia=p.tia_power,
        supply=p.supply,
        control=p.control_energy,
    )


def _lines(alone: Sequence[EnergyReading], at_floor: float) -> LineCurrents:
    """Return what lines carry; each was measured alone at the same heights, one height after the other."""
    count = 1 + max(record.index for record in alone)
    whole = len(alone) // count
    voltage = np.array([record.voltage[0] for record in alone[: whole * count]]).reshape(whole, count)
    current = np.array([sum(record.current) for record in alone[: whole * count]]).reshape(whole, count)
    return line_currents(voltage[:, 0], alone[0].floor, current, at_floor)


def _cell(alone: Sequence[EnergyReading], at_floor: Array) -> float:
    """Return the mean conductance (S) of the cells of the region, at the greatest height.

    Args:
        alone: lines, each alone.
        at_floor: column currents with all lines at the floor, shape (columns,) (A).
    """
    first = alone[0]
    height = max(record.voltage[0] for record in alone)
    columns = slice(first.column, first.column + first.columns)
    current = np.array([record.current for record in alone if record.voltage[0] == height])
    return max(0.0, float((current - at_floor)[:, columns].mean())) / (height - first.floor)
