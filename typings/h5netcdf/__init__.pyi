"""The part of h5netcdf that labctl uses; the package ships no types."""

from collections.abc import MutableMapping
from io import RawIOBase
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

class Variable:
    shape: tuple[int, ...]
    attrs: MutableMapping[str, Any]
    def __setitem__(self, key: slice, value: np.ndarray[Any, Any]) -> None: ...
    def __getitem__(self, key: object) -> Any: ...

class File:
    attrs: MutableMapping[str, Any]
    dimensions: MutableMapping[str, Any]
    variables: MutableMapping[str, Variable]
    def __init__(self, path: Path | IO[bytes] | RawIOBase, mode: str = "r") -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def resize_dimension(self, dim: str, size: int) -> None: ...
    def create_variable(
        self,
        name: str,
        dimensions: tuple[str, ...] = (),
        dtype: np.dtype[Any] | None = None,
        data: np.ndarray[Any, Any] | None = None,
        *,
        fillvalue: float | None = None,
        chunks: tuple[int, ...] | None = None,
        compression: str | None = None,
        compression_opts: int | None = None,
        shuffle: bool = False,
    ) -> Variable: ...
