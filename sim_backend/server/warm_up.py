"""Lets everything that is compiled at its first use be compiled before the first host comes.

A compiler takes seconds, and hosts on a bench wait for an answer a fraction of one.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from labctl.backend import BackendOptions
from labctl.bench_file import DieTable
from labctl.board_data import Cell, ReadScheme, WriteScheme
from labctl.errors import ModelError
from sim_backend.backend import TwinBackend
from sim_backend.device_models.interface import Train

if TYPE_CHECKING:
    from labctl.bench_file import BenchFile
    from sim_backend.world import World

_LINES = 8
"""Rows and columns of the die that is used up: what is compiled does not depend on it."""
_AVERAGES = 4
_PULSE = Train(80e-9, 1, 1e-6)


def warm_up(bench: BenchFile) -> None:
    """Read, pulse and route a die that is thrown away, on a bench like `bench`."""
    rows, columns = min(bench.die.rows, _LINES), min(bench.die.columns, _LINES)
    small = bench.model_copy(update={"die": DieTable(id="warm-up", rows=rows, columns=columns)})
    with closing(TwinBackend(small, BackendOptions())) as twin:
        try:
            _use(twin.world, bench.envelope.read_voltage, bench.envelope.voltage, bench.envelope.line_current)
        except ModelError:
            return  # an envelope for which the model has no answer; whoever asks for that is told


def _use(world: World, read_voltage: float, write_voltage: float, limit: float) -> None:
    zero = np.zeros(1, np.int64)
    for write in WriteScheme:
        for sign in (1, -1):
            world.clock.sleep(_PULSE.width)
            world.pulse_cell(0, 0, sign * write_voltage, _PULSE, write, limit)
    for read in ReadScheme:
        world.clock.sleep(1e-3)
        world.read_cells(zero, zero, read_voltage, _AVERAGES, read, limit)
    terminals = world.smu("warm-up")
    world.route(Cell(0, 0), ReadScheme.GROUND)
    terminals.drive(read_voltage, limit)
    world.clock.sleep(1e-3)
    terminals.measure(1e-3)
    world.route(None, ReadScheme.GROUND)
