"""One figure of the twin, against what it should be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A figure that was measured on the twin.

    Args:
        name: of the figure; distinguishes the rows of one table.
        value: what was measured, in `unit`.
        unit: of the value, "" where it has none.
        target: what it should be, as people write it: "0.29 levels, within 10 %".
        passed: whether it is that.
        source: where the target comes from, in words.
        note: what a reader must know to trust the figure.
    """

    name: str
    value: float
    unit: str
    target: str
    passed: bool
    source: str
    note: str = ""
