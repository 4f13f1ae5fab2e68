"""Cell conductances from what single-row reads show of them through the wires."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import ReadScheme
from labctl.errors import EquipmentError, ParameterError
from labctl.levels import REFERENCE_VOLTAGE
from protocols.analysis.wire_network import operating_points
from protocols.analysis.wire_products import read_voltages

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protocols.analysis.array_law import ArrayLaw
    from protocols.analysis.wire_network import Wires

    Array = NDArray[np.float64]

TOLERANCE = 1e-9
"""Share of the largest read that the reads of the found cells may be off by."""
ROUNDS_MAX = 200
"""Most rounds unless told otherwise: 4 where wires take some per cent, some tens where they take most."""
FASTEST = 4.0
"""By how much a conductance changes in a round at most: a cell behind lines that take nearly all of its voltage."""
NOISE = 0.01
"""Share of the largest read by which cells that do not conduct may read less than they should."""
STALLED = 12
"""Rounds without an improvement after which no cells explain the reads."""


def de_embedded(
    apparent: Array,
    wires: Wires,
    law: ArrayLaw,
    *,
    voltage: float = REFERENCE_VOLTAGE,
    scheme: ReadScheme = ReadScheme.GROUND,
    tolerance: float = TOLERANCE,
    rounds: int = ROUNDS_MAX,
) -> Array:
    """Return the conductances of cells (S) whose reads, row by row, show `apparent` ones.

    Each round reads the cells found so far in the network, and changes each by what its read is off over the share of
    the voltage's current that reaches it. A cell that would have to conduct less than nothing is one that does not:
    noise shows some of these among erased cells.

    Args:
        apparent: current over voltage of each cell's read, shape (rows, columns) (S).
        wires: of the lines.
        law: bend and rectification of the cells; its conductances are where the search begins.
        voltage: of the reads (V).
        scheme: of the other rows.
        tolerance: share of the largest read that the reads of the found cells may be off by.
        rounds: the most that are tried.

    Raises:
        ParameterError: for a map of another shape or without numbers.
        EquipmentError: if no cells show these reads through these wires; with resistors, reversed rows show the sum of
            their cells rather than the one.
    """
    if apparent.shape != law.shape or not np.isfinite(apparent).all():
        raise ParameterError(f"a map of {law.shape} cells has finite numbers and that shape, not {apparent.shape}")
    wanted, found = apparent * voltage, law.conductance.copy()
    largest = max(float(np.abs(wanted).max()), 1e-300)
    least, since = np.inf, 0
    for _ in range(rounds):
        read, share = _reads(law.with_conductance(found), wires, voltage, scheme)
        missing = wanted - read
        empty = (found == 0) & (missing < 0) & (missing > -NOISE * largest)
        worst = float(np.abs(np.where(empty, 0.0, missing)).max())
        if worst <= tolerance * largest:
            return found
        least, since = (worst, 0) if worst < least else (least, since + 1)
        if since >= STALLED or not np.isfinite(worst):
            break
        longer = found + missing / (voltage * np.maximum(share, 1 / FASTEST))
        found = np.clip(longer, 0.0, np.maximum(found, np.abs(wanted) / voltage) * FASTEST)
    raise EquipmentError(
        f"no cells behind wires of {wires.row_segment:.3g} and {wires.column_segment:.3g} ohm a segment read as these "
        f"do: they stay off by {least:.2g} A"
    )


def _reads(law: ArrayLaw, wires: Wires, voltage: float, scheme: ReadScheme) -> tuple[Array, Array]:
    """Return the cells' reads (A), and the share of its current at the full voltage that each carries."""
    points = operating_points(law, wires, read_voltages(law.shape[0], voltage, scheme))
    every = np.arange(law.shape[0])
    own = points.cell_current[every, every]
    return points.columns, np.divide(
        own, law.current(np.full(law.shape, voltage)), out=np.ones(law.shape), where=own > 0
    )
