"""The page of one run, or of several side by side: one file of HTML that loads nothing.

Everything that a person or an instrument said is text in it, never markup.
"""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.escaped import escaped
from labctl.report.comparison import are_alike, courses, differences, own_summary, own_values, sameness, summaries
from labctl.report.style import style_sheet
from labctl.report.tables import MET, NOT_MET, place_and_time, tables_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.report.facts import RunFacts
    from labctl.report.tables import Table

_NAME = re.compile(r"`([^`]+)`")
_NOTHING_LOADED = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""The page's own order to the browser (content security policy): it runs and loads nothing."""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure as PNG, for light ground and for dark."""

    light: bytes
    dark: bytes


def page_of(facts: RunFacts, picture: Picture | None, made: str) -> str:
    """Return the page of one run.

    Args:
        facts: the run.
        picture: its figure; None if there is none.
        made: when and by what the page was made.
    """
    summary, *others = _summary_first(tables_of(facts))
    parts = [_header(facts), *summary, _section("Figure", _image(facts, picture)) if picture else ""]
    parts += [_section(table.title, _table(table)) for table in others]
    return _page(f"{facts.protocol}: {facts.run}", [*parts, _made(made)])


def comparison_page(runs: Sequence[RunFacts], pictures: Sequence[Picture | None], made: str) -> str:
    """Return the page of several runs side by side; `pictures` has one of each, or None."""
    body = ["<header><h1>", _text(f"{len(runs)} runs side by side"), "</h1></header>"]
    body.append(_side(runs, [_header(facts, "h2") for facts in runs]))
    if are_alike(runs):
        body.append(_beside(summaries(runs)))
    else:
        body.append(_section("Summaries", _side(runs, [_titled(own_summary(facts, runs)) for facts in runs])))
    body.append(_beside(differences(runs)))
    figures = [
        f"<p><b>{_text(facts.run)}</b></p>{'<p>no figure</p>' if picture is None else _image(facts, picture)}"
        for facts, picture in zip(runs, pictures, strict=True)
    ]
    body.append(_section("Figures", _side(runs, figures)))
    if not are_alike(runs):
        own = [own_values(facts, runs) for facts in runs]
        body.append(_section("What one run alone has", _side(runs, [_titled(table) for table in own])))
    body.append(_beside(courses(runs)))
    body.append(_section(sameness(runs).title, _table(sameness(runs))))
    for facts in runs:
        logs = [table for table in tables_of(facts) if table.title in ("Instruments", "Run log")]
        body += [_section(f"{table.title}: {facts.run}", _table(table)) for table in logs]
    return _page(f"{len(runs)} runs side by side", [*body, _made(made)])


def _summary_first(tables: list[Table]) -> tuple[list[str], *tuple[Table, ...]]:
    """Return the summary's section, if there is one, and the other tables."""
    first = [_section(table.title, _table(table)) for table in tables if table.title == "Summary"]
    return first, *(table for table in tables if table.title != "Summary")


def _page(title: str, body: Sequence[str]) -> str:
    return _PAGE.format(
        policy=html.escape(_NOTHING_LOADED),
        title=_text(title),
        style=style_sheet(),
        body="\n".join(part for part in body if part),
    )


def _header(facts: RunFacts, heading: str = "h1") -> str:
    title = "" if facts.experiment is None else facts.experiment.protocol.title
    lines = [f"<{heading}>{_text(facts.protocol)}</{heading}>"]
    lines += [f"<p>{_text(title)}</p>"] if title else []
    lines.append(f'<p><span class="state {_tone(facts)}">{_text(facts.verdict)}</span></p>')
    lines += [f'<p class="bad">{_text(facts.error)}</p>'] if facts.error else []
    note = str(facts.manifest.get("note") or "")
    lines += [f"<p>{_text(note)}</p>"] if note else []
    lines += [f'<p class="attention">{_text(remark)}</p>' for remark in facts.remarks]
    lines.append(f'<p class="quiet">{_text(place_and_time(facts))}<br>{_text(facts.run)}</p>')
    return f"<header>{''.join(lines)}</header>"


def _tone(facts: RunFacts) -> str:
    if facts.state in ("failed", "died") or facts.passed is False:
        return "bad"
    return "good" if facts.state == "finished" else "attention"


def _side(runs: Sequence[RunFacts], parts: Sequence[str]) -> str:
    cells = "".join(f"<div>{part}</div>" for part in parts)
    return f'<div class="side" style="--runs: {len(runs)}">{cells}</div>'


def _beside(table: Table) -> str:
    """Return a table of runs side by side: columns are of one width, and what is long is broken."""
    return _section(table.title, _table(table, "even"))


def _titled(table: Table) -> str:
    return f"<p><b>{_text(table.title)}</b></p>{_table(table, 'even') or '<p>nothing</p>'}"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{body}</section>"


def _table(table: Table, kind: str = "") -> str:
    remark = f"<p>{_text(table.remark)}</p>" if table.remark else ""
    head = "".join(f'<th scope="col">{_text(cell)}</th>' for cell in table.head)
    above = f"<thead><tr>{head}</tr></thead>" if head and table.rows else ""
    rows = "".join(
        f'<tr><th scope="row">{_text(first)}</th>{"".join(_cell(cell, table.title) for cell in rest)}</tr>'
        for first, *rest in table.rows
    )
    opened = f'<table class="{kind}">' if kind else "<table>"
    return f"{remark}{opened}{above}<tbody>{rows}</tbody></table>" if rows else remark


def _cell(text: str, title: str) -> str:
    verdict = {MET: "good", NOT_MET: "bad"}.get(text)
    if text.endswith(f"{NOT_MET})"):
        verdict = "bad"
    words = _text(text)
    if title == "Parameters":  # what one does is written with names between backticks
        words = _NAME.sub(r"<code>\1</code>", words)
    return f"<td{f' class={chr(34)}{verdict}{chr(34)}' if verdict else ''}>{words}</td>"


def _image(facts: RunFacts, picture: Picture) -> str:
    title = facts.figure.title if facts.figure is not None else facts.protocol
    panels = "" if facts.figure is None else "; ".join(panel.title for panel in facts.figure.panels)
    words = _text(f"{title}. {panels}")
    images = "".join(
        f'<img class="{theme}" alt="{words}" src="data:image/png;base64,{base64.b64encode(data).decode()}">'
        for theme, data in (("light", picture.light), ("dark", picture.dark))
    )
    return f"<figure>{images}</figure>"


def _made(made: str) -> str:
    return f'<p class="quiet">{_text(made)}</p>'


def _text(text: str) -> str:
    """Return text as HTML shows it: neither markup nor invisible."""
    return html.escape(escaped(text))
