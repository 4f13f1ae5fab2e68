from collections.abc import Mapping, Sequence
from typing import IO, Literal, overload

from matplotlib.axes import Axes
from matplotlib.gridspec import GridSpec, SubplotSpec

class Figure:
    def __init__(self, figsize: tuple[float, float] | None = ...) -> None: ...
    def add_gridspec(self, nrows: int, ncols: int, height_ratios: Sequence[float] | None = ...) -> GridSpec: ...
    def add_subplot(self, spec: SubplotSpec) -> Axes: ...
    @overload
    def subplots(self) -> Axes: ...
    @overload
    def subplots(self, nrows: Literal[1], ncols: int) -> Sequence[Axes]: ...
    def savefig(
        self,
        fname: IO[str] | IO[bytes],
        *,
        format: str = ...,
        dpi: float = ...,
        metadata: Mapping[str, str | None] | None = ...,
    ) -> None: ...
