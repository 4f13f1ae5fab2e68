"""How many errors there are of each size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.live.ranges import Span

BINS = 48
"""Bars over the whole axis, half of them on each side of zero."""


def counts(values: NDArray[np.float64], span: Span, bins: int = BINS) -> NDArray[np.intp]:
    """Return how many of `values` lie in each of `bins` equal parts of `span`, shape (bins,).

    NaN and what lies beyond the span are not counted; a value on the upper end is in the last bin.
    """
    inside = values[(values >= span.low) & (values <= span.high)]
    places = ((inside - span.low) * (bins / (span.high - span.low))).astype(np.intp)
    return np.bincount(np.minimum(places, bins - 1), minlength=bins)
