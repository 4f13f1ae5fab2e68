"""The measured pulse trains of the film, as they were digitised."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCurve:
    """A train up and down again, one half each.

    Args:
        name: "A" or "B".
        pulses: of the whole train.
        index: pulses given before each point, shape (points,).
        conductance: at each (S); about 0.06 mS of digitising error.
    """

    name: str
    pulses: int
    index: NDArray[np.float64]
    conductance: NDArray[np.float64]

    @property
    def turn(self) -> int:
        """Pulses after which the train turns from potentiation to depression."""
        return self.pulses // 2

    @property
    def rising(self) -> NDArray[np.bool_]:
        """Which points lie on the way up."""
        return self.index <= self.turn


def measured_curve(name: str) -> MeasuredCurve:
    """Return curve "A", which stays inside the window, or "B", which saturates."""
    text = files("sim_backend.device_models").joinpath(f"data/ru_azo_curve_{name.lower()}.csv").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    points = np.array([line.split(",") for line in lines[1:]], dtype=np.float64)
    return MeasuredCurve(name, round(points[-1, 0]), points[:, 0], points[:, 1] * 1e-3)
