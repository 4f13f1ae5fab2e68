"""The terms of a ledger: what each error alone would do to the products that were measured, and all of them together.

Each term is a model with one thing wrong, put through what the measurement goes through: the passes' currents are
subtracted, gain and offset of every column are fitted on the training vectors, the baseline is removed. What was fitted
to measurements is fitted twice, to two halves of them: the mean product of the two errors is free of their noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.array_law import ArrayLaw
from protocols.analysis.array_model import AmplitudeModel, CellModel, DriverCurves, Model, WidthModel, chord_factor
from protocols.analysis.code_curves import CodeCurves, fit_code_curves
from protocols.analysis.column_regression import Regression, regress
from protocols.analysis.map_errors import MapErrors, split_map
from protocols.analysis.product_errors import fit_columns, snr_db
from protocols.analysis.segment_fit import WireEvidence, fit_segment
from protocols.analysis.snr_ledger import BOUND, Ledger, Power, Reference, close, mean_square
from protocols.analysis.wired_model import WiredModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.analysis.drive_sweep import Bend
    from protocols.analysis.noise_split import NoiseSplit
    from protocols.analysis.weight_mapping import WeightMapping
    from protocols.analysis.wire_network import Wires

    Array = NDArray[np.float64]


HALF = 0.5
"""Share of chance from which gains of rows are not told from it."""
WIRED_VECTORS, WIRED_CODES = 24, 32
"""Vectors and passes that are worked out behind wires: each takes as many operating points as it has inputs."""


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """Pairs of passes: drives, shape (n, rows) (V), and currents, shape (n, columns) (A), of inputs above 0 and below.

    Args:
        plus: drive of the pass of inputs above 0.
        minus: of those below.
        current_plus: what came of the first.
        current_minus: of the second.
    """

    plus: Array
    minus: Array
    current_plus: Array
    current_minus: Array

    @property
    def drive(self) -> Array:
        """What the lines were driven by in all (V)."""
        return self.plus - self.minus

    @property
    def current(self) -> Array:
        """What the columns carried in all (A)."""
        return self.current_plus - self.current_minus

    def first(self, count: int) -> Passes:
        """Return the first so many pairs."""
        parts = self.plus, self.minus, self.current_plus, self.current_minus
        return Passes(*(part[:count] for part in parts))


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Products of vectors with known results, and those that the columns were fitted on beforehand."""

    training: Passes
    test: Passes
    vectors: Array
    """Of the test, shape (n, rows), -1..1."""

    def first(self, count: int) -> Trial:
        """Return the first so many vectors of each kind."""
        return Trial(self.training.first(count), self.test.first(count), self.vectors[:count])


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What stands on the array.

    Args:
        mapping: of weights to conductances.
        target: conductances of the weights, not rounded to levels, shape (rows, columns) (S).
        low: conductance of level 0 (S).
        step: of a level (S).
        voltage: that an input of 1 is, as put out (V).
        whole: whether targets were rounded to whole levels.
    """

    mapping: WeightMapping
    target: Array
    low: float
    step: float
    voltage: float
    whole: bool = True

    @property
    def written(self) -> Array:
        """Conductances that cells were to be brought to (S)."""
        return self.low + self.step * np.rint((self.target - self.low) / self.step) if self.whole else self.target

    def products(self, current: Array, drive: Array) -> Array:
        """Return outputs for currents (A) and drives (V), both summed up over passes."""
        return self.mapping.products(current, drive, self.voltage)

    def of_error(self, current: Array) -> Array:
        """Return what errors of currents (A) are as errors of outputs."""
        return self.mapping.products(current, np.zeros((len(current), len(self.target))), self.voltage)

    def wanted(self, vectors: Array) -> Array:
        """Return the outputs that vectors of -1..1 should have."""
        drive = vectors * self.voltage
        return self.products(drive @ self.target, drive)

    @property
    def noise_gain(self) -> float:
        """Variance of an output over that of a column's current (1/A^2), mean over the outputs."""
        columns = self.target.shape[1]
        of_columns: Array = self.of_error(np.eye(columns))
        return float(np.square(of_columns).sum(axis=0).mean())


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What a ledger rests on.

    Args:
        weights: that were programmed.
        maps: currents (A) that each cell's row at full input adds to its column, of two halves, and of two more at the
            end, shape (2 or 4, rows, columns).
        codes: passes of many averages, of two halves: (drive, current) each.
        noise: of one pass (A^2); None: not known.
        low: drive of a line without a pulse (V).
        assumed: V0 by which amplitudes were bent (V); None: width coding.
        bend: of the cells; None: not needed.
        drivers: their errors in amplitude coding.
        written_at: voltage at which levels are read (V).
        wires: what tells them, with the map of each half; None: nothing.
    """

    weights: Weights
    maps: Array
    codes: tuple[tuple[Array, Array], tuple[Array, Array]]
    noise: NoiseSplit | None
    low: float = 0.0
    assumed: float | None = None
    bend: Bend | None = None
    drivers: DriverCurves | None = None
    written_at: float = 0.2
    wires: tuple[WireEvidence, WireEvidence] | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """What products are worth: dB, calibrated and as they came."""

    snr: float
    raw: float


def figures(trial: Trial, weights: Weights) -> Figures:
    """Return the signal-to-noise ratios of a trial."""
    wanted = weights.wanted(trial.vectors)
    fit = fit_columns(trial.training.drive @ weights.target, trial.training.current)
    drive = trial.test.drive
    found = weights.products(fit.corrected(trial.test.current), drive)
    return Figures(snr_db(wanted, found), snr_db(wanted, weights.products(trial.test.current, drive)))


class LedgerTerms:
    """Works the terms out.

    Args:
        evidence: that was measured.
        trial: products whose loss is attributed.
    """

    def __init__(self, evidence: Evidence, trial: Trial) -> None:
        self.segment = None if evidence.wires is None else fit_segment(evidence.wires[0])
        """Resistance of the wires' segments."""
        self._wires = evidence.wires if self.segment is not None and self.segment.is_found else None
        trial = trial if self._wires is None else trial.first(WIRED_VECTORS)
        self._evidence, self._weights = evidence, evidence.weights
        self.trial = trial
        """The vectors whose loss is attributed: fewer than were given where there are wires."""
        target = self._weights.target
        self._reference = Reference(trial.training.drive @ target, trial.test.drive @ target)
        self._levels = self._weights.written
        self._factor = self._chords(target)
        found = [self._half(number) for number in (0, 1)]
        self._full = np.array([each.full for each in found])
        self.curves: tuple[CodeCurves, ...] = tuple(each.curves for each in found)
        noise = float(np.std(self._full[0] - self._full[1])) / math.sqrt(2) / self._weights.voltage
        self.map_errors: tuple[MapErrors, ...] = tuple(
            split_map(each / self._weights.voltage / self._factor, target, noise) for each in self._full
        )

    def terms(self) -> dict[str, Power]:
        """Return the mean square of the outputs' error that each term alone would be, by name."""
        both = self.map_errors
        found = {
            "levels": self._alone(self._linear(self._levels)),
            "programming": self._alone(
                *(self._linear(self._weights.target + each.programmed - self._levels) for each in both)
            ),
            "input steps": mean_square(self._input_error()),
            "drivers": self._drivers(),
            "converter bend": self._from_errors(*(self._curve_error(each) for each in self.curves)),
        }
        if self._evidence.bend is not None:
            found["bend"] = self._bend(self._evidence.bend)
        if len(self._evidence.maps) == 4:
            found["drift"] = self._drift()
        wires = self._wires_alone()
        return {**found, **self._noises(), **({} if wires is None else {"wires": wires})}

    def ledger(self) -> Ledger:
        """Return the ledger, closed coherently."""
        signal = float(np.mean(self._weights.wanted(self.trial.vectors) ** 2))
        errors = [self._error(self._model(half), self.curves[half]) for half in (0, 1)]
        steps = self._input_error()
        fixed = mean_square(errors[0] + steps, errors[1] + steps)
        together = [fixed, self._noise(self._evidence.noise.whole)] if self._evidence.noise else [fixed]
        return close(signal, self.terms(), together)

    def _model(self, half: int) -> Model:
        """Return the array with all that is known of one half's map."""
        if self._wires is not None and self.segment is not None:
            law = self._wires[half].law.with_conductance(self._full[half] / self._weights.voltage)
            wires = self._wires[half].wires(self.segment.resistance)
            return self._wired(law, wires, self._evidence.drivers)
        return self._array(self._full[half])

    def _array(self, full: Array) -> CellModel:
        evidence = self._evidence
        if evidence.assumed is None:
            return WidthModel(full, evidence.low, self._weights.voltage)
        return AmplitudeModel(full, self._weights.voltage, evidence.assumed, evidence.bend, evidence.drivers)

    def _linear(self, conductance: Array) -> Model:
        """Return cells of a conductance (S) that follow their drives."""
        return WidthModel(conductance * self._weights.voltage, 0.0, self._weights.voltage)

    def _chords(self, conductance: Array) -> Array | float:
        """Return by which factor cells conduct more at the products' voltage than where they were written."""
        bend = self._evidence.bend
        if bend is None:
            return 1.0
        share = conductance / max(float(conductance.max()), 1e-300)
        return chord_factor(bend, share, self._weights.voltage, self._evidence.written_at)

    def _alone(self, *models: Model) -> Power:
        return self._from_errors(*(self._error(model) for model in models))

    def _from_errors(self, *errors: Array) -> Power:
        return mean_square(*errors)

    def _error(self, model: Model, curves: CodeCurves | None = None) -> Array:
        """Return the outputs' error with a model in place of the array, shape (n, outputs)."""
        parts = [self._currents(model, passes, curves) for passes in (self.trial.training, self.trial.test)]
        return self._weights.of_error(self._reference.error(*parts))

    def _currents(self, model: Model, passes: Passes, curves: CodeCurves | None) -> Array:
        current = model.currents(passes.plus) - model.currents(passes.minus)
        return current if curves is None else current + _bent(curves, passes)

    def _curve_error(self, curves: CodeCurves) -> Array:
        """Return the outputs' error of converters that bend alone."""
        parts = [
            ideal + _bent(curves, passes)
            for ideal, passes in (
                (self._reference.training, self.trial.training),
                (self._reference.test, self.trial.test),
            )
        ]
        return self._weights.of_error(self._reference.error(*parts))

    def _half(self, number: int) -> Regression:
        """Return what one half of the measurements says of cells and converters."""
        if self._wires is not None and self.segment is not None:
            return self._wired_half(self._wires[number], self.segment.resistance, number)
        drive, current = self._evidence.codes[number]
        array = self._array(self._evidence.maps[number])
        found = regress(lambda column: array.shares(drive, column), current)
        return found or Regression(self._evidence.maps[number], _curves(array.currents(drive), current))

    def _wired_half(self, wires: WireEvidence, resistance: float, number: int) -> Regression:
        drive, current = (part[:WIRED_CODES] for part in self._evidence.codes[number])
        law = wires.law.with_conductance(wires.cells(resistance))
        model = self._wired(law, wires.wires(resistance), self._evidence.drivers)
        return Regression(law.conductance * self._weights.voltage, _curves(model.currents(drive), current))

    def _input_error(self) -> Array:
        """Return the outputs' error by inputs that are put out in steps."""
        drive = self.trial.test.drive
        sent = self._weights.products(drive @ self._weights.target, drive)
        return sent - self._weights.wanted(self.trial.vectors)

    def _drivers(self) -> Power:
        """Return what rows' gains and drivers' curves do, less what gains have by chance."""
        evidence, full, v = self._evidence, self._weights.target * self._weights.voltage, self._weights.voltage
        gains = self._alone(*(WidthModel(full, 0.0, v, each.row_gain) for each in self.map_errors))
        chance = float(np.mean([each.chance for each in self.map_errors]))
        rows = len(full)
        by_chance = Power(gains.value * chance, gains.value * chance * math.sqrt(2 / rows))
        if evidence.assumed is None:
            return gains - by_chance
        keep = [0.0 if each.chance > HALF else each.row_gain for each in self.map_errors]
        curves = [AmplitudeModel(full, v, evidence.assumed, None, evidence.drivers, gain) for gain in keep]
        found = self._alone(*curves)
        return Power(found.value, math.hypot(found.error, by_chance.error))

    def _bend(self, bend: Bend) -> Power:
        evidence, v = self._evidence, self._weights.voltage
        full = self._weights.target * v * self._factor
        if evidence.assumed is None:
            return self._alone(WidthModel(full, 0.0, v))
        return self._alone(AmplitudeModel(full, v, evidence.assumed, bend))

    def _wires_alone(self) -> Power | None:
        """Return what wires do to resistors that conduct as they should; None if nobody looked."""
        evidence, found = self._evidence.wires, self.segment
        if evidence is None or found is None or not math.isfinite(found.error):
            return None
        law = ArrayLaw(self._weights.target, math.inf, evidence[0].law.rectification)
        if self._wires is not None:
            wires = evidence[0].wires(found.resistance)
            return self._alone(self._wired(law, wires, None))
        # None were found: at most so much, where cells hardly block and pulses act like their mean.
        most = found.resistance + BOUND * found.error
        law = ArrayLaw(self._weights.target)
        model = WiredModel(law, evidence[0].wires(most), self._evidence.low, self._weights.voltage, None, True)
        return Power(0.0, self._alone(model).value / BOUND)

    def _wired(self, law: ArrayLaw, wires: Wires, drivers: DriverCurves | None) -> WiredModel:
        evidence, v = self._evidence, self._weights.voltage
        amplitude = None
        if evidence.assumed is not None:
            amplitude = AmplitudeModel(law.conductance * v, v, evidence.assumed, None, drivers)
        return WiredModel(law, wires, evidence.low, v, amplitude)

    def _drift(self) -> Power:
        maps, target = self._evidence.maps, self._weights.target
        moved = [(maps[2] - maps[0]) / self._weights.voltage, (maps[3] - maps[1]) / self._weights.voltage]
        return self._alone(*(self._linear(target + each) for each in moved))

    def _noise(self, variance: Power) -> Power:
        """Return the power of noise of one pass (A^2) in the outputs; the columns' fits have their share of it."""
        fitted = 1 + 2 / len(self.trial.training.plus)
        return variance * (2 * fitted * self._weights.noise_gain)

    def _noises(self) -> dict[str, Power]:
        noise = self._evidence.noise
        if noise is None:
            return {}
        parts: dict[str, Power] = {
            "converter noise": noise.converter, "amplifier noise": noise.amplifier, "cell noise": noise.cells
        }  # fmt: skip
        return {name: self._noise(power) for name, power in parts.items()}


def _bent(curves: CodeCurves, passes: Passes) -> Array:
    return curves.at(passes.current_plus) - curves.at(passes.current_minus)


def _curves(expected: Array, current: Array) -> CodeCurves:
    fit = fit_columns(expected, current)
    return fit_code_curves(current, current - (fit.gain * expected + fit.offset))
