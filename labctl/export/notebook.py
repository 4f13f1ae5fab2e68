"""A run as a notebook shows it: HTML in which everything that a person or an instrument said is text."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from labctl.escaped import escaped
from labctl.report.tables import tables_of

if TYPE_CHECKING:
    from labctl.report.facts import RunFacts
    from labctl.report.tables import Table

_OPEN: Final = ("Summary", "Parameters")
"""Tables that are shown at once; the others unfold."""
_LEFT: Final = ' style="text-align: left"'
"""Notebooks set tables flush right."""
_ROWS_MAX: Final = 200
"""Rows of a table that a notebook shows: it keeps every output in its file."""


def page_part(facts: RunFacts, records: int) -> str:
    """Return the run as a part of a page; it runs and loads nothing.

    Args:
        facts: the run.
        records: how many it has.
    """
    title = "" if facts.experiment is None else f": {facts.experiment.protocol.title}"
    parts = [
        f"<b>{_text(facts.protocol + title)}</b>",
        f"<div>{_text(facts.run)}: {_text(facts.verdict)}, {records:,} records</div>",
        *(f"<div>{_text(line)}</div>" for line in (facts.error, *facts.remarks) if line),
        *map(_table, tables_of(facts)),
    ]
    return f"<div>{''.join(parts)}</div>"


def _table(table: Table) -> str:
    head = "".join(f"<th{_LEFT}>{_text(name)}</th>" for name in table.head)
    rows = "".join(
        f"<tr>{''.join(f'<td{_LEFT}>{_text(cell)}</td>' for cell in row)}</tr>" for row in table.rows[:_ROWS_MAX]
    )
    more = len(table.rows) - _ROWS_MAX
    left_out = f"<div>and {more:,} more</div>" if more > 0 else ""
    is_open = " open" if table.title in _OPEN else ""
    inner = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{left_out}"
    return f"<details{is_open}><summary>{_text(table.title)}</summary>{inner}</details>"


def _text(text: str) -> str:
    """Return text as HTML shows it: neither markup nor invisible, nor mathematics, which notebooks look for."""
    return html.escape(escaped(text)).replace("$", "&#36;")
