"""The figure of `fourier`: a transform and its error, errors by output, and what became of a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Figure, Map, Panel, curve, histogram
from protocols.analysis.product_errors import snr_db
from protocols.fourier_picture import pictures_of
from protocols.fourier_summary import TRAINING, tested

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.fourier_parameters import FourierParameters
    from protocols.fourier_run import Transform
    from protocols.fourier_summary import Tested

PIXELS_MAX = 512
"""Pixels across and down that a panel shows at most: larger pictures are thinned out."""


def figure(records: Sequence[Transform], parameters: FourierParameters) -> Figure:
    """Return what a run, whole or broken off, looks like."""
    panels: list[Panel] = []
    ways = {stage: tested(records, stage) for stage in ("forward", "inverse")}
    found = {stage: way for stage, way in ways.items() if way is not None}
    if found:
        stage, way = next(iter(found.items()))
        panels += [_first(stage, way), *(_by_output(stage, way) for stage, way in found.items())]
    said = [f"fourier: {parameters.size} points"]
    said += [f"{stage} {snr_db(_parts(way.exact), _parts(way.found)):.1f} dB" for stage, way in found.items()]
    pictures = pictures_of(records)
    if pictures is not None:
        # The records know of the blocks that are done only.
        whole = parameters.picture()
        original = pictures.original if whole is None else whole
        came = np.full(original.shape, np.nan)
        came[: pictures.found.shape[0], : pictures.found.shape[1]] = pictures.found
        panels += _pictures(original, came)
        done, blocks = len({one.index for one in records if one.stage == "picture"}), len(parameters.blocks())
        said.append(f"{done} of {max(done, blocks)} blocks of the picture")
    if len(panels) < 2:
        panels += _basis(records)
    return Figure(", ".join(said), tuple(panels or [_training(records)]))


def _parts(values: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return real and imaginary parts, one after the other."""
    return np.concatenate((values.real, values.imag))


def _first(stage: str, way: Tested) -> Panel:
    """Return the first test vector's transform: points as it came, lines as it should be."""
    outputs = list(range(way.exact.shape[1]))
    marks = (
        curve(outputs, way.found[0].real, "real part", "points"),
        curve(outputs, way.exact[0].real),
        curve(outputs, way.found[0].imag, "imaginary part", "points"),
        curve(outputs, way.exact[0].imag),
    )
    return Panel(f"A transform, {stage}", Axis("output"), Axis("value"), marks)


def _by_output(stage: str, way: Tested) -> Panel:
    """Return the error of each output over the vectors, raw and calibrated, relative to the outputs' own size."""
    size = np.sqrt(np.mean(np.abs(way.exact) ** 2))
    outputs = list(range(way.exact.shape[1]))
    marks = tuple(
        curve(outputs, 20 * np.log10(np.maximum(error / size, np.finfo(np.float64).eps)), label, "line and points")
        for label, error in (
            ("raw", np.sqrt(np.mean(np.abs(way.raw - way.exact) ** 2, axis=0))),
            ("calibrated", np.sqrt(np.mean(np.abs(way.found - way.exact) ** 2, axis=0))),
        )
    )
    return Panel(f"Error of each output, {stage}", Axis("output"), Axis("rms error", "dB"), marks)


def _pictures(original: NDArray[np.float64], came: NDArray[np.float64]) -> list[Panel]:
    """Return a picture, what came back of it, and the difference; what is not transformed yet is not known."""
    thin = max(1, -(-max(original.shape) // PIXELS_MAX))
    original, came = original[::thin, ::thin], came[::thin, ::thin]
    shown = (
        ("Picture", Map(original, "grey", picture=True)),
        ("There and back", Map(came, "grey", picture=True)),
        ("Its error", Map(came - original, "grey", diverging=True)),
    )
    return [Panel(title, Axis("column"), Axis("row"), (drawn,)) for title, drawn in shown]


def _basis(records: Sequence[Transform]) -> list[Panel]:
    """Return how far the cells are from their levels, as last read."""
    own = [record for record in records if record.stage == "basis"]
    if not own:
        return []
    errors = np.array([np.subtract(one.found, one.given) for one in own])
    marks = (histogram(errors),)
    return [Panel("Programmed cells", Axis("error, as last read", "levels"), Axis("cells"), marks)]


def _training(records: Sequence[Transform]) -> Panel:
    """Return the training vectors' products, for a run that has nothing else."""
    own = [record for record in records if record.stage in TRAINING]
    errors = np.array([np.subtract(one.raw, one.found) for one in own])
    return Panel("Taken out by training", Axis("raw less calibrated"), Axis("outputs"), (histogram(errors),))
