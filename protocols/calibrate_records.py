"""What `calibrate` records of each column, and what it knows between two steps."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.units import Amperes, Seconds, Siemens, Volts


@dataclass(frozen=True, slots=True)
class ColumnRecord:
    """One column at one stage.

    `stage` is "found" (as the run began), "transfer" (a point), "stored" (what is in force from there on; `gain` and
    `offset` are what the board has, changed or not) or "check" (the last point once more). Currents are as reported
    with `gain` and `offset`: by the board before and after the unit's reading, at half of the voltage and at 0 V, and
    by the unit. `load` is the conductance on the column beside the cell. What a stage does not measure is no number.
    `level` is -1 where cells are taken as they are.
    """

    stage: str
    point: int
    row: int
    column: int
    level: int
    voltage: Volts
    gain: float
    offset: Amperes
    before: Amperes
    after: Amperes
    half: Amperes
    zero: Amperes
    load: Siemens
    smu: Amperes
    smu_zero: Amperes
    calibration: str
    time: Seconds
    boot: int
    delivered: int


@dataclass(frozen=True, slots=True)
class CalibrateMemory:
    """What a run knows between two steps.

    Args:
        identities: of the coefficients: as found; and as stored, from then on.
        gain: in force.
        offset: in force (A).
        load: on each column beside the point's row (S).
        smu_current: that the unit's range holds (A).
        measured: one row for each column of a stage: stage (0 found, 1 transfer), point, column, then before, after,
            half, zero, load, unit and its zero, as in the records.
    """

    identities: tuple[str, ...]
    gain: tuple[float, ...]
    offset: tuple[float, ...]
    load: tuple[float, ...] = ()
    smu_current: float = 0.0
    measured: tuple[tuple[float, ...], ...] = ()


def compact(stage: int, one: ColumnRecord) -> tuple[float, ...]:
    """Return what is remembered of a record; `stage` as in `CalibrateMemory`."""
    currents = (one.before, one.after, one.half, one.zero, one.load, one.smu, one.smu_zero)
    return (stage, one.point, one.column, *currents)
