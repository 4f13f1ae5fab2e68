"""Are the packages named `drivers`, `protocols` and `sim_backend` labctl's own?

The names are generic: another distribution that ships one of them overwrites files without a word when it is installed
into the same environment. This is found out before anything is sent.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from labctl.errors import InputError

NEIGHBOURS = ("drivers", "protocols", "sim_backend")


def check_neighbours() -> None:
    """Refuse to start when a neighbour is somebody else's.

    Raises:
        InputError: names the stranger and what to do.
    """
    home = Path(__file__).resolve().parent.parent
    for name in NEIGHBOURS:
        spec = importlib.util.find_spec(name)
        found = Path(spec.origin).resolve().parent.parent if spec is not None and spec.origin else None
        if found != home:
            raise InputError(
                f"the package {name!r} is not labctl's own ({found or 'not found'} instead of {home}); "
                "install labctl into a virtual environment of its own"
            )
