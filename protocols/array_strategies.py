"""Strategies against what wires do to an array: which reader tells the levels that are written.

`none` believes the reads. `per-cell` reckons each cell's own conductance out of them, with a known resistance of the
wires; `effective` begins like `none`, and `staged_writing.py` goes on. A strategy is an `ArrayReader`: whatever it
tells is brought to the targets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from labctl.board_data import ReadScheme
from protocols.array_reader import ArrayReader, CellwiseReader
from protocols.published_film import CONDUCTION_VOLTAGE

if TYPE_CHECKING:
    from labctl.protocol_bench import ProtocolBench
    from protocols.array_region import Region

StrategyName = Literal["none", "per-cell", "effective"]
SchemeName = Literal["auto", "reverse", "ground"]
_SCHEMES = {"auto": None, "reverse": ReadScheme.REVERSE, "ground": ReadScheme.GROUND}


def make_reader(
    bench: ProtocolBench,
    region: Region,
    strategy: StrategyName,
    *,
    samples: int,
    max_samples: int,
    scheme: SchemeName = "auto",
    segment_resistance: float = 0.0,
    conduction_voltage: float = CONDUCTION_VOLTAGE,
) -> ArrayReader:
    """Return the reader of a strategy.

    Args:
        bench: up.
        region: which cells.
        strategy: which.
        samples: of a read, at least.
        max_samples: at most, where noise asks for more.
        scheme: of the rows that are not read.
        segment_resistance: of one wire segment (ohm); `per-cell` needs it.
        conduction_voltage: V0 (V) of the cells' current, I ~ sinh(V / V0); likewise.
    """
    return CellwiseReader(
        bench,
        region,
        samples=samples,
        max_samples=max_samples,
        scheme=_SCHEMES[scheme],
        segment_resistance=segment_resistance if strategy == "per-cell" else 0.0,
        conduction_voltage=conduction_voltage,
    )
