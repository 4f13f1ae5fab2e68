"""Why a saturated cell hesitates on its way back: the return shelf, and the overdrive that removes it.

A cell above its *base* n_b (the last level) is depressed at

    1 - S((n - n_b)/edge) [ r (1 - x^p) - k S(y) y^p ]

times the rate of the levels, S the cubic smoothstep. x is the excursion that is left, (n - n_b) / (peak - n_b),
counted from the highest position reached since the cell last stood at its base, and y the same above the last level.
So it rushes down from its peak, lingers close to the base, and is itself again at the base. Form: published compact
model of the Ru-azo film (2026), which counts the excursion from the highest of all positions, 33,040, confines the
rush to its top 5 % and centres the edge on the base; so counted it does not meet measured curve B, whose excursion ends
at 26,000. Sizes that are ours say so in the profile.

A pulse beyond `up_voltage` on a saturated cell leaves overdrive c behind; o = min(1, gain c) lowers the base towards
`overdrive_base` and the depth r to 0. The cell forgets both peak and overdrive at its base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_backend.device_models.ru_azo_conduction import LAST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim_backend.device_models.interface import Cells
    from sim_backend.device_models.ru_azo_profile import RuAzoProfile


def smoothstep(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cubic step from 0 (x <= 0) to 1 (x >= 1)."""
    x = np.minimum(np.maximum(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


class Shelf:
    """The speed of depression from above the base.

    Args:
        profile: of the device.
    """

    def __init__(self, profile: RuAzoProfile) -> None:
        self._profile = profile

    def base(self, overdrive: Cells) -> Cells:
        """Return the position below which cells of that `overdrive` are themselves again."""
        removed = np.minimum(overdrive * self._profile.overdrive_gain, 1.0)
        return LAST * (1 - removed * (1 - self._profile.overdrive_base))

    def stops(self, overdrive: Cells) -> tuple[Cells, Cells, Cells]:
        """Return, falling, the positions between which the speed is smooth; the last is the base."""
        base = self.base(overdrive)
        edge = base + self._profile.shelf_edge
        return np.maximum(edge, LAST), np.minimum(edge, LAST), base

    def speed(self, position: NDArray[np.float64], peak: Cells, overdrive: Cells) -> NDArray[np.float64]:
        """Return the speed relative to that of the levels, above 0.

        Args:
            position: at or above the base, shape (n, points).
            peak: highest position since the cells last stood at their base, at least `position`, shape (n,).
            overdrive: of the cells, shape (n,).
        """
        p = self._profile
        base = self.base(overdrive)[:, None]
        above = position - base
        excursion = _share(above, peak[:, None] - base)
        saturated = _share(position - LAST, peak[:, None] - LAST)
        depth = p.shelf_depth * (1 - np.minimum(overdrive * p.overdrive_gain, 1.0))[:, None]
        slowing = depth * (1 - excursion**p.shelf_exponent)
        rush = p.shelf_rush * smoothstep(saturated) * saturated**p.shelf_exponent
        return 1 - smoothstep(above / p.shelf_edge) * (slowing - rush)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return part / whole between 0 and 1, and 0 where there is no whole."""
    return np.minimum(np.maximum(part, 0.0) / np.maximum(whole, 1e-9), 1.0)
