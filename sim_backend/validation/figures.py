"""The figures of the validation page; matplotlib is imported by this file alone.

Colours are those of Okabe and Ito, which the colour-blind tell apart; markers and dashes differ, too.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from sim_backend.validation.conduction import PUBLISHED_BEND
from sim_backend.validation.fits import fitted_line
from sim_backend.validation.read_noise import PUBLISHED_SPREAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from sim_backend.validation.acceptance import Validation
    from sim_backend.validation.conduction import IvCurves
    from sim_backend.validation.curves import Comparison
    from sim_backend.validation.flicker import FlickerFigures
    from sim_backend.validation.portraits import Portrait
    from sim_backend.validation.read_noise import ReadFigures
    from sim_backend.validation.staircase import Staircase
    from sim_backend.validation.thermal import HeatFigures
    from sim_backend.validation.write_noise import StepNoise

BLUE, ORANGE, GREEN, PURPLE, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#999999", "#222222"
STYLE = {
    "svg.hashsalt": "labctl",
    "svg.fonttype": "path",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the page.

    Args:
        section: title of the section it belongs to.
        svg: the drawing, a whole SVG document.
        caption: what it shows and how to read it; the text for those who cannot see it, too.
    """

    section: str
    svg: str
    caption: str


def pictures(found: Validation) -> list[Picture]:
    """Return every figure of a validation."""
    of = found.measurements
    with mpl.rc_context(STYLE):
        return [
            _picture(
                "The window of levels",
                linearity_figure(of.staircase),
                "Distance of the staircase, one pulse at a time, from its straight line; grey: what is allowed.",
            ),
            _picture(
                "Measured curves",
                curves_figure(of.curve_a, of.curve_b),
                "Measured trains and the model under the same pulses; below, the difference; grey: digitising error.",
            ),
            _picture(
                "Write noise",
                write_noise_figure(of.steps),
                "Standard deviation of one step, in mean steps, in ten bins of conductance.",
            ),
            _picture(
                "Read noise and spread",
                read_noise_figure(of.reads),
                "Standard deviation of one sample at 0.2 V at the five published conductances.",
            ),
            _picture(
                "Read noise and spread",
                spread_figure(of.reads),
                "How programmed cells differ from the nominal 1.43 mS.",
            ),
            _picture(
                "1/f noise",
                flicker_figure(of.flicker),
                "Noise of back-to-back reads of 64 samples: power density, and deviation of averages.",
            ),
            _picture(
                "Conduction and heat",
                conduction_figure(of.conduction),
                "Conductance at a voltage over that at 0 V; the published bend is dotted.",
            ),
            _picture(
                "Conduction and heat",
                heat_figure(of.heat),
                "Mean rise of the temperature over one pulse, from how much further a hot cell moves than a cold one.",
            ),
            _picture(
                "Devices",
                devices_figure(found.portraits),
                "16,519 pulses up and 16,519 down on every packaged device, each over its own levels.",
            ),
        ]


def curves_figure(a: Comparison, b: Comparison) -> Figure:
    """Return both measured trains with the model on one axis, and what is left between them."""
    figure = Figure(figsize=(9.2, 4.6))
    (top, bottom) = _grid(figure, 2, 2, heights=(3, 1))
    for axes, rest, curve in zip(top, bottom, (a, b), strict=True):
        axes.plot(curve.pulses / 1e3, curve.line * 1e3, color=BLUE, linewidth=1.6, label="model")
        axes.plot(
            curve.measured.index / 1e3, curve.measured.conductance * 1e3,
            linestyle="none", marker="o", markersize=4.5, markerfacecolor="white", color=ORANGE, label="measured",
        )  # fmt: skip
        axes.set_title(f"Curve {curve.measured.name}: rms residual {curve.rms * 1e3:.3f} mS")
        axes.set_ylabel("conductance (mS)")
        axes.legend(loc="upper left")
        rest.axhspan(-0.06, 0.06, color=GREY, alpha=0.25, linewidth=0)
        rest.plot(curve.measured.index / 1e3, curve.residual * 1e3, color=BLACK, marker=".", linewidth=0.8)
        rest.set_ylim(-0.2, 0.2)
        rest.set_ylabel("difference (mS)")
        rest.set_xlabel("pulses (thousands)")
    return figure


