"""Front ends by the names that bench files give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from labctl.errors import ModelError
from sim_backend.crossbar.network import SIDE_MAX
from sim_backend.front_end.board import BoardFrontEnd
from sim_backend.front_end.board_errors import BoardErrors
from sim_backend.front_end.ideal import IdealFrontEnd

if TYPE_CHECKING:
    from sim_backend.front_end.board_errors import CalibrationState
    from sim_backend.front_end.interface import FrontEnd


def make_front_end(
    kind: Literal["ideal", "board"],
    calibration: CalibrationState,
    rows: int,
    columns: int,
    g_max: float,
    seed: int,
) -> FrontEnd:
    """Return a front end that was switched on just now.

    Args:
        kind: "ideal" adds nothing; "board" has the errors of `BoardErrors`.
        calibration: "factory", or "none": the board as built. Without effect on an ideal one.
        rows: of the array, 1 to 512.
        columns: of the array, 1 to 512.
        g_max: conductance of the die's last level, which the readers' ranges fit (S).
        seed: of the board: its fixed errors and its noise.

    Raises:
        ModelError: for numbers that no array has.
    """
    if not (1 <= rows <= SIDE_MAX and 1 <= columns <= SIDE_MAX):
        raise ModelError(f"a board reads 1 to {SIDE_MAX} lines a side, not {rows} x {columns}")
    if not 0 < g_max < float("inf"):
        raise ModelError(f"g_max = {g_max} S: readers need a conductance above 0 to choose their ranges")
    if kind == "ideal":
        return IdealFrontEnd(rows, columns)
    return BoardFrontEnd(BoardErrors(), calibration == "factory", rows, columns, g_max, seed)
