"""Libraries that only an export needs, loaded when one is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from labctl.errors import InputError

INSTALL: Final = 'pip install "labctl[export]"'


def require(purpose: str, *modules: str, install: str = INSTALL) -> None:
    """Load libraries that only `purpose` needs.

    Raises:
        InputError: if one is missing; says what to install.
    """
    for module in modules:
        try:
            import_module(module)
        except ImportError:
            raise InputError(f"{purpose} needs {module}: {install}") from None