def linearity_figure(found: Staircase) -> Figure:
    """Return the staircase's distance from its straight line, each way."""
    figure = Figure(figsize=(6.4, 3.0))
    axes = figure.subplots()
    every = slice(None, None, 20)
    for branch, name, colour, dashes in ((found.up, "up", BLUE, "-"), (found.down, "down", ORANGE, "--")):
        off = (branch - fitted_line(found.pulses, branch)(found.pulses)) / np.ptp(branch)
        axes.plot(found.pulses[every] / 1e3, 100 * off[every], color=colour, linestyle=dashes, label=f"way {name}")
    for limit in (-1.1, 1.1):
        axes.axhline(limit, color=GREY, linewidth=1)
    axes.set_ylim(-1.4, 1.9)
    axes.set_xlabel("pulses given this way (thousands)")
    axes.set_ylabel("distance from the line (% of range)")
    axes.legend(loc="upper center", ncols=2)
    return figure


def write_noise_figure(found: StepNoise) -> Figure:
    """Return the deviation of a step in ten bins against the published line."""
    figure = Figure(figsize=(4.6, 3.0))
    axes = figure.subplots()
    _published(axes, found.conductance, 100 * found.published, 0.05)
    for values, name, colour, marker in ((found.up, "up", BLUE, "o"), (found.down, "down", ORANGE, "v")):
        axes.plot(
            found.conductance, 100 * values, linestyle="none", marker=marker, color=colour, label=f"pulses {name}"
        )
    axes.set_ylim(0, 15)
    axes.set_xlabel("conductance, share of the window")
    axes.set_ylabel("deviation of a step (%)")
    axes.legend(loc="lower right")
    return figure


def read_noise_figure(found: ReadFigures) -> Figure:
    """Return the read noise at five clusters against the published line."""
    figure = Figure(figsize=(4.6, 3.0))
    axes = figure.subplots()
    _published(axes, found.conductance * 1e3, found.published * 1e9, 0.03)
    axes.plot(found.conductance * 1e3, found.noise * 1e9, linestyle="none", marker="o", color=BLUE, label="one sample")
    axes.set_ylim(0, 100)
    axes.set_xlabel("conductance (mS)")
    axes.set_ylabel("deviation (nS)")
    axes.legend(loc="lower right")
    return figure


def spread_figure(found: ReadFigures) -> Figure:
    """Return how cells differ from the nominal conductance, with the published normal distribution."""
    figure = Figure(figsize=(4.6, 3.0))
    axes = figure.subplots()
    axes.hist(found.differences * 1e9, bins=60, density=True, color=BLUE, alpha=0.45, label="cells of one die")
    x = np.linspace(-4, 4, 201) * PUBLISHED_SPREAD
    density = np.exp(-((x / PUBLISHED_SPREAD) ** 2) / 2) / (PUBLISHED_SPREAD * 1e9 * np.sqrt(2 * np.pi))
    axes.plot(x * 1e9, density, color=BLACK, linestyle="--", label="normal, 107.2 nS")
    axes.set_xlabel("difference from nominal (nS)")
    axes.set_ylabel("density (1/nS)")
    axes.legend(loc="upper right", fontsize=8)
    return figure


def conduction_figure(found: IvCurves) -> Figure:
    """Return conductances against voltage, relative to zero bias, and how far they are from the published sinh."""
    figure = Figure(figsize=(4.6, 3.6))
    ((axes,), (rest,)) = _grid(figure, 2, 1, heights=(3, 1))
    names, colours, dashes = ("erased", "half", "fully potentiated"), (BLUE, GREEN, ORANGE), ("-", "--", "-.")
    x = found.voltage / PUBLISHED_BEND
    bent = np.sinh(x) / x
    for current, ratio, name, colour, dash in zip(found.current, found.ratio, names, colours, dashes, strict=True):
        chord = current / found.voltage
        relative = chord / chord[-1] * ratio
        axes.plot(found.voltage, relative, color=colour, linestyle=dash, label=name)
        rest.plot(found.voltage, 100 * (relative / bent - 1), color=colour, linestyle=dash)
    axes.plot(found.voltage, bent, color=BLACK, linestyle=":", linewidth=2.2, label="sinh, 0.3438 V")
    axes.set_ylabel("G(V) over G(0)")
    axes.legend()
    rest.axhspan(-2, 2, color=GREY, alpha=0.25, linewidth=0)
    rest.set_ylim(-2.5, 2.5)
    rest.set_ylabel("off (%)")
    rest.set_xlabel("voltage (V)")
    return figure


