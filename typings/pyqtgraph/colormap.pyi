import numpy as np
from numpy.typing import NDArray

class ColorMap:
    def getLookupTable(self, start: float = ..., stop: float = ..., nPts: int = ...) -> NDArray[np.uint8]: ...

def get(name: str) -> ColorMap: ...
