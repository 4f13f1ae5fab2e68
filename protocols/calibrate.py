"""Equalise the gains of the board's column readers, with the source-measure unit as a transfer standard.

Each column's cell of a row is read by the board and by the unit, at several conductances. Whatever the unit's error, it
is common to all columns: their gains relative to one another come out far better than its data sheet. What is found is
stored in the board where it is better than what is stored, and measured once more.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from labctl.board_data import Feature
from labctl.board_features import Direction
from labctl.errors import EquipmentError, ParameterError
from labctl.instruments import ProbeBoard, SourceMeter
from labctl.levels import LEVELS, REFERENCE_VOLTAGE
from labctl.limits import WithinEnvelope
from labctl.protocol import Parameters, Protocol, Start, StepEnd
from labctl.units import (
    Count,
    Fraction,
    Seconds,
    Volts,
    Written,
    YesNo,
    format_quantity,
    parse_number,
)
from protocols.approach import Drive
from protocols.calibrate_figure import figure
from protocols.calibrate_records import CalibrateMemory, ColumnRecord, compact
from protocols.calibrate_summary import caption, evaluate, files, hopeless, summarise
from protocols.cell_parameters import READ_GRID, check_width
from protocols.column_transfer import NOTHING, ColumnTransfer, Plan
from protocols.matrix_file import Matrix, MatrixFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labctl.bench import Die
    from labctl.board_data import Capabilities
    from labctl.limits import Envelope
    from labctl.protocol_bench import ProtocolBench

BLOCKS = 8
"""Steps in which the columns of a point are gone through."""
LOWEST = 0.3
"""Share of the highest current at the lowest point: far enough down for a converter's curve to even out."""
HEADROOM = 1.02
"""By how much a current may be above what a level means, for the unit's range."""
QUICK_POINTS = 3
"""Points of a quick run at most."""


class CalibrateParameters(Parameters):
    """What a person may set of `calibrate`."""

    row: Count = 0
    """First row whose cells are read; they lose what they hold."""
    rows: Annotated[Count, Field(ge=1)] = 6
    """Rows that are used, one point after the other; one that is done with is erased. With one row the board's scale
    cannot be told from the error of that row's driver."""
    level: Annotated[Count, Field(ge=1, lt=LEVELS)] = 13500
    """Level of the highest point: 0.96 mA at 0.2 V, just inside a unit's 1 mA range."""
    points: Annotated[Count, Field(ge=2, le=100)] = 6
    """Currents at which every column is measured, from 0.3 times the highest on: a converter's curve evens out."""
    program: YesNo = True
    """Bring the cells to their levels; no: take them as they are, and go through voltages instead."""
    read_voltage: Annotated[Volts, WithinEnvelope("read_voltage"), Field(gt=0)] = REFERENCE_VOLTAGE
    """Voltage of the reads; those above 200 mV may disturb (see `force`)."""
    samples: Annotated[Count, Field(ge=1, le=4096)] = 1024
    """Samples of one read of the board."""
    readings: Annotated[Count, Field(ge=1, le=1000)] = 1
    """Readings of the source-measure unit that are averaged."""
    nplc: Annotated[float, Written("cycles", parse_number), Field(ge=0.01, le=10)] = 4.0
    """Integration time of each, in power line cycles."""
    write: YesNo = True
    """Store what is found where it is better than what is stored; no: only report."""
    tie: Literal["auto", "yes", "no"] = "auto"
    """Bring the columns' mean to the unit's scale; `auto`: where the unit is better than what is stored, and shows that
    this is off."""
    smu_gain_error: Annotated[Fraction, Field(ge=0, le=0.1)] = 2e-4
    """Limit of the gain error of the unit's current (data sheet of the 2450: 0.02 % in its 1 mA range)."""
    smu_voltage_error: Annotated[Fraction, Field(ge=0, le=0.1)] = 1.5e-4
    """Limit of the gain error of the unit's voltage (same source: 0.015 % at 0.2 V); its offset is measured."""
    coefficients: MatrixFile = Field(default="", validate_default=True)
    """Measure nothing, and store the coefficients of a file, as a run leaves them: gain and offset of each column."""
    potentiation: Annotated[Volts, WithinEnvelope("voltage"), Field(ge=0.01)] = 0.9
    """Amplitude of the pulses that raise the conductance (published: 0.90 V)."""
    depression: Annotated[Volts, WithinEnvelope("voltage"), Field(le=-0.01)] = -0.75
    """Amplitude of the pulses that lower it (published: -0.75 V)."""
    potentiation_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 80e-9
    """Width that raises by one level (published: 80 ns)."""
    depression_width: Annotated[Seconds, WithinEnvelope("pulse_width"), Field(ge=1e-9)] = 65e-9
    """Width that lowers by one level (published: 65 ns)."""
    force: YesNo = False
    """Read above 200 mV, up to the envelope's read_voltage, all the same."""

    @property
    def point_count(self) -> int:
        """Points of this run."""
        return min(self.points, QUICK_POINTS) if self.quick else self.points

    def row_of(self, point: int) -> int:
        """Return the row of a point."""
        return self.row + point % self.rows

    def share_of(self, point: int) -> float:
        """Return a point's share of the highest current."""
        return LOWEST + (1 - LOWEST) * point / (self.point_count - 1)

    def level_of(self, point: int) -> int:
        """Return the level of a point's cells; -1: as they are."""
        return round(self.level * self.share_of(point)) if self.program else -1

    def voltage_of(self, point: int) -> float:
        """Return the voltage (V) of a point's reads."""
        return self.read_voltage if self.program else self.read_voltage * self.share_of(point)


