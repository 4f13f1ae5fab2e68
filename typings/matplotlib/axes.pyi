import numpy as np
from numpy.typing import NDArray

class Axes:
    def plot(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        /,
        *,
        color: str = ...,
        label: str = ...,
        linestyle: str = ...,
        linewidth: float = ...,
        marker: str = ...,
        markerfacecolor: str = ...,
        markersize: float = ...,
    ) -> object: ...
    def loglog(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        /,
        *,
        color: str = ...,
        label: str = ...,
        linestyle: str = ...,
        marker: str = ...,
        markersize: float = ...,
    ) -> object: ...
    def hist(
        self,
        x: NDArray[np.float64],
        bins: int = ...,
        *,
        density: bool = ...,
        alpha: float = ...,
        color: str = ...,
        label: str = ...,
    ) -> object: ...
    def fill_between(
        self,
        x: NDArray[np.float64],
        y1: NDArray[np.float64],
        y2: NDArray[np.float64],
        *,
        alpha: float = ...,
        color: str = ...,
        linewidth: float = ...,
    ) -> object: ...
    def axhline(self, y: float, *, color: str = ..., linewidth: float = ...) -> object: ...
    def axvline(self, x: float, *, color: str = ..., linewidth: float = ...) -> object: ...
    def axhspan(
        self, ymin: float, ymax: float, *, alpha: float = ..., color: str = ..., linewidth: float = ...
    ) -> object: ...
    def set_title(self, label: str) -> object: ...
    def set_xlabel(self, xlabel: str) -> object: ...
    def set_ylabel(self, ylabel: str) -> object: ...
    def set_ylim(self, bottom: float, top: float) -> object: ...
    def legend(self, *, loc: str = ..., fontsize: float = ..., ncols: int = ...) -> object: ...
