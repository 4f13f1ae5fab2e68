"""Draws figures with matplotlib; this file and `painter.py` alone import it, when a report is made."""

from __future__ import annotations

import io
import math
import warnings
from typing import TYPE_CHECKING, Literal

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from labctl.escaped import escaped
from labctl.figure import Bars, Map
from labctl.report.painter import Painter
from labctl.report.scales import check_mark, scale_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from labctl.figure import Figure, Panel
    from labctl.report.palette import Palette

DPI = 200
"""Pixels an inch of a PNG: sharp on paper and on a dense screen."""
WIDE, NARROW = 8.6, 4.4
"""Width (inches) of a figure of two panels side by side, and of one; text keeps its size on an A4 page."""
_PANEL, _TITLE = 3.1, 0.35
"""Height (inches) of a row of panels, and of the title above all."""
_TEXT, _SMALL = 9.0, 8.0
"""Sizes of text (points)."""
_LEGEND_ROW, _LETTER, _HANDLE = 10.4, 4.4, 30.0
"""Of a legend in small text (points): height of a row, mean width of a letter, width of what stands before a label."""

Kind = Literal["png", "pdf"]


def render(
    figure: Figure, palette: Palette, kinds: Sequence[Kind], like: Sequence[Figure] = (), columns: int = 2
) -> dict[Kind, bytes]:
    """Return a figure as files.

    Args:
        figure: what to draw.
        palette: its colours.
        kinds: of files.
        like: figures of other runs that it is to be compared with: panels of the same title have the same scales.
        columns: panels side by side, 1 or 2.

    Raises:
        ValueError: for a figure whose parts do not fit together.
    """
    with mpl.rc_context(_style(palette)), warnings.catch_warnings():
        # A letter that the font has not is drawn as a box; nobody is helped by a warning about it.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        canvas = _drawn(figure, palette, like, columns)
        return {kind: _saved(canvas, kind) for kind in kinds}


def _drawn(figure: Figure, palette: Palette, like: Sequence[Figure], columns: int) -> Canvas:
    count = max(len(figure.panels), 1)
    columns = min(columns, count)
    rows = -(-count // columns)
    width = WIDE if columns == 2 else NARROW if len(like) else WIDE * 0.75
    canvas = Canvas(figsize=(width, rows * _PANEL + _TITLE))
    canvas.suptitle(escaped(figure.title, 120), x=0.012, horizontalalignment="left", fontweight="bold", fontsize=10.5)
    grid = canvas.add_gridspec(rows, columns)
    has_maps = any(_has_map(panel) for panel in figure.panels)
    for place, panel in enumerate(figure.panels):
        row, column = divmod(place, columns)
        last_alone = column == 0 and place == count - 1 and not _has_map(panel)
        spot = grid[row, :] if last_alone else grid[row, column]
        # A colour bar needs room that the panels above and below it would lose, too, were they aligned with it.
        axes = canvas.add_subfigure(spot).add_subplot() if has_maps else canvas.add_subplot(spot)
        same = [other for each in like for other in each.panels if _alike(other, panel)]
        _panel(axes, panel, same, palette, width if last_alone else width / columns)
    return canvas


def _panel(axes: Axes, panel: Panel, same: Sequence[Panel], palette: Palette, width: float) -> None:
    """Draw one panel; its legend stands between title and axes, where it hides nothing."""
    marks = [mark for each in (panel, *same) for mark in each.marks]
    for mark in marks:
        check_mark(mark)
    # Counts follow from how much was counted: bars of another run would hide these, or stick out.
    heights = panel.marks if any(isinstance(mark, Bars) for mark in panel.marks) else marks
    scales = scale_of(panel.x, marks, "x"), scale_of(panel.y, heights, "y")
    Painter(axes, palette, *scales).paint(panel, same)
    labels = [text for text in axes.get_legend_handles_labels()[1] if text]
    rows, columns = _legend_grid(labels, 72 * width * 0.85)
    axes.set_title(escaped(panel.title, 70), loc="left", pad=5 + rows * _LEGEND_ROW + (3 if rows else 0))
    if rows:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, fontsize=_SMALL, markerscale=1.5)


def _legend_grid(labels: Sequence[str], width: float) -> tuple[int, int]:
    """Return how many rows and columns a legend has in `width` (points)."""
    if not labels:
        return 0, 1
    widest = max(len(label) for label in labels) * _LETTER + _HANDLE
    columns = min(max(int(width / widest), 1), len(labels))
    return math.ceil(len(labels) / columns), columns


def _alike(one: Panel, other: Panel) -> bool:
    return (one.title, one.x, one.y, _has_map(one)) == (other.title, other.x, other.y, _has_map(other))


def _has_map(panel: Panel) -> bool:
    return any(isinstance(mark, Map) for mark in panel.marks)


def _style(palette: Palette) -> dict[str, object]:
    return {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": _TEXT,
        "text.parse_math": False,
        "text.color": palette.ink,
        "axes.labelcolor": palette.ink,
        "axes.edgecolor": palette.quiet,
        "axes.facecolor": palette.card,
        "axes.titlecolor": palette.ink,
        "axes.titlesize": _TEXT + 0.5,
        "axes.labelsize": _TEXT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.formatter.useoffset": False,
        "axes.formatter.limits": (-9, 9),
        "axes.unicode_minus": True,
        "grid.color": palette.rule,
        "grid.linewidth": 0.7,
        "xtick.color": palette.quiet,
        "ytick.color": palette.quiet,
        "xtick.labelcolor": palette.ink,
        "ytick.labelcolor": palette.ink,
        "xtick.labelsize": _SMALL,
        "ytick.labelsize": _SMALL,
        "figure.facecolor": palette.card,
        "savefig.facecolor": palette.card,
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.hspace": 0.06,
        "figure.constrained_layout.wspace": 0.04,
        "legend.frameon": False,
        "legend.borderpad": 0.1,
        "legend.borderaxespad": 0.2,
        "legend.handlelength": 1.8,
        "legend.columnspacing": 1.2,
        "legend.labelspacing": 0.25,
        "pdf.fonttype": 42,
        "image.cmap": "viridis",
    }


def _saved(canvas: Canvas, kind: Kind) -> bytes:
    file = io.BytesIO()
    # Without dates and programs in it, the same figure is the same file.
    metadata = {"Software": None} if kind == "png" else {"CreationDate": None, "Producer": None, "Creator": "labctl"}
    canvas.savefig(file, format=kind, dpi=DPI, metadata=metadata)
    return file.getvalue()