def _needs(parameters: CalibrateParameters) -> tuple[type[ProbeBoard] | type[SourceMeter], ...]:
    return (ProbeBoard, SourceMeter) if parameters.coefficients is None else (ProbeBoard,)


def _check(die: Die, envelope: Envelope, parameters: CalibrateParameters) -> None:  # noqa: ARG001
    """Refuse rows that the die has not, reads that may disturb, and files of another shape."""
    if parameters.coefficients is not None:
        _check_coefficients(die, parameters.coefficients)
        return
    if parameters.row + parameters.rows > die.rows:
        raise ParameterError(
            f"--set row, rows: {parameters.rows} rows from row {parameters.row} on; the die has rows 0..{die.rows - 1}"
        )
    if die.columns < 2:
        raise ParameterError("a die of one column has nothing to equalise")
    if parameters.read_voltage > REFERENCE_VOLTAGE + READ_GRID / 2 and not parameters.force:
        raise ParameterError(
            f"--set read_voltage: reads at {format_quantity(parameters.read_voltage, 'V')} may disturb the cells; "
            f"read at {format_quantity(REFERENCE_VOLTAGE, 'V')} or below, or add --set force=yes"
        )


def _check_coefficients(die: Die, given: Matrix) -> None:
    if given.values.shape != (die.columns, 2):
        rows, columns = given.values.shape
        raise ParameterError(
            f"--set coefficients: {given.file} has {rows} rows of {columns} numbers; gain and offset of "
            f"{die.columns} columns are expected"
        )
    if not (given.values[:, 0] > 0).all():
        raise ParameterError(f"--set coefficients: {given.file} has a gain that is not above 0")


def _check_board(able: Capabilities, parameters: CalibrateParameters) -> None:
    """Refuse a board that cannot store coefficients, or cannot let the unit through."""
    if not able.features & Feature.CALIBRATION:
        raise ParameterError("this board has no coefficients to be calibrated")
    if parameters.coefficients is not None:
        return
    if not able.features & Feature.SMU_PORT:
        raise ParameterError("this board has no port for a source-measure unit, which is the standard here")
    if parameters.samples > able.averages_max:
        raise ParameterError(f"--set samples: the board averages {able.averages_max} samples at most")
    if parameters.program:
        check_width(able, "potentiation_width", parameters.potentiation_width)
        check_width(able, "depression_width", parameters.depression_width)


