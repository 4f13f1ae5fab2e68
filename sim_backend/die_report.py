"""`labctl die show`: what a die file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.console import print_json, print_lines
from labctl.units import format_quantity
from sim_backend.die_file import load_die

if TYPE_CHECKING:
    from pathlib import Path


def show_die(file: Path, json: bool) -> None:
    """Print a die: in numbers with `json`, else what they amount to.

    Raises:
        DieFileError: if the file is no die file.
    """
    saved = load_die(file)
    die, conductance = saved.die, saved.die.conductance()
    if json:
        print_json(
            {
                "id": die.id,
                "rows": die.rows,
                "columns": die.columns,
                "device": die.model.profile.name,
                "seed": die.seed,
                "time": saved.time,
                "conductance": conductance.tolist(),
                "state": die.state.tolist(),
            }
        )
        return
    low, high = (format_quantity(float(value), "S") for value in (conductance.min(), conductance.max()))
    print_lines(
        [
            f"die {die.id}: {die.rows} x {die.columns} cells of {die.model.profile.name}, seed {die.seed}",
            f"  conductance  {low} to {high}",
            f"  states       {die.state.min():.2f} to {die.state.max():.2f}",
            f"  written      {int((die.write_count > 0).sum())} cells",
            f"  clock        {format_quantity(saved.time, 's')}",
        ]
    )