def heat_figure(found: HeatFigures) -> Figure:
    """Return the mean rise of temperature over pulses of several widths, and the fit."""
    figure = Figure(figsize=(4.6, 3.0))
    axes = figure.subplots()
    axes.plot(found.width * 1e9, found.rise * 1e3, linestyle="none", marker="o", color=BLUE, label="from the rate")
    steady = found.rise / (1 + found.time / found.width * np.expm1(-found.width / found.time))
    axes.plot(
        found.width * 1e9, steady.mean() * 1e3 * (1 + found.time / found.width * np.expm1(-found.width / found.time)),
        color=BLACK, linestyle="--", label=f"fit: {found.time * 1e9:.1f} ns, {found.resistance:.2f} K/W",
    )  # fmt: skip
    axes.set_xlabel("width of the pulse (ns)")
    axes.set_ylabel("mean rise (mK)")
    axes.legend(loc="lower right")
    return figure


def flicker_figure(found: FlickerFigures) -> Figure:
    """Return spectrum and Allan deviation of back-to-back reads."""
    figure = Figure(figsize=(9.2, 3.2))
    spectrum, allan = figure.subplots(1, 2)
    spectrum.loglog(found.frequency, found.density, linestyle="none", marker="o", markersize=4, color=BLUE,
                    label="reads")  # fmt: skip
    spectrum.loglog(found.frequency, found.fitted, color=BLACK, linestyle="--", label="white and 1/f")
    spectrum.axvline(found.corner, color=GREY, linewidth=1)
    spectrum.set_title(f"Spectrum: corner at {found.corner:.0f} Hz")
    spectrum.set_xlabel("frequency (Hz)")
    spectrum.set_ylabel("density (white sample variance/Hz)")
    spectrum.legend()
    allan.loglog(found.times, found.allan, marker="o", markersize=4, color=BLUE, label="reads")
    white = found.allan[0] * np.sqrt(found.times[0] / found.times)
    allan.loglog(found.times, white, color=BLACK, linestyle="--", label="white noise alone")
    allan.set_title("Allan deviation: averaging stops helping")
    allan.set_xlabel("averaged over (s)")
    allan.set_ylabel("deviation (of one white sample)")
    allan.legend()
    return figure


def devices_figure(portraits: Sequence[Portrait]) -> Figure:
    """Return the staircases of all devices, each over its own range of levels."""
    figure = Figure(figsize=(6.4, 3.4))
    axes = figure.subplots()
    lines = ((BLUE, "-", 3.0), (BLACK, ":", 1.5), (ORANGE, "--", 1.8), (PURPLE, "-.", 1.8))
    for each, (colour, dash, width) in zip(portraits, lines, strict=False):
        share = (np.concatenate((each.staircase.up, each.staircase.down)) - each.lowest) / (each.highest - each.lowest)
        pulses = np.concatenate((each.staircase.pulses, each.staircase.pulses + each.staircase.pulses[-1]))
        axes.plot(
            pulses / 1e3, share * each.last / 1e3, color=colour, linestyle=dash, linewidth=width, label=each.device
        )
    axes.set_xlabel("pulses: 16,519 up, 16,519 down (thousands)")
    axes.set_ylabel("level (thousands)")
    axes.legend()
    return figure


def _published(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], share: float) -> None:
    """Draw a published line with what may differ from it."""
    axes.fill_between(x, y * (1 - share), y * (1 + share), color=GREY, alpha=0.3, linewidth=0)
    axes.plot(x, y, color=BLACK, linestyle="--", label=f"published, within {share:.0%}")


def _grid(figure: Figure, rows: int, columns: int, heights: tuple[int, ...]) -> list[list[Axes]]:
    grid = figure.add_gridspec(rows, columns, height_ratios=heights)
    return [[figure.add_subplot(grid[row, column]) for column in range(columns)] for row in range(rows)]


def _picture(section: str, figure: Figure, caption: str) -> Picture:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return Picture(section, text.getvalue(), caption)
