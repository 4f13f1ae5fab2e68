"""The figure of `energy`: what each part takes, an operation beside digital ones, and the currents it rests on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

import numpy as np

from labctl.figure import Axis, Figure, Panel, curve
from protocols.analysis.digital_baselines import BASELINES, claimed_energy_per_op
from protocols.analysis.product_energy import operations, product_energy
from protocols.energy_account import account_of, costs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.analysis.product_energy import ProductEnergy
    from protocols.energy import EnergyParameters, EnergyReading
    from protocols.energy_account import Account


def figure(records: Sequence[EnergyReading], parameters: EnergyParameters) -> Figure:
    """Return what a run, whole or broken off, looks like."""
    alone = [record for record in records if record.stage == "line"]
    account = account_of(records)
    panels = [_lines(alone) if alone else _offsets(records)]
    if account is not None:
        outputs = next(record.outputs for record in records if record.stage == "product")
        each = operations(account.work.inputs, outputs, 1)
        costs = costs_of(parameters)
        bench = product_energy(account.work, costs)
        chip = product_energy(account.chip(parameters.chip_slot), costs)
        panels = [_beside(bench, chip, each), _parts(bench, chip, each), *panels, _closure(account)]
    return Figure("energy: products on the array", tuple(panels))


def _beside(bench: ProductEnergy, chip: ProductEnergy, each: int) -> Panel:
    """Return the energy of an operation beside digital ones."""
    places = np.arange(len(BASELINES))
    digital = [one.energy_per_op for one in BASELINES]
    ends = [-0.5, len(BASELINES) - 0.5]
    lines: tuple[tuple[str, float, Literal["line", "dashed"]], ...] = (
        ("bench, system", bench.system / each, "line"),
        ("bench, array", bench.array / each, "dashed"),
        ("chip, system", chip.system / each, "line"),
        ("chip, array", chip.array / each, "dashed"),
        ("4.1 TOPS/W", claimed_energy_per_op(), "line"),
    )
    return Panel(
        "Energy of an operation",
        Axis("", names=tuple(one.name for one in BASELINES)),
        Axis("energy", "J", log=True),
        (
            curve(places, digital, "digital, peak and TDP", "points"),
            *(curve(ends, [value, value], label, style) for label, value, style in lines),
        ),
    )


def _parts(bench: ProductEnergy, chip: ProductEnergy, each: int) -> Panel:
    """Return what each part takes."""
    names = list(asdict(bench))
    places = np.arange(len(names))
    return Panel(
        "Energy of an operation by part",
        Axis("", names=tuple(names)),
        Axis("energy", "J", log=True),
        tuple(
            curve(places, [part / each for part in asdict(energy).values()], label, "points")
            for label, energy in (("bench", bench), ("chip", chip))
        ),
    )


def _lines(alone: Sequence[EnergyReading]) -> Panel:
    """Return what each line carries alone, at each height."""
    heights = sorted({record.voltage[0] for record in alone})
    return Panel(
        "Input lines, each alone",
        Axis("line"),
        Axis("current", "A"),
        tuple(
            curve(
                [record.index for record in alone if record.voltage[0] == height],
                [sum(record.current) for record in alone if record.voltage[0] == height],
                f"{1e3 * height:.4g} mV",
                "points",
            )
            for height in heights
        ),
    )


def _offsets(records: Sequence[EnergyReading]) -> Panel:
    """Return what columns carry while no line is driven."""
    return Panel(
        "No line driven",
        Axis("column"),
        Axis("current", "A"),
        (curve(range(len(records[0].current)), records[0].current, "first pass", "points"),),
    )


def _closure(account: Account) -> Panel:
    """Return what all columns carried against what the lines say."""
    ends = np.array([account.expected.min(), account.expected.max()])
    return Panel(
        "All lines together",
        Axis("sum of the lines, each alone", "A"),
        Axis("sum of columns", "A"),
        (
            curve(account.expected, account.measured, "passes", "points"),
            curve(ends, account.loading * ends, "", "dashed"),
        ),
    )
