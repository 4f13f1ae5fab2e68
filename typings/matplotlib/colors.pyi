import numpy as np
from numpy.typing import NDArray

class Colormap:
    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]: ...

class ListedColormap(Colormap):
    def __init__(self, colors: NDArray[np.float64]) -> None: ...