def _steps(parameters: CalibrateParameters) -> int:
    """Return the steps: as found, every point in blocks, what is stored, the last point once more in blocks."""
    return 2 if parameters.coefficients is not None else 2 + (parameters.point_count + 1) * BLOCKS


def _run(
    bench: ProtocolBench, parameters: CalibrateParameters, start: Start[CalibrateMemory]
) -> Iterator[ColumnRecord | StepEnd]:
    """Go through the steps from the one to begin with."""
    calibration = _Calibration(bench, parameters, start)
    doubtful = bool(start.touched)
    last = 1 + parameters.point_count * BLOCKS
    for step in range(start.steps, _steps(parameters)):
        if step == 0:
            yield from calibration.found()
        elif parameters.coefficients is not None:
            yield from calibration.store(given=parameters.coefficients)
        elif step == last:
            yield from calibration.store()
        else:
            point, block = divmod(step - 1, BLOCKS) if step < last else (parameters.point_count - 1, step - last - 1)
            yield from calibration.transfer(point, block, is_check=step > last, bring=doubtful)
            doubtful = False
        yield StepEnd(calibration.memory)


class _Calibration:
    """The experiment, step by step."""

    def __init__(self, bench: ProtocolBench, parameters: CalibrateParameters, start: Start[CalibrateMemory]) -> None:
        self._bench = bench
        self._parameters = parameters
        self._began = bench.clock.now() - start.time
        p, able = parameters, bench.board.capabilities()
        plan = Plan(min(p.samples, able.averages_max), able.averages_max, p.readings, p.nplc)
        drive = Drive(
            p.potentiation, p.depression, p.potentiation_width, p.depression_width, bench.die.scale.step,
            REFERENCE_VOLTAGE, 16, bench.envelope.pulse_width,
        )  # fmt: skip
        self._transfer = ColumnTransfer(bench, plan, drive if p.program else None)
        now = bench.board.calibration(Direction.ROWS_IN)
        self.memory = start.memory or CalibrateMemory(
            (now.identity,), tuple(now.gain.tolist()), tuple(now.offset.tolist())
        )
        self._now = now
        storing = start.steps == _steps(parameters) - 1 - (0 if p.coefficients is not None else BLOCKS)
        if now.identity != self.memory.identities[-1] and not storing:
            raise EquipmentError(
                "the board's coefficients are not those that this run has measured with; start a run of its own"
            )
        if self.memory.smu_current > 0:
            self._transfer.set_up(p.read_voltage, self.memory.smu_current)

    def found(self) -> Iterator[ColumnRecord]:
        """Note what is stored, and the zeros on the array as it is."""
        p, t = self._parameters, self._transfer
        if p.coefficients is not None:
            yield from (self._record("found", -1, column) for column in range(t.columns))
            return
        load, zero = t.load(p.read_voltage), t.zero(p.row)
        current = HEADROOM * self._bench.die.scale.conductance(p.level) * p.read_voltage
        if not p.program:
            rows = [t.read(t.rows_cells(p.row_of(point)), p.read_voltage, 16) for point in range(p.point_count)]
            current = HEADROOM * max((one for row in rows for one in row.tolist() if one > 0), default=current)
        measured: list[tuple[float, ...]] = []
        for column in range(t.columns):
            record = self._record("found", -1, column, zero=float(zero[column]), load=float(load[column]))
            measured.append(compact(0, record))
            yield record
        t.set_up(p.read_voltage, current)
        self.memory = replace(self.memory, smu_current=current, measured=tuple(measured))

    def transfer(self, point: int, block: int, *, is_check: bool, bring: bool) -> Iterator[ColumnRecord]:
        """Measure some columns; before the first of a point, bring its cells to their level."""
        p, t = self._parameters, self._transfer
        row, voltage = p.row_of(point), p.voltage_of(point)
        # A die that the unit's reads write, or lead around a cell, is spared the rest: nothing would come of it.
        spared = (point > 0 or block > 0 or is_check) and hopeless(self.memory.measured) is not None
        if not spared and (bring or (block == 0 and not is_check)):
            if point > 0 and p.row_of(point - 1) != row:
                t.erase(p.row_of(point - 1), p.level)
            t.bring(row, p.level_of(point))
            load = t.load(p.read_voltage, beside=row)
            self.memory = replace(self.memory, load=tuple(load.tolist()))
        columns = range(block * t.columns // BLOCKS, (block + 1) * t.columns // BLOCKS)
        if not columns:
            return
        stage = "check" if is_check else "transfer"
        measured = [NOTHING] * len(columns) if spared else t.transfer(row, columns, voltage)
        for column, found in zip(columns, measured, strict=True):
            record = self._record(
                stage, point, column, found.before, found.after, found.half, found.zero, self.memory.load[column],
                found.meter, found.meter_zero,
            )  # fmt: skip
            if not is_check:
                self.memory = replace(self.memory, measured=(*self.memory.measured, compact(1, record)))
            yield record

    def store(self, given: Matrix | None = None) -> Iterator[ColumnRecord]:
        """Store what was measured, or given, where that is to be; it may be stored already if the run broke off.

        Raises:
            EquipmentError: if the board has other coefficients than it should.
        """
        before = (np.array(self.memory.gain), np.array(self.memory.offset))
        if given is not None:
            gain, offset = given.values[:, 0], given.values[:, 1]
        else:
            gain, offset = evaluate(self.memory.measured, *before, self._parameters).coefficients
        board = self._bench.board
        if not self._has(gain, offset):
            if not self._has(*before):
                raise EquipmentError(
                    "the board's coefficients are neither those that were found nor those that were to be stored: "
                    "somebody else has written them; nothing was stored"
                )
            board.write_calibration(Direction.ROWS_IN, 0, gain, offset)
            self._now = board.calibration(Direction.ROWS_IN)
            if not self._has(gain, offset):
                raise EquipmentError("the board reads back other coefficients than it was given")
        # What was measured is needed no more, but for knowing that measuring once more makes no sense.
        kept = self.memory.measured if hopeless(self.memory.measured) else ()
        self.memory = replace(
            self.memory,
            identities=(self.memory.identities[0], self._now.identity),
            gain=tuple(gain.tolist()),
            offset=tuple(offset.tolist()),
            measured=kept,
        )
        yield from (self._record("stored", -1, column) for column in range(self._transfer.columns))

    def _has(self, gain: np.ndarray, offset: np.ndarray) -> bool:
        return np.array_equal(self._now.gain, gain) and np.array_equal(self._now.offset, offset)

    def _record(
        self, stage: str, point: int, column: int, before: float = math.nan, after: float = math.nan,
        half: float = math.nan, zero: float = math.nan, load: float = math.nan, smu: float = math.nan,
        smu_zero: float = math.nan,
    ) -> ColumnRecord:  # fmt: skip
        p, status = self._parameters, self._bench.board.status()
        return ColumnRecord(
            stage=stage,
            point=point,
            row=p.row_of(max(point, 0)),
            column=column,
            level=p.level_of(point) if point >= 0 else -1,
            voltage=p.voltage_of(point) if point >= 0 else p.read_voltage,
            gain=self.memory.gain[column],
            offset=self.memory.offset[column],
            before=before,
            after=after,
            half=half,
            zero=zero,
            load=load,
            smu=smu,
            smu_zero=smu_zero,
            calibration=self.memory.identities[-1],
            time=self._bench.clock.now() - self._began,
            boot=status.boot,
            delivered=status.delivered,
        )


PROTOCOL = Protocol(
    name="calibrate",
    title="equalise the gains and offsets of the board's column readers, and store them where that is better",
    parameters=CalibrateParameters,
    record=ColumnRecord,
    needs=_needs,
    check=_check,
    steps=_steps,
    run=_run,
    summarise=summarise,
    caption=caption,
    memory=CalibrateMemory,
    figure=figure,
    check_board=_check_board,
    files=files,
)
