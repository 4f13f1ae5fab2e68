"""Standard normal numbers from whole random 64-bit words, by a table of the inverse distribution.

A word, taken as a signed number s, stands for the probability u = |s| / 2^64 of either tail, and its sign for the
side. As a floating-point number |s| is an exponent and a mantissa: its exponent and its first 9 mantissa bits are the
place in the table. Each step towards the tail so halves u and has as many segments as the step before: the tails are
as exact as the middle, out to 9.1 standard deviations, without a special case. Within a segment x / s is linear in
|s|; that is within 1e-6 of x everywhere.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEGMENT_BITS = 9
"""Mantissa bits that choose a segment."""
SEGMENT_SHIFT = 52 - SEGMENT_BITS
"""Bits of a floating-point number below those that choose a segment."""
FIRST_SEGMENT = 1023 << SEGMENT_BITS
"""What the bits of 1.0, shifted so, give: the table begins at |s| = 1."""
_SEGMENTS = 1 << SEGMENT_BITS
_OCTAVES = 63


@cache
def normal_table() -> NDArray[np.complex128]:
    """Return x / s in each segment: real part + imaginary part * |s|; shape (63 * 512 + 1,).

    Both parts stand together so that looking them up costs one access to memory. The last entry is |s| = 2^63, the
    middle of the distribution.
    """
    octave, segment = np.divmod(np.arange(_OCTAVES * _SEGMENTS + 1), _SEGMENTS)
    ends = np.ldexp(1 + segment / _SEGMENTS, octave)
    ratio = -ndtri(np.ldexp(ends, -64)) / ends
    table = np.zeros(len(ends), np.complex128)
    table.imag[:-1] = np.diff(ratio) / np.diff(ends)
    table.real[:-1] = ratio[:-1] - table.imag[:-1] * ends[:-1]
    table.setflags(write=False)
    return table


@cache
def _numbers() -> list[complex]:
    return normal_table().tolist()


def normal_of(signed: int) -> float:
    """Return the normal number of one word, given as a signed whole number: what the table gives for arrays."""
    if signed == 0:
        return 0.0
    magnitude = float(abs(signed))
    mantissa, exponent = math.frexp(magnitude)
    segment = _numbers()[((exponent - 1) << SEGMENT_BITS) + int((2 * mantissa - 1) * _SEGMENTS)]
    return float(signed) * (segment.real + segment.imag * magnitude)


class NormalBuffers:
    """Room for turning words into normal numbers, reused from call to call.

    Args:
        size: how many words.
    """

    def __init__(self, size: int) -> None:
        self._signed = np.empty(size)
        self._magnitude = np.empty(size)
        self._bits = self._magnitude.view(np.int64)
        self._place = np.empty(size, np.int64)
        self._segment = np.empty(size, np.complex128)
        self._ratio = np.empty(size)

    def normal(self, words: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return the numbers of random words, shape (size,), in an array that the next call overwrites."""
        signed, magnitude, place, segment, ratio = (
            self._signed, self._magnitude, self._place, self._segment, self._ratio,
        )  # fmt: skip
        np.copyto(signed, words.view(np.int64))
        np.abs(signed, out=magnitude)
        np.right_shift(self._bits, SEGMENT_SHIFT, out=place)
        np.subtract(place, FIRST_SEGMENT, out=place)
        # A word of 0 would stand before the table; clipped, it gives 0, once in 2^64 words.
        normal_table().take(place, out=segment, mode="clip")
        np.multiply(segment.imag, magnitude, out=ratio)
        np.add(ratio, segment.real, out=ratio)
        return np.multiply(ratio, signed, out=ratio)
