from typing import IO

import numpy as np
from numpy.typing import NDArray

class AxesImage: ...

def imread(fname: IO[bytes], format: str | None = ...) -> NDArray[np.float64]: ...
