"""The algorithms by name, and what any of them remembers between two levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from protocols.write_algorithms.ispp import Ispp, IsppMemory
from protocols.write_algorithms.kalman import Kalman, KalmanMemory
from protocols.write_algorithms.proportional import Proportional, ProportionalMemory
from protocols.write_algorithms.secant import Secant, SecantMemory

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocols.write_algorithms.interface import Prior, WriteAlgorithm

AlgorithmName = Literal["kalman", "secant", "ispp", "proportional"]
"""What a person types."""
AlgorithmMemory = Annotated[KalmanMemory | SecantMemory | IsppMemory | ProportionalMemory, Field(discriminator="kind")]
"""What one of them remembers; `kind` says which."""

_ALGORITHMS: dict[AlgorithmName, Callable[[Prior], WriteAlgorithm[Any]]] = {
    "kalman": Kalman,
    "secant": Secant,
    "ispp": Ispp,
    "proportional": Proportional,
}


def make(name: AlgorithmName, prior: Prior) -> WriteAlgorithm[Any]:
    """Return an algorithm that knows no more of its cell than `prior`."""
    return _ALGORITHMS[name](prior)
