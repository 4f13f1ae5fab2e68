"""Boards with some errors only, and the measure of a spread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from scipy.stats import chi2

from sim_backend.front_end.board import BoardFrontEnd
from sim_backend.front_end.board_errors import BoardErrors

if TYPE_CHECKING:
    from numpy.typing import NDArray


class MakeBoard(Protocol):
    """See `board_with`."""

    def __call__(
        self, *, calibrated: bool = ..., rows: int = ..., columns: int = ..., g_max: float = ..., seed: int = ...,
        **errors: Any,
    ) -> BoardFrontEnd: ...  # fmt: skip


@pytest.fixture
def board_with() -> MakeBoard:
    """Return a function that makes a board with the errors named, and no other."""

    def made(
        *, calibrated: bool = False, rows: int = 64, columns: int = 64, g_max: float = 5.9e-3, seed: int = 1,
        **errors: Any,
    ) -> BoardFrontEnd:  # fmt: skip
        wanted = replace(BoardErrors.none(), **errors)
        return BoardFrontEnd(wanted, calibrated, rows, columns, g_max, seed)

    return made


class CheckSpread(Protocol):
    """See `check_spread`."""

    def __call__(self, values: NDArray[np.float64], expected: float) -> None: ...


@pytest.fixture
def check_spread() -> CheckSpread:
    """Return a function that compares a standard deviation about 0 with what theory expects.

    It must lie within 5 %, and where chance puts 99.98 % of such samples.
    """

    def check(values: NDArray[np.float64], expected: float) -> None:
        size = values.size
        assert size > 1500, "too few values for a bound of 5 %"
        spread = float(np.sqrt(np.mean(values**2)))
        low, high = np.sqrt(chi2.ppf([1e-4, 1 - 1e-4], size) / size)
        assert max(low, 0.95) * expected < spread < min(high, 1.05) * expected

    return check
