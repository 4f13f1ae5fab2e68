"""The array as a Fourier transformer: its basis, what its columns bring, and what gain and offset they have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from protocols.analysis.fourier_basis import FourierBasis, Symmetry
from protocols.analysis.product_errors import ColumnFit, fit_columns
from protocols.product_array import ProductArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from labctl.protocol_bench import ProtocolBench
    from protocols.array_products import ArrayProducts, Products
    from protocols.product_parameters import ProductParameters
    from protocols.staged_writing import StageMemory

    Array = NDArray[np.float64]
    Complex = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class ColumnsMemory:
    """Gain and offset (A) of each column; empty: not measured."""

    gain: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()

    def fit(self, columns: int) -> ColumnFit:
        """Return them as arrays; columns that were not measured have gain 1 and offset 0."""
        if not self.gain:
            return ColumnFit(np.ones(columns), np.zeros(columns))
        return ColumnFit(np.array(self.gain), np.array(self.offset))


Kind = Literal["signals", "spectra", "plain"]
"""What is put in, by what its currents are like: random signals, spectra, whose entries spread further about 0, or
vectors without a negative entry, in one pass."""


@dataclass(frozen=True, slots=True)
class CalibrationMemory:
    """What training vectors of each kind told of the columns.

    A reader is not quite linear: gains found with currents of one kind are some 100 ppm off with another. And where one
    pass is all there is, what two passes hold alike does not drop out.
    """

    signals: ColumnsMemory = ColumnsMemory()
    spectra: ColumnsMemory = ColumnsMemory()
    plain: ColumnsMemory = ColumnsMemory()

    @property
    def is_done(self) -> bool:
        """Whether there is any."""
        return any(columns.gain for columns in (self.signals, self.spectra, self.plain))


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What n real vectors brought.

    Args:
        current: of the columns, passes put together, shape (n, columns) (A).
        raw: products with the weights as the array has them, shape (n, N).
        found: the same with the columns' gain and offset taken out.
        passes: electrical passes of each, shape (n,).
    """

    current: Array
    raw: Array
    found: Array
    passes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Transforms:
    """Transforms of n vectors, shape (n, N), raw and calibrated, and the electrical passes of each, shape (n,)."""

    raw: Complex
    found: Complex
    passes: NDArray[np.int64]


class FourierArray:
    """A region of the array with the Fourier basis in it.

    Args:
        bench: that is up.
        parameters: of the protocol; its region has as many rows as the transform has points.
        memory: of the programming, of an earlier process.
        calibration: of the columns, from an earlier process.
    """

    def __init__(
        self,
        bench: ProtocolBench,
        parameters: ProductParameters,
        memory: StageMemory | None = None,
        calibration: CalibrationMemory | None = None,
    ) -> None:
        self.basis = FourierBasis(parameters.region(bench.die).rows)
        self.array = ProductArray(bench, parameters, self.basis.weights(), memory)
        self.calibration = calibration or CalibrationMemory()
        self.passes = 0
        """Electrical passes so far."""
        self._multiplier: ArrayProducts | None = None

    @property
    def takes_one_sign(self) -> bool:
        """Whether vectors of no negative entry take one pass; above a floor two passes are needed to take it out."""
        return self.array.floor == 0.0

    def outputs(self, vectors: Array, kind: Kind) -> Outputs:
        """Return what real vectors of -1..1, shape (n, N), bring; those of no negative entry take a single pass.

        They are taken as of the kind "plain" then, if that was trained.
        """
        signed = (vectors < 0).any(axis=1) | (not self.takes_one_sign)
        pieces = {
            two_signs: self._outputs(vectors[signed == two_signs], kind, two_signs)
            for two_signs in (False, True)
            if (signed == two_signs).any()
        }
        if len(pieces) == 1:
            return next(iter(pieces.values()))
        order = np.argsort(np.argsort(signed, kind="stable"), kind="stable")
        plain, both = pieces[False], pieces[True]
        return Outputs(
            np.concatenate([plain.current, both.current])[order],
            np.concatenate([plain.raw, both.raw])[order],
            np.concatenate([plain.found, both.found])[order],
            np.concatenate([plain.passes, both.passes])[order],
        )

    def train(self, vectors: Array, kind: Kind) -> Outputs:
        """Find gain and offset of the columns for vectors of a kind; return what these brought.

        They are fitted on currents, before the baseline is taken off, against those that the basis should bring.

        Args:
            vectors: real, of -1..1, shape (n, N).
            kind: of all of them.
        """
        came = self._multiply(vectors, kind != "plain")
        fit = fit_columns(self.array.expected(came.drive), came.current)
        memory = ColumnsMemory(tuple(fit.gain.tolist()), tuple(fit.offset.tolist()))
        self.calibration = replace(self.calibration, **{kind: memory})
        return self._judged(came, fit)

    def transforms(self, vectors: Complex, symmetry: Symmetry, inverse: bool) -> Transforms:
        """Return transforms of signals, or inverse ones of spectra, of any magnitude but 0, shape (n, N)."""
        real = self.basis.real_vectors(vectors, symmetry)
        scale = np.maximum(np.abs(real).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        came = self.outputs(real / scale, "spectra" if inverse else "signals")
        raw, found = (self.basis.assembled(each * scale, symmetry, inverse) for each in (came.raw, came.found))
        return Transforms(raw, found, came.passes.reshape(len(vectors), -1).sum(axis=1))

    def _outputs(self, vectors: Array, kind: Kind, signed: bool) -> Outputs:
        plain = self.calibration.plain
        memory: ColumnsMemory = plain if plain.gain and not signed else getattr(self.calibration, kind)
        return self._judged(self._multiply(vectors, signed), memory.fit(self.array.region.columns))

    def _multiply(self, vectors: Array, signed: bool) -> Products:
        if self._multiplier is None:
            self._multiplier = self.array.products()
        came = self._multiplier.multiply(vectors, signed)
        self.passes += came.passes
        return came

    def _judged(self, came: Products, fit: ColumnFit) -> Outputs:
        raw, found = (
            self.array.decode(current, came.drive)[:, : self.basis.points]
            for current in (came.current, fit.corrected(came.current))
        )
        count = len(came.current)
        return Outputs(came.current, raw, found, np.full(count, came.passes // count))
