"""The part of h5py that labctl uses; the package ships no types."""

from typing import Any

import numpy as np

def string_dtype(encoding: str = "utf-8", length: int | None = None) -> np.dtype[Any]: ...
