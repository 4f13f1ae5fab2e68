from collections.abc import Sequence

import numpy as np
from matplotlib.axis import Axis
from matplotlib.colors import Colormap
from matplotlib.figure import FigureBase
from matplotlib.image import AxesImage
from numpy.typing import NDArray

class Axes:
    xaxis: Axis
    yaxis: Axis
    transAxes: object
    @property
    def figure(self) -> FigureBase: ...
    def plot(
        self,
        x: NDArray[np.float64],
        y: NDArray[np.float64],
        /,
        *,
        alpha: float = ...,
        color: str = ...,
        label: str = ...,
        linestyle: str | tuple[object, ...] = ...,
        linewidth: float = ...,
        marker: str = ...,
        markeredgewidth: float = ...,
        markerfacecolor: str = ...,
        markersize: float = ...,
        rasterized: bool = ...,
    ) -> object: ...
    def text(
        self, x: float, y: float, s: str, *, color: str = ..., ha: str = ..., va: str = ..., transform: object = ...
    ) -> object: ...
    def vlines(
        self,
        x: NDArray[np.float64],
        ymin: NDArray[np.float64],
        ymax: NDArray[np.float64],
        *,
        alpha: float = ...,
        color: str = ...,
        linewidth: float = ...,
    ) -> object: ...
    def stairs(
        self,
        values: NDArray[np.float64],
        edges: NDArray[np.float64],
        *,
        baseline: float = ...,
        fill: bool = ...,
        alpha: float = ...,
        color: str = ...,
        label: str = ...,
    ) -> object: ...
    def imshow(
        self,
        X: NDArray[np.float64],
        *,
        cmap: str | Colormap = ...,
        vmin: float = ...,
        vmax: float = ...,
        extent: tuple[float, float, float, float] = ...,
        interpolation: str = ...,
        aspect: str = ...,
    ) -> AxesImage: ...
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
        label: str = ...,
        linewidth: float = ...,
        zorder: float = ...,
    ) -> object: ...
    def axhline(self, y: float, *, color: str = ..., linewidth: float = ...) -> object: ...
    def axvline(self, x: float, *, color: str = ..., linewidth: float = ...) -> object: ...
    def axhspan(
        self, ymin: float, ymax: float, *, alpha: float = ..., color: str = ..., linewidth: float = ...
    ) -> object: ...
    def grid(self, *, visible: bool) -> None: ...
    def set_facecolor(self, color: str) -> None: ...
    def set_xscale(self, value: str) -> None: ...
    def set_yscale(self, value: str) -> None: ...
    def set_xlim(self, left: float, right: float) -> object: ...
    def set_xticks(
        self,
        ticks: Sequence[int],
        labels: Sequence[str],
        *,
        rotation: float = ...,
        ha: str = ...,
        rotation_mode: str = ...,
    ) -> object: ...
    def get_legend_handles_labels(self) -> tuple[Sequence[object], Sequence[str]]: ...
    def set_title(self, label: str, *, loc: str = ..., pad: float = ...) -> object: ...
    def set_xlabel(self, xlabel: str) -> object: ...
    def set_ylabel(self, ylabel: str) -> object: ...
    def set_ylim(self, bottom: float, top: float) -> object: ...
    def legend(
        self,
        *,
        loc: str = ...,
        bbox_to_anchor: tuple[float, float] = ...,
        fontsize: float = ...,
        markerscale: float = ...,
        ncols: int = ...,
    ) -> object: ...
