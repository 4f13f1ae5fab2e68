"""The page of a validation: one HTML file, figures inside, nothing fetched and nothing executed."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from labctl.units import UNITS, format_quantity
from sim_backend.validation.acceptance import DEVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from sim_backend.validation.acceptance import Pending, Section, Validation
    from sim_backend.validation.figures import Picture
    from sim_backend.validation.portraits import Portrait
    from sim_backend.validation.rows import Row

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; max-width: 66rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { margin-bottom: 0.2rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
.verdict { font-size: 1.2rem; font-weight: 600; } .good { color: #00664a; } .bad { color: #a63c00; }
.small { color: #555; font-size: 0.85rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.7rem 0.3rem 0; border-bottom: 1px solid #e4e4e4; }
.word { white-space: nowrap; font-variant-numeric: tabular-nums; } ul { columns: 2; padding-left: 1.2rem; }
figure { margin: 1rem 0; display: inline-block; max-width: 100%; vertical-align: top; }
figure img { max-width: 100%; height: auto; } figcaption { color: #555; font-size: 0.85rem; max-width: 40rem; }
"""


@dataclass(frozen=True, slots=True)
class Occasion:
    """When and with what a validation was run.

    Args:
        started: UTC.
        duration: of the measurement (s).
        versions: of the software, by name.
    """

    started: datetime
    duration: float
    versions: Mapping[str, str]


PORTRAIT_ROWS: tuple[tuple[str, str, Callable[[Portrait], float]], ...] = (
    ("conductance, erased", "S", lambda device: device.lowest),
    ("conductance after 16,519 pulses up", "S", lambda device: device.highest),
    ("on over off", "", lambda device: device.highest / device.lowest),
    ("level reached, of 16,519", "", lambda device: device.last),
    ("level left after 16,519 pulses down", "", lambda device: device.left),
    ("pulses to half of what is reached", "", lambda device: device.half),
    ("nonlinearity nu, way up", "", lambda device: device.nonlinearity_up),
    ("nonlinearity nu, way down", "", lambda device: device.nonlinearity_down),
    ("distance between both ways, share of range", "", lambda device: device.asymmetry),
    ("write noise of a step at half scale, in steps", "", lambda device: device.step_noise),
    ("levels that one sample of a read tells apart, 3 sigma", "", lambda device: device.told_apart),
    ("read disturb of one read of 110 us at 0.2 V", "levels", lambda device: device.read_disturb),
    ("disturb of one half-select pulse", "levels", lambda device: device.half_select),
)
"""Rows of the table of devices: name, unit, value."""


def render_page(found: Validation, pictures: Sequence[Picture], occasion: Occasion) -> str:
    """Return the page as one HTML document."""
    body = [
        f"<h1>The twin against what is known of {escape(DEVICE)}</h1>",
        _verdict(found.rows),
        _occasion(found, occasion),
        _contents(found.sections),
        *(_section(section, pictures) for section in found.sections),
        _devices(found.portraits, pictures),
        _pending(found.pending),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Twin validation</title>\n<style>{STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n"
        "</html>\n"
    )


def worded(value: float, unit: str) -> str:
    """Return a row's value for people: with a prefix where the unit is SI."""
    if unit in UNITS:
        return format_quantity(value, unit)
    number = f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e6 else f"{value:.4g}"
    return f"{number} {unit}".strip()


def _verdict(rows: Sequence[Row]) -> str:
    good = sum(row.passed for row in rows)
    failed = [row.name for row in rows if not row.passed]
    text = f"{good} of {len(rows)} rows passed"
    if not failed:
        return f'<p class="verdict good">&#10003; {text}</p>'
    return f'<p class="verdict bad">&#10007; {text}; not passed: {escape(", ".join(failed))}</p>'


def _occasion(found: Validation, occasion: Occasion) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in occasion.versions.items())
    when = occasion.started.strftime("%Y-%m-%d %H:%M UTC")
    return (
        f'<p class="small">{when}; {occasion.duration:.1f} s; seed {found.seed}; {escape(found.sizes.name)} samples; '
        f"{escape(versions)}. Every value is measured on the models as this page was made; a target is as its source "
        "has it, or this project's own demand where the source says so.</p>"
    )


def _contents(sections: Sequence[Section]) -> str:
    entries = [
        f'<li><a href="#{_anchor(section)}">{escape(section.title)}</a>: '
        f"{sum(row.passed for row in section.rows)} of {len(section.rows)}</li>"
        for section in sections
    ]
    return "<ul>\n" + "\n".join(entries) + "\n</ul>"


def _anchor(section: Section) -> str:
    return "".join(character if character.isalnum() else "-" for character in section.title.lower())


def _section(section: Section, pictures: Sequence[Picture]) -> str:
    sources = list(dict.fromkeys(row.source for row in section.rows))
    # A source that all rows share is said once.
    common = f'<p class="small">Targets: {escape(sources[0])}.</p>' if len(sources) == 1 else ""
    rows = [
        (
            _mark(row.passed),
            escape(row.name),
            f'<span class="word">{escape(worded(row.value, row.unit))}</span>',
            escape(row.target),
            _remark(row, with_source=not common),
        )
        for row in section.rows
    ]
    heading = "note" if common else "source and note"
    parts = (
        f'<h2 id="{_anchor(section)}">{escape(section.title)}</h2>',
        common,
        *_figures(section.title, pictures),
        _table(("verdict", "figure", "value", "target", heading), rows),
    )
    return "\n".join(part for part in parts if part)


def _remark(row: Row, with_source: bool) -> str:
    note = f'<span class="small">{escape(row.note)}</span>' if row.note else ""
    return "<br>".join(part for part in (escape(row.source) if with_source else "", note) if part)


def _mark(passed: bool) -> str:
    return (
        '<span class="good word">&#10003; passed</span>'
        if passed
        else '<span class="bad word">&#10007; not passed</span>'
    )


def _figures(title: str, pictures: Sequence[Picture]) -> Iterable[str]:
    for picture in pictures:
        if picture.section == title:
            data = base64.b64encode(picture.svg.encode()).decode()
            caption = escape(picture.caption)
            yield (
                f'<figure><img src="data:image/svg+xml;base64,{data}" alt="{caption}">'
                f"<figcaption>{caption}</figcaption></figure>"
            )


def _devices(portraits: Sequence[Portrait], pictures: Sequence[Picture]) -> str:
    titles = ("figure", *(escape(each.device) for each in portraits))
    rows = [
        (escape(name), *(escape(worded(value(each), unit)) for each in portraits))
        for name, unit, value in PORTRAIT_ROWS
    ]
    words = (
        "<p>The packaged devices under the same pulses, each over its own range of conductance. Nothing here is "
        "judged: it says what to expect of an experiment on them. The two metal-oxide profiles stand for their "
        "kind, not for a device.</p>"
    )
    return "\n".join(("<h2>Devices</h2>", words, *_figures("Devices", pictures), _table(titles, rows)))


def _pending(pending: Sequence[Pending]) -> str:
    rows = [(escape(each.what), escape(each.target)) for each in pending]
    return (
        "<h2>Not judged here</h2>\n<p>Figures that are a protocol's or a benchmark's as much as the model's join with "
        "it, and some take too long for every run; none of these is counted.</p>\n" + _table(("figure", "target"), rows)
    )


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    lines = ["<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(lines) + "\n</tbody>\n</table>"
