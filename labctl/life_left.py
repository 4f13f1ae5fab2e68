"""Whether what is left of a die's life is enough for a run, asked before an instrument is opened."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labctl.bench import Die
from labctl.errors import EnvelopeError
from labctl.pulse_history import pulses_before
from labctl.pulse_life import too_many

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.board_data import Cell
    from labctl.plan import Plan


def check_life_left(plan: Plan, folder: Path) -> None:
    """Refuse a run that is known to put more pulses on a cell than its life has left.

    A protocol that finds out on its way how many it needs is stopped by the ledger instead (`labctl/pulse_life.py`).

    Args:
        plan: of a new run.
        folder: that the run will have; the history of its die lies beside it.

    Raises:
        EnvelopeError: names the first such cell.
        StoreError: if the history cannot be read.
    """
    pulses, life = plan.protocol.pulses, plan.life()
    if pulses is None:
        return
    had: Counter[Cell] = Counter()
    if life is not None and not life.is_new and folder.parent.is_dir():
        had = pulses_before(folder, life)
    most = plan.file.envelope.pulses_per_cell
    for cell, count in pulses(Die.of(plan.file), plan.parameters).items():
        if had[cell] + count > most:
            raise EnvelopeError(too_many(cell, count, had[cell], most))
