"""Noise of single reads of one cell at 0.2 V, in levels a sample, under each read scheme.

Each figure is the spread of many reads through the board's front end, with the cell's own read noise. The noise of
the amplifier acts on every conductance that hangs on the column; the scheme decides how much that is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from labctl.levels import REFERENCE_VOLTAGE, LevelScale
from sim_backend.front_end.board import BoardFrontEnd
from sim_backend.front_end.board_errors import BoardErrors
from sim_backend.validation.rows import Row

if TYPE_CHECKING:
    from sim_backend.device_models.base_profile import DeviceProfile, NoiseProfile
    from sim_backend.front_end.interface import FrontEnd

SIDE: Final = 64
"""Lines a side of the die that is read."""
TOLERANCE: Final = 0.1
"""Of every figure, relative."""
MID_WANTED: Final = 0.15
"""Spread that the samples of a mid-scale cell are counted for, in levels."""
TOP_WANTED: Final = 0.3
"""The same for a cell at the last level."""
SOURCE: Final = "feasibility study of the board, November 2026: single reads at 0.2 V"


@dataclass(frozen=True, slots=True)
class ReadCase:
    """A read scheme on a die, with what the study found.

    Args:
        name: of both.
        full: the other cells stand at mid-scale on average; otherwise all are at level 0.
        rectification: by which the other cells block, reverse-biased; 1 where they are grounded.
        cell: noise of a mid-scale cell, in levels a sample, as all that follow.
        amplifier: at mid-scale.
        converter: at mid-scale.
        total: at mid-scale.
        top_total: at the last level.
        samples: until a mid-scale cell is known to `MID_WANTED`.
        top_samples: until a cell at the last level is known to `TOP_WANTED`.
    """

    name: str
    full: bool
    rectification: float
    cell: float
    amplifier: float
    converter: float
    total: float
    top_total: float
    samples: int
    top_samples: int


CASES: Final = (
    ReadCase("ground, erased die", False, 1.0, 0.23, 0.07, 0.13, 0.29, 0.46, 4, 3),
    ReadCase("ground, full die", True, 1.0, 0.23, 4.35, 0.13, 4.36, 4.44, 879, 226),
    ReadCase("reverse, full die, rectification 1e4", True, 1e4, 0.23, 0.07, 0.13, 0.29, 0.46, 4, 3),
    ReadCase("reverse, full die, rectification 1e2", True, 1e2, 0.23, 0.11, 0.13, 0.30, 0.46, 4, 3),
)


def read_table(profile: DeviceProfile, trials: int = 20_000, seed: int = 1) -> list[Row]:
    """Return the table of single reads, seven rows a case.

    Args:
        profile: of the device, in its full range; its noise is the cell's.
        trials: reads behind each figure; the spread of a figure is its 1/sqrt(2 trials).
        seed: of the cell's noise and of the board.
    """
    bench = _Bench(profile, trials, seed)
    return [row for case in CASES for row in _rows(bench, case)]


class _Bench:
    """One column reader for each of 64 equal cells, and boards with all or some of their errors.

    Args:
        profile: of the device.
        trials: reads behind each figure.
        seed: of the cell's noise and of the boards.
    """

    def __init__(self, profile: DeviceProfile, trials: int, seed: int) -> None:
        self._noise: NoiseProfile = profile.noise
        self._scale = LevelScale(profile.g_min, profile.g_max)
        self._repeats = max(2, round(trials / SIDE))
        self._generator = np.random.default_rng(seed)
        errors, none = BoardErrors(), BoardErrors.none()
        amplifier = replace(none, amplifier_noise=errors.amplifier_noise)
        converter = replace(none, bits=errors.bits, converter_noise=errors.converter_noise)
        self.board, self.amplifier, self.converter, self.no_errors = (
            BoardFrontEnd(each, True, SIDE, SIDE, profile.g_max, seed) for each in (errors, amplifier, converter, none)
        )
        self.mid = (profile.g_min + profile.g_max) / 2
        self.top = profile.g_max

    def cell_noise(self, conductance: float) -> float:
        """Return the white noise of one sample of a cell (S)."""
        return self._noise.read + self._noise.read_slope * conductance

    def flicker(self, conductance: float) -> float:
        """Return the cell's 1/f noise, which no averaging within a read reduces, in levels."""
        return self._noise.flicker_share * self.cell_noise(conductance) / self._scale.step

    def hanging(self, case: ReadCase, conductance: float) -> float:
        """Return what hangs on the column of a cell (S), itself included."""
        others = self.mid / case.rectification if case.full else self._scale.g_min
        return conductance + (SIDE - 1) * others

    def spread(
        self, front_end: FrontEnd, conductance: float, hanging: float, samples: int = 1, noisy: bool = True
    ) -> float:
        """Return the standard deviation of reads of one cell, pooled over the readers, in levels.

        Args:
            front_end: that reads.
            conductance: of the cell (S).
            hanging: on its column (S).
            samples: of each read.
            noisy: the cell's own noise is in the current.
        """
        readers = np.arange(SIDE)
        voltage = front_end.line_voltage(np.zeros(1, np.int64), REFERENCE_VOLTAGE)
        deviation = self.cell_noise(conductance) * noisy
        found = np.empty((self._repeats, SIDE))
        for result in found:
            white, flicker = self._generator.standard_normal((2, SIDE))
            noise = deviation * (white / math.sqrt(samples) + self._noise.flicker_share * flicker)
            current = voltage * (conductance + noise)
            result[:] = front_end.read(readers, current, hanging, conductance, samples, driver=0).current
        step = self._scale.step * REFERENCE_VOLTAGE
        return float(np.sqrt(found.var(axis=0, ddof=1).mean())) / step


