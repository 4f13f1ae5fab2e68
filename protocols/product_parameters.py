"""What every protocol of products lets a person set: weights on cells, inputs on lines, how cells are brought there.

Defaults are those of a 64 x 64 die on ideal wires; on metal wires `strategy=effective` asks for others (see
docs/protocols/vmm.md).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from labctl.board_data import Feature
from labctl.errors import ParameterError
from labctl.levels import REFERENCE_VOLTAGE
from labctl.units import Count, Levels, Ohms, Seconds, Volts, YesNo, format_quantity
from protocols.analysis.input_coding import AmplitudeCoding, BitSerialCoding, CodingName, InputCoding, WidthCoding
from protocols.analysis.weight_mapping import ConductanceRange, MappingName, WeightMapping, mapping_of
from protocols.array_parameters import PulsedArrayParameters, check_region
from protocols.auto_values import or_auto
from protocols.board_requests import REQUEST_TIME, RUN_MAX, SLOT_MAX, SLOT_MIN, vector_time
from protocols.matrix_file import MatrixFile
from protocols.product_vectors import random_weights, weights_in
from protocols.published_film import CONDUCTION_VOLTAGE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from labctl.bench import Die
    from labctl.board_data import Capabilities
    from labctl.levels import LevelScale
    from labctl.limits import Envelope
    from protocols.array_region import Region

SLIGHTLY = 20e-3
"""By how much a floor may lift products above the read voltage (V): far from what moves a cell."""
HEIGHT_MIN = 1e-3
"""Lowest voltage of an input of 1 (V): some ten steps of a board's converter."""
SHARE_MIN = 0.01
"""Smallest share of a range that weights may take: some hundred levels."""
LEAST_TRAINING = 8
"""Fewest training vectors: a straight line through fewer points is as noisy as they are."""

EFFECTIVE_VOLTAGE, EFFECTIVE_SCALE, EFFECTIVE_HEADROOM = 0.07, 0.93, 0.95
"""Voltage (V), share of the range and of the highest conductance for products behind metal wires: the error of cells
that conduct like a sinh grows with the square of the voltage, cells at the low end can go no lower, and those at the
high end must make good what wires take (design study of this project, 2026: 20 uS, 0.5 ohm a segment)."""

StrategyName = Literal["none", "per-cell", "effective"]


class ProductParameters(PulsedArrayParameters):
    """Weights, inputs, and programming."""

    mapping: MappingName = "offset"
    """How signed weights stand on conductances: `offset` (one column an output), `differential` (two, side by side) or
    `reference` (offset, and one column that carries the baseline)."""
    coding: CodingName = "width"
    """How inputs stand on lines: pulses of their `width`, `amplitude`, or `bit-serial`, a pass a bit."""
    voltage: Annotated[float | None, or_auto("V", least=HEIGHT_MIN)] = None
    """What stands for an input of 1, above the floor. auto: the read voltage, at which the converter's own errors are
    written into the cells and drop out (products at another one lose 4 to 7 dB); 70 mV with strategy effective."""
    floor: Annotated[float | None, or_auto("V", least=0)] = None
    """Level of an input line without its pulse. auto: 0 V; with strategy effective the lowest at which currents add up,
    just above the columns' own rise, so that no rectifying cell blocks."""
    slot: Annotated[Seconds, Field(ge=SLOT_MIN, le=SLOT_MAX)] = 100e-6
    """Time over which a column's current is averaged."""
    averages: Annotated[Count, Field(ge=1, le=4096)] = 16
    """Slots that are averaged."""
    bits: Annotated[Count, Field(ge=1, le=16)] = 12
    """Of an input; bit-serial coding only."""
    conduction_voltage: Annotated[Volts, Field(ge=0.05)] = CONDUCTION_VOLTAGE
    """V0 of the cells' current, I ~ sinh(V / V0): amplitude coding bends its voltages by it, and products at another
    voltage than the read's are reckoned by it. 1000 V: ohmic cells."""
    scale: Annotated[float | None, or_auto("", least=SHARE_MIN, most=1)] = None
    """Share of the conductance range that weights take, a margin at both of its ends. auto: 1; 0.93 with strategy
    effective."""
    headroom: Annotated[float | None, or_auto("", least=SHARE_MIN, most=1)] = None
    """Share of the highest conductance that weights use, a margin for what wires take away. auto: 1; 0.95 with strategy
    effective."""
    whole_levels: YesNo = True
    """Weights stand on whole levels, of which the film has 16,520; `no`: anywhere between. Without effect on strategy
    effective, which knows no levels of single cells."""
    program: YesNo = True
    """Program the weights first; `no`: they are there."""
    strategy: StrategyName = "none"
    """What is brought to its target: what a read of one cell shows (`none`), the same less what known wires take
    (`per-cell`), or by what the array multiplies with all lines driven (`effective`)."""
    segment_resistance: Annotated[Ohms, Field(ge=0, le=1e6)] = 0.0
    """Resistance of a wire from cell to cell, as `labctl run wires` finds it; counts with strategy per-cell."""
    tolerance: Annotated[Levels, Field(ge=0.2, le=1000)] = 0.35
    """Largest error of a cell that is called written."""
    rounds: Annotated[Count, Field(ge=1, le=100)] = 40
    """Rounds of programming, at most."""

    @property
    def is_effective(self) -> bool:
        """Whether cells are brought to what the array multiplies by."""
        return self.strategy == "effective"

    @property
    def height(self) -> float:
        """What stands for an input of 1 (V)."""
        if self.voltage is not None:
            return self.voltage
        return min(EFFECTIVE_VOLTAGE, self.read_voltage) if self.is_effective else self.read_voltage

    @property
    def finds_floor(self) -> bool:
        """Whether the level of lines without a pulse is found by trying."""
        return self.floor is None and self.is_effective

    def coder(self, floor: float) -> InputCoding:
        """Return how inputs are put on lines above a `floor` (V)."""
        match self.coding:
            case "width":
                return WidthCoding(self.height, self.slot)
            case "amplitude":
                bend = self.conduction_voltage if self.conduction_voltage < OHMIC else math.inf
                return AmplitudeCoding(self.height, bend, floor)
            case _:
                return BitSerialCoding(self.height, self.bits)

    @property
    def conduction_ratio(self) -> float:
        """Conductance of a cell between floor and height of an input of 1, as a share of that at the read voltage."""
        floor = self.floor or 0.0
        if self.conduction_voltage >= OHMIC or (self.height == self.read_voltage and floor == 0):
            return 1.0
        bottom, top = (math.sinh(level / self.conduction_voltage) for level in (floor, floor + self.height))
        at_height = (top - bottom) / self.height
        return at_height * self.read_voltage / math.sinh(self.read_voltage / self.conduction_voltage)

    def mapper(self, levels: LevelScale) -> WeightMapping:
        """Return how weights stand on conductances."""
        scale = self.scale or (EFFECTIVE_SCALE if self.is_effective else 1.0)
        headroom = self.headroom or (EFFECTIVE_HEADROOM if self.is_effective else 1.0)
        return mapping_of(self.mapping, ConductanceRange(levels.g_min, levels.g_max, scale, headroom))


