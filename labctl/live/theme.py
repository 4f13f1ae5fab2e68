"""The window's colours, light and dark; the traces are told apart with any colour vision.

Traces and states use the hues of Okabe and Ito, "Color Universal Design" (2008), lightened on dark ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.live.status import Tone


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as "#rrggbb".

    Args:
        ground: behind everything.
        card: behind a plot or a table.
        line: borders and grid.
        text: what is read.
        quiet: captions and ticks.
        traces: of the fields of a panel, in order.
        reference: of the line that says where a trace ought to be; broad, and behind the trace.
        band: the tolerance band.
        tones: of a run's state.
    """

    ground: str
    card: str
    line: str
    text: str
    quiet: str
    traces: tuple[str, ...]
    reference: str
    band: str
    tones: dict[Tone, str]


LIGHT = Theme(
    ground="#f4f6f8",
    card="#ffffff",
    line="#dfe4ea",
    text="#16202c",
    quiet="#586675",
    traces=("#0072b2", "#d55e00", "#00805e", "#a8487f"),
    reference="#f0b070",
    band="#009e73",
    tones={"waiting": "#586675", "running": "#0072b2", "good": "#00805e", "attention": "#a65f00", "bad": "#b83f00"},
)
DARK = Theme(
    ground="#12171e",
    card="#1a212b",
    line="#2d3744",
    text="#e8edf3",
    quiet="#98a6b5",
    traces=("#56b4e9", "#f0913f", "#3cc79b", "#dd8fbd"),
    reference="#a3622a",
    band="#3cc79b",
    tones={"waiting": "#98a6b5", "running": "#56b4e9", "good": "#3cc79b", "attention": "#e8a93a", "bad": "#ff8a4c"},
)
