"""What a person may set of `fourier`, what is refused, and which batches and blocks a run has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from typing_extensions import override

from labctl.errors import ParameterError
from labctl.units import Count, Decibels
from protocols.analysis.fourier_basis import POINTS_MAX, FourierBasis
from protocols.analysis.image_quality import WINDOW
from protocols.analysis.image_transform import Block, blocks_of
from protocols.array_parameters import QUICK_LINES
from protocols.array_region import Region
from protocols.matrix_file import MatrixFile
from protocols.product_parameters import ProductParameters, check_products, check_training
from protocols.product_steps import programming_steps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.limits import Envelope

    Array = NDArray[np.float64]

BATCH = 8
"""Test vectors of one step."""
QUICK_VECTORS = 24
"""Test vectors of a quick run at most."""
QUICK_TRAINING = 64
"""Training vectors of a quick run at most."""
QUICK_BLOCKS = 2
"""Blocks across and down, at most, of a quick run's picture: they are taken from its middle."""


class FourierParameters(ProductParameters):
    """What a person may set of `fourier`; the basis takes as many rows as it has points, from `row` and `column` on."""

    points: Annotated[Count, Field(ge=2, le=POINTS_MAX)] = 64
    """Points of the transform, an even number."""
    signal: Literal["complex", "real", "non-negative"] = "complex"
    """Random test signals: real and imaginary part within -1..1; real ones; or real ones within 0..1. Real signals take
    half of the products, and those without a sign half of the passes of these."""
    direction: Literal["forward", "inverse", "both"] = "both"
    """Signals to spectra, spectra of such signals to signals, or both: there, and what came there back again."""
    vectors: Annotated[Count, Field(ge=2, le=100_000)] = 96
    """Test vectors."""
    training: Annotated[Count, Field(ge=0, le=100_000)] = 128
    """Real vectors that gain and offset of the columns are fitted to, for signals and spectra apart, as readers are not
    quite linear; none of them is a test vector. 0: none, so there is no calibrated figure."""
    vector_seed: Count = 1
    """Of training and test vectors."""
    figure: Literal["calibrated", "raw"] = "calibrated"
    """Which signal-to-noise ratio decides whether the run passes."""
    required: Decibels = 73.0
    """What it must be (the paper's: more than 73 dB)."""
    image: MatrixFile = None
    """A picture, or a matrix of greys within 0..1, to transform block by block and back."""

    @property
    def size(self) -> int:
        """Points of the transform, in a quick run, too."""
        return min(self.points, QUICK_LINES) if self.quick else self.points

    @override
    def region(self, die: Die) -> Region:
        if self.rows or self.columns:
            raise ParameterError("--set rows, columns: set points; a Fourier basis is as wide as it has to be")
        columns = {"offset": self.size, "reference": self.size + 1, "differential": 2 * self.size}[self.mapping]
        if self.row + self.size > die.rows or self.column + columns > die.columns:
            raise ParameterError(
                f"--set points: {self.size} points take {self.size} rows and, with a mapping of {self.mapping}, "
                f"{columns} columns; the die has {die.rows} and {die.columns}, and the first are row {self.row} and "
                f"column {self.column}"
            )
        return Region(self.row, self.column, self.size, columns)

    def picture(self) -> Array | None:
        """Return the greys, shape (rows, columns), of the picture to transform, if there is one."""
        if self.image is None:
            return None
        greys = self.image.values
        if not self.quick:
            return greys
        most = max(QUICK_BLOCKS * self.size, WINDOW)
        row, column = (max(0, (side - most) // 2) for side in greys.shape)
        return greys[row : row + most, column : column + most]

    @property
    def tests(self) -> int:
        """Test vectors, in a quick run, too."""
        return min(self.vectors, QUICK_VECTORS) if self.quick else self.vectors

    @property
    def trainings(self) -> int:
        """Training vectors of each kind, in a quick run, too."""
        return min(self.training, QUICK_TRAINING) if self.quick else self.training

    def batches(self) -> list[range]:
        """Return the test vectors of each step."""
        return [range(first, min(first + BATCH, self.tests)) for first in range(0, self.tests, BATCH)]

    def blocks(self) -> list[Block]:
        """Return the blocks of the picture."""
        picture = self.picture()
        return [] if picture is None else blocks_of((picture.shape[0], picture.shape[1]), self.size)

    def steps(self) -> int:
        """Return how many steps there are, of which rounds of programming are a guess."""
        return programming_steps(self) + (self.training > 0) + len(self.batches()) + len(self.blocks())


def check_fourier(die: Die, envelope: Envelope, parameters: FourierParameters) -> None:
    """Refuse a basis that the die has no room for, and what is no picture."""
    FourierBasis(parameters.size)
    check_products(die, envelope, parameters)
    check_training(parameters.training, parameters.figure)
    picture = parameters.picture()
    if picture is None or parameters.image is None:
        return
    if picture.min() < 0 or picture.max() > 1:
        raise ParameterError(f"--set image: greys are within 0..1; those of {parameters.image.file} are not")
    if min(picture.shape) < WINDOW:
        raise ParameterError(f"--set image: a picture of at least {WINDOW} x {WINDOW} pixels is expected")
