"""What a `vmm` run looks like: measured against ideal, errors, columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from labctl.figure import Axis, Curve, Figure, Panel, curve, histogram
from protocols.analysis.product_errors import snr_db
from protocols.vmm_summary import by_output, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from protocols.vmm import VectorProduct, VmmParameters

    Array = NDArray[np.float64]

POINTS_MAX = 4096
"""Points of the scatter, at most: more hide one another."""


def figure(records: Sequence[VectorProduct], parameters: VmmParameters) -> Figure:  # noqa: ARG001
    """Return measured against ideal, the running figure, errors by size, and each output's figure."""
    tests = [record for record in records if record.role == "test"]
    test = tests or list(records)
    ideal = rows(test, "ideal")
    found = {"raw": rows(test, "raw")}
    if all(record.calibrated for record in test):
        found["calibrated"] = rows(test, "calibrated")
    best = list(found)[-1]
    ratio = snr_db(ideal, found[best])
    what = "test" if tests else "training"
    title = f"vmm: {ratio:.1f} dB {best}, {len(test)} {what} vectors, {ideal.shape[1]} outputs"
    return Figure(
        title,
        (_scatter(ideal, found[best], ratio), _running(ideal, found), _errors(ideal, found), _outputs(ideal, found)),
    )


def _scatter(ideal: Array, measured: Array, ratio: float) -> Panel:
    every = -(-ideal.size // POINTS_MAX)
    x, y = ideal.reshape(-1)[::every], measured.reshape(-1)[::every]
    ends = [float(x.min()), float(x.max())]
    marks = (curve(x, y, "outputs", "points"), curve(ends, ends, "ideal", "dashed"))
    return Panel(f"Measured against ideal, {ratio:.1f} dB so far", Axis("ideal product"), Axis("measured"), marks)


def _running(ideal: Array, found: dict[str, Array]) -> Panel:
    """Return the signal-to-noise ratio of the first n vectors, against n."""
    marks: list[Curve] = []
    signal = np.cumsum(np.sum(ideal**2, axis=1))
    for name, measured in found.items():
        noise = np.cumsum(np.sum((measured - ideal) ** 2, axis=1))
        ratio: Array = np.divide(signal, noise, out=np.full_like(signal, np.nan), where=(noise > 0) & (signal > 0))
        marks.append(curve(np.arange(1.0, len(ideal) + 1), 10 * np.log10(ratio), name))
    return Panel("Signal-to-noise ratio so far", Axis("vectors"), Axis("SNR", "dB"), tuple(marks))


def _errors(ideal: Array, found: dict[str, Array]) -> Panel:
    marks = tuple(histogram((measured - ideal).reshape(-1), label=name) for name, measured in found.items())
    return Panel("Errors", Axis("measured - ideal"), Axis("outputs"), marks)


def _outputs(ideal: Array, found: dict[str, Array]) -> Panel:
    marks = tuple(
        curve(range(ideal.shape[1]), by_output(ideal, measured), name, "points") for name, measured in found.items()
    )
    return Panel("Each output alone", Axis("output"), Axis("SNR", "dB"), marks)
