"""The colours of figures and page, light and dark; curves are told apart with any colour vision, and without colour.

Curves use the hues of Okabe and Ito, "Color Universal Design" (2008), darkened on light ground and lightened on dark.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as "#rrggbb".

    Args:
        ground: behind everything.
        card: behind figures and tables.
        ink: what is read.
        quiet: captions and ticks.
        rule: borders and grid.
        curves: of the marks of a panel, in order.
        good: of what is met.
        bad: of what is not.
        attention: of what is neither.
    """

    ground: str
    card: str
    ink: str
    quiet: str
    rule: str
    curves: tuple[str, ...]
    good: str
    bad: str
    attention: str


LIGHT = Palette(
    ground="#f4f6f8",
    card="#ffffff",
    ink="#16202c",
    quiet="#586675",
    rule="#dfe4ea",
    curves=("#0072b2", "#d55e00", "#00805e", "#a8487f", "#7a6a00", "#3f8fc0"),
    good="#006b4f",
    bad="#b83f00",
    attention="#8a5000",
)
DARK = Palette(
    ground="#12171e",
    card="#1a212b",
    ink="#e8edf3",
    quiet="#98a6b5",
    rule="#2d3744",
    curves=("#56b4e9", "#f0913f", "#3cc79b", "#dd8fbd", "#e6d84a", "#a9c8de"),
    good="#3cc79b",
    bad="#ff8a5c",
    attention="#f0b050",
)
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("--", ":", "-.", (0, (6, 1, 1, 1)))
COLOURS, DIVERGING = "viridis", "RdBu_r"
"""matplotlib's colour maps: perceptually uniform, and both told apart by the colour-blind."""
