from collections.abc import Mapping
from contextlib import AbstractContextManager

from matplotlib.colors import Colormap

colormaps: Mapping[str, Colormap]

def rc_context(rc: Mapping[str, object] | None = ...) -> AbstractContextManager[None]: ...
