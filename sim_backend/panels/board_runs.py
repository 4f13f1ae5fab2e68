"""Carrying out what takes time: what passes of it, what reaches the die, what breaks a request off.

A request comes here checked and with the board in a state that allows it. Its schemes and its compliance are
those at its start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from labctl.board_data import ComplianceAction, Trip
from labctl.feature_messages import pack_tests
from labctl.messages import ResultBlock, pack_block, pack_receipt
from labctl.wire import WHOLE_REQUEST
from sim_backend.device_models.interface import Train
from sim_backend.panels import board_facts as facts
from sim_backend.panels import board_products as products
from sim_backend.panels import board_self_test
from sim_backend.panels.board_breaks import BrokenOff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from labctl.feature_messages import MultiplyRequest
    from labctl.messages import Entries, PulseReadRequest, ReadRequest
    from sim_backend.panels.board_states import BoardStates
    from sim_backend.world import CellCurrents

_SLICE = 1e-3
"""Longest piece of a train or a conversion, in s, after which the board looks whether it was made safe meanwhile."""
_NO_RESULTS = ResultBlock(np.empty(0), np.empty(0, np.bool_), np.empty(0, np.bool_))


@dataclass(frozen=True, slots=True)
class _Entry:
    """One pulse entry: where, how high (uV), how wide (ns), how often."""

    row: int
    column: int
    amplitude: int
    width: int
    count: int


class BoardRuns:
    """Runs one list at a time.

    Args:
        states: state and settings of the board.
    """

    def __init__(self, states: BoardStates) -> None:
        self._states = states
        self._world = states.world
        self._stopped_at: float | None = None

    def stop(self) -> None:
        """Break the run under way off before its next pulse or sample, as seen from the time that it is."""
        if self._stopped_at is None:
            self._stopped_at = self._world.clock.now()

    def read(self, request: ReadRequest) -> bytes:
        """Read cells; consecutive cells of one row together.

        Raises:
            BrokenOff: with `executed` 0 and no block.
        """
        self._begin()
        bounds = [0, *(np.flatnonzero(np.diff(request.row)) + 1).tolist(), len(request.row)]
        states, voltage = self._states, facts.on_grid(request.voltage, facts.READ_STEP)
        holds = self._world.range_currents(request.row, request.column, voltage, states.read_scheme, states.limit)
        found = [
            self._convert(
                request.row[a:b],
                request.column[a:b],
                request.voltage,
                request.averages,
                a,
                None if holds is None else holds[a:b],
            )
            for a, b in pairwise(bounds)
        ]
        return pack_block(_joined(found))

    def pulse(self, entries: Entries) -> bytes:
        """Put out trains, one after the other.

        Raises:
            BrokenOff: with the number of entries that were put out whole.
        """
        self._begin()
        for index, train in enumerate(_trains(entries)):
            try:
                with self._states.kept_safe():
                    self._put_out(train, index)
            except BrokenOff as end:
                raise end.after(index) from end.__cause__
        return pack_receipt(len(entries), self._world.counters.delivered)

    def pulse_read(self, request: PulseReadRequest) -> bytes:
        """Put out trains and read each one's cell after it; a clamped train marks its reading, too.

        Raises:
            BrokenOff: with the number of entries that were put out and read, and their results.
        """
        self._begin()
        entries, found = request.entries, list[ResultBlock]()
        for index, train in enumerate(_trains(entries)):
            here = slice(index, index + 1)
            try:
                with self._states.kept_safe():
                    held = self._put_out(train, index)
                    read = self._convert(
                        entries.row[here], entries.column[here], request.voltage, request.averages, index
                    )
            except BrokenOff as end:
                raise end.after(index, pack_block(_joined(found))) from end.__cause__
            found.append(ResultBlock(read.current, read.saturated, read.in_compliance | held))
        return pack_receipt(len(entries), self._world.counters.delivered) + pack_block(_joined(found))

    def multiply(self, request: MultiplyRequest) -> bytes:
        """Multiply vectors with the array, one after the other.

        Raises:
            BrokenOff: with `executed` 0 and no block.
        """
        self._begin()
        states, world = self._states, self._world
        action, time = states.action, products.vector_time(request) / 1e9
        product = world.product(products.drive(request, (world.die.rows, world.die.columns), states.limit))
        self._go_on()
        for number in range(request.count):
            self._sample(time)
            held = product.vector(number, world.clock.now(), self._look)
            inputs = np.flatnonzero(held.inputs)
            if action is ComplianceAction.TRIP and (inputs.size or held.outputs.any()):
                self._trip(number * len(held.inputs) + int(inputs[0]) if inputs.size else WHOLE_REQUEST)
        found = product.results()
        return pack_block(
            ResultBlock(found.current.reshape(-1), found.saturated.reshape(-1), found.in_compliance.reshape(-1))
        )

    def self_test(self) -> bytes:
        """Let the board test itself; the SMU port stays as it is.

        Raises:
            BrokenOff: with `executed` 0 and no block.
        """
        self._stopped_at = None
        self._sample(board_self_test.DURATION / 1e9)
        world = self._world
        return pack_tests(
            board_self_test.run(world.front_end, (world.die.rows, world.die.columns), world.die.profile.g_max)
        )

    def _begin(self) -> None:
        self._states.open_port()
        self._stopped_at = None

    def _convert(
        self,
        row: NDArray[np.int64],
        column: NDArray[np.int64],
        voltage: int,
        averages: int,
        first: int,
        holds: NDArray[np.float64] | None = None,
    ) -> ResultBlock:
        """Read cells of one row.

        Args:
            row: of the cells, all the same.
            column: of the cells.
            voltage: in uV.
            averages: samples.
            first: list index of the first of them.
            holds: what each column's range must hold for the whole request (A).
        """
        states = self._states
        self._go_on()
        scheme, limit, action = states.read_scheme, states.limit, states.action
        self._sample(facts.read_time(averages) / 1e9)
        found: CellCurrents = self._world.read_cells(
            row, column, facts.on_grid(voltage, facts.READ_STEP), averages, scheme, limit, holds
        )
        if action is ComplianceAction.TRIP and found.in_compliance.any():
            self._trip(first + int(found.in_compliance.argmax()))
        return ResultBlock(found.current, found.saturated, found.in_compliance)

    def _put_out(self, train: _Entry, index: int) -> bool:
        """Put a train out; return whether a line was held at its limit.

        Where that trips, the line's comparator is looked at after 1, 2, 4, 8, ... pulses of the train.
        """
        states = self._states
        self._go_on()
        scheme, limit, action = states.write_scheme, states.limit, states.action
        amplitude, width = facts.on_grid(train.amplitude, facts.WRITE_STEP), train.width / 1e9
        slot, held = facts.slot_time(train.width) / 1e9, False
        for portion in _doubling(train.count) if action is ComplianceAction.TRIP else (train.count,):
            begun = self._pass(portion, slot)
            if begun:
                self._world.counters.delivered += begun
                pulses = Train(width, begun, slot)
                held |= self._world.pulse_cell(train.row, train.column, amplitude, pulses, scheme, limit)
            if begun < portion:
                self._go_on()
            if held and action is ComplianceAction.TRIP:
                self._trip(index)
        return held

    def _pass(self, count: int, slot: float) -> int:
        """Let the slots (s) of `count` pulses pass; return how many pulses began before the board was made safe."""
        clock, passed = self._world.clock, 0
        piece = max(1, int(_SLICE / slot))
        while passed < count and self._stopped_at is None:
            start, pulses = clock.now(), min(piece, count - passed)
            clock.sleep(pulses * slot)
            stopped = self._stopped_at
            passed += pulses if stopped is None else min(pulses, math.ceil((stopped - start) / slot))
        return passed

    def _sample(self, duration: float) -> None:
        """Let the time (s) of a conversion pass, unless the board is made safe meanwhile."""
        left = duration
        while left > 0:
            self._world.clock.sleep(min(left, _SLICE))
            self._go_on()
            left -= _SLICE

    def _look(self) -> None:
        """Hear what was said meanwhile where working out a request takes longer than the request does."""
        self._world.clock.sleep(0.0)
        self._go_on()

    def _go_on(self) -> None:
        """Break off if the board was made safe meanwhile."""
        if self._stopped_at is not None:
            raise BrokenOff("made safe while the list ran")

    def _trip(self, entry: int) -> None:
        self._states.make_safe(Trip.COMPLIANCE)
        raise BrokenOff("a line reached its current limit", entry)


def _trains(entries: Entries) -> Iterator[_Entry]:
    columns = (entries.row, entries.column, entries.amplitude, entries.width, entries.count)
    return (_Entry(*values) for values in zip(*(column.tolist() for column in columns), strict=True))


def _doubling(count: int) -> Iterator[int]:
    """Return portions of `count` after which 1, 2, 4, 8, ... and at last `count` pulses are out."""
    done = 0
    while done < count:
        portion = min(max(1, done), count - done)
        yield portion
        done += portion


def _joined(blocks: list[ResultBlock]) -> ResultBlock:
    if len(blocks) == 1:
        return blocks[0]
    if not blocks:
        return _NO_RESULTS
    return ResultBlock(
        np.concatenate([block.current for block in blocks]),
        np.concatenate([block.saturated for block in blocks]),
        np.concatenate([block.in_compliance for block in blocks]),
    )
