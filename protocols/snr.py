"""How exact products are, against averages, inputs and size, and a ledger of what takes how much from that.

Weights are programmed, unless they are there. Then come the measurements that the ledger rests on, and products of
random vectors under all conditions, each with training vectors of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError
from labctl.instruments import ProbeBoard
from labctl.levels import REFERENCE_VOLTAGE
from labctl.protocol import Protocol, StepEnd
from protocols.ledger_measurements import LedgerMeasurements, SnrRecord
from protocols.product_array import ProductArray
from protocols.product_parameters import check_product_board, check_products, check_request
from protocols.product_steps import programming_steps, usual_shape
from protocols.product_vectors import check_signal
from protocols.snr_figure import figure
from protocols.snr_plan import SnrParameters, SnrPlan, with_errors
from protocols.snr_summary import summarise
from protocols.staged_writing import StageMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.bench import Die
    from labctl.limits import Envelope
    from labctl.protocol import Start
    from labctl.protocol_bench import ProtocolBench


SINGLE_STEPS = 11
"""Measurements beside those of noises and of conditions."""


@dataclass(frozen=True, slots=True)
class SnrMemory:
    """What a run knows between two steps.

    Args:
        array: how far programming has come.
        written: share of the cells that are called written; not a number before the end, and if nothing was written.
        done: measurements that are recorded.
    """

    array: StageMemory
    written: float
    done: int


def _check(die: Die, envelope: Envelope, parameters: SnrParameters) -> None:
    """Refuse what makes no sense."""
    region = check_products(die, envelope, parameters)
    p = parameters
    if p.coding == "bit-serial":
        raise ParameterError("--set coding: a ledger knows width and amplitude coding, not bit-serial")
    if p.coding == "amplitude" and p.floor:
        raise ParameterError("--set floor: with amplitude coding a ledger knows no floor; set 0 V")
    if p.programming_error and not p.program:
        raise ParameterError("--set programming_error: errors are put on targets; set program=yes, too")
    if p.program and abs(p.read_voltage - REFERENCE_VOLTAGE) > 1e-6:
        raise ParameterError("--set read_voltage: levels, which weights are written to, are defined at 200 mV")
    if min(region.shape) < 4:
        raise ParameterError(f"{region} are too few for a ledger: 4 rows and columns at least are needed")
    check_signal("matrix", p.weights(die))
    # Every vector is read beside a guard, in one request.
    check_request("averages", p.averages, p.slot, vectors=2)
    check_request("map_averages", p.map_averages, p.slot, vectors=2)


def _steps(parameters: SnrParameters) -> int:
    shape = usual_shape(parameters)
    plan = SnrPlan(parameters, np.zeros(shape))
    return programming_steps(parameters) + SINGLE_STEPS + plan.repeats + len(plan.conditions(*shape))


def _run(bench: ProtocolBench, parameters: SnrParameters, start: Start[SnrMemory]) -> Iterator[SnrRecord | StepEnd]:
    """Program, a step a round; then each measurement is a step."""
    memory = start.memory or SnrMemory(StageMemory(), float("nan"), 0)
    # Targets with errors are written as they are: rounding would add to the errors.
    exact = parameters.model_copy(update={"whole_levels": parameters.rounds_targets})
    array = ProductArray(bench, exact, parameters.weights(bench.die), None if start.memory is None else memory.array)
    plan, scale = SnrPlan(parameters, array.targets), bench.die.scale
    levels = (plan.targets - scale.g_min) / scale.step
    array.targets = scale.g_min + scale.step * with_errors(parameters, levels)
    written = memory.written
    for state in array.program(start.touched):
        written = written if array.written is None else float(array.written.written.mean())
        yield StepEnd(SnrMemory(state, written, 0))
    steps = LedgerMeasurements(bench, array, plan, bench.clock.now() - start.time, written).steps()
    for done, step in list(enumerate(steps, 1))[memory.done :]:
        yield from step.records()
        yield StepEnd(SnrMemory(array.memory, written, done))


def _caption(record: SnrRecord) -> str:
    return f"{record.kind} {record.part + 1}, {record.averages} averages, {record.lines} lines"


PROTOCOL = Protocol(
    name="snr",
    title="signal-to-noise ratio of products, and a ledger of what takes from it",
    parameters=SnrParameters,
    record=SnrRecord,
    needs=(ProbeBoard,),
    check=_check,
    steps=_steps,
    run=_run,
    summarise=summarise,
    caption=_caption,
    memory=SnrMemory,
    figure=figure,
    check_board=check_product_board,
)