def _rows(bench: _Bench, case: ReadCase) -> list[Row]:
    mid, top = bench.mid, bench.top
    load, top_load = bench.hanging(case, mid), bench.hanging(case, top)
    total, top_total = bench.spread(bench.board, mid, load), bench.spread(bench.board, top, top_load)
    return [
        _noise_row(case, "mid, cell", bench.spread(bench.no_errors, mid, load), case.cell),
        _noise_row(case, "mid, amplifier", bench.spread(bench.amplifier, mid, load, noisy=False), case.amplifier),
        _noise_row(case, "mid, converter", bench.spread(bench.converter, mid, load, noisy=False), case.converter),
        _noise_row(case, "mid, total", total, case.total),
        _noise_row(case, "top, total", top_total, case.top_total),
        _samples_row(bench, case, "mid", mid, total, case.samples, MID_WANTED),
        _samples_row(bench, case, "top", top, top_total, case.top_samples, TOP_WANTED),
    ]


def _noise_row(case: ReadCase, what: str, value: float, target: float) -> Row:
    passed = abs(value - target) <= TOLERANCE * target
    return Row(f"read, {case.name}: {what}", value, "levels", f"{target:g} levels, within 10 %", passed, SOURCE)


def _samples_row(
    bench: _Bench, case: ReadCase, what: str, conductance: float, total: float, target: int, wanted: float
) -> Row:
    """Return how many samples bring the white noise of `total` (levels) down to what the 1/f noise leaves of `wanted`.

    The spread of reads of the target's samples is measured, too, and has to be what is wanted.
    """
    flicker = bench.flicker(conductance)
    needed = (total**2 - flicker**2) / (wanted**2 - flicker**2)
    reached = bench.spread(bench.board, conductance, bench.hanging(case, conductance), target)
    near = math.ceil(needed * (1 - TOLERANCE)) <= target <= math.ceil(needed * (1 + TOLERANCE))
    return Row(
        f"read, {case.name}: {what}, samples for {wanted:g} levels",
        needed,
        "",
        f"{target}, rounded up, within 10 %",
        near and reached <= wanted * (1 + TOLERANCE),
        SOURCE,
        f"reads of {target} samples spread by {reached:.3f} levels",
    )
