"""The probe board's products, self-test, temperature and calibration, by its wire specification, version 1.

What is asked for is checked against the board's own capabilities before a byte leaves. A product is one request,
whatever its size: it is sent whole or refused.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import override

from labctl.board_data import Feature
from labctl.board_features import (
    BoardFeatures,
    Coding,
    Coefficients,
    Direction,
    ProductReadings,
    ProductSetup,
    SelfTest,
)
from labctl.errors import InputError
from labctl.feature_messages import (
    pack_calibration,
    pack_lines,
    pack_multiply,
    unpack_coefficients,
    unpack_identity,
    unpack_temperature,
    unpack_tests,
)
from labctl.messages import unpack_block
from labctl.wire import Opcode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from drivers.board_link import BoardLink
    from labctl.board_data import Capabilities

LINES_MAX = 1000
"""Most coefficients of one request (board specification, section 3)."""
SLOT_MIN, SLOT_MAX = 1_000, 10_000_000
"""Slots of a product, in ns (board specification, section 2, rule 5)."""
RUN_MAX = 5.0
"""Longest run of one request, in s (board specification, section 2, rule 7)."""
SELF_TEST_TIME = 1.0
"""Patience for a self-test, in s: the specification does not say how long one lasts (assumption)."""
WORKING_OUT = 0.05
"""Patience for what a board computes after each vector, in s (assumption; a served twin solves its circuits then)."""
_SETTLING = 30e-6
_CONVERSION = 5e-6
"""Times (s) of a product's vector and slot, beside the slot itself (board specification, section 2, rule 9)."""


class FeaturedBoard(BoardFeatures):
    """Operations that a board may have, over its link."""

    name: str
    _link: BoardLink

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """Return what the board can do."""

    @override
    def multiply(self, inputs: NDArray[np.float64], setup: ProductSetup) -> ProductReadings:
        able = self._having(Feature.MULTIPLY, "products")
        self._check_product(inputs, setup, able)
        duration = len(inputs) * (_SETTLING + setup.averages * (setup.slot + _CONVERSION))
        if duration > RUN_MAX:
            raise InputError(f"{self.name} runs for {RUN_MAX} s at most; this product takes {duration:.3f} s")
        shape = len(inputs), setup.direction.sides(able.rows, able.columns)[1]
        patience = duration + len(inputs) * WORKING_OUT
        reply = self._link.ask(Opcode.MULTIPLY, pack_multiply(inputs, setup), patience)
        block = self._link.parse(partial(unpack_block, count=shape[0] * shape[1]), reply)
        low, high = (_on_grid(level, able) for level in (setup.floor, setup.floor + setup.voltage))
        sent = np.rint(inputs * 1e9) / 1e9
        if setup.coding is Coding.AMPLITUDE:
            sent = _grid(np.rint(inputs * 1e6) + round(setup.floor * 1e6), able)
        return ProductReadings(
            sent,
            float(low),
            float(high),
            block.current.reshape(shape),
            block.saturated.reshape(shape),
            block.in_compliance.reshape(shape),
        )

    @override
    def temperature(self) -> float:
        self._having(Feature.TEMPERATURE, "temperature sensor")
        return self._link.parse(unpack_temperature, self._link.ask(Opcode.TEMPERATURE))

    @override
    def self_test(self) -> list[SelfTest]:
        self._having(Feature.SELF_TEST, "self-test")
        return self._link.parse(unpack_tests, self._link.ask(Opcode.SELFTEST, duration=SELF_TEST_TIME))

    @override
    def calibration(self, direction: Direction, first: int = 0, lines: int | None = None) -> Coefficients:
        able = self._having(Feature.CALIBRATION, "calibration")
        count = direction.sides(able.rows, able.columns)[1] - first if lines is None else lines
        self._check_lines(direction, first, count, able)
        reply = self._link.ask(Opcode.CALIBRATION_READ, pack_lines(direction, first, count))
        return self._link.parse(partial(unpack_coefficients, count=count), reply)

    @override
    def write_calibration(
        self, direction: Direction, first: int, gain: NDArray[np.float64], offset: NDArray[np.float64]
    ) -> str:
        able = self._having(Feature.CALIBRATION, "calibration")
        if gain.ndim != 1 or gain.shape != offset.shape:
            raise InputError(f"one gain and one offset for each line, not {gain.shape} and {offset.shape}")
        self._check_lines(direction, first, len(gain), able)
        if not (np.isfinite(gain) & (gain > 0) & np.isfinite(offset)).all():
            raise InputError("a gain is above 0, and gains and offsets are finite")
        payload = pack_calibration(direction, first, gain, offset)
        return self._link.parse(unpack_identity, self._link.ask(Opcode.CALIBRATION_WRITE, payload))

    def _having(self, feature: Feature, what: str) -> Capabilities:
        able = self.capabilities()
        if feature not in able.features:
            raise InputError(f"{self.name} has no {what}")
        return able

    def _check_product(self, inputs: NDArray[np.float64], setup: ProductSetup, able: Capabilities) -> None:
        lines = setup.direction.sides(able.rows, able.columns)[0]
        if inputs.ndim != 2 or inputs.shape[1] != lines:
            raise InputError(f"{self.name} has {lines} input lines: n vectors have shape (n, {lines})")
        most = setup.direction.vectors_max(able.rows, able.columns)
        if not 1 <= len(inputs) <= most:
            raise InputError(f"{self.name} multiplies 1 to {most} vectors at once, not {len(inputs)}")
        if not 1 <= setup.averages <= able.averages_max:
            raise InputError(f"{self.name} averages 1 to {able.averages_max} slots, not {setup.averages}")
        if not SLOT_MIN <= setup.slot * 1e9 <= SLOT_MAX:
            raise InputError(f"{self.name} has slots of 1 us to 10 ms, not {setup.slot} s")
        if not np.isfinite(inputs).all():
            raise InputError("an input is no number")
        levels = [setup.floor]
        if setup.coding is Coding.WIDTH:
            levels.append(setup.floor + setup.voltage)
            if inputs.min() < 0 or np.rint(inputs.max() * 1e9) > round(setup.slot * 1e9):
                raise InputError(f"widths lie between 0 and the slot, {setup.slot} s")
        else:
            levels += [setup.floor + float(inputs.min()), setup.floor + float(inputs.max())]
        for level in levels:
            if not abs(level) <= able.read_limit:
                raise InputError(f"{self.name} multiplies at up to {able.read_limit} V, not at {level} V")

    def _check_lines(self, direction: Direction, first: int, count: int, able: Capabilities) -> None:
        readers = direction.sides(able.rows, able.columns)[1]
        if not (1 <= count <= LINES_MAX and first >= 0 and first + count <= readers):
            raise InputError(f"{self.name} has the readers 0 to {readers - 1}, not {count} from {first} on")


def _on_grid(voltage: float, able: Capabilities) -> float:
    return float(_grid(np.array(round(voltage * 1e6)), able))


def _grid(microvolts: NDArray[np.float64], able: Capabilities) -> NDArray[np.float64]:
    """Return the voltages (V) that the converter makes of whole microvolts."""
    step = round(able.read_step * 1e9)
    return np.rint(microvolts * 1000 / step) * step / 1e9
