"""What the records of `fourier` amount to: signal-to-noise ratios, passes, and a picture's quality."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Count, Decibels, Levels, Seconds
from protocols.analysis.product_errors import effective_bits, snr_db
from protocols.fourier_picture import pictures_of, quality_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.fourier_parameters import FourierParameters
    from protocols.fourier_run import Transform

    Complex = NDArray[np.complex128]

TRAINING = ("signals", "spectra", "plain")
"""Stages of training vectors."""
SSIM_LEAST = 0.993
"""Structural similarity that a picture is to keep, there and back (a requirement, not a figure of that paper)."""


@dataclass(frozen=True, slots=True)
class FourierSummary:
    """What a run amounts to; what was not measured is None.

    Args:
        points: of the transform.
        averages: slots of each pass.
        transforms: test vectors, there and back counted apart.
        passes: electrical passes of one transform, on average.
        passes_in_all: of the whole run.
        training_passes: of the calibration.
        snr_db: of the transforms against the exact ones of what was put in, gain and offset of the columns taken out;
            of the direction that has less, where both were measured.
        snr_sigma_db: its standard deviation, from the scatter between test vectors.
        snr_raw_db: the same as the array has it.
        enob: effective bits of `snr_db`, or of `snr_raw_db` where nothing is calibrated.
        forward_db: of signals to spectra; `forward_raw_db` uncalibrated.
        inverse_db: of spectra to signals; `inverse_raw_db` uncalibrated.
        round_trip_db: of signals that went there and back.
        programming_rms: error of the cells as they were last read.
        blocks: of the picture.
        picture_passes: that they took.
        ssim: structural similarity of the picture, there and back.
        picture_snr_db: its signal-to-noise ratio.
        picture_psnr_db: its peak signal-to-noise ratio.
        time: of the run, on the bench.
        calibration: identity of the board's calibration.
    """

    points: Count
    averages: Count
    transforms: Count
    passes: float | None
    passes_in_all: Count
    training_passes: Count
    snr_db: Decibels | None
    snr_sigma_db: Decibels | None
    snr_raw_db: Decibels | None
    enob: float | None
    forward_db: Decibels | None
    forward_raw_db: Decibels | None
    inverse_db: Decibels | None
    inverse_raw_db: Decibels | None
    round_trip_db: Decibels | None
    programming_rms: Levels | None
    blocks: Count
    picture_passes: Count
    ssim: float | None
    picture_snr_db: Decibels | None
    picture_psnr_db: Decibels | None
    time: Seconds
    calibration: str


@dataclass(frozen=True, slots=True, eq=False)
class Tested:
    """Test vectors of one direction, shape (n, N): as put in, their exact transforms, and what came.

    Args:
        given: as put in.
        exact: transforms of these.
        raw: as the array has them.
        found: with gain and offset of the columns taken out.
    """

    given: Complex
    exact: Complex
    raw: Complex
    found: Complex

    @property
    def snr(self) -> float:
        """Calibrated signal-to-noise ratio (dB)."""
        return _ratio(self.exact, self.found)

    @property
    def snr_raw(self) -> float:
        """Signal-to-noise ratio as the array has it (dB)."""
        return _ratio(self.exact, self.raw)

    @property
    def snr_sigma(self) -> float | None:
        """Standard deviation of `snr` (dB), from the scatter of the vectors' noise powers; None: of one vector."""
        noise = np.sum(np.abs(self.found - self.exact) ** 2, axis=1)
        if len(noise) < 2:
            return None
        if not noise.any():
            return 0.0
        return float(10 / math.log(10) * noise.std(ddof=1) / noise.mean() / math.sqrt(len(noise)))


def tested(records: Sequence[Transform], stage: str) -> Tested | None:
    """Return the test vectors of "forward" or "inverse", in order; None if there are none."""
    own = [record for record in records if record.stage == stage]
    if not own:
        return None
    given = _complex([one.given for one in own], [one.given_imaginary for one in own])
    exact = np.fft.ifft(given) if stage == "inverse" else np.fft.fft(given)
    raw = _complex([one.raw for one in own], [one.raw_imaginary for one in own])
    return Tested(given, exact, raw, _complex([one.found for one in own], [one.found_imaginary for one in own]))


def summarise(records: Sequence[Transform], parameters: FourierParameters) -> Outcome:
    """Judge a run by its signal-to-noise ratio, and a picture by its structural similarity."""
    if not records:
        return Outcome(passed=False, summary=None)
    forward, inverse = tested(records, "forward"), tested(records, "inverse")
    ways = [way for way in (forward, inverse) if way is not None]
    trained = any(record.stage in TRAINING for record in records)
    worst = min(ways, key=lambda way: way.snr, default=None) if trained else None
    snr, raw = worst and worst.snr, min((way.snr_raw for way in ways), default=None)
    best = raw if snr is None else snr
    quality = quality_of(pictures_of(records))
    transforms = sum(len(way.given) for way in ways)
    summary = FourierSummary(
        points=parameters.size,
        averages=parameters.averages,
        transforms=transforms,
        passes=_passes(records, "forward", "inverse") / transforms if transforms else None,
        passes_in_all=sum(record.passes for record in records),
        training_passes=_passes(records, *TRAINING),
        snr_db=snr,
        snr_sigma_db=worst and worst.snr_sigma,
        snr_raw_db=raw,
        enob=None if best is None else effective_bits(best),
        forward_db=forward.snr if forward and trained else None,
        forward_raw_db=forward and forward.snr_raw,
        inverse_db=inverse.snr if inverse and trained else None,
        inverse_raw_db=inverse and inverse.snr_raw,
        round_trip_db=_round_trip(forward, inverse),
        programming_rms=_programming(records),
        blocks=len({record.index for record in records if record.stage == "picture"}),
        picture_passes=_passes(records, "picture"),
        ssim=quality and quality.ssim,
        picture_snr_db=quality and quality.snr,
        picture_psnr_db=quality and quality.peak,
        time=records[-1].time,
        calibration=records[0].calibration,
    )
    decides = "snr_db" if parameters.figure == "calibrated" else "snr_raw_db"
    criteria = [Criterion(decides, at_least=parameters.required)]
    if any(record.stage == "picture" for record in records):
        criteria.append(Criterion("ssim", at_least=SSIM_LEAST))
    return judge(summary, *criteria)


def _complex(real: list[tuple[float, ...]], imaginary: list[tuple[float, ...]]) -> Complex:
    return np.array(real) + 1j * np.array(imaginary)


def _ratio(exact: Complex, came: Complex) -> float:
    """Return the signal-to-noise ratio (dB) of complex values; real and imaginary parts are errors alike."""
    return snr_db(exact.view(np.float64), came.view(np.float64))


def _passes(records: Sequence[Transform], *stages: str) -> int:
    return sum(record.passes for record in records if record.stage in stages)


def _round_trip(forward: Tested | None, inverse: Tested | None) -> float | None:
    """Return the ratio (dB) of signals that went there and back; a run may have ended between the two ways."""
    if forward is None or inverse is None:
        return None
    return _ratio(forward.given[: len(inverse.found)], inverse.found)


def _programming(records: Sequence[Transform]) -> float | None:
    errors = [np.subtract(one.found, one.given) for one in records if one.stage == "basis"]
    return float(np.sqrt(np.nanmean(np.square(errors)))) if errors else None
