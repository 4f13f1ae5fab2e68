"""A picture transformed block by block: the two-dimensional Fourier transform by products with a one-dimensional basis.

Rows are transformed first, and of their spectra, which are Hermitian, the first N/2 + 1 columns: the first and the last
of these are real and take one product each, the others two, together N. So a block of N x N takes 2 N products of real
vectors forward and, in reverse order, as many back. Before each product a vector is divided by its own greatest
magnitude, which is multiplied on again afterwards: digital gain ranging, without which small spectra drown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protocols.analysis.fourier_basis import FourierBasis, Symmetry

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Complex = NDArray[np.complex128]
    Products = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class Block:
    """A square of a picture.

    Args:
        row: of its first pixel.
        column: of its first pixel.
    """

    row: int
    column: int


def blocks_of(shape: tuple[int, int], points: int) -> list[Block]:
    """Return the blocks of `points` x `points` that cover a picture, row by row; the last ones reach beyond it."""
    rows, columns = shape
    return [Block(row, column) for row in range(0, rows, points) for column in range(0, columns, points)]


def cut(picture: Array, block: Block, points: int) -> Array:
    """Return a block of a picture, shape (points, points); beyond its edges the last pixels go on."""
    part = picture[block.row : block.row + points, block.column : block.column + points]
    return np.pad(part, [(0, points - part.shape[0]), (0, points - part.shape[1])], mode="edge")


def paste(picture: Array, block: Block, part: Array) -> None:
    """Put what lies inside the picture of a block, shape (points, points), into its place."""
    place = picture[block.row : block.row + part.shape[0], block.column : block.column + part.shape[1]]
    place[:] = part[: place.shape[0], : place.shape[1]]


def ranged(vectors: Array, products: Products) -> Array:
    """Return products of vectors of any magnitude with a function that takes -1..1; those of zeros are not asked for.

    Args:
        vectors: shape (n, N).
        products: from shape (m, N), each with a greatest magnitude of 1, to shape (m, N).
    """
    scale = np.max(np.abs(vectors), axis=1, keepdims=True)
    some = scale[:, 0] > 0
    found = np.zeros_like(vectors)
    if some.any():
        found[some] = products(vectors[some] / scale[some]) * scale[some]
    return found


@dataclass(frozen=True, slots=True)
class BlockTransform:
    """The two-dimensional transform of a real block and its inverse.

    Args:
        basis: of the block's size.
        products: the outputs of the basis's columns for real vectors within -1..1, shape (n, N) to (n, N).
    """

    basis: FourierBasis
    products: Products

    def forward(self, block: Array) -> Complex:
        """Return the spectrum of a real block, shape (N, N) to (N, N/2 + 1), as `numpy.fft.rfft2` has it."""
        rows = self._transformed(block.astype(np.complex128), Symmetry.REAL)[:, : self.basis.half]
        return self._along_columns(rows, Symmetry.REAL, inverse=False)

    def backward(self, spectrum: Complex) -> Array:
        """Return the real block of a spectrum, shape (N, N/2 + 1) to (N, N), as `numpy.fft.irfft2` does."""
        rows = self._along_columns(spectrum, Symmetry.HERMITIAN, inverse=True)
        return self._transformed(self.basis.whole(rows), Symmetry.HERMITIAN, inverse=True).real

    def _along_columns(self, spectrum: Complex, ends: Symmetry, inverse: bool) -> Complex:
        """Return the columns transformed; the first and the last have a symmetry of their own."""
        columns = spectrum.T
        known = columns[[0, -1]]
        if ends is Symmetry.HERMITIAN:
            known = self.basis.whole(known[:, : self.basis.half])
        vectors = (self.basis.real_vectors(known, ends), self.basis.real_vectors(columns[1:-1], Symmetry.NONE))
        outputs = ranged(np.vstack(vectors), self.products)
        first, last = self.basis.assembled(outputs[:2], ends, inverse)
        middle = self.basis.assembled(outputs[2:], Symmetry.NONE, inverse)
        return np.vstack([first, middle, last]).T

    def _transformed(self, rows: Complex, symmetry: Symmetry, inverse: bool = False) -> Complex:
        outputs = ranged(self.basis.real_vectors(rows, symmetry), self.products)
        return self.basis.assembled(outputs, symmetry, inverse)
