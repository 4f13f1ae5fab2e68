"""What the vectors of a `vmm` run amount to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Decibels, Fraction, Volts
from protocols.analysis.product_errors import effective_bits, fit_columns, snr_db

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.vmm import VectorProduct, VmmParameters

    Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VmmSummary:
    """What a run amounts to.

    Signal-to-noise ratios are those of the test vectors, over all outputs; `snr_sigma_db` is the standard deviation of
    `snr_db`, as the vectors' own errors scatter. `enob` is that of `snr_db`, or of `snr_raw_db` where nothing is
    calibrated. `worst_output_db` is the calibrated figure of the worst output alone, of those whose weights are
    not all 0. `gain_spread` is the standard
    deviation of the columns' gains, `gain_mean` their mean. `passes` are those of one vector, `passes_in_all` those of
    the whole run, training included. `floor` is the level of input lines without a pulse. `written` and
    `bursts_per_cell` tell how programming went, where there was any.
    """

    snr_db: Decibels | None
    snr_sigma_db: Decibels | None
    snr_raw_db: Decibels
    enob: float
    worst_output_db: Decibels | None
    averages: int
    passes: int
    passes_in_all: int
    vectors: int
    training: int
    outputs: int
    gain_mean: float | None
    gain_spread: Fraction | None
    voltage: Volts
    floor: Volts
    written: Fraction | None
    bursts_per_cell: float | None


def summarise(records: Sequence[VectorProduct], parameters: VmmParameters) -> Outcome:
    """Give the figures of the test vectors."""
    test = [record for record in records if record.role == "test"]
    if not test:
        return Outcome(passed=False, summary=None)
    training = [record for record in records if record.role == "training"]
    ideal, raw = rows(test, "ideal"), rows(test, "raw")
    calibrated = rows(test, "calibrated") if training else None
    fit = fit_columns(rows(training, "expected"), rows(training, "current")) if training else None
    # A column that a differential mapping leaves over carries no weight: what gain it has tells nothing.
    gain = None if fit is None else fit.gain[: 2 * ideal.shape[1] if parameters.mapping == "differential" else None]
    snr_raw = snr_db(ideal, raw)
    snr = None if calibrated is None else snr_db(ideal, calibrated)
    written = test[-1].written
    summary = VmmSummary(
        snr_db=snr,
        snr_sigma_db=None if calibrated is None else _sigma_db(ideal, calibrated),
        snr_raw_db=snr_raw,
        enob=effective_bits(snr_raw if snr is None else snr),
        worst_output_db=None if calibrated is None else worst_output(ideal, calibrated),
        averages=parameters.averages,
        passes=test[-1].passes,
        passes_in_all=sum(record.passes for record in records),
        vectors=len(test),
        training=len(training),
        outputs=ideal.shape[1],
        gain_mean=None if gain is None else float(gain.mean()),
        gain_spread=None if gain is None else float(gain.std()),
        voltage=parameters.height,
        floor=test[-1].floor,
        written=None if np.isnan(written) else written,
        bursts_per_cell=None if np.isnan(written) else test[-1].bursts,
    )
    figure = "snr_db" if parameters.figure == "calibrated" else "snr_raw_db"
    return judge(summary, Criterion(figure, at_least=parameters.required))


def rows(records: Sequence[VectorProduct], name: str) -> Array:
    """Return one field of all records, shape (records, outputs or columns)."""
    return np.array([getattr(record, name) for record in records])


def by_output(ideal: Array, measured: Array) -> Array:
    """Return the signal-to-noise ratio of each output alone (dB), shape (outputs,)."""
    return np.array([snr_db(one, other) for one, other in zip(ideal.T, measured.T, strict=True)])


def worst_output(ideal: Array, measured: Array) -> float | None:
    """Return the least of the outputs' signal-to-noise ratios (dB); outputs that should be 0 throughout have none."""
    has_signal = (ideal != 0).any(axis=0)
    return min(by_output(ideal[:, has_signal], measured[:, has_signal]).tolist(), default=None)


def _sigma_db(ideal: Array, measured: Array) -> float | None:
    """Return the standard deviation of a signal-to-noise ratio (dB), from how the vectors' noise powers scatter."""
    powers = np.sum((measured - ideal) ** 2, axis=1)
    if len(powers) < 2:
        return None
    if powers.mean() == 0:
        return 0.0
    return float(10 / np.log(10) * powers.std(ddof=1) / powers.mean() / np.sqrt(len(powers)))
