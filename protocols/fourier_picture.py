"""The picture of a run of `fourier`: put together from its blocks, judged, and kept as files."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from labctl.protocol import RunFile
from protocols.analysis.image_quality import WINDOW, peak_signal_to_noise, signal_to_noise, structural_similarity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from protocols.fourier_parameters import FourierParameters
    from protocols.fourier_run import Transform

    Array = NDArray[np.float64]

RATIO_MAX = 400.0
"""What a picture without any error is said to have (dB): a figure must be finite."""
GREYS = 255
"""White in a picture of 8 bit."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """A picture and what came back of it, shape (rows, columns), greys of 0..1; NaN where no block was transformed."""

    original: Array
    found: Array


@dataclass(frozen=True, slots=True)
class Quality:
    """How like its original a picture is: structural similarity, signal-to-noise ratio and peak one (dB)."""

    ssim: float
    snr: float
    peak: float


def pictures_of(records: Sequence[Transform]) -> Pictures | None:
    """Return the picture as far as it was transformed; None if there is none."""
    own = [record for record in records if record.stage == "picture"]
    if not own:
        return None
    shape = max(one.row for one in own) + 1, max(one.column + len(one.given) for one in own)
    original, found = np.full(shape, np.nan), np.full(shape, np.nan)
    for one in own:
        place = one.row, slice(one.column, one.column + len(one.given))
        original[place], found[place] = one.given, one.found
    return Pictures(original, found)


def quality_of(pictures: Pictures | None) -> Quality | None:
    """Return how good a picture is; None where it is not whole, or smaller than the window of the similarity."""
    if pictures is None or np.isnan(pictures.found).any() or min(pictures.found.shape) < WINDOW:
        return None
    original, found = pictures.original, pictures.found
    return Quality(
        structural_similarity(original, found),
        _finite(signal_to_noise(original, found)),
        _finite(peak_signal_to_noise(original, found)),
    )


def files(records: Sequence[Transform], parameters: FourierParameters) -> Iterable[RunFile]:  # noqa: ARG001
    """Return what came back of a picture: reconstructed.png, of 8 bit, and reconstructed.npy, as it was measured."""
    pictures = pictures_of(records)
    if pictures is None:
        return []
    greys = np.rint(np.clip(np.nan_to_num(pictures.found), 0.0, 1.0) * GREYS).astype(np.uint8)
    png, npy = io.BytesIO(), io.BytesIO()
    Image.fromarray(greys).save(png, "PNG")
    np.save(npy, pictures.found, allow_pickle=False)
    return [RunFile("reconstructed.png", png.getvalue()), RunFile("reconstructed.npy", npy.getvalue())]


def _finite(ratio: float) -> float:
    return math.copysign(RATIO_MAX, ratio) if math.isinf(ratio) else ratio
