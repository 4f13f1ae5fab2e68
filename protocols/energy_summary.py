"""What the passes of an `energy` run amount to, beside digital machines and the claim of the publication."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Amperes, Decibels, Joules, Seconds, Siemens, Volts, Watts
from protocols.analysis.digital_baselines import (
    BASELINES,
    CLAIMED_EFFICIENCY,
    arithmetic_per_op,
    baseline_of,
    claimed_energy_per_op,
    claimed_ratio,
)
from protocols.analysis.product_energy import operations, product_energy, thermal_energy, thermal_snr
from protocols.energy_account import account_of, costs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.analysis.product_energy import ProductEnergy
    from protocols.energy import EnergyParameters, EnergyReading
    from protocols.energy_account import Account

CLOSURE = 0.02
"""How far the column currents may be from those of the lines, rms: the energy is known no better."""
EXCLUDED = "the bench's instruments; programming; host and memory beyond one cache read a number; idle time"
CLAIM = (
    "4.1 TOPS/W as claimed; peak rates over thermal design powers as their makers or authors give them, of which the"
    " Haswell (1.3 TOPS, 145 W) and a K80 die (2.8 TOPS, 150 W) are our inference: they give both claimed ratios"
)


@dataclass(frozen=True, slots=True)
class EnergySummary:
    """What a run amounts to.

    Of the bench as it ran: `array_energy_per_op` from measured currents alone; `system_energy_per_op` with converters,
    amplifiers and control as they are stated; `ratio` is the energy of an operation of `baseline` over that. Of a chip
    with the same array and voltage that takes `chip_slot` for a pass: the same with `chip_`. Of the claim: its
    arithmetic, `claimed_`. `parts` are energies of one product; `ratios` are against all machines.

    What they come from: `operations` = 2 `inputs` `outputs` a product, each of which takes `passes_per_product` passes
    of `averages` slots; `line_conductance` is the mean of what a line conducts with all its cells at `voltage`, and
    `cell_conductance` that of a cell; `loading` is by how much lines carry less together than each alone, `closure` how
    far column currents are from that, rms; `array_power` and `column_current` (of all columns) are means over slots.
    `thermal_snr_db` is what the cells' thermal noise alone would allow, `thermal_energy_per_op` what a signal-to-noise
    ratio of `required_db` takes at least at `temperature` (K).
    """

    array_energy_per_op: Joules
    system_energy_per_op: Joules
    ratio: float
    baseline: str
    baseline_energy_per_op: Joules
    ratios: dict[str, float]
    parts: dict[str, Joules]
    chip_array_energy_per_op: Joules
    chip_system_energy_per_op: Joules
    chip_ratio: float
    chip_ratios: dict[str, float]
    chip_parts: dict[str, Joules]
    claimed_energy_per_op: Joules
    claimed_tops_per_watt: float
    claimed_ratio: float
    claimed_ratio_k80: float
    claimed_ratios: dict[str, float]
    claim: str
    digital_energy_per_op: dict[str, Joules]
    bare_fp32_energy_per_op: Joules
    operations: int
    products: int
    inputs: int
    outputs: int
    passes: int
    passes_per_product: float
    averages: int
    slot: Seconds
    still: Seconds
    chip_slot: Seconds
    voltage: Volts
    floor: Volts
    line_conductance: Siemens
    cell_conductance: Siemens
    loading: float
    closure: float
    array_power: Watts
    column_current: Amperes
    columns: int
    array_energy: Joules
    dac_energy: Joules
    adc_energy: Joules
    adc_snr: Decibels
    adc_merit: Decibels
    tia_power: Watts
    supply: Volts
    control_energy: Joules
    temperature: float
    thermal_snr_db: Decibels | None
    chip_thermal_snr_db: Decibels | None
    required_db: Decibels
    thermal_energy_per_op: Joules
    excluded: str
    calibration: str


def summarise(records: Sequence[EnergyReading], parameters: EnergyParameters) -> Outcome:
    """Work out what a product and an operation take."""
    account = account_of(records)
    if account is None:
        return Outcome(passed=False, summary=None)
    p, work, costs = parameters, account.work, costs_of(parameters)
    first = next(record for record in records if record.stage == "product")
    each = operations(work.inputs, first.outputs, 1)
    bench, chip = product_energy(work, costs), product_energy(account.chip(p.chip_slot), costs)
    baseline = baseline_of(p.baseline)
    line = float(account.lines.conductance().mean())
    slots = work.averages * work.slot
    summary = EnergySummary(
        array_energy_per_op=bench.array / each,
        system_energy_per_op=bench.system / each,
        ratio=_ratio(baseline.energy_per_op, bench, each),
        baseline=f"{baseline.title} ({baseline.arithmetic}): {baseline.source}",
        baseline_energy_per_op=baseline.energy_per_op,
        ratios=_ratios(bench, each),
        parts=asdict(bench),
        chip_array_energy_per_op=chip.array / each,
        chip_system_energy_per_op=chip.system / each,
        chip_ratio=_ratio(baseline.energy_per_op, chip, each),
        chip_ratios=_ratios(chip, each),
        chip_parts=asdict(chip),
        claimed_energy_per_op=claimed_energy_per_op(),
        claimed_tops_per_watt=CLAIMED_EFFICIENCY / 1e12,
        claimed_ratio=claimed_ratio("haswell"),
        claimed_ratio_k80=claimed_ratio("k80"),
        claimed_ratios={other.name: claimed_ratio(other.name) for other in BASELINES},
        claim=CLAIM,
        digital_energy_per_op={other.name: other.energy_per_op for other in BASELINES},
        bare_fp32_energy_per_op=arithmetic_per_op(),
        operations=operations(work.inputs, first.outputs, account.vectors),
        products=account.vectors,
        inputs=work.inputs,
        outputs=first.outputs,
        passes=round(work.passes * account.vectors),
        passes_per_product=work.passes,
        averages=work.averages,
        slot=work.slot,
        still=work.still,
        chip_slot=p.chip_slot,
        voltage=account.height,
        floor=first.floor,
        line_conductance=line,
        cell_conductance=account.cell,
        loading=account.loading,
        closure=account.closure,
        array_power=work.power,
        column_current=work.current,
        columns=work.outputs,
        array_energy=bench.array,
        dac_energy=costs.dac,
        adc_energy=costs.adc,
        adc_snr=p.adc_snr,
        adc_merit=p.adc_merit,
        tia_power=costs.tia,
        supply=costs.supply,
        control_energy=costs.control,
        temperature=p.temperature,
        thermal_snr_db=_thermal(account, slots, parameters),
        chip_thermal_snr_db=_thermal(account, p.chip_slot, parameters),
        required_db=p.required,
        thermal_energy_per_op=thermal_energy(work.inputs, first.outputs, p.required, p.temperature) / each,
        excluded=EXCLUDED,
        calibration=first.calibration,
    )
    return judge(summary, Criterion("closure", at_most=CLOSURE))


def _thermal(account: Account, time: float, parameters: EnergyParameters) -> float | None:
    if account.cell <= 0:
        return None
    return thermal_snr(account.cell, account.height, time, parameters.temperature)


def _ratio(digital: float, found: ProductEnergy, each: int) -> float:
    """Return how many times less an operation takes than a digital one; 0 where it takes nothing at all."""
    return digital * each / found.system if found.system > 0 else 0.0


def _ratios(found: ProductEnergy, each: int) -> dict[str, float]:
    return {other.name: _ratio(other.energy_per_op, found, each) for other in BASELINES}