class WeightedProductParameters(ProductParameters):
    """Products with weights from a file, or random ones."""

    matrix: MatrixFile = None
    """File of the weights, -1..1, one row a row of the array; none: uniform random ones."""
    matrix_seed: Count = 1
    """Of the random weights."""

    def weights(self, die: Die) -> NDArray[np.float64]:
        """Return the weights, shape (rows, outputs) of the region.

        Raises:
            ParameterError: if the file holds others, or the die has not the cells.
        """
        region = self.region(die)
        outputs = self.mapper(die.scale).outputs(region.columns)
        if self.matrix is None:
            return random_weights(self.matrix_seed, region.rows, outputs)
        return weights_in(self.matrix, region.rows, outputs)


OHMIC = 100.0
"""A conduction_voltage from here on (V) is that of a straight line: the bend at 1 V is below 2e-5."""


def check_products(die: Die, envelope: Envelope, parameters: ProductParameters) -> Region:
    """Return the cells, or refuse what makes no sense.

    Raises:
        ParameterError: names the parameter and what would be right.
    """
    region = check_region(die, parameters)
    highest = parameters.height + (parameters.floor or 0.0)
    if highest > envelope.read_voltage:
        raise ParameterError(
            f"--set voltage, floor: {format_quantity(highest, 'V')} in all; this die allows reads and products up to "
            f"{format_quantity(envelope.read_voltage, 'V')}"
        )
    if highest > REFERENCE_VOLTAGE + SLIGHTLY and not parameters.force:
        raise ParameterError(
            f"--set voltage, floor: products at {format_quantity(highest, 'V')} may disturb the cells; stay at "
            f"{format_quantity(REFERENCE_VOLTAGE, 'V')} or below, or add --set force=yes"
        )
    if parameters.mapper(die.scale).outputs(region.columns) < 1:
        raise ParameterError(f"--set mapping: {region.columns} columns are too few for a {parameters.mapping} mapping")
    return region


def check_training(training: int, figure: str) -> None:
    """Refuse fewer training vectors than tell a line, and none where the calibrated figure decides.

    Raises:
        ParameterError: names the parameters, `training` and `figure`.
    """
    if training == 0 and figure == "calibrated":
        raise ParameterError(
            "--set training=0: without training vectors nothing is calibrated; add --set figure=raw, or give some"
        )
    if 0 < training < LEAST_TRAINING:
        raise ParameterError(
            f"--set training: {training} vectors do not tell a gain and an offset; give {LEAST_TRAINING} or more, or "
            "0 for none"
        )


def check_product_board(able: Capabilities, parameters: ProductParameters) -> None:
    """Refuse a board that multiplies not, or not so.

    Raises:
        ParameterError: says what it lacks.
    """
    if Feature.MULTIPLY not in able.features:
        raise ParameterError("this board makes no products (its capabilities lack MULTIPLY)")
    if parameters.height + (parameters.floor or 0.0) > able.read_limit:
        raise ParameterError(
            f"--set voltage, floor: this board makes products up to {format_quantity(able.read_limit, 'V')}"
        )
    if parameters.averages > able.averages_max:
        raise ParameterError(f"--set averages: this board averages {able.averages_max} at most")
    check_request("averages", parameters.averages, parameters.slot)


def check_request(name: str, averages: int, slot: float, vectors: int = 1) -> None:
    """Refuse products of which not even so many `vectors` fit into one request.

    Raises:
        ParameterError: names the parameter, `name`, and `slot`.
    """
    time, most = vectors * vector_time(averages, slot), RUN_MAX if vectors == 1 else REQUEST_TIME
    if time > most:
        what = "one vector takes" if vectors == 1 else f"{vectors} vectors take"
        raise ParameterError(
            f"--set {name}, slot: with {averages} slots of {format_quantity(slot, 's')} {what} "
            f"{format_quantity(time, 's')}; one request may take {format_quantity(most, 's')}"
        )
