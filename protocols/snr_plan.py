"""How much of everything `snr` measures, and what a person may set of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field
from typing_extensions import override

from labctl.errors import ParameterError
from labctl.levels import LEVELS
from labctl.units import Count, Decibels, Levels
from protocols.analysis.fourier_basis import FourierBasis
from protocols.matrix_file import MatrixFile
from protocols.product_parameters import OHMIC, WeightedProductParameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.bench import Die

    Array = NDArray[np.float64]

AVERAGES = (1, 4, 16, 64)
SIZES = (8, 16, 32, 64)
SHARES = (1.0, 0.5, 0.25, 0.125)
QUICK_AVERAGES, QUICK_SHARES = (1, 16), (1.0, 0.25)
QUICK_TRAINING, QUICK_VECTORS = 24, 16
QUICK_CODES = 16
"""Voltages of each row's sweep in a quick run with amplitude coding."""
REPEATS, QUICK_REPEATS = 16, 6
"""Repeats of what tells noises."""
PATTERNS, QUICK_PATTERNS = 12, 8
"""Patterns of rows that tell wires."""
CODES_PER_ROW = 2
"""Vectors of many averages for each row, in each half."""
ERROR_STREAM = 20
"""Stream of the seed from which deliberate errors are drawn."""
SWEEP_ROWS = 8
"""Rows that are swept with width coding, where drivers put out one code only."""
SWEEP_CODES, QUICK_SWEEP = 8, 4
"""Voltages of such a sweep, and rows and voltages of a quick one."""


class SnrParameters(WeightedProductParameters):
    """What a person may set of `snr`."""

    workload: Literal["vmm", "fourier"] = "vmm"
    """Random weights, or those of the Fourier transform of as many points as there are rows."""
    matrix: MatrixFile = None
    """File of the weights, -1..1, one row a row of the array; none: as the workload says."""
    vector_seed: Count = 2
    """Of all vectors."""
    vectors: Annotated[Count, Field(ge=8, le=10_000)] = 128
    """Test vectors under each condition."""
    training: Annotated[Count, Field(ge=8, le=10_000)] = 128
    """Vectors under each condition that the columns' gain and offset are fitted on."""
    map_averages: Annotated[Count, Field(ge=1, le=4096)] = 256
    """Slots that are averaged for what a ledger rests on."""
    codes: Annotated[Count, Field(ge=8, le=1000)] = 48
    """Voltages of each row's sweep with amplitude coding."""
    programming_error: Annotated[Levels, Field(ge=0, le=1000)] = 0.0
    """Errors (rms) that are put on the targets on purpose, to see what they cost: in place of those that rounding to
    whole levels makes."""
    required: Decibels = 73.0
    """Signal-to-noise ratio that a run must reach to pass (the paper's: more than 73 dB)."""

    @override
    def weights(self, die: Die) -> Array:
        if self.matrix is not None or self.workload == "vmm":
            return super().weights(die)
        region = self.region(die)
        outputs = self.mapper(die.scale).outputs(region.columns)
        if region.rows != outputs:
            raise ParameterError(
                f"--set workload=fourier: {region.rows} rows with {outputs} outputs are not square; set rows and "
                "columns"
            )
        return FourierBasis(region.rows).weights()

    @property
    def rounds_targets(self) -> bool:
        """Whether targets are rounded to whole levels."""
        return self.whole_levels and self.programming_error == 0 and not self.is_effective

    @property
    def assumed_bend(self) -> float:
        """V0 (V) by which amplitudes are bent; infinite: not at all."""
        return self.conduction_voltage if self.conduction_voltage < OHMIC else math.inf


@dataclass(frozen=True, slots=True)
class Condition:
    """Under which products are made.

    Args:
        averages: slots.
        lines: rows and columns that take part, from the first on.
        share: of the largest input that inputs reach.
    """

    averages: int
    lines: int
    share: float = 1.0


class SnrPlan:
    """How much of everything.

    Args:
        parameters: of the run.
        targets: conductances of the weights (S), shape (rows, columns).
    """

    def __init__(self, parameters: SnrParameters, targets: Array) -> None:
        p = self.parameters = parameters
        self.targets = targets
        self.training = min(p.training, QUICK_TRAINING) if p.quick else p.training
        self.vectors = min(p.vectors, QUICK_VECTORS) if p.quick else p.vectors
        self.code_vectors = CODES_PER_ROW * len(targets)
        self.repeats = QUICK_REPEATS if p.quick else REPEATS
        self.patterns = QUICK_PATTERNS if p.quick else PATTERNS
        self.map_averages = p.map_averages

    @property
    def main(self) -> Condition:
        """The condition that the ledger is of: all rows and columns, whichever are more."""
        return Condition(self.parameters.averages, max(self.targets.shape), 1.0)

    def conditions(self, rows: int, columns: int) -> list[Condition]:
        """Return all conditions; the ledger's is the first."""
        main, most = self.main, max(rows, columns)
        found = [main]
        found += [Condition(averages, most) for averages in (QUICK_AVERAGES if self.parameters.quick else AVERAGES)]
        found += [Condition(main.averages, lines) for lines in SIZES if lines < min(rows, columns)]
        found += [
            Condition(main.averages, most, share) for share in (QUICK_SHARES if self.parameters.quick else SHARES)
        ]
        return list(dict.fromkeys(found))

    @property
    def sweep_top(self) -> float:
        """Largest voltage of a sweep (V)."""
        return max(self.parameters.height, self.parameters.read_voltage)

    @property
    def sweep_codes(self) -> tuple[float, ...]:
        """Voltages of a sweep, the inputs' full height among them."""
        p, top = self.parameters, self.sweep_top
        if p.coding == "width":
            steps = np.linspace(0, top, (QUICK_SWEEP if p.quick else SWEEP_CODES) + 1)[1:]
        else:
            codes = min(p.codes, QUICK_CODES) if p.quick else p.codes
            inside = np.linspace(0, p.height, codes + 1)[1:]
            steps = np.concatenate([inside, np.linspace(p.height, top, SWEEP_CODES + 1)[1:]])
        return tuple(np.unique(np.append(steps, p.height)).tolist())

    def sweep_rows(self, rows: int) -> list[int]:
        """Return which rows are swept."""
        if self.parameters.coding != "width":
            return list(range(rows))
        return sorted(
            {
                round(row)
                for row in np.linspace(0, rows - 1, min(QUICK_SWEEP if self.parameters.quick else SWEEP_ROWS, rows))
            }
        )


def with_errors(parameters: SnrParameters, levels: Array) -> Array:
    """Return levels with errors put on them, exactly as large (rms) as asked for.

    An error that would lead out of the range is taken the other way.
    """
    if parameters.programming_error == 0:
        return levels
    drawn = np.random.default_rng((parameters.matrix_seed, ERROR_STREAM)).standard_normal(levels.shape)
    errors = drawn * (parameters.programming_error / float(np.sqrt(np.mean(drawn**2))))
    wrong = levels + errors
    return np.where((wrong < 0) | (wrong > LEVELS - 1), levels - errors, wrong)
