"""Vector-matrix products with the read noise of every cell, on ideal wires.

Each cell's current has an independent normal noise, so that of a column's sum is normal, too: its variance is the sum
of the squared inputs times the squared deviations. A second product gives it, and one number a column replaces one a
cell, with the same distribution. The noise is worked out in single precision: it is known to a few digits at best.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sim_backend.noise.keyed import KeyedNoise, finalise
from sim_backend.noise.kinds import NoiseKind
from sim_backend.noise.normal_table import NormalBuffers

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCK = 4096
"""Numbers worked out together: what stays in a processor's nearest memories."""


class NoisyProducts:
    """Products of vectors with one matrix of conductances.

    Args:
        seed: of the die.
        conductance: of the cells, under the inputs' voltage (S), shape (rows, columns).
        deviation: standard deviation of each cell's white noise in one sample (S), shape (rows, columns).
    """

    def __init__(self, seed: int, conductance: NDArray[np.float64], deviation: NDArray[np.float64]) -> None:
        rows, columns = conductance.shape
        self._conductance = conductance
        square = np.square(deviation)
        # Variances (S^2) lie near the smallest numbers of single precision: they are kept relative to the largest.
        largest = float(square.max()) or 1.0
        self._variance = (square / largest).astype(np.float32)
        self._scale = math.sqrt(largest)
        self._noise = KeyedNoise(seed, NoiseKind.PRODUCT, columns)
        block = max(1, _BLOCK // columns)
        self._block = block
        self._squares = np.empty((block, rows), np.float32)
        self._single = np.empty((block, columns), np.float32)
        self._deviation = np.empty((block, columns))
        self._words = np.empty((block, columns), np.uint64)
        self._scratch = np.empty(block * columns, np.uint64)
        self._normal = NormalBuffers(block * columns)

    def currents(self, voltage: NDArray[np.float64], first: int, samples: int = 1) -> NDArray[np.float64]:
        """Return the columns' currents (A), means over some samples: shape (n, columns).

        Args:
            voltage: of the rows (V), shape (n, rows); where cells rectify, of one sign.
            first: how many products there were before; keys the noise, as (column, how-manieth product).
            samples: how many are averaged.
        """
        vectors = len(voltage)
        currents = np.empty((vectors, self._conductance.shape[1]))
        words = self._noise.count_words(np.arange(first, first + vectors))
        scale = self._scale / math.sqrt(samples)
        for start in range(0, vectors, self._block):
            block = slice(start, min(start + self._block, vectors))
            np.matmul(voltage[block], self._conductance, out=currents[block])
            noise = self._deviations(voltage[block])
            np.multiply(noise, self._numbers(words[block]), out=noise)
            np.multiply(noise, scale, out=noise)
            np.add(currents[block], noise, out=currents[block])
        return currents

    def _deviations(self, voltage: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return standard deviations of sums, relative to the largest of a cell, in an array that is used again."""
        count = len(voltage)
        squares, single, deviation = self._squares[:count], self._single[:count], self._deviation[:count]
        np.copyto(squares, voltage, casting="same_kind")
        np.square(squares, out=squares)
        np.matmul(squares, self._variance, out=single)
        np.sqrt(single, out=single)
        np.copyto(deviation, single)
        return deviation

    def _numbers(self, words: NDArray[np.uint64]) -> NDArray[np.float64]:
        """Return normal numbers, shape (len(words), columns), in an array that is used again."""
        np.add(words[:, None], self._noise.cell_words, out=self._words[: len(words)])
        normal = self._normal.normal(finalise(self._words.reshape(-1), self._scratch))
        return normal.reshape(self._words.shape)[: len(words)]
