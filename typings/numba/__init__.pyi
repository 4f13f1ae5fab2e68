from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])

def njit(
    *, cache: bool = ..., fastmath: bool | set[str] = ..., error_model: str = ..., inline: str = ...
) -> Callable[[F], F]: ...
