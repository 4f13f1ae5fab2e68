"""What the records of `snr` amount to: signal-to-noise ratios, raw and calibrated, and the ledger of their loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.protocol import Criterion, Outcome, judge
from labctl.units import Decibels, Fraction, Ohms, Volts
from protocols.analysis.ledger_terms import Figures, LedgerTerms, figures
from protocols.analysis.product_errors import effective_bits
from protocols.ledger_evidence import SnrRecords

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protocols.analysis.snr_ledger import Ledger
    from protocols.ledger_measurements import SnrRecord
    from protocols.snr_plan import SnrParameters

CLOSES = 0.5
"""By how much (dB) the ledger's total may differ from what was measured."""


@dataclass(frozen=True, slots=True)
class SnrSummary:
    """What a run amounts to.

    `snr_db` has gain and offset of each column taken out, fitted on training vectors; `snr_raw_db` has not. The
    dictionaries give both by what was varied. `ledger` is what each error alone would leave, by name; those named in
    `ledger_bounds`, too, are small, or not told from nothing: they leave at least so much. `ledger_total_db` is what
    all of them together leave, `closing_db` by how much the measured figure is above that; `ledger_sum_db` is what a
    mere sum of their powers would leave. `segment_resistance` is that of the wires, where any were seen. `written` is
    the share of the cells that programming calls written. `passes` are those of one product, `passes_in_all` of the
    run.
    """

    snr_db: Decibels
    snr_raw_db: Decibels
    enob: float
    enob_raw: float
    averages: int
    passes: int
    passes_in_all: int
    by_averages: dict[str, Decibels]
    by_averages_raw: dict[str, Decibels]
    by_size: dict[str, Decibels]
    by_size_raw: dict[str, Decibels]
    by_input: dict[str, Decibels]
    by_input_raw: dict[str, Decibels]
    ledger: dict[str, Decibels]
    ledger_bounds: dict[str, Decibels]
    ledger_total_db: Decibels | None
    ledger_sum_db: Decibels | None
    closing_db: Decibels | None
    ledger_closes: bool
    segment_resistance: Ohms | None
    voltage: Volts
    floor: Volts
    written: Fraction | None
    rows: int
    columns: int


def summarise(records: Sequence[SnrRecord], parameters: SnrParameters) -> Outcome:
    """Work out the figures."""
    held = SnrRecords(records, parameters)
    found = by_condition(held)
    if not found:
        return Outcome(passed=False, summary=None)
    (_, main), *_ = held.conditions()
    best = found[main.averages, main.lines, main.share]
    closed = ledger_of(held)
    ledger = None if closed is None else closed.ledger
    closing = None if closed is None else closed.measured - closed.ledger.total
    rows, columns = held.targets().shape
    own = varied_figures(found, main.averages, main.lines)
    summary = SnrSummary(
        snr_db=best.snr,
        snr_raw_db=best.raw,
        enob=effective_bits(best.snr),
        enob_raw=effective_bits(best.raw),
        averages=main.averages,
        passes=2,
        passes_in_all=sum(bool(record.current) for record in records),
        by_averages=_part(own["averages"], raw=False),
        by_averages_raw=_part(own["averages"], raw=True),
        by_size=_part(own["size"], raw=False),
        by_size_raw=_part(own["size"], raw=True),
        by_input=_part(own["input"], raw=False),
        by_input_raw=_part(own["input"], raw=True),
        ledger={} if ledger is None else ledger.terms,
        ledger_bounds={} if ledger is None else ledger.bounds,
        ledger_total_db=None if ledger is None else ledger.total,
        ledger_sum_db=None if ledger is None else ledger.power_sum,
        closing_db=closing,
        ledger_closes=closing is not None and abs(closing) <= CLOSES,
        segment_resistance=None if closed is None else closed.segment,
        voltage=held.scale.height,
        floor=held.scale.floor,
        written=None if math.isnan(held.scale.written) else held.scale.written,
        rows=rows,
        columns=columns,
    )
    return judge(summary, Criterion("snr_db", at_least=parameters.required), Criterion("ledger_closes", at_least=True))


def by_condition(held: SnrRecords) -> dict[tuple[int, int, float], Figures]:
    """Return the figures of every condition: averages, lines, share of the largest input."""
    if not held.has("scale", "target", "map", "training", "test"):
        return {}
    _, full = held.full_drive()
    return {
        (one.averages, one.lines, one.share): figures(held.trial(part), held.weights(one.lines, full))
        for part, one in held.conditions()
    }


def varied_figures(
    found: dict[tuple[int, int, float], Figures], averages: int, lines: int
) -> dict[str, dict[str, Figures]]:
    """Return figures by what was varied, and by its value."""
    return {
        "averages": {str(key[0]): value for key, value in sorted(found.items()) if key[1:] == (lines, 1.0)},
        "size": {str(key[1]): value for key, value in sorted(found.items()) if (key[0], key[2]) == (averages, 1.0)},
        "input": {f"{key[2]:g}": value for key, value in sorted(found.items()) if key[:2] == (averages, lines)},
    }


@dataclass(frozen=True, slots=True)
class Closed:
    """A ledger, and the measured figure (dB) of the vectors that it attributes; the wires' segments (ohm), if seen."""

    ledger: Ledger
    measured: float
    segment: float | None


def ledger_of(held: SnrRecords) -> Closed | None:
    """Return the ledger of the first condition, if what it rests on was measured."""
    evidence = held.evidence()
    if evidence is None:
        return None
    terms = LedgerTerms(evidence, held.trial(held.conditions()[0][0]))
    found = terms.segment
    segment = found.resistance if found is not None and found.is_found else None
    return Closed(terms.ledger(), figures(terms.trial, evidence.weights).snr, segment)


def _part(found: dict[str, Figures], *, raw: bool) -> dict[str, float]:
    return {label: one.raw if raw else one.snr for label, one in found.items()}
