"""Bringing a cell near a conductance: a board whose cell follows a known law."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from labctl.board_data import Cell, CellReadings, Pulse, PulseReceipt
from labctl.errors import EquipmentError, ParameterError
from protocols.approach import Drive, approach
from protocols.board_requests import REQUEST_TIME
from protocols.repeated_reads import (
    Turns,
    read_in_turns,
    reads_in_request,
    spacing,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labctl.instruments import ProbeBoard

CELL = Cell(0, 0)
STEP = 357e-9
DRIVE = Drive(0.9, -0.75, 80e-9, 65e-9, STEP, 0.2, 16)


@dataclass
class _Able:
    width_min: float = 20e-9
    count_max: int = 1_000_000


@dataclass
class _Board:
    """A cell between two conductances that one pulse moves by a step of its own; noise on reads (S)."""

    conductance: float
    up: float
    down: float
    noise: float = 0.0
    saturated: bool = False
    trains: list[Pulse] = field(default_factory=list[Pulse])
    asked: list[Cell] = field(default_factory=list[Cell])
    chance: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    def capabilities(self) -> _Able:
        return _Able()

    def read(self, cells: Sequence[Cell], voltage: float, averages: int) -> CellReadings:
        self.asked += cells
        seen = self.conductance + self.noise * self.chance.standard_normal(len(cells))
        flags = np.array([self.saturated and cell == CELL for cell in cells])
        return CellReadings(voltage, voltage * seen, flags, np.zeros(len(cells), np.bool_))

    def pulse_read(self, pulses: Sequence[Pulse], voltage: float, averages: int) -> tuple[PulseReceipt, CellReadings]:
        self.trains += pulses
        for pulse in pulses:
            unit, step = (80e-9, self.up) if pulse.amplitude > 0 else (65e-9, -self.down)
            self.conductance += step * pulse.width * pulse.count / unit
            self.conductance = min(max(self.conductance, 200e-9), 5.9e-3)
        return PulseReceipt(len(pulses), len(self.trains), 1), self.read([pulses[-1].cell], voltage, averages)


def board_of(fake: _Board) -> ProbeBoard:
    return cast("ProbeBoard", fake)


@pytest.mark.parametrize("factor", [0.001, 0.1, 1.0, 10.0, 300.0])
@pytest.mark.parametrize("target", [0.5e-3, 5e-3])
def test_a_cell_is_reached_whatever_a_pulse_does(factor: float, target: float) -> None:
    fake = _Board(2e-3, factor * STEP, 0.3 * factor * STEP)
    # A train of the narrowest pulse is as near as it gets.
    tolerance = max(16 * STEP, factor * STEP / 3)
    found = approach(board_of(fake), CELL, target, tolerance, DRIVE)
    assert found.reached
    assert abs(fake.conductance - target) <= tolerance
    assert len(fake.trains) <= 24
    assert found.pulses == sum(pulse.count for pulse in fake.trains)


def test_no_pulse_is_longer_than_the_die_may_see() -> None:
    for width_max in (80e-9, 100e-9):
        fake = _Board(2e-3, STEP, STEP)
        drive = replace(DRIVE, width_max=width_max)
        for way in (1.3, 1.45, -1.4, -1.2):
            assert approach(board_of(fake), CELL, fake.conductance + way * STEP, 0.15 * STEP, drive).reached
        assert max(pulse.width for pulse in fake.trains) <= width_max


def test_noise_as_large_as_the_tolerance_does_not_lead_astray() -> None:
    fake = _Board(3e-3, STEP, STEP, noise=0.5 * STEP)
    for target in (3e-3 + STEP, 3e-3 + 2 * STEP, 3e-3, 3e-3 - STEP):
        for _ in range(20):
            approach(board_of(fake), CELL, target, 0.15 * STEP, DRIVE, trains=32)
            assert abs(fake.conductance - target) < 5 * STEP


def test_a_cell_at_the_end_of_its_range_is_given_up() -> None:
    fake = _Board(5.9e-3, STEP, STEP)
    found = approach(board_of(fake), CELL, 7e-3, 16 * STEP, DRIVE)
    assert not found.reached
    assert len(fake.trains) <= 6
    assert approach(board_of(fake), CELL, 5.9e-3, STEP, DRIVE).pulses == 0


def test_a_read_that_is_none_stops_everything() -> None:
    fake = _Board(2e-3, STEP, STEP, saturated=True)
    with pytest.raises(EquipmentError, match="saturated"):
        approach(board_of(fake), CELL, 3e-3, STEP, DRIVE)
    assert fake.trains == []
    with pytest.raises(EquipmentError, match="saturated"):
        read_in_turns(board_of(fake), Turns.beside(CELL, 2, 2), 0.2, 1, 4)


def test_another_row_stands_between_two_reads() -> None:
    fake: Any = _Board(2e-3, STEP, STEP)
    found = read_in_turns(board_of(fake), Turns.beside(Cell(63, 63), 64, 64), 0.2, 1, 3)
    assert found == pytest.approx([2e-3] * 3)
    assert fake.asked == [Cell(63, 63), Cell(0, 0)] * 3
    assert Turns.beside(Cell(3, 0), 64, 1).between == Cell(4, 0)
    with pytest.raises(ParameterError, match="one row"):
        Turns.beside(CELL, 1, 64)


@pytest.mark.parametrize("samples", [1, 64, 400, 4096])
def test_a_request_lasts_no_longer_than_a_board_allows(samples: int) -> None:
    count = reads_in_request(samples)
    assert count * spacing(samples) <= REQUEST_TIME
    assert 2 * count <= 1024
    assert math.isclose(spacing(samples), 2 * (30e-6 + samples * 5e-6))
