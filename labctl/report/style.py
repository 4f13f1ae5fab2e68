"""How the page looks: light, dark and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.report.palette import DARK, LIGHT

if TYPE_CHECKING:
    from labctl.report.palette import Palette

_RULES = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: .95rem/1.45 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 78rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 .6rem; }
code { font-size: .92em; }
p { margin: .3rem 0; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
.state { display: inline-block; padding: .1rem .7rem; border-radius: 1rem; border: 1.5px solid; font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); } .attention { color: var(--attention); }
section { background: var(--card); border: 1px solid var(--rule); border-radius: .5rem;
  padding: 1rem 1.2rem; margin: 1rem 0; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; border-bottom: 1px solid var(--rule);
  overflow-wrap: break-word; }
td:last-child { overflow-wrap: anywhere; }
th { font-weight: 600; } thead th { color: var(--quiet); } tr:last-child > * { border-bottom: none; }
tbody th { white-space: nowrap; font-weight: 500; }
.even { table-layout: fixed; }
.even th, .even td { overflow-wrap: anywhere; white-space: normal; }
figure { margin: 0; } figure img { max-width: 100%; height: auto; display: block; }
.side { display: grid; gap: 1rem; grid-template-columns: repeat(var(--runs), minmax(18rem, 1fr)); }
.dark { display: none !important; }
"""
_DARK_ON = """
@media screen and (prefers-color-scheme: dark) {
:root { %s }
.dark { display: block !important; } .light { display: none !important; }
}
"""
_PAPER = """
@media print {
@page { margin: 14mm; }
html { font-size: 11.5px; } body { background: none; } main { max-width: none; padding: 0; }
section { border: none; padding: 0; margin: 0 0 1rem; overflow: visible; }
.side { grid-template-columns: repeat(var(--runs), 1fr); }
figure img { max-height: 235mm; width: auto; } figure, tr, .state { break-inside: avoid; } h2 { break-after: avoid; }
}
"""


def style_sheet() -> str:
    """Return the page's style sheet; it loads nothing."""
    return f":root {{ color-scheme: light dark; {_variables(LIGHT)} }}{_RULES}{_DARK_ON % _variables(DARK)}{_PAPER}"


def _variables(palette: Palette) -> str:
    names = ("ground", "card", "ink", "quiet", "rule", "good", "bad", "attention")
    return " ".join(f"--{name}: {getattr(palette, name)};" for name in names)
