"""The figure of `snr`: figures against what was varied, and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Bars, Figure, Panel, curve
from protocols.ledger_evidence import SnrRecords
from protocols.snr_summary import by_condition, ledger_of, varied_figures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.analysis.ledger_terms import Figures
    from protocols.analysis.snr_ledger import Ledger
    from protocols.ledger_measurements import SnrRecord
    from protocols.snr_plan import SnrParameters

AXES = {
    "averages": Axis("averages", log=True),
    "size": Axis("rows and columns", log=True),
    "input": Axis("share of the largest input", log=True),
}


def figure(records: Sequence[SnrRecord], parameters: SnrParameters) -> Figure:
    """Return what the records of a run, whole or broken off, look like."""
    held = SnrRecords(records, parameters)
    found = by_condition(held)
    if not found:
        return Figure("snr", (_noise(records),))
    (_, main), *_ = held.conditions()
    varied = varied_figures(found, main.averages, main.lines)
    panels = [_varied(name, figures) for name, figures in varied.items() if len(figures) > 1]
    closed = ledger_of(held)
    if closed is not None:
        panels += [_ledger(closed.ledger), _shares(closed.ledger)]
    best = found[main.averages, main.lines, main.share]
    title = f"snr: {best.snr:.1f} dB calibrated, {best.raw:.1f} dB raw"
    return Figure(title, tuple(panels) or (_noise(records),))


def _varied(name: str, found: dict[str, Figures]) -> Panel:
    values = [float(label) for label in found]
    marks = (
        curve(values, [one.snr for one in found.values()], "calibrated", "line and points"),
        curve(values, [one.raw for one in found.values()], "raw", "line and points"),
    )
    return Panel(f"By {name}", AXES[name], Axis("SNR", "dB"), marks)


def _ledger(ledger: Ledger) -> Panel:
    """Return each term as a point at what it alone would leave, in the order of what it takes."""
    names = sorted(ledger.terms, key=lambda name: ledger.terms[name])
    place = {name: k for k, name in enumerate(names)}
    found = [name for name in names if name not in ledger.bounds]
    marks = [curve([place[name] for name in found], [ledger.terms[name] for name in found], "found", "points")]
    if ledger.bounds:
        bounded = [name for name in names if name in ledger.bounds and ledger.terms[name] < SHOWN]
        marks.append(
            curve([place[name] for name in bounded], [ledger.terms[name] for name in bounded], "at least", "points")
        )
    marks.append(curve([-0.5, len(names) - 0.5], [ledger.total] * 2, "all together", "dashed"))
    axis = Axis("", names=tuple(names))
    return Panel("What each error alone would leave", axis, Axis("SNR", "dB"), tuple(marks))


def _shares(ledger: Ledger) -> Panel:
    """Return what each term takes of the power of all errors, as bars; of bounds, what it takes at most."""
    names = sorted(ledger.terms, key=lambda name: ledger.terms[name])
    edges = np.arange(len(names) + 1, dtype=np.float64) - 0.5
    share = np.array([100 * 10 ** ((ledger.total - ledger.terms[name]) / 10) for name in names])
    bounded = np.array([name in ledger.bounds for name in names])
    marks = [Bars(edges, np.where(bounded, 0.0, share), "found")]
    if bounded.any():
        marks.append(Bars(edges, np.where(bounded, share, 0.0), "at most"))
    return Panel("Share of the errors' power", Axis("", names=tuple(names)), Axis("share", "%"), tuple(marks))


SHOWN = 200.0
"""Bounds from here on (dB) are left out: they would flatten the rest."""


def _noise(records: Sequence[SnrRecord]) -> Panel:
    """Return the passes so far, by the current of their first column."""
    passes = [one.current[0] for one in records if one.current]
    return Panel("First column", Axis("pass"), Axis("current", "A"), (curve(range(len(passes)), passes),))
