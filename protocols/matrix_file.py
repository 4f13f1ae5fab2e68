"""Matrices and pictures that a person gives as files: npy, npz, csv, png.

A file is read when its parameter is: what is wrong with it is said before anything is sent. What a run keeps of it is
its name and the SHA-256 of its numbers, so that a run that goes on refuses another matrix in the same place.
"""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import PlainSerializer

from labctl.errors import ParameterError
from labctl.units import Written

if TYPE_CHECKING:
    from numpy.typing import NDArray

SUFFIXES = (".npy", ".npz", ".csv", ".png")
BYTES_MAX = 64 << 20
"""Largest file that is read: a 512 x 512 matrix in full text is 7 MB."""
NUMBERS_MAX = 1 << 24
"""Most numbers of a matrix or picture: a picture of 4096 x 4096."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """A matrix from a file.

    Args:
        file: as it was named.
        values: shape (rows, columns), finite; a picture's are its grey values, 0 (black) to 1 (white).
        is_picture: whether it came from a picture.
    """

    file: str
    values: NDArray[np.float64]
    is_picture: bool

    @property
    def identity(self) -> str:
        """Which file, and the SHA-256 of its shape and numbers."""
        numbers = np.ascontiguousarray(self.values, "<f8")
        digest = hashlib.sha256(repr(numbers.shape).encode() + numbers.tobytes()).hexdigest()
        return f"{self.file} (SHA-256 of its numbers {digest})"


def read_matrix(file: object) -> Matrix | None:
    """Return the matrix in a file; "" and "none" are none.

    Raises:
        ParameterError: if there is no such file, or what it holds is no matrix of finite numbers.
    """
    if isinstance(file, Matrix) or file in ("", "none"):
        return file if isinstance(file, Matrix) else None
    if not isinstance(file, str):
        raise ParameterError(f"the name of a file is expected, not {file!r}")
    path = Path(file)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ParameterError(f"{file}: a matrix is read from a file of {', '.join(SUFFIXES)}")
    try:
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        raise ParameterError(f"{file}: {getattr(error, 'strerror', None) or error}") from None
    if size > BYTES_MAX:
        raise ParameterError(f"{file}: {size >> 20} MiB are too much for a matrix; {BYTES_MAX >> 20} MiB are read")
    return Matrix(file, _checked(file, _numbers(path, suffix)), suffix == ".png")


def _numbers(path: Path, suffix: str) -> NDArray[Any]:
    try:
        match suffix:
            case ".npy":
                return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
            case ".npz":
                return _from_archive(path)
            case ".csv":
                return _from_text(path)
            case _:
                return _from_picture(path)
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError, zipfile.BadZipFile) as error:
        raise ParameterError(f"{path}: not a readable {suffix[1:]} file: {error}") from None


def _from_text(path: Path) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a file without numbers, whose shape is refused
        try:
            return np.loadtxt(path, delimiter=",", ndmin=2, comments="#", encoding="utf-8")
        except ValueError as error:
            raise ValueError(f"lines of numbers with commas between them are expected, no headings: {error}") from None


def _from_archive(path: Path) -> NDArray[Any]:
    with zipfile.ZipFile(path) as archive:
        held = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
        if len(held) != 1:
            names = ", ".join(entry.filename.removesuffix(".npy") for entry in held) or "none"
            raise ParameterError(f"{path}: an npz file with one array is expected; this one holds {names}")
        if held[0].file_size > NUMBERS_MAX * 8 + 4096:
            raise ParameterError(f"{path}: its array is larger than {NUMBERS_MAX} numbers")
    with np.load(path, allow_pickle=False) as arrays:
        return np.asarray(arrays[arrays.files[0]])


def _from_picture(path: Path) -> NDArray[Any]:
    from PIL import Image

    try:
        picture = Image.open(path, formats=("PNG",))
    except Image.DecompressionBombError as error:
        raise ParameterError(f"{path}: {error}") from None
    with picture:
        if picture.width * picture.height > NUMBERS_MAX:
            raise ParameterError(f"{path}: {picture.width} x {picture.height} pixels are more than {NUMBERS_MAX}")
        if picture.mode in ("I", "I;16", "I;16B"):  # 16 bit grey
            return np.asarray(picture, np.float64) / 65535
        if picture.mode not in ("1", "L"):
            picture = picture.convert("RGB").convert("L")
        return np.asarray(picture.convert("L"), np.float64) / 255


def _checked(file: str, numbers: NDArray[Any]) -> NDArray[np.float64]:
    if numbers.ndim != 2 or 0 in numbers.shape:
        raise ParameterError(f"{file}: a matrix of two dimensions is expected, not an array of shape {numbers.shape}")
    if numbers.size > NUMBERS_MAX:
        raise ParameterError(f"{file}: {numbers.size} numbers are more than {NUMBERS_MAX}")
    if numbers.dtype.kind not in "biuf":
        raise ParameterError(f"{file}: real numbers are expected, not {numbers.dtype}")
    values = np.array(numbers, np.float64)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        raise ParameterError(
            f"{file}: row {row}, column {column} is {values[row, column]}; every entry must be a finite number"
        )
    return values


MatrixFile = Annotated[
    Matrix | None,
    Written("a file: npy, npz, csv or png", read_matrix),
    PlainSerializer(lambda matrix: "" if matrix is None else matrix.identity, return_type=str),
]
"""Type of a parameter that names a file with a matrix; "" is none."""
