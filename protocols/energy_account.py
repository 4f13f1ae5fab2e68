"""From the passes of an `energy` run to what a product takes: line conductances, powers, and the work that costs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.product_energy import (
    Costs,
    DrivenLines,
    LineConductances,
    Work,
    conversion_energy,
    line_conductances,
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
        lines: what each input line conducts.
        height: at which it was measured last (V).
        loading: by how much lines carry less together than each alone.
        closure: rms difference of the column currents from what lines and loading say, over their mean.
        expected: sums of the lines' currents above the floor's, without loading, shape (passes,) (A).
        measured: sums of the column currents above the floor's, shape (passes,) (A).
        power: into the array during the slots, shape (passes,) (W).
        vectors: that were multiplied.
        work: of one product, on average.
    """

    lines: LineConductances
    height: float
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
    at_floor = float(np.sum(idle[0].current))
    lines = _lines(alone, at_floor)
    first = products[0]
    driven = DrivenLines(
        np.array([record.voltage for record in products]), np.array([record.share for record in products]), first.floor
    )
    measured = np.array([record.current for record in products]).sum(axis=1) - at_floor
    expected = driven.excess(lines)
    loaded = loading(expected, measured)
    power = loaded * driven.power(lines)
    floor = np.full((1, len(first.voltage)), first.floor)
    at_rest = loaded * float(DrivenLines(floor, np.zeros_like(floor), first.floor).power(lines)[0])
    vectors = len({record.index for record in products})
    mean = float(measured.mean())
    work = Work(
        inputs=len(first.voltage),
        outputs=len(first.current),
        passes=len(products) / vectors,
        averages=first.averages,
        slot=first.slot,
        still=first.still,
        power=float(power.mean()),
        still_power=float(power.mean()) if first.stays else at_rest,
        current=max(0.0, mean + at_floor),
    )
    closure = float(np.sqrt(np.mean((measured - loaded * expected) ** 2))) / mean if mean > 0 else 1.0
    return Account(
        lines, float(lines.voltage[-1]), loaded, closure, expected, measured, power, vectors, work
    )  # fmt: skip


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


def _lines(alone: Sequence[EnergyReading], at_floor: float) -> LineConductances:
    """Return what lines conduct; each was measured alone at the same heights, one height after the other."""
    count = 1 + max(record.index for record in alone)
    whole = len(alone) // count
    voltage = np.array([record.voltage[0] for record in alone[: whole * count]]).reshape(whole, count)
    current = np.array([sum(record.current) for record in alone[: whole * count]]).reshape(whole, count)
    return line_conductances(voltage[:, 0], alone[0].floor, current, at_floor)
