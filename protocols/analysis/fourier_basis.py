"""The Fourier transform of N points as products with one array of N x N real weights.

Row p holds cos(2 pi p q / N) in columns q = 0..N/2 and sin(2 pi p q / N), q = 1..N/2 - 1, in those after: exactly N
columns, and none is wasted on sin(0). With C_q and S_q the outputs of a real vector, a = Re x and b = Im x,

    X_q = (C_q(a) + S_q(b)) + j (C_q(b) - S_q(a)),    X_(N-q): the same with -S,

and the inverse is the same with -S and a factor of 1/N. A real signal takes one product. So does a Hermitian one, as
the spectrum of a real signal is: its real part is even and its imaginary part odd, so that C_q(a + b) = C_q(a) and
S_q(a + b) = S_q(b), and the product of a + b gives both. Any other takes two.

Layout and algebra: own derivation; the trick of the Hermitian one is the discrete Hartley transform's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Complex = NDArray[np.complex128]

POINTS_MAX = 512
"""Most points: the largest array that a board's specification knows has 512 lines."""


class Symmetry(Enum):
    """What is known of vectors before they are transformed."""

    REAL = "real"
    """No imaginary part."""
    HERMITIAN = "Hermitian"
    """x_(N-n) is the conjugate of x_n."""
    NONE = "none"
    """Nothing."""

    @property
    def products(self) -> int:
        """How many real vectors one such vector takes."""
        return 2 if self is Symmetry.NONE else 1


@dataclass(frozen=True, slots=True)
class FourierBasis:
    """The transform of an even number of points.

    Args:
        points: N, 2..512.

    Raises:
        ParameterError: for any other number.
    """

    points: int

    def __post_init__(self) -> None:
        if not 2 <= self.points <= POINTS_MAX or self.points % 2:
            raise ParameterError(f"a Fourier basis has an even number of points, 2..{POINTS_MAX}, not {self.points}")

    @property
    def half(self) -> int:
        """How many frequencies have cosine columns: N/2 + 1; those of a real signal are told by them."""
        return self.points // 2 + 1

    def weights(self) -> Array:
        """Return the weights, shape (N, N), -1..1: rows are points, columns cosines and then sines."""
        points = np.arange(self.points)
        # Whole turns are taken out before the angle is rounded; quarters are exact.
        turns = np.outer(points, points) % self.points
        angle = 2 * np.pi * turns / self.points
        cosine, sine = np.cos(angle), np.sin(angle)
        cosine[4 * turns % (2 * self.points) == self.points] = 0.0
        sine[2 * turns % self.points == 0] = 0.0
        return np.hstack([cosine[:, : self.half], sine[:, 1 : self.half - 1]])

    def real_vectors(self, vectors: Complex, symmetry: Symmetry) -> Array:
        """Return the real vectors to multiply with the weights.

        Args:
            vectors: shape (n, N).
            symmetry: that they have; it is relied upon.

        Returns:
            Shape (n * symmetry.products, N): of a vector without symmetry its real part, then its imaginary part.
        """
        match symmetry:
            case Symmetry.REAL:
                return np.ascontiguousarray(vectors.real)
            case Symmetry.HERMITIAN:
                return vectors.real + vectors.imag
            case Symmetry.NONE:
                return np.stack([vectors.real, vectors.imag], axis=1).reshape(-1, self.points)

    def assembled(self, outputs: Array, symmetry: Symmetry, inverse: bool = False) -> Complex:
        """Return the transforms that the outputs of the columns amount to.

        Args:
            outputs: of `real_vectors`, shape (n * symmetry.products, N).
            symmetry: that the vectors had.
            inverse: whether it is the inverse, with its factor of 1/N.

        Returns:
            Shape (n, N).
        """
        cosine = outputs[:, : self.half]
        sine = np.zeros_like(cosine)
        sine[:, 1:-1] = outputs[:, self.half :] * (-1.0 if inverse else 1.0)
        match symmetry:
            case Symmetry.REAL:
                found = _both_sides(cosine - 1j * sine, cosine + 1j * sine)
            case Symmetry.HERMITIAN:
                found = _both_sides((cosine + sine).astype(np.complex128), (cosine - sine).astype(np.complex128))
            case Symmetry.NONE:
                (ca, cb), (sa, sb) = (cosine[0::2], cosine[1::2]), (sine[0::2], sine[1::2])
                found = _both_sides((ca + sb) + 1j * (cb - sa), (ca - sb) + 1j * (cb + sa))
        return found / self.points if inverse else found

    def whole(self, half: Complex) -> Complex:
        """Return Hermitian vectors, shape (n, N), from their first N/2 + 1 entries, shape (n, N/2 + 1).

        Of entries 0 and N/2, which are real by symmetry, the real part counts.
        """
        ends = half.copy()
        ends[:, [0, -1]] = half[:, [0, -1]].real
        return _both_sides(ends, ends.conj())


def _both_sides(lower: Complex, upper: Complex) -> Complex:
    """Return entries 0..N/2 as in `lower`, and N - q, q = 1..N/2 - 1, as entry q of `upper`."""
    return np.concatenate((lower, upper[:, -2:0:-1]), axis=1)
