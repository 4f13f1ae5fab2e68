"""What a run of `noise` amounts to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Fraction, Hertz, Siemens
from protocols.analysis.weighted_line import weighted_line
from protocols.noise_levels import LevelNoise, level_noises

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.noise import NoiseParameters, NoiseRecord

ERROR_PASSED, QUICK_PASSED = 0.1, 0.2
"""Largest relative standard deviation of a read or write noise with which a run passes; a quick run has a quarter of
the reads and pulses, and so twice the errors."""


@dataclass(frozen=True, slots=True)
class NoiseSummary:
    """The noises of a cell. Single figures are means over the levels; by name, the level is the name.

    Standard deviations: `read_sigma` of one sample, the cell's own at the read voltage; `reader_sigma` of one sample,
    the reader's, as a conductance at the read voltage; `write_sigma` of the step of one pulse. `corner` is where the
    cell's 1/f noise meets its white noise, were it sampled without a gap. A name that ends in `_error` is the standard
    deviation of that figure, that of the corner being one of its logarithm. `read_floor` + `read_slope` G is the line
    through the levels. `drift` is by how much 64 reads move the cell, in standard deviations of one, the worst level;
    `disturbed` counts the levels at which reads surely move it: with the first, the run measures no more. `reader_slow`
    is the reader's share of what is slow in the reads. `telegraph` counts levels with telegraph noise. `worst_error` is
    the largest relative standard deviation of a read or write noise; of one that other noise covers, a share of that.
    """

    levels: int
    read_sigma: Siemens | None
    read_sigma_error: Siemens | None
    write_sigma: Siemens | None
    write_sigma_error: Siemens | None
    write_sigma_relative: Fraction | None
    write_sigma_relative_error: Fraction | None
    reader_sigma: Siemens | None
    reader_sigma_error: Siemens | None
    corner: Hertz | None
    corner_error: float | None
    exponent: float | None
    read_floor: Siemens | None
    read_slope: float | None
    telegraph: int
    drift: float
    reader_slow: Fraction | None
    worst_error: Fraction
    disturbed: int
    conductance_by_level: dict[str, Siemens]
    read_sigma_by_level: dict[str, Siemens]
    read_sigma_error_by_level: dict[str, Siemens]
    reader_sigma_by_level: dict[str, Siemens]
    write_sigma_by_level: dict[str, Siemens]
    write_sigma_relative_by_level: dict[str, Fraction]
    write_sigma_relative_error_by_level: dict[str, Fraction]
    write_conductance_by_level: dict[str, Siemens]
    step_by_level: dict[str, Siemens]
    corner_by_level: dict[str, Hertz]
    corner_error_by_level: dict[str, float]


def summarise(records: Sequence[NoiseRecord], parameters: NoiseParameters) -> Outcome:
    """Return the figures of a run, whole or broken off."""
    if not records:
        return Outcome(passed=False, summary=None)
    return judge(
        _summary(level_noises(records)),
        Criterion("worst_error", at_most=QUICK_PASSED if parameters.quick else ERROR_PASSED),
        Criterion("disturbed", at_most=0),
    )


def _summary(found: Sequence[LevelNoise]) -> NoiseSummary:
    reads = {str(one.level): one.read for one in found if one.read is not None}
    writes = {str(one.level): one.write for one in found if one.write is not None}
    corners = {str(one.level): one.corner for one in found if one.corner is not None}
    places = {str(one.level): one.conductance for one in found}
    read_sigma, read_error = _mean([(one.cell, one.cell_error) for one in reads.values()])
    write_sigma, write_error = _mean([(one.sigma, one.sigma_error) for one in writes.values()])
    relative, relative_error = _mean([(one.relative, one.relative_error) for one in writes.values()])
    reader, reader_error = _mean([(one.reader, one.reader_error) for one in reads.values()])
    logs, log_error = _mean([(math.log(one.frequency), one.error) for one in corners.values()])
    line = weighted_line(
        [places[name] for name in reads],
        [one.cell for one in reads.values()],
        [one.cell_error for one in reads.values()],
    )
    return NoiseSummary(
        levels=len(found),
        read_sigma=read_sigma,
        read_sigma_error=read_error,
        write_sigma=write_sigma,
        write_sigma_error=write_error,
        write_sigma_relative=relative,
        write_sigma_relative_error=relative_error,
        reader_sigma=reader,
        reader_sigma_error=reader_error,
        corner=None if logs is None else math.exp(logs),
        corner_error=log_error,
        exponent=float(np.mean([one.exponent for one in corners.values()])) if corners else None,
        read_floor=None if line is None else line.at(0.0),
        read_slope=None if line is None else line.slope,
        telegraph=sum(one.switching for one in found),
        drift=max((_drift(one) for one in found), default=0.0),
        reader_slow=_reader_slow(found),
        worst_error=_worst(found),
        disturbed=sum(one.disturbed for one in found),
        conductance_by_level=places,
        read_sigma_by_level={name: one.cell for name, one in reads.items()},
        read_sigma_error_by_level={name: one.cell_error for name, one in reads.items()},
        reader_sigma_by_level={name: one.reader for name, one in reads.items()},
        write_sigma_by_level={name: one.sigma for name, one in writes.items()},
        write_sigma_relative_by_level={name: one.relative for name, one in writes.items()},
        write_sigma_relative_error_by_level={name: one.relative_error for name, one in writes.items()},
        write_conductance_by_level={name: one.conductance for name, one in writes.items()},
        step_by_level={name: one.step for name, one in writes.items()},
        corner_by_level={name: one.frequency for name, one in corners.items()},
        corner_error_by_level={name: one.error for name, one in corners.items()},
    )


def _mean(figures: Sequence[tuple[float, float]]) -> tuple[float | None, float | None]:
    """Return the mean of figures and its standard deviation; None of none."""
    if not figures:
        return None, None
    values, errors = np.array(figures).T
    return float(values.mean()), float(np.sqrt((errors**2).sum())) / len(values)


def _worst(found: Sequence[LevelNoise]) -> float:
    """Return the largest relative standard deviation of a noise, 1 where there is no figure.

    What other noise covers counts as a share of that: it is known to be small. For a cell's noise that is the
    reader's, for a write's the noise of the read after a pulse.
    """
    errors: list[float] = []
    for one in found:
        read, write = one.read, one.write
        errors.append(1.0 if read is None else read.cell_error / max(read.cell, read.reader))
        errors.append(1.0 if write is None else write.sigma_error / max(write.sigma, write.read))
    return min(1.0, max(errors, default=1.0))


def _drift(one: LevelNoise) -> float:
    """Return by how much 64 reads move the cell, in standard deviations of a read."""
    scatter = one.scatter
    return 0.0 if scatter is None or scatter.variance <= 0 else 64 * abs(scatter.drift) / math.sqrt(scatter.variance)


def _reader_slow(found: Sequence[LevelNoise]) -> float | None:
    """Return the reader's share of the slow noise, all levels together; None if there is none to be shared."""
    pairs = [(one.scatter, one.reader, one.voltage_share) for one in found if one.scatter and one.reader]
    whole = sum(scatter.slow for scatter, _, _ in pairs)
    if whole <= 2 * math.sqrt(sum(scatter.slow_error**2 for scatter, _, _ in pairs)):
        return None
    own = sum(reader.slow * share for _, reader, share in pairs)
    return min(1.0, max(0.0, own / whole))
