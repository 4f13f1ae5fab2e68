"""The acceptance table of the twin, measured on its own models, section by section."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labctl.levels import LEVELS
from sim_backend.device_models.catalogue import model_of, profile_named
from sim_backend.device_models.profile_files import PACKAGED
from sim_backend.validation.array_figures import array_rows, measure_array
from sim_backend.validation.conduction import IvCurves, conduction_rows, sweep
from sim_backend.validation.curves import Comparison, curve_rows, follow
from sim_backend.validation.disturb import disturb_rows, measure_disturb
from sim_backend.validation.flicker import FlickerFigures, flicker_rows, measure_flicker
from sim_backend.validation.lifetime import lifetime_rows, measure_lifetime
from sim_backend.validation.portraits import Portrait, portrait
from sim_backend.validation.programming import (
    ascending,
    program,
    programming_rows,
    random_order,
)
from sim_backend.validation.read_noise import ReadFigures, measure_reads, read_rows
from sim_backend.validation.read_table import read_table
from sim_backend.validation.staircase import Staircase, climb, linearity_rows, staircase_rows
from sim_backend.validation.thermal import HeatFigures, measure_heat, thermal_rows
from sim_backend.validation.wire_tables import ir_drop_rows
from sim_backend.validation.wire_tables import linearity_rows as wire_linearity_rows
from sim_backend.validation.write_noise import StepNoise, measure_step_noise, write_noise_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim_backend.device_models.interface import DeviceModel
    from sim_backend.validation.rows import Row

DEVICE = "ru-azo"
"""The device that the targets are of."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; the smaller, the more of each figure is chance. Targets are the same for all sizes.

    Args:
        name: of this choice, "full" or "quick".
        write_side: rows and columns of the dies that show write noise.
        read_side: the same for read noise and spread.
        flicker_reads: back-to-back reads of a 1/f series, a power of 2.
        flicker_series: series at once.
        program_side: rows and columns of the dies that are programmed for half-select disturb.
        read_trials: reads behind each figure of the read table.
        drop_seeds: arrays behind each figure of the IR-drop table.
        drop_vectors: inputs to each.
        levels_up: levels written in ascending order.
        levels_random: levels written in random order.
        picture_side: rows and columns of the picture that is transformed there and back.
        whole_array: whether protocols of the array run on all of the die, or on a corner.
    """

    name: str = "full"
    write_side: int = 512
    read_side: int = 256
    flicker_reads: int = 8192
    flicker_series: int = 64
    program_side: int = 64
    read_trials: int = 20_000
    drop_seeds: int = 4
    drop_vectors: int = 2000
    levels_up: int = LEVELS
    levels_random: int = 1500
    picture_side: int = 256
    whole_array: bool = True


FULL = Sizes()
QUICK = Sizes(
    name="quick",
    write_side=256,
    read_side=128,
    flicker_reads=4096,
    program_side=24,
    read_trials=6000,
    drop_seeds=4,
    drop_vectors=300,
    levels_up=800,
    levels_random=250,
    picture_side=24,
    whole_array=False,
)


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that belong together.

    Args:
        title: what they are about.
        rows: of the table.
    """

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """A figure that is not judged.

    Args:
        what: it is about.
        target: as published or demanded.
    """

    what: str
    target: str


PENDING = (
    Pending("speed: `benchmarks/program_array.py`", "64 x 64 programmed and verified in at most 5 s"),
    Pending("activity-difference training (MADEM)", "at least 95 % exact recall at 20 % flips"),
)
"""What joins with its protocol or benchmark, and is not judged here."""
LINEARITY = Pending("linearity of codings on metal wires: measured with --long", "the design study's, within 1 dB")


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """What the figures of the page are drawn from."""

    staircase: Staircase
    curve_a: Comparison
    curve_b: Comparison
    steps: StepNoise
    reads: ReadFigures
    flicker: FlickerFigures
    conduction: IvCurves
    heat: HeatFigures


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """Everything that a run of the acceptance table found.

    Args:
        seed: of all noise.
        sizes: how much was measured.
        sections: of the table.
        portraits: of every packaged device, not judged.
        measurements: behind the rows.
        pending: what was not judged.
    """

    seed: int
    sizes: Sizes
    sections: tuple[Section, ...]
    portraits: tuple[Portrait, ...]
    measurements: Measurements
    pending: tuple[Pending, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of the table."""
        return tuple(row for section in self.sections for row in section.rows)

    @property
    def passed(self) -> bool:
        """Whether every row is what it should be."""
        return all(row.passed for row in self.rows)


def validate(sizes: Sizes, seed: int, long: bool = False, tell: Callable[[Section], None] | None = None) -> Validation:
    """Measure the whole acceptance table.

    Args:
        sizes: how much is measured.
        seed: of all noise.
        long: measure the linearity of codings on wires, too, which takes some minutes.
        tell: is given each section as soon as it stands.
    """
    model = model_of(profile_named(DEVICE))
    sections: list[Section] = []

    def add(title: str, rows: list[Row]) -> None:
        sections.append(Section(title, tuple(rows)))
        if tell is not None:
            tell(sections[-1])

    measurements = _device(model, sizes, seed, add)
    add("Disturb", disturb_rows(measure_disturb(model, seed, sizes.program_side)))
    add("Retention and endurance", lifetime_rows(measure_lifetime(model)))
    add("Single reads through the board", read_table(model.profile, sizes.read_trials, seed))
    add("Wires: IR drop", ir_drop_rows(sizes.drop_seeds, sizes.drop_vectors))
    shuffled = program(random_order(sizes.levels_random))
    add("Programming through the board", programming_rows(program(ascending(sizes.levels_up)), shuffled))
    add("The whole array", array_rows(measure_array(sizes.picture_side, quick=not sizes.whole_array)))
    if long:
        # On fewer arrays than the table's own a verdict would be chance.
        add("Wires: linearity", wire_linearity_rows())
    portraits = tuple(portrait(device, seed, sizes.read_side) for device in PACKAGED)
    pending = PENDING if long else (LINEARITY, *PENDING)
    return Validation(seed, sizes, tuple(sections), portraits, measurements, pending)


def _device(model: DeviceModel, sizes: Sizes, seed: int, add: Callable[[str, list[Row]], None]) -> Measurements:
    """Measure what a cell is on its own."""
    staircase = climb(model)
    add("The window of levels", staircase_rows(staircase) + linearity_rows(staircase))
    curve_a, curve_b = follow(model, "A"), follow(model, "B")
    add("Measured curves", curve_rows(curve_a, curve_b))
    steps = measure_step_noise(model, seed, sizes.write_side)
    add("Write noise", write_noise_rows(steps))
    reads = measure_reads(model, seed, sizes.read_side)
    add("Read noise and spread", read_rows(reads))
    flicker = measure_flicker(model, seed, sizes.flicker_reads, sizes.flicker_series)
    add("1/f noise", flicker_rows(flicker))
    conduction, heat = sweep(model), measure_heat(model)
    add("Conduction and heat", conduction_rows(conduction) + thermal_rows(heat))
    return Measurements(staircase, curve_a, curve_b, steps, reads, flicker, conduction, heat)
