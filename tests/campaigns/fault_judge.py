"""What a run recorded, held against what truly happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from campaigns.fault_protocols import SWEEP_LEVELS, Measured, steps_of
from campaigns.fault_rig import LEVELS, WRITE_VERIFY

from labctl.ledger import WriteState
from labctl.levels import REFERENCE_VOLTAGE, LevelScale

if TYPE_CHECKING:
    from campaigns.fault_rig import RunOutcome
    from campaigns.rigged_twin import Put

READ_ERROR: Final = 3e-7
"""How far (S) a read may lie from the true conductance: three times what undisturbed trials show."""
READ_SHARE: Final = 2e-3
"""The same as a share of the current: the noise of cells grows with it (undisturbed trials show a quarter of that)."""
VOLTAGE_ERROR: Final = 1e-4
"""How far (V) a source-measure unit's voltage may lie from the one asked for: its DAC's grid, beside an ideal board."""
AMPLITUDE_GRID: Final = 152.588e-6
"""Step of pulse amplitudes (V): what is put out is the nearest one to what is asked for (board specification)."""


def judge(outcome: RunOutcome, protocol: str) -> float:
    """Complain of every broken promise; return the largest error of a conductance (S) that was accepted."""
    _check_order(outcome, protocol)
    _check_ledger(outcome)
    worst = 0.0
    for records in outcome.acknowledged:
        for record, expected in records:
            error = abs(_current(record) - expected) / REFERENCE_VOLTAGE
            worst = max(worst, error)
            if not error <= READ_ERROR + expected * READ_SHARE / REFERENCE_VOLTAGE:
                outcome.complain(f"a wrong quantity was accepted: {record}, off by {error:.3g} S")
            if isinstance(record, Measured) and record.by_smu:
                level = SWEEP_LEVELS[protocol][record.number, record.place]
                if not abs(record.voltage - level) <= VOLTAGE_ERROR:
                    outcome.complain(f"{record} was to be at {level} V")
    return worst


def _current(record: Any) -> float:
    """Return the current (A) that a record claims; of a conductance, that at the voltage at which it is told."""
    return record.current if isinstance(record, Measured) else record.conductance * REFERENCE_VOLTAGE


def _check_order(outcome: RunOutcome, protocol: str) -> None:
    """Complain unless each step's records are there once, in order."""
    numbers = [{record.level if protocol == WRITE_VERIFY else record.number for record, _ in step}
               for step in outcome.acknowledged]  # fmt: skip
    all_steps = list(LEVELS) if protocol == WRITE_VERIFY else list(range(steps_of(protocol)))
    expected = [{number} for number in all_steps[: len(numbers)]]
    if numbers != expected:
        outcome.complain(f"steps {numbers}, not {expected}")
    if outcome.ending == "finished" and len(numbers) != len(all_steps):
        outcome.complain(f"finished after {len(numbers)} of {len(all_steps)} steps")


def _check_ledger(outcome: RunOutcome) -> None:
    """Complain unless the ledger tells of every pulse that was put out, in order, and of no other one."""
    intended = sum(instrument == "smu" for _, instrument, *_ in outcome.writes)
    if outcome.truth.smu_writes > intended:
        outcome.complain(f"the smu wrote {outcome.truth.smu_writes} times, the ledger knows of {intended}")
    by_boot: dict[int, list[tuple[Any, ...]]] = {}
    for number, instrument, boot, delivered, state, put_out in outcome.writes:
        if instrument == "board":
            by_boot.setdefault(boot, []).append((number, delivered, state, put_out))
    for boot in outcome.truth.pulses.keys() | by_boot.keys():
        truth = outcome.truth.pulses.get(boot, [])
        complaint = _compare(truth, by_boot.get(boot, []), outcome.pulses)
        if complaint:
            outcome.complain(f"power-up {boot}: {complaint}")


def _compare(truth: list[Put], writes: list[tuple[Any, ...]], pulses: dict[int, list[tuple[Any, ...]]]) -> str:
    """Return how ledger and truth differ on one power-up of the board; nothing if they do not."""
    place = 0
    doubtful: list[tuple[float, ...]] = []
    for number, before, state, put_out in writes:
        asked = _expanded(pulses.get(number, []))
        gap = truth[place:before]
        if before < place or before > len(truth) or not _begins(doubtful, gap):
            return f"write {number} found {before} pulses, the ones before it end at {place}, {len(truth)} were put out"
        place, doubtful = before, []
        if put_out is None:
            if state not in (WriteState.INTENDED.value, WriteState.IN_DOUBT.value):
                return f"write {number} is {state}, and nobody knows of how many pulses"
            doubtful = asked
        else:
            if not _begins(asked, truth[before : before + put_out]) or len(truth) < before + put_out:
                return f"write {number} ({state}): {put_out} pulses were put out that are not those it asked for"
            place = before + put_out
    if not _begins(doubtful, truth[place:]):
        return f"{len(truth)} pulses were put out, the ledger knows of {place}"
    return ""


def _expanded(entries: list[tuple[Any, ...]]) -> list[tuple[float, ...]]:
    return [tuple(entry[:4]) for entry in entries for _ in range(entry[4])]


def _begins(asked: list[tuple[float, ...]], found: list[Put]) -> bool:
    """Return whether pulses that were put out are the first of those that were asked for."""
    return len(found) <= len(asked) and all(
        (put.row, put.column) == (row, column)
        and abs(put.amplitude - amplitude) <= AMPLITUDE_GRID / 2 + 1e-9
        and abs(put.width - width) < 0.6e-9
        for put, (row, column, amplitude, width) in zip(found, asked, strict=False)
    )


def levels(error: float) -> float:
    """Return an error (S) in levels."""
    return error / LevelScale().step
